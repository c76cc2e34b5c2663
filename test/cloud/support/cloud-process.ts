// The built cloud as a process of its own, with its log.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const PROGRAM = fileURLToPath(new URL('../../../dist/cloud.mjs', import.meta.url))

export interface CloudProcess {
  readonly url: string
  readonly pid: number
  readonly log: readonly Record<string, unknown>[]
  api<T = unknown>(method: string, path: string, body?: unknown): Promise<{ status: number; body: T }>
  /** SIGTERM unless told otherwise; the exit code, or null when a signal ended it. */
  stop(signal?: NodeJS.Signals): Promise<number | null>
}

/** The events of tests are of June 2026: the cloud lives a little later, whatever the machine's clock says. */
const CLOUD_STARTS_AT = Date.parse('2026-07-01T00:00:00Z')

export async function startCloud(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<CloudProcess> {
  if (!existsSync(PROGRAM)) throw new Error('dist/ is missing: npm run build')
  const offset = `--clock-offset-ms=${CLOUD_STARTS_AT - Date.now()}`
  const child = spawn(process.execPath, [PROGRAM, '--port', '0', offset, ...args], {
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const log: Record<string, unknown>[] = []
  const trouble: string[] = []
  child.stderr.on('data', (chunk) => trouble.push(String(chunk)))
  const ready = new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const entry = JSON.parse(line) as Record<string, unknown>
      log.push(entry)
      if (entry['msg'] === 'ready') resolve(String(entry['url']))
    })
    child.once('exit', (code) =>
      reject(
        new Error(
          `the cloud ended with ${code} before it was ready:\n${trouble.join('')}${JSON.stringify(log)}`,
        ),
      ),
    )
  })
  const url = await ready
  return {
    url,
    pid: child.pid ?? 0,
    log,
    api: async <T>(method: string, path: string, body?: unknown) => {
      const response = await fetch(`${url}${path}`, {
        method,
        ...(body === undefined
          ? {}
          : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
      })
      return { status: response.status, body: (await response.json()) as T }
    },
    stop: (signal = 'SIGTERM') => ended(child, signal),
  }
}

/** What the program says and its exit code when it does not start. */
export async function refusedStart(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ code: number | null; stderr: string; stdout: string }> {
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    env: { PATH: process.env['PATH'] ?? '', ...env },
  })
  let stderr = ''
  let stdout = ''
  child.stderr.on('data', (chunk) => {
    stderr += String(chunk)
  })
  child.stdout.on('data', (chunk) => {
    stdout += String(chunk)
  })
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, stderr, stdout }
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
  const exit = once(child, 'exit')
  child.kill(signal)
  const [code] = (await exit) as [number | null]
  return code
}

/** Asks again and again until the answer fits; the last answer is in the error. */
export async function until<T>(
  ask: () => Promise<T> | T,
  fits: (answer: T) => boolean,
  withinMs = 10_000,
): Promise<T> {
  const deadline = Date.now() + withinMs
  for (;;) {
    const answer = await ask()
    if (fits(answer)) return answer
    if (Date.now() > deadline)
      throw new Error(`not within ${withinMs} ms; the last answer: ${JSON.stringify(answer)}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
