// May current flow, and what must the hardware do now? The only place that decides it. What must hold for every state and
// input: nothing is offered without a permission for this plug-in, nor above the limit, nor in A, D, E, F, nor to a plug
// that is not locked (or part of the box), nor while a withdrawing fault stands; what ends an offer waits for nothing; C → B
// is the board's business and writes nothing.
import { faultRow } from '../../../shared/faults.ts'
import { CURRENT_MIN, type MilliAmps, type MonotonicMs } from '../../../shared/units.ts'
import type { ChargingState, Fact } from '../../control-link/messages.ts'
import { stepDeadman } from './deadman.ts'
import { firstFault, stepFaults } from './faults.ts'
import { stepGivingUp } from './giving-up.ts'
import { type LockStep, lockSure, stepLock } from './lock.ts'
import { flows } from './meter-judge.ts'
import { observe } from './observe.ts'
import type { Told } from './overload.ts'
import { permitted } from './permission.ts'
import { releaseCommand } from './release.ts'
import { type SelfTestInput, selfTestHolds, stepSelfTest } from './self-test.ts'
import { lockSight } from './site.ts'
import {
  type Command,
  OPEN_AFTER_MS,
  PWM_SPACING_MS,
  type SafetyInput,
  type SafetyState,
  type SafetyStep,
  toldNow,
} from './state.ts'
import { stepWake } from './wake.ts'
import { overruns, stepWear } from './wear.ts'

/** What is wanted of the board. `leave`: nothing counts yet, so nothing is written and a running charge is not touched. */
type Wish =
  | { readonly kind: 'pause' }
  | { readonly kind: 'offer'; readonly currentMilliamps: MilliAmps }
  | { readonly kind: 'leave' }

/** Total and synchronous. Commands are in the order in which they must be done. */
export function stepSafety(before: SafetyState, given: SafetyInput, now: MonotonicMs): SafetyStep {
  const seen = observe(before, given, now)
  const givenUp = stepGivingUp(seen.state, given, now)
  const input = givenUp.released === null ? given : { ...given, permission: null }
  const judged = stepFaults(seen.state, input, now)
  const judgedState: SafetyState = {
    ...seen.state,
    faults: judged.faults,
    waitsInBSinceMonotonicMs: givenUp.waitsSince,
    permittedAtMonotonicMs: permitted(seen.state, given) ? now : seen.state.permittedAtMonotonicMs,
  }
  const lock = stepPlugLock(judgedState, input, now)
  const test = stepSelfTest(judgedState.selfTest, selfTestInput(judgedState, input), now)
  const readied: SafetyState = { ...judgedState, lock: lock.state, selfTest: test.state }
  const woken = stepWakeUp(readied, input, now)
  const { wish } = woken
  const offer = offerCommand(readied, input, wish, now)
  const release = releaseCommand(woken.state, input, wish.kind, now)
  const withdrawn = stepWithdrawal(woken.state, input, wish, now)
  const deadman = stepDeadman(withdrawn, input, now)
  const chargingState = chargingStateOf(withdrawn, input, wish)
  const facts: Fact[] = [...seen.facts]
  if (givenUp.released !== null) facts.push({ kind: 'released', ...givenUp.released })
  facts.push(...judged.facts)
  if (chargingState !== before.chargingState) facts.push({ kind: 'chargingState', state: chargingState })
  return {
    state: {
      ...withdrawn,
      ...deadman.state,
      chargingState,
      wear: stepWear(withdrawn.wear, wearSight(before), wearSight(withdrawn)),
      offeredUuid:
        offer?.kind === 'offer' && input.permission !== null ? input.permission.uuid : withdrawn.offeredUuid,
      lastOffer: lastOfferAfter(withdrawn.lastOffer, offer, now),
    },
    commands: [
      ...(release === null ? [] : [release]),
      ...(offer === null ? [] : [offer]),
      ...deadman.commands,
      ...(givenUp.released === null ? [] : [{ kind: 'dropPermission' } as const]),
      ...(lock.command === null ? [] : [{ kind: lock.command }]),
      ...(test.start ? [{ kind: 'startSelfTest' } as const] : []),
    ],
    facts,
  }
}

function stepPlugLock(state: SafetyState, input: SafetyInput, now: MonotonicMs): LockStep {
  return stepLock(
    state.lock,
    {
      connector: input.site.connector,
      sight: lockSight(input, now),
      pilot: state.pilotHidden ? null : state.pilot,
      pilotForMs: now - state.pilotSinceMonotonicMs,
      permitted: permitted(state, input),
      cablePresent: input.board?.proximity.kind === 'rating',
      relayOpen: state.relay.view === 'open',
      keepsShut: state.faults.some(({ code }) => faultRow(code).keepsLock),
    },
    now,
  )
}

