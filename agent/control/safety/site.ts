// How a box is built, and what is wired to it beside board, dead-man relay and meter. The shell fills these words; what an
// input means and when something moves is decided in this room. A box without extras is PLAIN_SITE with NOTHING_WIRED.
import type { MonotonicMs } from '../../../shared/units.ts'
import type { BoardReading, LockSight } from '../ports/board.ts'
import type { Sighted } from '../ports/io.ts'

export type Connector =
  /** The cable belongs to the box: nothing to lock, nothing to exchange. */
  | { readonly kind: 'tethered' }
  | {
      readonly kind: 'socket'
      /**
       * Who tells where the lock is: the board (`BoardReading.lock`, with `facts.lock` `confirmed`) or the IO module
       * (`Wired.lock`). `none`: nobody; such a box is refused. Who drives the motor is the shell's business.
       */
      readonly feedback: 'board' | 'module' | 'none'
      /** The cable stays locked in, with or without a car, while the proximity contact tells one. */
      readonly permanentLock: boolean
      /** What the lock does by itself when the supply goes: a cable that it let go may have been exchanged. */
      readonly atPowerLoss: 'stays' | 'unlocks'
    }

/** Constant while control runs: from the configuration and from commissioning. */
export interface Site {
  readonly connector: Connector
  /** Energy is billed or access is restricted: then `I_deadman` must be 0, or the dead-man must cut the supply. */
  readonly billedOrRestricted: boolean
  /**
   * What a silence test at commissioning found, for boards whose time-out cannot be read (`Fallback.timeoutMs` null);
   * null where none was made: such a board is refused.
   */
  readonly silenceProved: { readonly timeoutMs: number } | null
  /**
   * A release contactor of ours in the load circuit. Only in series with hardware that opens by itself (pilot leaves C
   * or D, loss of PE, residual current), as commissioning has proved; `unproved` is refused.
   */
  readonly release: { readonly inSeries: 'proved' | 'unproved'; readonly hasMirror: boolean } | null
  /** A residual current monitor's trip contact is wired to the IO module. */
  readonly hasResidualInput: boolean
  readonly hasStopButton: boolean
  /** The meter's voltage terminals are behind the contactor: voltage there means that it is closed. */
  readonly metersOutlet: boolean
  /** Who wakes a car that stays in B although it is offered current: the board (a pulse of F), or nobody but us. */
  readonly wakes: 'board' | 'agent'
  /** Longest time between two residual current self-tests, where the board has one. */
  readonly selfTestEachMs: number
}

export const DAY_MS = 24 * 3_600_000

/** A tethered box with nothing else wired. */
export const PLAIN_SITE: Site = {
  connector: { kind: 'tethered' },
  billedOrRestricted: false,
  silenceProved: null,
  release: null,
  hasResidualInput: false,
  hasStopButton: false,
  metersOutlet: false,
  wakes: 'board',
  selfTestEachMs: DAY_MS,
}

/** The newest of each input, however old; null before the first reading and where it is not wired. */
export interface Wired {
  /** Feedback of the plug's lock, where the IO module tells it. */
  readonly lock: Sighted<LockSight> | null
  /** Mirror contact of the release contactor: true, the contactor is closed. */
  readonly releaseClosed: Sighted<boolean> | null
  /** True: the residual current monitor has tripped. */
  readonly residualTripped: Sighted<boolean> | null
  readonly stopPressed: Sighted<boolean> | null
  /** The newest order to the release contactor that was confirmed; unknown at the start and after a failed one. */
  readonly releaseWritten:
    | { readonly kind: 'unknown' }
    | { readonly kind: 'opened' | 'closed'; readonly atMonotonicMs: MonotonicMs }
}

export const NOTHING_WIRED: Wired = {
  lock: null,
  releaseClosed: null,
  residualTripped: null,
  stopPressed: null,
  releaseWritten: { kind: 'unknown' },
}

/** An IO module is asked several times a second; older than this, what it told is not known any more. */
export const INPUT_LOST_MS = 2000

export const isFresh = <T>(sighted: Sighted<T> | null, now: MonotonicMs): sighted is Sighted<T> =>
  sighted !== null && now - sighted.takenAtMonotonicMs < INPUT_LOST_MS

/** Where the lock is, by whom the site names; null while that is not known about now. */
export function lockSight(input: LockSources, now: MonotonicMs): LockSight | null {
  const { connector } = input.site
  if (connector.kind === 'tethered') return null
  switch (connector.feedback) {
    case 'module':
      return isFresh(input.wired.lock, now) ? input.wired.lock.value : null
    case 'board': {
      const { board } = input
      const isNow = board !== null && now - board.takenAtMonotonicMs < INPUT_LOST_MS
      return isNow ? (board.lock ?? null) : null
    }
    case 'none':
      return null
  }
}

interface LockSources {
  readonly site: Site
  readonly wired: Wired
  readonly board: BoardReading | null
}

/** Inputs that the site owes and that are not heard, in words; the first 2 s of a control are excused. */
export function inputsLost(
  { site, wired }: Pick<LockSources, 'site' | 'wired'>,
  startedAt: MonotonicMs,
  now: MonotonicMs,
): string | null {
  const owed: readonly (readonly [string, boolean, Sighted<unknown> | null])[] = [
    ['lock', site.connector.kind === 'socket' && site.connector.feedback === 'module', wired.lock],
    ['mirror contact', site.release?.hasMirror === true, wired.releaseClosed],
    ['residual current monitor', site.hasResidualInput, wired.residualTripped],
    ['stop button', site.hasStopButton, wired.stopPressed],
  ]
  const missed = owed.filter(([, isOwed, sighted]) => isOwed && !isFresh(sighted, now))
  if (missed.length === 0 || now - startedAt < INPUT_LOST_MS) return null
  return `not heard for ${INPUT_LOST_MS} ms: ${missed.map(([name]) => name).join(', ')}`
}
