// The thin hands of control: when each device is spoken to, what was last heard of it, and nothing of what to do. Three
// pulses that share the bus by its priorities: the dead-man each 0.5 s, the board each 50 ms, the meter once a second.
import { err, type Result } from '../../shared/result.ts'
import type { Clock, Timer } from '../../shared/time/clock.ts'
import type { MilliAmps, MonotonicMs } from '../../shared/units.ts'
import type { Board, BoardReading, Deadman, Fallback } from './ports/board.ts'
import type { Bus, BusFailure } from './ports/bus.ts'
import { BOARD_LOST_MS, type DeadmanSight, type SafetyInput, type Written } from './safety/state.ts'

/** The board is read once in this time; the reaction bound is computed with it. */
export const BOARD_PERIOD_MS = 50
/** Left to less urgent turns after each reading, however long it took: else meter and settings would starve. */
const BOARD_GAP_MS = 15
const HOLD_PERIOD_MS = 500
const HOLD_AGAIN_MS = 100
/** A pause is tried again at once; a board that takes none of three is asked more slowly, so that others are served. */
const FAILURES_QUICK = 3
const FAILED_WAIT_MS = 250
const PREPARE_AGAIN_MS = 300
const CONFIGURATION_AGAIN_MS = 10_000
/** It may have restarted in this time: its settings are looked at again. */
const BOARD_GONE_MS = 1000

export interface HardwareOptions {
  readonly clock: Clock
  readonly log: { info(fields: object, text: string): void; warn(fields: object, text: string): void }
  readonly board: Board
  readonly boardBus: Pick<Bus, 'onState'>
  readonly deadman: Deadman
  /** A board reading came in, or was tried in vain: decide now. */
  readonly onTurn: () => void
  readonly onLineOpen: () => void
  /** Whether the relay may be held now. */
  readonly mayHold: () => boolean
}

export type BoardSight = Pick<
  SafetyInput,
  'line' | 'board' | 'boardSilentSinceMonotonicMs' | 'boardConfiguration' | 'written'
> & {
  readonly deadman: DeadmanSight
  readonly fallback: Fallback | null
}

export interface Hardware {
  /** Begins to speak; the first frame goes out as soon as the port is open. */
  start(): void
  sight(): BoardSight
  /**
   * The board's settings were found right (or made so) since it was last lost. After a shorter silence they are looked at
   * again, and until that is done what was found before counts: a short bus error never stops a car.
   */
  prepared(): boolean
  pause(): void
  offer(currentMilliamps: MilliAmps): void
  releaseDeadman(): void
  stop(): void
}