/** Something is offered for this permission already: by us, or by the control that this one follows. */
const isBegun = (state: SafetyState, input: SafetyInput) =>
  permitted(state, input) && (state.offeredUuid === input.permission?.uuid || toldNow(input) > 0)

function selfTestInput(state: SafetyState, input: SafetyInput): SelfTestInput {
  const { fresh } = input.meter
  const seen = !state.pilotHidden && (state.pilot === 'A' || state.pilot === 'B' || state.pilot === 'C')
  const dead = state.relay.view === 'open' && fresh !== null && !flows(fresh.reading)
  return {
    hasSelfTest: input.facts.hasSelfTest,
    eachMs: input.site.selfTestEachMs,
    told: state.pilotHidden ? null : (input.board?.selfTest ?? null),
    mayRun: seen && dead && input.written.kind === 'paused' && !isBegun(state, input),
    charging: state.relay.view === 'closed',
  }
}

function wishOf(state: SafetyState, input: SafetyInput, now: MonotonicMs): Wish {
  if (firstFault(state.faults) !== null) return { kind: 'pause' }
  if (input.limitMilliamps < CURRENT_MIN) return { kind: 'pause' }
  // A permission whose plug-in was not seen yet is an adopted one: the first reading that counts decides.
  if (!permitted(state, input)) return { kind: 'pause' }
  if (state.pilot === null || state.pilotHidden) return { kind: 'leave' }
  if (state.pilot !== 'B' && state.pilot !== 'C') return { kind: 'pause' }
  if (!lockSure(input.site.connector, lockSight(input, now)))
    return lockUnheard(input) && isBegun(state, input) ? { kind: 'leave' } : { kind: 'pause' }
  const test = selfTestInput(state, input)
  if (state.selfTest.kind === 'running') return { kind: 'pause' }
  if (!isBegun(state, input) && selfTestHolds(state.selfTest, test, now)) return { kind: 'pause' }
  return { kind: 'offer', currentMilliamps: input.limitMilliamps }
}

/** Control has only just started: the IO module was not read yet, and INPUT_LOST ends the wait. */
const lockUnheard = ({ site, wired }: SafetyInput) =>
  site.connector.kind === 'socket' && site.connector.feedback === 'module' && wired.lock === null

/** The wish, and in its place a pause of a few seconds for a car that sleeps. */
function stepWakeUp(state: SafetyState, input: SafetyInput, now: MonotonicMs) {
  const wish = wishOf(state, input, now)
  if (input.site.wakes === 'board') return { state, wish }
  const wake = stepWake(
    state.wake,
    {
      pilot: state.pilot,
      offering: wish.kind === 'offer',
      isTold: toldNow(input) >= CURRENT_MIN,
      pulseMs: PWM_SPACING_MS,
    },
    now,
  )
  const pulsed: Wish = wake.kind === 'pulse' ? { kind: 'pause' } : wish
  return { state: { ...state, wake }, wish: pulsed }
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

function stepWithdrawal(state: SafetyState, input: SafetyInput, wish: Wish, now: MonotonicMs): SafetyState {
  if (wish.kind !== 'pause')
    return { ...state, withdrawnSinceMonotonicMs: null, opened: false, overran: false }
  const away = !state.pilotHidden && (state.pilot === 'A' || state.pilot === 'B')
  const since = state.withdrawnSinceMonotonicMs ?? now
  return {
    ...state,
    withdrawnSinceMonotonicMs: since,
    opened: state.opened && !away,
    overran: state.overran || overruns(since, input.meter.fresh, OPEN_AFTER_MS, now),
  }
}

const wearSight = (state: SafetyState) => ({
  relay: state.relay.view,
  welded: state.faults.some(({ code }) => code === 'CONTACTOR_WELDED'),
  overran: state.overran,
})

function chargingStateOf(state: SafetyState, input: SafetyInput, wish: Wish): ChargingState {
  if (firstFault(state.faults) !== null) return 'faulted'
  if (state.plugId === null) return 'idle'
  if (!permitted(state, input)) return 'occupied'
  if (wish.kind === 'leave') return state.chargingState === 'faulted' ? 'suspendedEvse' : state.chargingState
  if (wish.kind === 'pause' || toldNow(input) < CURRENT_MIN) return 'suspendedEvse'
  return state.pilot === 'C' ? 'charging' : 'suspendedEv'
}
