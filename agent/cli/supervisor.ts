// Keeps the agent's two processes running: restarts one that dies, at once the first time and then with growing pauses,
// and never gives up. Ends both when it is told to end, and leaves neither behind when it is killed itself.
import { type ChildProcess, spawn } from 'node:child_process'
import { tiedToUs } from '../../shared/io/tied-child.ts'
import type { Clock, Timer } from '../../shared/time/clock.ts'

export interface SupervisedProgram {
  readonly name: string
  /** Node's own flags, then the bundle and its arguments. */
  readonly args: readonly string[]
}

export interface SupervisorLog {
  info(fields: Readonly<Record<string, unknown>>, message: string): void
  warn(fields: Readonly<Record<string, unknown>>, message: string): void
}

export interface Supervisor {
  /** Passes the signal on and resolves when all are gone; those that stay are killed after `END_GRACE_MS`. */
  end(signal: NodeJS.Signals): Promise<void>
  /** The process now; null between a death and the restart. */
  pid(name: string): number | null
}

/** A process that ran so long has recovered: its next death counts as the first. */
const STEADY_AFTER_MS = 10_000
/** A commit on a slow card may take seconds; after that nothing good comes any more. */
const END_GRACE_MS = 10_000

/** Pause before a restart after `deaths` deaths in a row without a steady run between them; `deaths` is 1 or more. */
export const restartPauseMs = (deaths: number): number =>
  deaths <= 1 ? 0 : Math.min(2000, 250 * 2 ** (deaths - 2))

interface Kept {
  readonly program: SupervisedProgram
  child: ChildProcess | null
  deaths: number
  restart: Timer | null
  /** Resolves when the present child is gone. */
  gone: Promise<void>
}

/** Starts all programs at once. */
export function supervise(
  programs: readonly SupervisedProgram[],
  clock: Clock,
  log: SupervisorLog,
): Supervisor {
  let ending = false
  const start = (kept: Kept): void => {
    const startedAt = clock.monotonic()
    const { command, args } = tiedToUs(kept.program.args)
    const child = spawn(command, args, {
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, TZ: 'UTC' },
    })
    kept.child = child
    kept.restart = null
    log.info({ program: kept.program.name, pid: child.pid ?? null }, 'started')
    kept.gone = new Promise((resolve) => {
      let told = false
      const ended = (why: string) => {
        if (told) return
        told = true
        kept.child = null
        if (!ending) again(kept, why, clock.monotonic() - startedAt)
        resolve()
      }
      child.once('exit', (code, signal) => ended(signal ?? `exit code ${code}`))
      child.once('error', (error) => ended(error.message))
    })
  }
  const again = (kept: Kept, why: string, ranMs: number): void => {
    kept.deaths = ranMs >= STEADY_AFTER_MS ? 1 : kept.deaths + 1
    const pauseMs = restartPauseMs(kept.deaths)
    log.warn({ program: kept.program.name, why, ranMs, pauseMs }, 'died, is started again')
    kept.restart = clock.after(`restart ${kept.program.name}`, pauseMs, () => start(kept))
  }
  const all = programs.map((program): Kept => {
    const kept: Kept = { program, child: null, deaths: 0, restart: null, gone: Promise.resolve() }
    start(kept)
    return kept
  })
  return {
    pid: (name) => all.find((kept) => kept.program.name === name)?.child?.pid ?? null,
    end: async (signal) => {
      ending = true
      for (const kept of all) {
        kept.restart?.cancel()
        kept.child?.kill(signal)
      }
      const force = clock.after('kill what stays', END_GRACE_MS, () => {
        for (const kept of all) kept.child?.kill('SIGKILL')
      })
      await Promise.all(all.map((kept) => kept.gone))
      force.cancel()
    },
  }
}
