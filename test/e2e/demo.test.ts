// The demo as a new user starts it: without a terminal, on busy ports, ended by Ctrl-C; and the outage story.
import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { afterEach, expect, test } from 'vitest'

const started: ChildProcess[] = []
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL')
})

interface Run {
  readonly child: ChildProcess
  readonly output: () => string
  /** Resolves with the exit code. */
  readonly ended: Promise<number | null>
  /** Resolves when the output holds the text. */
  readonly said: (text: string, withinMs: number) => Promise<void>
}

function demo(args: readonly string[]): Run {
  const child = spawn(process.execPath, ['dist/demo.mjs', ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  started.push(child)
  let output = ''
  const listeners = new Set<() => void>()
  const add = (bytes: Buffer) => {
    output += bytes.toString('utf8')
    for (const listener of listeners) listener()
  }
  child.stdout.on('data', add)
  child.stderr.on('data', add)
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  const said = (text: string, withinMs: number) =>
    new Promise<void>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`not said within ${withinMs} ms: ${text}\n${output}`)),
        withinMs,
      )
      const look = () => {
        if (!output.includes(text)) return
        clearTimeout(timer)
        listeners.delete(look)
        resolve()
      }
      listeners.add(look)
      look()
    })
  return { child, output: () => output, ended, said }
}

/** Processes whose parent is the given one. */
function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        return readFileSync(`/proc/${name}/stat`, 'utf8').split(') ')[1]?.split(' ')[1] === String(pid)
      } catch {
        // It ended between the listing and the look.
        return false
      }
    })
    .map(Number)
}

/** Runs still; one that ended and waits for init to take note does not. */
function runs(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

/** A process that was being started ends with its parent a moment later. */
const allGone = (pids: readonly number[]) =>
  expect.poll(() => pids.filter(runs), { timeout: 2_000 }).toEqual([])

test('without a terminal the demo prints plain lines, charges, and Ctrl-C leaves no process behind', async () => {
  const run = demo([])
  await run.said('Console  http://127.0.0.1:', 30_000)
  await run.said('Charging; 16 A', 40_000)
  const children = childrenOf(run.child.pid ?? 0)
  expect(children.length).toBeGreaterThanOrEqual(4)
  expect(run.output()).not.toContain('\x1b')
  run.child.kill('SIGINT')
  expect(await run.ended).toBe(0)
  await allGone(children)
}, 90_000)

test('a busy port is replaced by a free one, and said', async () => {
  const busy = createServer()
  const taken = await new Promise<boolean>((resolve) => {
    busy.once('error', () => resolve(false))
    busy.listen(8080, '127.0.0.1', () => resolve(true))
  })
  try {
    const run = demo([])
    await run.said('Port 8080 is busy; the cloud uses ', 30_000)
    await run.said('Console  http://127.0.0.1:', 30_000)
    expect(run.output()).not.toContain('Console  http://127.0.0.1:8080')
    run.child.kill('SIGTERM')
    expect(await run.ended).toBe(0)
  } finally {
    if (taken) busy.close()
  }
}, 90_000)

test('a signal in the middle of the start ends everything that was started', async () => {
  const run = demo([])
  await run.said('Starting', 30_000)
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  const children = childrenOf(run.child.pid ?? 0)
  run.child.kill('SIGTERM')
  expect(await run.ended).toBe(0)
  await allGone(children)
}, 60_000)

test('an option that is none ends with 2 and says what is expected', async () => {
  const run = demo(['--clock', 'yesterday'])
  expect(await run.ended).toBe(2)
  expect(run.output()).toContain('--clock yesterday: expected an instant such as 2026-')
})

test('the outage story holds every expectation', async () => {
  const run = demo(['--story'])
  expect(await run.ended, run.output()).toBe(0)
  expect(run.output()).toMatch(/(\d+) of \1 expectations held/)
}, 240_000)
