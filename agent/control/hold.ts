// What keeps the board in service, and how it is let go: a relay of ours that is refreshed, or the board's own watchdog,
// which talk feeds. Nothing is decided here: it holds while it may and lets go when told. What must hold: its own times
// are never later than those of the device, which counts from the frame that it hears.
import { invariant } from '../../shared/invariant.ts'
import type { Clock, Timer } from '../../shared/time/clock.ts'
import { type MonotonicMs, monotonicMs } from '../../shared/units.ts'
import type { Board, Deadman, DeadmanFacts, Fallback } from './ports/board.ts'
import type { DeadmanSight } from './safety/state.ts'

const HOLD_PERIOD_MS = 500
const HOLD_AGAIN_MS = 100
/** From the supply's return to the first answer of a board, at worst: ours, to be measured. */
export const SUPPLY_START_MS = 3000
/** From a watchdog's end to open contacts: the board's own clock may run slower than ours, and a contactor takes its time. */
export const OPENING_MS = 1000

export interface Hold {
  /** Refreshes now, where it may. */
  refresh(): void
  /** Refreshes where a period has passed: after a standstill, before anything is judged by its age. */
  refreshIfDue(): void
  /** The board has answered a request that went out at this moment. */
  heard(sentAtMonotonicMs: MonotonicMs): void
  release(): void
  /** False while the board is kept in silence, so that its watchdog runs out: nothing may be sent to it. */
  mayTalk(): boolean
  /** From when on the board's silence is its own; null while it is our doing. */
  silenceCountsFrom(): MonotonicMs | null
  sight(): DeadmanSight
  stop(): void
}

interface Parts {
  readonly clock: Clock
  /** Whether the board may be held in service now. */
  readonly mayHold: () => boolean
}

/** A relay that opens by itself when it is not refreshed. */
export function holdByRelay(
  options: Parts & {
    readonly deadman: Deadman
    readonly cuts: Extract<DeadmanFacts, { kind: 'external' }>['cuts']
    readonly lineOpen: () => boolean
    /** The relay was let go: what was written to a board without supply is lost. */
    readonly onReleased: () => void
  },
): Hold {
  const { clock, deadman, cuts } = options
  const times = holdTimes(() => deadman.holdMs)
  let askedSince: MonotonicMs | null = null
  let turnAt = clock.monotonic()
  let holding = false
  let releasing = false
  let timer: Timer | null = null
  let stopped = false

  const again = (afterMs: number) => {
    timer?.cancel()
    timer = stopped ? null : clock.after('hold', afterMs, () => void turn())
  }

  async function turn() {
    turnAt = clock.monotonic()
    again(HOLD_PERIOD_MS)
    if (!options.mayHold()) {
      askedSince = null
      return
    }
    if (holding || !options.lineOpen()) return
    const sentAt = clock.monotonic()
    askedSince ??= sentAt
    holding = true
    const result = await deadman.hold()
    holding = false
    if (result.ok) times.held(sentAt)
    else again(HOLD_AGAIN_MS)
  }

  async function release() {
    askedSince = null
    if (releasing) return
    releasing = true
    const result = await deadman.release()
    releasing = false
    if (!result.ok || holding) return
    times.letGo()
    options.onReleased()
  }

  return {
    refresh: () => void turn(),
    refreshIfDue() {
      if (clock.monotonic() - turnAt >= HOLD_PERIOD_MS) void turn()
    },
    heard: () => undefined,
    release: () => void release(),
    mayTalk: () => true,
    silenceCountsFrom() {
      if (cuts === 'release') return monotonicMs(0)
      const since = times.holds(clock.monotonic()) ? times.since() : null
      return since === null ? null : monotonicMs(since + SUPPLY_START_MS)
    },
    sight: () => ({
      ...times.sight(),
      askedSinceMonotonicMs: askedSince,
      holdMs: deadman.holdMs,
    }),
    stop() {
      stopped = true
      timer?.cancel()
    },
  }
}

