// May current flow, and what must the hardware do now? The only place that decides it. What must hold for every state and
// input: nothing is offered without a permission for this plug-in, nor above the limit, nor in A, D, E, F, nor while a
// withdrawing fault stands; what ends an offer waits for nothing; C → B is the board's business and writes nothing.
import { CURRENT_MIN, type MilliAmps, type MonotonicMs } from '../../../shared/units.ts'
import type { ChargingState, Fact } from '../../control-link/messages.ts'
import { firstFault, permitted, stepFaults } from './faults.ts'
import { flows } from './meter-judge.ts'
import { observe } from './observe.ts'
import {
  type Command,
  type DeadmanState,
  KEEPER_SILENT_MS,
  OPEN_AFTER_MS,
  PWM_SPACING_MS,
  RELAY_SETTLE_MS,
  RELEASE_MAX_MS,
  type SafetyInput,
  type SafetyState,
  type SafetyStep,
  SUPPLY_TRY_MS,
  type Told,
  toldNow,
  WELDED_MS,
} from './state.ts'

/** What is wanted of the board. `leave`: nothing counts yet, so nothing is written and a running charge is not touched. */
type Wish =
  | { readonly kind: 'pause' }
  | { readonly kind: 'offer'; readonly currentMilliamps: MilliAmps }
  | { readonly kind: 'leave' }

/** Total and synchronous. Commands are in the order in which they must be done. */
export function stepSafety(before: SafetyState, given: SafetyInput, now: MonotonicMs): SafetyStep {
  const seen = observe(before, given, now)
  const silence = stepSilence(seen.state, given, now)
  const input = silence.released === null ? given : { ...given, permission: null }
  const judged = stepFaults(seen.state, input, now)
  const faulty: SafetyState = {
    ...seen.state,
    faults: judged.faults,
    waitsInBSinceMonotonicMs: silence.waitsSince,
    permittedAtMonotonicMs: permitted(seen.state, given) ? now : seen.state.permittedAtMonotonicMs,
  }
  const wish = wishOf(faulty, input)
  const offer = offerCommand(faulty, input, wish, now)
  const withdrawn = stepWithdrawal(faulty, wish, now)
  const deadman = stepDeadman(withdrawn, input, now)
  const chargingState = chargingStateOf(withdrawn, input, wish)
  const facts: Fact[] = [...seen.facts]
  if (silence.released !== null) facts.push({ kind: 'released', uuid: silence.released, why: 'keeperSilent' })
  facts.push(...judged.facts)
  if (chargingState !== before.chargingState) facts.push({ kind: 'chargingState', state: chargingState })
  return {
    state: {
      ...withdrawn,
      ...deadman.state,
      chargingState,
      offeredUuid:
        offer?.kind === 'offer' && input.permission !== null ? input.permission.uuid : faulty.offeredUuid,
      lastOffer: lastOfferAfter(faulty.lastOffer, offer, now),
    },
    commands: [
      ...(offer === null ? [] : [offer]),
      ...deadman.commands,
      ...(silence.released === null ? [] : [{ kind: 'dropPermission' } as const]),
    ],
    facts,
  }
}

/**
 * Nobody's cable is trapped while keeper is gone: a car that was offered at least 6 A and has waited in B for 30 s loses
 * its permission when keeper has been silent for 30 s. A car that a plan holds back is left alone.
 */
function stepSilence(state: SafetyState, input: SafetyInput, now: MonotonicMs) {
  const held = input.limitMilliamps < CURRENT_MIN || !permitted(state, input)
  const elsewhere = state.pilot === 'A' || state.pilot === 'C' || state.pilot === 'D'
  if (held || elsewhere) return { waitsSince: null, released: null }
  const waits = state.pilot === 'B' && toldNow(input) >= CURRENT_MIN
  // A wake-up pulse of the board (F for 3 s) in between is part of the waiting.
  const waitsSince = state.waitsInBSinceMonotonicMs ?? (waits ? now : null)
  const over =
    waits &&
    waitsSince !== null &&
    now - waitsSince >= KEEPER_SILENT_MS &&
    input.keeperSilentMs >= KEEPER_SILENT_MS
  return over && input.permission !== null
    ? { waitsSince: null, released: input.permission.uuid }
    : { waitsSince, released: null }
}

function wishOf(state: SafetyState, input: SafetyInput): Wish {
  if (firstFault(state.faults) !== null) return { kind: 'pause' }
  if (input.limitMilliamps < CURRENT_MIN) return { kind: 'pause' }
  // A permission whose plug-in was not seen yet is an adopted one: the first reading that counts decides.
  if (!permitted(state, input)) return { kind: 'pause' }
  if (state.pilot === null || state.pilotHidden) return { kind: 'leave' }
  if (state.pilot !== 'B' && state.pilot !== 'C') return { kind: 'pause' }
  return { kind: 'offer', currentMilliamps: input.limitMilliamps }
}

function offerCommand(state: SafetyState, input: SafetyInput, wish: Wish, now: MonotonicMs): Command | null {
  switch (wish.kind) {
    case 'leave':
      return null
    case 'pause':
      return mustWritePause(input, now) ? { kind: 'pause' } : null
    case 'offer': {
      const currentMilliamps = wish.currentMilliamps
      return mustWriteOffer(state, input, currentMilliamps, now) ? { kind: 'offer', currentMilliamps } : null
    }
  }
}

/** Until it is confirmed, and again where the board's oscillator is still on half a second later. */
function mustWritePause({ written, board, line }: SafetyInput, now: MonotonicMs): boolean {
  if (line.kind !== 'open') return false
  if (written.kind !== 'paused') return true
  const stillOn = board?.oscillatorOn === true && board.takenAtMonotonicMs > written.atMonotonicMs
  return stillOn && now - written.atMonotonicMs >= 500
}

