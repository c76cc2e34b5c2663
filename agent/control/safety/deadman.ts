// When the dead-man is let go on purpose: a board must be stopped that no pause reaches, or a car that no pause stops. A
// relay of ours opens; a board with a watchdog of its own is taken out of service, or kept in silence until it ends the
// current by itself: how is the shell's business (hold.ts), and a silence of our making is never told to this step.
import type { MonotonicMs } from '../../../shared/units.ts'
import { flows } from './meter-judge.ts'
import {
  boardAnswers,
  type Command,
  DEADMAN_LOST_MS,
  type DeadmanState,
  OPEN_AFTER_MS,
  RELAY_SETTLE_MS,
  RELEASE_MAX_MS,
  relayHolds,
  type SafetyInput,
  type SafetyState,
  SUPPLY_TRY_MS,
} from './state.ts'
import { WELDED_MS } from './weld.ts'

/** A release contactor of ours goes first; the dead-man follows where its order is not confirmed. */
const RELEASE_FIRST_MS = 1000
/** A board whose supply we cut is given it back so seldom to be heard, because it may offer by itself then. */
export const SUPPLY_TRY_EACH_MS = 60_000
/** A frame that was on its way when the relay was let go, and the board's own filter. */
const RELEASED_SURELY_MS = 500

export interface DeadmanStep {
  readonly state: Pick<SafetyState, 'deadman' | 'opened'>
  readonly commands: readonly Command[]
}

type Why = (DeadmanState & { kind: 'released' })['why']

export function stepDeadman(state: SafetyState, input: SafetyInput, now: MonotonicMs): DeadmanStep {
  const { deadman, opened } = state
  const reason = mustRelease(state, input, now)
  if (deadman.kind === 'held') {
    if (reason === null) return { state: { deadman, opened }, commands: [] }
    return {
      state: {
        deadman: { kind: 'released', sinceMonotonicMs: now, why: reason },
        opened: opened || reason === 'mustOpen',
      },
      commands: [{ kind: 'releaseDeadman' }],
    }
  }
  if (reason !== null || !openConfirmed(state, input, now)) {
    const unconfirmed = input.deadman.heldAtMonotonicMs !== null
    return { state: { deadman, opened }, commands: unconfirmed ? [{ kind: 'releaseDeadman' }] : [] }
  }
  return { state: { deadman: { kind: 'held', sinceMonotonicMs: now }, opened }, commands: [] }
}

function mustRelease(state: SafetyState, input: SafetyInput, now: MonotonicMs): Why | null {
  const stands = (code: string) => state.faults.some((fault) => fault.code === code)
  if (stands('BOARD_LOST') && !triesSupply(state, input, now)) return 'boardLost'
  // The board did not follow the relay: it is let go until the board shows that it does.
  if (stands('DEADMAN_LOST') && state.deadman.kind === 'released') return 'doesNotFollow'
  if (stands('CONTACTOR_WELDED')) return null
  const since = state.withdrawnSinceMonotonicMs
  const waitMs = input.site.release === null ? OPEN_AFTER_MS : OPEN_AFTER_MS + RELEASE_FIRST_MS
  if (since === null || now - since < waitMs || state.relay.view === 'open') return null
  const { fresh } = input.meter
  // With its supply back a board offers something by itself until its first pause.
  const settleMs = cutsSupply(input) ? SUPPLY_TRY_MS : 0
  const judgedFrom = Math.max(since, state.deadman.sinceMonotonicMs + settleMs)
  const flowing = fresh !== null && flows(fresh.reading) && fresh.begunAtMonotonicMs >= judgedFrom
  const inC = !state.pilotHidden && (state.pilot === 'C' || state.pilot === 'D')
  // Opened once, a car that stays in C1 without current is left in peace; current is not.
  return flowing || (inC && !state.opened) ? 'mustOpen' : null
}

export const cutsSupply = ({ facts }: Pick<SafetyInput, 'facts'>) =>
  facts.deadman.kind === 'external' && facts.deadman.cuts === 'supply'

/** A board without supply cannot answer: after a minute it is switched on, for as long as it needs to be missed again. */
function triesSupply({ deadman }: SafetyState, input: SafetyInput, now: MonotonicMs): boolean {
  if (!cutsSupply(input)) return false
  const sinceMs = now - deadman.sinceMonotonicMs
  return deadman.kind === 'held' ? sinceMs < SUPPLY_TRY_MS : sinceMs >= SUPPLY_TRY_EACH_MS
}

/** Seen open by the meter after the relay let go; or long enough ago that the pilot must be seen again. */
function openConfirmed(state: SafetyState, input: SafetyInput, now: MonotonicMs): boolean {
  if (state.deadman.kind === 'held' || state.deadman.why !== 'mustOpen') return true
  const since = state.deadman.sinceMonotonicMs
  if (now - since >= RELEASE_MAX_MS) return true
  const { fresh } = input.meter
  const seenOpen =
    fresh !== null && fresh.begunAtMonotonicMs >= since + RELAY_SETTLE_MS && !flows(fresh.reading)
  return seenOpen && now - since >= WELDED_MS
}

/** Refreshes that are not confirmed, or a board that does not follow what ought to hold it. */
export function deadmanLost(state: SafetyState, input: SafetyInput, now: MonotonicMs): string | null {
  // A watchdog of the board's own is lost with the board, and runs out without a word.
  if (input.facts.deadman.kind === 'own') return null
  return state.deadman.kind === 'held' ? notRefreshed(input, now) : notFollowed(state, input, now)
}

function notRefreshed(input: SafetyInput, now: MonotonicMs): string | null {
  const { askedSinceMonotonicMs: askedSince, heldSinceMonotonicMs: heldSince } = input.deadman
  if (askedSince === null || input.line.kind !== 'open') return null
  const since = Math.max(input.deadman.heldAtMonotonicMs ?? 0, askedSince, input.line.sinceMonotonicMs)
  if (now - since >= DEADMAN_LOST_MS) return `no confirmed refresh for ${now - since} ms`
  const reading = boardAnswers(input, now) ? input.board : null
  const surelyOn = heldSince !== null && relayHolds(input, now) ? heldSince + DEADMAN_LOST_MS : now
  const off = reading?.releaseInputOn === false && reading.takenAtMonotonicMs > surelyOn
  return off ? 'the relay holds and the board sees its release input off' : null
}

function notFollowed({ deadman }: SafetyState, input: SafetyInput, now: MonotonicMs): string | null {
  const reading = boardAnswers(input, now) ? input.board : null
  if (reading === null) return null
  const surelyOff = deadman.sinceMonotonicMs + input.deadman.holdMs + RELEASED_SURELY_MS
  if (reading.takenAtMonotonicMs < surelyOff) return null
  if (cutsSupply(input)) return 'the relay let go and the board still answers'
  return reading.pilot === 'F' ? null : `the relay let go and the board shows ${reading.pilot}`
}
