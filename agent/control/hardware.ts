// The thin hands of control: when each device is spoken to, what was last heard of it, and nothing of what to do. Three
// pulses that share the bus by its priorities: the dead-man (hold.ts), the board each 50 ms, the meter once a second.
import { invariant } from '../../shared/invariant.ts'
import type { Result } from '../../shared/result.ts'
import type { Clock, Timer } from '../../shared/time/clock.ts'
import { type MilliAmps, type MonotonicMs, monotonicMs } from '../../shared/units.ts'
import { type Hold, holdByRelay, holdByTalk } from './hold.ts'
import type { Board, BoardReading, Deadman, Fallback } from './ports/board.ts'
import type { Bus, BusFailure } from './ports/bus.ts'
import {
  BOARD_LOST_MS,
  boardAnswers,
  type DeadmanSight,
  type SafetyInput,
  type Written,
} from './safety/state.ts'

/** The board is read once in this time; the reaction bound is computed with it. */
export const BOARD_PERIOD_MS = 50
/**
 * Left to less urgent turns after each reading, however long it took: else meter and settings would starve. A board that
 * asks for silence is first ready again behind it, so that its own offers and settings come between two readings.
 */
export const boardGapMs = (silenceMs: number): number => silenceMs + 15
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
  /** What the board asks for after its own last reply. */
  readonly boardSilenceMs: number
  readonly boardBus: Pick<Bus, 'onState'>
  /** The relay that holds the board, with its bus; null where the board has a watchdog of its own. */
  readonly deadman: { readonly relay: Deadman; readonly bus: Pick<Bus, 'onState'> } | null
  /** A board reading came in, or was tried in vain: decide now. */
  readonly onTurn: () => void
  /** Whether the board may be held in service now. */
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
  const { clock, board } = options
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
  let deadmanLineOpen = false
  let reads = false
  let stopped = false
  const endings: (() => void)[] = []
  const timers = new Map<string, Timer>()

  const again = (name: string, afterMs: number, turn: () => void) => {
    timers.get(name)?.cancel()
    if (!stopped) timers.set(name, clock.after(name, afterMs, turn))
  }

  const hold = openHold()

  function openHold(): Hold {
    const { clock, mayHold } = options
    const { deadman } = board.facts
    if (deadman.kind === 'own') {
      return holdByTalk({
        clock,
        mayHold,
        board,
        facts: deadman,
        fallback: () => fallback,
        lineOpen: () => line.kind === 'open',
        boardAnswers: () => boardAnswers({ line, board: reading }, clock.monotonic()),
      })
    }
    invariant(options.deadman !== null, `${board.name} has no watchdog and no relay that holds it`)
    return holdByRelay({
      clock,
      mayHold,
      deadman: options.deadman.relay,
      cuts: deadman.cuts,
      lineOpen: () => deadmanLineOpen,
      onReleased() {
        if (deadman.cuts === 'supply') forget()
      },
    })
  }

  /** It has restarted, or may have: nothing that was written to it is known any more. */
  function forget() {
    written = { kind: 'unknown' }
    prepared = false
    settled = false
  }

  async function boardTurn() {
    if (reads || stopped) return
    reads = true
    const begun = clock.monotonic()
    hold.refreshIfDue()
    if (line.kind === 'open' && hold.mayTalk()) heard(await board.read(), begun)
    reads = false
    if (stopped) return
    options.onTurn()
    again(
      'board',
      Math.max(boardGapMs(options.boardSilenceMs), BOARD_PERIOD_MS - (clock.monotonic() - begun)),
      () => void boardTurn(),
    )
  }

  function heard(read: Result<BoardReading, BusFailure>, begun: MonotonicMs) {
    if (!read.ok) {
      silentSince ??= begun
      // Something answers that is not as the board is: who it is will be told by its identity.
      const isStranger = read.error.kind === 'exception' && clock.monotonic() - silentSince >= BOARD_GONE_MS
      if (isStranger && prepared) {
        prepared = false
        void prepare()
      }
      return
    }
    hold.heard(begun)
    const silentMs = silentSince === null ? 0 : clock.monotonic() - silentSince
    // A board that was gone may have restarted: what was written to it is not known any more.
    if (silentMs >= BOARD_GONE_MS && reading !== null) {
      written = { kind: 'unknown' }
      if (silentMs >= BOARD_LOST_MS) settled = false
      prepared = false
      void prepare()
    }
    // Prepared at once when it is heard for the first time, however long its settings could not be read before.
    if (reading === null && !prepared) void prepare()
    silentSince = null
    reading = read.value
  }

  async function prepare() {
    if (preparing || prepared || stopped || line.kind !== 'open') return
    if (!hold.mayTalk()) return again('prepare', PREPARE_AGAIN_MS, () => void prepare())
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

  const tooSoon = () => failures >= FAILURES_QUICK && clock.monotonic() - failedAt < FAILED_WAIT_MS
  const wrote = (result: Result<null, BusFailure>, next: Written) => {
    written = result.ok ? next : { kind: 'unknown' }
    failures = result.ok ? 0 : failures + 1
    if (!result.ok) failedAt = clock.monotonic()
  }

  async function pause() {
    if (pausing || tooSoon() || !hold.mayTalk()) return
    pausing = true
    pauses++
    const result = await board.pause()
    pausing = false
    wrote(result, { kind: 'paused', atMonotonicMs: clock.monotonic() })
    if (result.ok && hold.sight().askedSinceMonotonicMs === null) hold.refresh()
  }

  async function offer(currentMilliamps: MilliAmps) {
    if (offering || pausing || tooSoon() || !hold.mayTalk()) return
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

  const lineChanged: Parameters<Bus['onState']>[0] = (state) => {
    if (state.kind === 'open') {
      line = { kind: 'open', sinceMonotonicMs: clock.monotonic() }
      options.onTurn()
      hold.refresh()
      void boardTurn()
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

  /** What is the board's own silence, not one of our making. */
  function silentSinceThen(): MonotonicMs | null {
    const from = hold.silenceCountsFrom()
    if (silentSince === null || from === null || from > clock.monotonic()) return null
    return monotonicMs(Math.max(silentSince, from))
  }

  return {
    start() {
      if (options.deadman !== null) {
        const listening = options.deadman.bus.onState((state) => {
          deadmanLineOpen = state.kind === 'open'
          if (deadmanLineOpen) hold.refresh()
        })
        endings.push(listening)
      }
      endings.push(options.boardBus.onState(lineChanged))
    },
    sight: () => ({
      line,
      board: reading,
      boardSilentSinceMonotonicMs: silentSinceThen(),
      boardConfiguration: configuration,
      written,
      fallback,
      deadman: hold.sight(),
    }),
    prepared: () => settled,
    pause: () => void pause(),
    offer: (currentMilliamps) => void offer(currentMilliamps),
    releaseDeadman: () => hold.release(),
    stop() {
      stopped = true
      hold.stop()
      for (const end of endings) end()
      for (const timer of timers.values()) timer.cancel()
    },
  }
}
