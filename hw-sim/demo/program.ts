// One child process of the demo or of a trial: started from its bundle, its log lines read, its end certain.
import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream, type WriteStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { tiedToUs } from '../../shared/io/tied-child.ts'
import type { Clock } from '../../shared/time/clock.ts'

/** One JSON log line of a process. */
export type LogLine = Readonly<Record<string, unknown>>

export interface ProgramOptions {
  readonly name: string
  /** Bundle in dist/, with its path. */
  readonly file: string
  readonly nodeFlags?: readonly string[]
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Everything that the process prints is appended here. */
  readonly logFile: string
  /** Told each time the process ends by itself or is killed by somebody else. */
  readonly onUnexpectedEnd?: (why: string) => void
}

export interface Program {
  readonly name: string
  readonly pid: number
  /** The fields of its line with `msg: 'ready'`; rejects when it ends before or is not ready in time. */
  readonly ready: Promise<LogLine>
  /** Resolves when the process is gone, with what ended it. */
  readonly ended: Promise<string>
  readonly running: () => boolean
  /** SIGKILL, and wait until it is gone. */
  kill(): Promise<void>
  /** SIGTERM, and SIGKILL after `graceMs`. */
  stop(graceMs?: number): Promise<void>
  signal(signal: NodeJS.Signals): void
}

const READY_WITHIN_MS = 20_000
const STOP_GRACE_MS = 4_000

/**
 * Every process that this one started and that still runs. It belongs to this process, not to a site: none is left
 * behind, whatever was being started when the end came.
 */
const living = new Set<ChildProcess>()
let isEnding = false
process.on('exit', () => {
  for (const child of living) child.kill('SIGKILL')
})

/** Ends everything that this process started; nothing can be started after it. */
export async function endAllPrograms(clock: Clock): Promise<void> {
  isEnding = true
  const all = [...living]
  const gone = Promise.all(all.map((child) => new Promise((resolve) => child.once('close', resolve))))
  for (const child of all) child.kill('SIGTERM')
  const force = clock.after('force what stays', STOP_GRACE_MS, () => {
    for (const child of living) child.kill('SIGKILL')
  })
  await gone
  force.cancel()
}

/** Starts a program from its bundle. */
export function startProgram(options: ProgramOptions, clock: Clock): Program {
  if (isEnding) throw new Error(`${options.name} is not started: this is the end`)
  const log = createWriteStream(options.logFile, { flags: 'a' })
  // The folder may be removed while the last lines come in.
  log.on('error', () => undefined)
  const tied = tiedToUs([...(options.nodeFlags ?? []), options.file, ...options.args])
  const child = spawn(tied.command, tied.args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, TZ: 'UTC', ...options.env },
  })
  living.add(child)
  let expectedEnd = false
  let gone = false

  const ended = new Promise<string>((resolve) => {
    child.once('close', (code, signal) => {
      gone = true
      living.delete(child)
      log.end()
      const why = signal ?? `exit code ${code}`
      resolve(why)
      if (!expectedEnd && !isEnding) options.onUnexpectedEnd?.(why)
    })
    child.once('error', (error) => resolve(error.message))
  })
  const ready = readyLine(options, child, log, ended, clock)
  // A process that is killed before it is ready is no error of whoever does not wait for it.
  ready.catch(() => undefined)

  const end = async (signal: NodeJS.Signals) => {
    expectedEnd = true
    if (!gone) child.kill(signal)
    await ended
  }
  return {
    name: options.name,
    pid: child.pid ?? 0,
    ready,
    ended,
    running: () => !gone,
    kill: () => end('SIGKILL'),
    stop: async (graceMs = STOP_GRACE_MS) => {
      const force = clock.after(`force ${options.name}`, graceMs, () => child.kill('SIGKILL'))
      await end('SIGTERM')
      force.cancel()
    },
    signal: (signal) => child.kill(signal),
  }
}

function readyLine(
  options: ProgramOptions,
  child: ChildProcess,
  log: WriteStream,
  ended: Promise<string>,
  clock: Clock,
): Promise<LogLine> {
  return new Promise((resolve, reject) => {
    const fail = (why: string) => reject(new Error(`${options.name} ${why}; its log is ${options.logFile}`))
    const timer = clock.after(`ready ${options.name}`, READY_WITHIN_MS, () => {
      fail(`was not ready within ${READY_WITHIN_MS / 1000} s`)
    })
    ended.then(
      (why) => {
        timer.cancel()
        fail(`ended before it was ready (${why})`)
      },
      () => undefined,
    )
    const onLine = (line: string) => {
      if (!log.writableEnded) log.write(`${line}\n`)
      const parsed = parseLine(line)
      if (parsed?.['msg'] !== 'ready') return
      timer.cancel()
      resolve(parsed)
    }
    for (const stream of [child.stdout, child.stderr]) {
      if (stream) createInterface({ input: stream }).on('line', onLine)
    }
  })
}

function parseLine(line: string): LogLine | null {
  if (!line.startsWith('{')) return null
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? { ...value } : null
  } catch {
    // A program's plain words (a crash, a usage line) are kept in the log file; only log lines are objects.
    return null
  }
}