function mustWriteOffer(
  state: SafetyState,
  input: SafetyInput,
  wantedMilliamps: MilliAmps,
  now: MonotonicMs,
): boolean {
  const { written } = input
  const told = toldNow(input)
  const first = input.permission?.uuid !== state.offeredUuid
  // Adoption and first offers are bound by no spacing; an offer that already is as it should be is left alone.
  if (written.kind === 'unknown') {
    const last = state.lastOffer
    const raised = last !== null && !first && wantedMilliamps > last.currentMilliamps
    return told !== wantedMilliamps && !(raised && now - last.sinceMonotonicMs < PWM_SPACING_MS)
  }
  const sinceWritten = now - written.atMonotonicMs
  const spaced = sinceWritten >= PWM_SPACING_MS
  if (written.kind === 'paused') return first || spaced
  if (wantedMilliamps < written.currentMilliamps) return true
  if (wantedMilliamps > written.currentMilliamps) return first || spaced
  // The board tells the car something else than was written: too much is mended soon, nothing at all in its turn.
  if (told > wantedMilliamps + 500) return sinceWritten >= 500
  return told === 0 && spaced
}

function lastOfferAfter(last: Told | null, offer: Command | null, now: MonotonicMs): Told | null {
  if (offer?.kind !== 'offer' || offer.currentMilliamps === last?.currentMilliamps) return last
  return { currentMilliamps: offer.currentMilliamps, sinceMonotonicMs: now }
}

function stepWithdrawal(state: SafetyState, wish: Wish, now: MonotonicMs): SafetyState {
  if (wish.kind !== 'pause') return { ...state, withdrawnSinceMonotonicMs: null, opened: false }
  const away = !state.pilotHidden && (state.pilot === 'A' || state.pilot === 'B')
  return {
    ...state,
    withdrawnSinceMonotonicMs: state.withdrawnSinceMonotonicMs ?? now,
    opened: state.opened && !away,
  }
}

/** Lets the dead-man go where a board must be stopped that no pause reaches, or a car that no pause stops. */
function stepDeadman(
  state: SafetyState,
  input: SafetyInput,
  now: MonotonicMs,
): {
  readonly state: { readonly deadman: DeadmanState; readonly opened: boolean }
  readonly commands: readonly Command[]
} {
  const { deadman } = state
  const reason = mustRelease(state, input, now)
  if (deadman.kind === 'held') {
    if (reason === null) return { state: { deadman, opened: state.opened }, commands: [] }
    return {
      state: {
        deadman: { kind: 'released', sinceMonotonicMs: now, why: reason },
        opened: state.opened || reason === 'mustOpen',
      },
      commands: [{ kind: 'releaseDeadman' }],
    }
  }
  if (reason !== null || !openConfirmed(state, input, now)) {
    const unconfirmed = input.deadman.heldAtMonotonicMs !== null
    return {
      state: { deadman, opened: state.opened },
      commands: unconfirmed ? [{ kind: 'releaseDeadman' }] : [],
    }
  }
  return { state: { deadman: { kind: 'held', sinceMonotonicMs: now }, opened: state.opened }, commands: [] }
}

function mustRelease(
  state: SafetyState,
  input: SafetyInput,
  now: MonotonicMs,
): (DeadmanState & { kind: 'released' })['why'] | null {
  const stands = (code: string) => state.faults.some((fault) => fault.code === code)
  if (stands('BOARD_LOST') && !triesSupply(state.deadman, input, now)) return 'boardLost'
  // The board did not follow the relay: it is let go until the board shows that it does.
  if (stands('DEADMAN_LOST') && state.deadman.kind === 'released') return 'doesNotFollow'
  const since = state.withdrawnSinceMonotonicMs
  if (since === null || now - since < OPEN_AFTER_MS) return null
  if (state.relay.view === 'open' || stands('CONTACTOR_WELDED')) return null
  const { fresh } = input.meter
  // With its supply back a board offers something by itself until its first pause.
  const settleMs = holdsSupply(input) ? SUPPLY_TRY_MS : 0
  const judgedFrom = Math.max(since, state.deadman.sinceMonotonicMs + settleMs)
  const flowing = fresh !== null && flows(fresh.reading) && fresh.begunAtMonotonicMs >= judgedFrom
  const inC = !state.pilotHidden && (state.pilot === 'C' || state.pilot === 'D')
  // Opened once, a car that stays in C1 without current is left in peace; current is not.
  return flowing || (inC && !state.opened) ? 'mustOpen' : null
}

const holdsSupply = ({ facts }: SafetyInput) =>
  facts.deadman.kind === 'external' && facts.deadman.cuts === 'supply'

/** A board that lost its supply cannot answer: it gets the supply back for a while, again and again, to be heard. */
function triesSupply(deadman: DeadmanState, input: SafetyInput, now: MonotonicMs): boolean {
  if (!holdsSupply(input)) return false
  const sinceMs = now - deadman.sinceMonotonicMs
  return deadman.kind === 'held' ? sinceMs < SUPPLY_TRY_MS : sinceMs >= RELEASE_MAX_MS
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

function chargingStateOf(state: SafetyState, input: SafetyInput, wish: Wish): ChargingState {
  if (firstFault(state.faults) !== null) return 'faulted'
  if (state.plugId === null) return 'idle'
  if (!permitted(state, input)) return 'occupied'
  if (wish.kind === 'leave') return state.chargingState === 'faulted' ? 'suspendedEvse' : state.chargingState
  if (wish.kind === 'pause' || toldNow(input) < CURRENT_MIN) return 'suspendedEvse'
  return state.pilot === 'C' ? 'charging' : 'suspendedEv'
}
