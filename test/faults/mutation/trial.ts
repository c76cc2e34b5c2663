// One target's mutants, tried in a copy of the tree: which of them the tests notice. Results are kept under dist/mutation,
// by the text of the sources and of their tests, so that a trial that was broken off goes on.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import type { Clock } from '../../../shared/time/clock.ts'
import { type Mutant, mutantsOf } from './mutate.ts'
import { filesOf, type Target } from './targets.ts'

export interface Tried {
  readonly mutant: Mutant
  /** What noticed it; null: it survived. */
  readonly killedBy: string | null
}

interface Kept {
  [key: string]: string | null
}

/** A mutant that makes a test go on for ever is noticed by whoever waits for the test. */
const MUTANT_MS = 40_000
const START_MS = 120_000
const RESULTS = 'dist/mutation'

const sum = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 16)

/** A copy of the working tree in a folder of its own, without what is ignored; packages are a link. */
export function copyOfTree(files: readonly string[]): { readonly dir: string; remove(): void } {
  const dir = mkdtempSync(join(tmpdir(), 'vk-mutation-'))
  for (const file of files) {
    if (!existsSync(file)) continue
    mkdirSync(join(dir, dirname(file)), { recursive: true })
    cpSync(file, join(dir, file))
  }
  symlinkSync(resolve('node_modules'), join(dir, 'node_modules'))
  return { dir, remove: () => rmSync(dir, { recursive: true, force: true }) }
}

export function mutantsOfTarget(target: Target): readonly Mutant[] {
  return filesOf(target, '.').flatMap((file) => mutantsOf(file, readFileSync(file, 'utf8')))
}

export async function tryMutants(options: {
  readonly target: Target
  readonly mutants: readonly Mutant[]
  readonly tree: readonly string[]
  readonly clock: Clock
  readonly onTried: (tried: Tried, done: number) => void
}): Promise<readonly Tried[]> {
  const { target, mutants, tree } = options
  const version = sum(
    tree
      .filter((file) => [...target.sources, ...target.tests].some((part) => file.startsWith(part)))
      .map((file) => (existsSync(file) ? readFileSync(file, 'utf8') : ''))
      .join('\0'),
  )
  const path = `${RESULTS}/${target.name}-${version}.json`
  mkdirSync(RESULTS, { recursive: true })
  // As this file wrote it.
  const kept = existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Kept) : {}
  const key = ({ file, start, end, text }: Mutant) => sum(`${file} ${start} ${end} ${text}`)
  const open = mutants.filter((mutant) => !(key(mutant) in kept))
  let done = mutants.length - open.length
  const keep = (mutant: Mutant, killedBy: string | null) => {
    kept[key(mutant)] = killedBy
    writeFileSync(path, JSON.stringify(kept))
    done++
    options.onTried({ mutant, killedBy }, done)
  }
  if (open.length > 0) {
    const copy = copyOfTree(tree)
    try {
      let from = 0
      while (from < open.length) from = await drive(options, copy.dir, open, from, keep)
    } finally {
      copy.remove()
    }
  }
  return mutants.map((mutant) => ({ mutant, killedBy: kept[key(mutant)] ?? null }))
}

type Told =
  | { readonly kind: 'trouble'; readonly detail: string }
  | { readonly kind: 'ready' }
  | { readonly kind: 'begun'; readonly index: number }
  | { readonly kind: 'done'; readonly index: number; readonly killedBy: string | null }

/** Runs a driver until it has done all, or a mutant holds it up; returns the number to go on with. */
async function drive(
  { target, clock }: { readonly target: Target; readonly clock: Clock },
  dir: string,
  mutants: readonly Mutant[],
  from: number,
  keep: (mutant: Mutant, killedBy: string | null) => void,
): Promise<number> {
  const list = join(dir, 'mutants.json')
  writeFileSync(list, JSON.stringify({ mutants, tests: target.tests }))
  const driver = spawn(
    process.execPath,
    ['--import', 'tsx', 'test/faults/mutation/driver.ts', list, String(from)],
    {
      cwd: dir,
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, TZ: 'UTC' },
    },
  )
  let next = from
  let trouble: string | null = null
  let deadline = clock.after('driver starts', START_MS, () => driver.kill('SIGKILL'))
  const wait = (ms: number) => {
    deadline.cancel()
    deadline = clock.after('mutant', ms, () => driver.kill('SIGKILL'))
  }
  let begun: number | null = null
  const ended = new Promise<void>((settle) => driver.once('close', () => settle()))
  for await (const line of createInterface({ input: driver.stdout })) {
    if (!line.startsWith('{"kind"')) continue
    const told = JSON.parse(line) as Told // one of our driver's lines
    if (told.kind === 'trouble') trouble = told.detail
    if (told.kind === 'begun') {
      begun = told.index
      wait(MUTANT_MS)
    }
    if (told.kind === 'done') {
      const mutant = mutants[told.index]
      if (mutant !== undefined) keep(mutant, told.killedBy)
      next = told.index + 1
      begun = null
    }
  }
  await ended
  deadline.cancel()
  if (trouble !== null) throw new Error(trouble)
  const held = begun === null ? undefined : mutants[begun]
  if (held !== undefined && begun !== null) {
    keep(held, `no end within ${MUTANT_MS / 1000} s`)
    // The copy still holds it.
    cpSync(held.file, join(dir, held.file))
    return begun + 1
  }
  if (next === from) throw new Error('the driver ended without a word')
  return next
}
