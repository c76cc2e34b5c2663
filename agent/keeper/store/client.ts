// The store as the rest of keeper sees it: the same methods as core.ts, answered by the worker thread.
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import type { Remembered, StoreCore, StoreOptions } from './core.ts'

type Methods = Omit<StoreCore, 'remembered'>
type Later<T> = T extends (...values: infer V) => infer R ? (...values: V) => Promise<R> : never

/** Every method of the core, one at a time and in the order of the calls. */
export type Store = { readonly [M in keyof Methods]: Later<Methods[M]> } & { readonly remembered: Remembered }

export interface Question {
  readonly id: number
  readonly method: keyof Methods
  readonly values: readonly unknown[]
}
/** Answer 0 is what was remembered, once the store is open. */
export interface Answer {
  readonly id: number
  readonly value: unknown
}

/** The core without a thread, for tests: the same face. */
export function inProcess(core: StoreCore): Store {
  const { remembered, ...methods } = core
  const later = (name: string) => {
    // Names are those of `methods`.
    const method = methods[name as keyof Methods] as (...values: readonly unknown[]) => unknown
    return async (...values: readonly unknown[]) => method(...values)
  }
  const faced = Object.fromEntries(Object.keys(methods).map((name) => [name, later(name)]))
  return { remembered, ...faced } as Store
}

const METHODS = [
  'commit',
  'hasWaiting',
  'session',
  'setInstallation',
  'nextRow',
  'freeze',
  'acknowledge',
  'park',
  'parked',
  'unpark',
  'countAttempt',
  'counts',
  'undatedRows',
  'undatedSessions',
  'dateRows',
  'thin',
  'copyDaily',
  'close',
] as const satisfies readonly (keyof Methods)[]

/**
 * Opens the store in its thread. Rejects when it cannot be opened. `onDeath` is told when the thread dies later
 * (a damaged page, a mistake of ours): keeper must end then, and mends the database at its next start.
 */
export function startStore(options: StoreOptions, onDeath: (cause: Error) => void): Promise<Store> {
  return new Promise((resolve, reject) => {
    const worker = makeWorker(options)
    const waiting = new Map<number, { answer: (value: unknown) => void; fail: (cause: Error) => void }>()
    let lastId = 0
    let isOpen = false
    let isClosing = false
    const die = (cause: Error) => {
      for (const { fail } of waiting.values()) fail(cause)
      waiting.clear()
      if (isOpen) onDeath(cause)
      else reject(cause)
    }
    const ask =
      (method: keyof Methods) =>
      (...values: readonly unknown[]) =>
        new Promise<unknown>((answer, fail) => {
          lastId += 1
          if (method === 'close') isClosing = true
          waiting.set(lastId, { answer, fail })
          worker.postMessage({ id: lastId, method, values } satisfies Question)
        })
    worker.on('error', (thrown) => die(thrown instanceof Error ? thrown : new Error(String(thrown))))
    worker.on('exit', (code) => {
      if (!isClosing) die(new Error(`the store's thread ended with ${code}`))
    })
    worker.on('message', ({ id, value }: Answer) => {
      if (id > 0) {
        waiting.get(id)?.answer(value)
        waiting.delete(id)
        return
      }
      isOpen = true
      // `Store` is these names, each with its own types of values and answer; the worker calls core.ts by them.
      const faced = Object.fromEntries(METHODS.map((method) => [method, ask(method)]))
      resolve({ remembered: value, ...faced } as unknown as Store)
    })
  })
}

/** Beside the bundle the worker is a bundle too; from source it needs the loader of our scripts and tests. */
function makeWorker(options: StoreOptions): Worker {
  const limits = { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 32 }
  if (import.meta.url.endsWith('.mjs'))
    return new Worker(new URL('./keeper-store-worker.mjs', import.meta.url), {
      workerData: options,
      resourceLimits: limits,
    })
  const loader = pathToFileURL(
    join(dirname(createRequire(import.meta.url).resolve('tsx')), 'esm/api/index.mjs'),
  ).href
  const source = new URL('./worker.ts', import.meta.url).href
  const code = `import('${loader}').then(({ register }) => { register(); return import('${source}') })`
  return new Worker(code, { eval: true, workerData: options })
}