/**
 * The board's own watchdog. A board that cannot be told to leave service is let go by silence, which lasts until its
 * watchdog has surely run out: half a silence opens nothing. Where silence ends no current (it offers something of its
 * own then, or nobody knows when), the pause is all there is.
 */
export function holdByTalk(
  options: Parts & {
    readonly board: Board
    readonly facts: Extract<DeadmanFacts, { kind: 'own' }>
    readonly fallback: () => Fallback | null
    readonly lineOpen: () => boolean
    readonly boardAnswers: () => boolean
  },
): Hold {
  const { clock, board, facts } = options
  invariant(
    facts.fedBy !== 'feed' || board.feed !== undefined,
    `${board.name} is fed by feed and has no such method`,
  )
  const holdMs = () => options.fallback()?.timeoutMs ?? facts.feedMs
  const times = holdTimes(holdMs)
  let service: 'in' | 'out' | 'unknown' = 'unknown'
  let silentUntil: MonotonicMs | null = null
  let turnAt = clock.monotonic()
  let turning = false
  let releasing = false
  let timer: Timer | null = null
  let stopped = false

  const silent = () => silentUntil !== null && clock.monotonic() < silentUntil
  const again = (afterMs: number) => {
    timer?.cancel()
    timer = stopped ? null : clock.after('feed', afterMs, () => void turn())
  }

  async function turn() {
    turnAt = clock.monotonic()
    again(HOLD_PERIOD_MS)
    if (turning || releasing || silent() || !options.lineOpen() || !options.mayHold()) return
    turning = true
    const isDone = (await serve()) && (await feed())
    turning = false
    if (!isDone) again(HOLD_AGAIN_MS)
  }

  /** Back into service, where this or an earlier control may have taken it out. */
  async function serve(): Promise<boolean> {
    if (service === 'in' || board.setService === undefined) return true
    const result = await board.setService(true)
    if (!result.ok || releasing) return false
    service = 'in'
    return true
  }

  async function feed(): Promise<boolean> {
    const fedAt = times.at()
    const now = clock.monotonic()
    const isDue = fedAt === null || now + HOLD_PERIOD_MS - fedAt >= facts.feedMs
    if (facts.fedBy !== 'feed' || board.feed === undefined || !isDue) return true
    const result = await board.feed()
    if (result.ok && !silent()) times.held(now)
    return result.ok
  }

  async function release() {
    const fallback = options.fallback()
    if (board.setService !== undefined) {
      if (releasing) return
      releasing = true
      service = 'unknown'
      const result = await board.setService(false)
      releasing = false
      if (!result.ok) return
      service = 'out'
    } else if (options.boardAnswers() && fallback?.currentMilliamps === 0 && fallback.timeoutMs !== null) {
      silentUntil = monotonicMs(clock.monotonic() + fallback.timeoutMs + OPENING_MS)
    }
    times.letGo()
  }

  return {
    refresh: () => void turn(),
    refreshIfDue() {
      if (clock.monotonic() - turnAt >= HOLD_PERIOD_MS) void turn()
    },
    heard(sentAt) {
      if (facts.fedBy === 'anyRequest' && service !== 'out' && !silent()) times.held(sentAt)
    },
    release: () => void release(),
    mayTalk: () => !silent(),
    silenceCountsFrom: () => (silent() ? null : (silentUntil ?? monotonicMs(0))),
    sight: () => ({ ...times.sight(), askedSinceMonotonicMs: null, holdMs: holdMs() }),
    stop() {
      stopped = true
      timer?.cancel()
    },
  }
}

/** Since when and until when it holds, by its newest confirmed refresh. */
function holdTimes(holdMs: () => number) {
  let at: MonotonicMs | null = null
  let since: MonotonicMs | null = null
  return {
    at: () => at,
    since: () => since,
    holds: (now: MonotonicMs) => at !== null && now - at < holdMs(),
    held(sentAt: MonotonicMs) {
      const gapless = at !== null && sentAt - at < holdMs()
      since = gapless ? since : sentAt
      at = sentAt
    },
    letGo() {
      at = null
      since = null
    },
    sight: () => ({ heldAtMonotonicMs: at, heldSinceMonotonicMs: since }),
  }
}