export function openHardware(options: HardwareOptions): Hardware {
  const { clock, board, deadman } = options
  let line: SafetyInput['line'] = { kind: 'opening' }
  let reading: BoardReading | null = null
  let silentSince: MonotonicMs | null = clock.monotonic()
  let configuration: string | null = null
  let fallback: Fallback | null = null
  let prepared = false
  let settled = false
  let preparing = false
  let written: Written = { kind: 'unknown' }
  let pausing = false
  let offering = false
  let pauses = 0
  let failures = 0
  let failedAt = clock.monotonic()
  let heldAt: MonotonicMs | null = null
  let heldSince: MonotonicMs | null = null
  let askedSince: MonotonicMs | null = null
  let holding = false
  let holdTurnAt = clock.monotonic()
  let releasing = false
  let reads = false
  let stopped = false
  let stopListening = () => {}
  const timers = new Map<string, Timer>()

  const again = (name: string, afterMs: number, turn: () => void) => {
    timers.get(name)?.cancel()
    if (!stopped) timers.set(name, clock.after(name, afterMs, turn))
  }

  async function boardTurn() {
    if (reads || stopped) return
    reads = true
    const begun = clock.monotonic()
    // After a standstill the relay is refreshed before anything is judged by its age.
    if (begun - holdTurnAt >= HOLD_PERIOD_MS) void holdTurn()
    if (line.kind === 'open') heard(await board.read(), begun)
    reads = false
    if (stopped) return
    options.onTurn()
    again(
      'board',
      Math.max(BOARD_GAP_MS, BOARD_PERIOD_MS - (clock.monotonic() - begun)),
      () => void boardTurn(),
    )
  }

  function heard(read: Result<BoardReading, BusFailure>, begun: MonotonicMs) {
    if (!read.ok) {
      silentSince ??= begun
      return
    }
    const silentMs = silentSince === null ? 0 : clock.monotonic() - silentSince
    // A board that was gone may have restarted: what was written to it is not known any more.
    if (silentMs >= BOARD_GONE_MS && reading !== null) {
      written = { kind: 'unknown' }
      if (silentMs >= BOARD_LOST_MS) settled = false
      prepared = false
      void prepare()
    }
    silentSince = null
    reading = read.value
  }

  async function prepare() {
    if (preparing || prepared || stopped || line.kind !== 'open') return
    preparing = true
    const result = await board.prepare()
    preparing = false
    if (result.ok) {
      prepared = true
      settled = true
      fallback = result.value.fallback
      if (configuration !== null)
        options.log.info({ board: board.name }, "the board's settings are right again")
      configuration = null
      options.log.info({ board: board.name, ...result.value }, 'board prepared')
      return
    }
    if (result.error.kind === 'configuration') {
      if (configuration !== result.error.detail)
        options.log.warn(
          { board: board.name, detail: result.error.detail },
          "the board's settings are not right",
        )
      configuration = result.error.detail
    }
    const wait = result.error.kind === 'configuration' ? CONFIGURATION_AGAIN_MS : PREPARE_AGAIN_MS
    again('prepare', wait, () => void prepare())
  }

  async function holdTurn() {
    holdTurnAt = clock.monotonic()
    again('hold', HOLD_PERIOD_MS, () => void holdTurn())
    if (!options.mayHold()) {
      askedSince = null
      return
    }
    if (holding || line.kind !== 'open') return
    const sentAt = clock.monotonic()
    askedSince ??= sentAt
    holding = true
    const result = await deadman.hold()
    holding = false
    if (result.ok) {
      // The relay's own time begins when it hears the frame: never later than this is counted from.
      const gapless = heldAt !== null && sentAt - heldAt < deadman.holdMs
      heldSince = gapless ? heldSince : sentAt
      heldAt = sentAt
      return
    }
    again('hold', HOLD_AGAIN_MS, () => void holdTurn())
  }

  const tooSoon = () => failures >= FAILURES_QUICK && clock.monotonic() - failedAt < FAILED_WAIT_MS
  const wrote = (result: Result<null, BusFailure>, next: Written) => {
    written = result.ok ? next : { kind: 'unknown' }
    failures = result.ok ? 0 : failures + 1
    if (!result.ok) failedAt = clock.monotonic()
  }

  async function pause() {
    if (pausing || tooSoon()) return
    pausing = true
    pauses++
    const result = await board.pause()
    pausing = false
    wrote(result, { kind: 'paused', atMonotonicMs: clock.monotonic() })
    if (result.ok && askedSince === null) void holdTurn()
  }

  async function offer(currentMilliamps: MilliAmps) {
    if (offering || pausing || tooSoon()) return
    offering = true
    const before = pauses
    const result = await board.offer(currentMilliamps)
    offering = false
    if (before !== pauses) {
      // A pause went out meanwhile; which of the two came last is for the next pause to settle.
      if (written.kind !== 'paused' || result.ok) written = { kind: 'unknown' }
      return
    }
    wrote(result, { kind: 'offered', currentMilliamps, atMonotonicMs: clock.monotonic() })
  }

  async function releaseDeadman() {
    askedSince = null
    if (releasing) return
    releasing = true
    const result: Result<null, BusFailure> =
      line.kind === 'open' ? await deadman.release() : err({ kind: 'portClosed', detail: 'not open' })
    releasing = false
    if (result.ok && !holding) {
      heldAt = null
      heldSince = null
    }
  }

  const lineChanged: Parameters<Bus['onState']>[0] = (state) => {
    if (state.kind === 'open') {
      line = { kind: 'open', sinceMonotonicMs: clock.monotonic() }
      options.onTurn()
      void holdTurn()
      void boardTurn()
      options.onLineOpen()
      prepared = false
      settled = false
      void prepare()
      return
    }
    if (state.kind === 'opening' || state.kind === 'closed') return
    line = { kind: 'lost', detail: state.detail }
    written = { kind: 'unknown' }
    silentSince ??= clock.monotonic()
    options.onTurn()
    if (!reads) again('board', BOARD_PERIOD_MS, () => void boardTurn())
  }

  return {
    start() {
      stopListening = options.boardBus.onState(lineChanged)
    },
    sight: () => ({
      line,
      board: reading,
      boardSilentSinceMonotonicMs: silentSince,
      boardConfiguration: configuration,
      written,
      fallback,
      deadman: {
        heldAtMonotonicMs: heldAt,
        heldSinceMonotonicMs: heldSince,
        askedSinceMonotonicMs: askedSince,
        holdMs: deadman.holdMs,
      },
    }),
    prepared: () => settled,
    pause: () => void pause(),
    offer: (currentMilliamps) => void offer(currentMilliamps),
    releaseDeadman: () => void releaseDeadman(),
    stop() {
      stopped = true
      stopListening()
      for (const timer of timers.values()) timer.cancel()
    },
  }
}
