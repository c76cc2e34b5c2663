// What the Phoenix EV-CC-AC1-M3 board does by itself: pilot, PWM, contactor coil, errors, counters, wake-up. Pure.
// Source: Phoenix Contact, "EV Charge Control Basic", user manual 106377_en_04, chapters 5 and 9; IEC 61851-1 Annex A.
// Holds always: the contactor's coil is off in A, B, E and F, in D unless 4010 permits it, with any error, and unsupplied.

import type { PilotSignal, Vehicle } from './board.ts'
import {
  type Activation,
  BOARD_ERROR,
  type PhoenixFacts,
  type PhoenixState,
  restart,
  restarted,
} from './phoenix-state.ts'

export interface PhoenixInputs {
  readonly supplied: boolean
  readonly vehicle: Vehicle
  /** Input XR, held by the relay's contact. */
  readonly xr: boolean
  /** Input EN. */
  readonly en: boolean
  /** Rating by the proximity contact, A; 0: open; 'shorted' is the error. */
  readonly proximityAmps: number | 'shorted'
  /** The contactor's mirror contact. */
  readonly contactorClosed: boolean
  /** The lock's feedback at the board; null: nothing is wired there. */
  readonly locked: boolean | null
  /** Error numbers held by a fault of the trial. */
  readonly heldErrors: readonly number[]
  /** The board holds F whatever else is. */
  readonly heldUnavailable: boolean
}

/** One pass of the firmware. */
export function stepPhoenix(
  state: PhoenixState,
  facts: PhoenixFacts,
  inputs: PhoenixInputs,
  nowMicros: number,
): PhoenixState {
  if (!inputs.supplied) {
    return state.power.kind === 'off'
      ? state
      : { ...state, ...restarted(facts, nowMicros), power: { kind: 'off' } }
  }
  if (state.power.kind === 'off') return restart(state, facts, nowMicros)
  if (state.power.kind === 'booting') {
    if (nowMicros < state.power.untilMicros) return state
    return running({ ...state, power: { kind: 'on' }, steppedAtMicros: nowMicros }, facts, inputs, nowMicros)
  }
  return running(state, facts, inputs, nowMicros)
}

/** What the car sees. */
export function pilotSignal(state: PhoenixState): PilotSignal {
  if (state.power.kind !== 'on' || state.letter === 'E') return { kind: 'off' }
  if (state.letter === 'F') return { kind: 'minus12' }
  return state.oscillator ? { kind: 'pwm', offeredMilliamps: state.offeredAmps * 1000 } : { kind: 'steady' }
}

/** Register 24000 as text. */
export const stateText = (state: PhoenixState): string => {
  if (state.letter === 'E' || state.letter === 'F') return `${state.letter}0`
  return `${state.letter}${state.oscillator ? 2 : 1}`
}

export const isEnabled = (state: PhoenixState, inputs: Pick<PhoenixInputs, 'en'>): boolean => {
  switch (state.retentive.enableSource) {
    case 0:
      return true
    case 3:
      return state.volatile.enable
    default:
      // 1 follows EN; 2 wants a pulse at EN, which nothing in the simulated wiring gives.
      return state.retentive.enableSource === 1 && inputs.en
  }
}

export const isAvailable = (state: PhoenixState, inputs: Pick<PhoenixInputs, 'xr'>): boolean => {
  switch (state.retentive.availabilitySource) {
    case 0:
      return true
    case 1:
      return inputs.xr
    default:
      return state.volatile.available
  }
}

const mask = (error: number) => 1 << (error - 1)
const UNAVAILABLE = mask(BOARD_ERROR.unavailable)

function running(
  before: PhoenixState,
  facts: PhoenixFacts,
  inputs: PhoenixInputs,
  nowMicros: number,
): PhoenixState {
  const state = { ...counted(before, nowMicros), lock: watchLock(before, inputs, nowMicros) }
  const available = isAvailable(state, inputs) && !inputs.heldUnavailable
  const errors = errorsNow(state, inputs, { available, tethered: facts.tethered, nowMicros })
  const sound = (errors & ~UNAVAILABLE) === 0
  const mayCharge = inputs.vehicle === 'B' || inputs.vehicle === 'C' || inputs.vehicle === 'D'
  const offeredAmps = Math.min(state.volatile.maxCurrentAmps, ratingAmps(facts, inputs))
  const wanted = available && sound && mayCharge && isEnabled(state, inputs) && offeredAmps >= 6
  const activation = nextActivation(state, inputs.vehicle, wanted, nowMicros)
  const pulsing = activation.kind === 'pulse'
  const letter = !available || pulsing ? 'F' : inputs.vehicle
  const oscillator = wanted && !pulsing
  const next: PhoenixState = {
    ...state,
    errors,
    letter,
    oscillator,
    activation,
    offeredAmps: oscillator ? offeredAmps : 0,
  }
  return switchCoil(next, facts, sound, nowMicros)
}

/** The counters run in B, C and D (connected) and in C and D (charging), and start again in A. */
function counted(state: PhoenixState, nowMicros: number): PhoenixState {
  const passed = nowMicros - state.steppedAtMicros
  const charging = state.letter === 'C' || state.letter === 'D'
  const connected = charging || state.letter === 'B'
  const reset = state.letter === 'A'
  return {
    ...state,
    chargeMicros: reset ? 0 : state.chargeMicros + (charging ? passed : 0),
    connectMicros: reset ? 0 : state.connectMicros + (connected ? passed : 0),
    steppedAtMicros: nowMicros,
  }
}

const ratingAmps = (facts: PhoenixFacts, inputs: PhoenixInputs): number => {
  if (facts.tethered) return facts.dipMaxAmps
  return inputs.proximityAmps === 'shorted' ? 0 : Math.min(inputs.proximityAmps, facts.dipMaxAmps)
}

function errorsNow(
  state: PhoenixState,
  inputs: PhoenixInputs,
  at: { available: boolean; tethered: boolean; nowMicros: number },
): number {
  let errors = 0
  for (const held of inputs.heldErrors) errors |= mask(held)
  if (!at.available) errors |= UNAVAILABLE
  if (!at.tethered && inputs.proximityAmps === 'shorted') errors |= mask(BOARD_ERROR.proximityInvalid)
  if (inputs.vehicle === 'E') errors |= mask(BOARD_ERROR.pilotInvalid)
  if (inputs.vehicle === 'D' && state.retentive.allowStateD !== 1)
    errors |= mask(BOARD_ERROR.ventilationRejected)
  const checkAtMicros = state.coilSinceMicros + state.retentive.contactorCheckDelayMs * 1000
  const stuck = !state.coil && inputs.contactorClosed && at.nowMicros >= checkAtMicros
  const lockTrouble = lockError(state, inputs, at.nowMicros)
  if (lockTrouble !== null) errors |= mask(lockTrouble)
  if (state.retentive.contactorMonitoring === 1 && stuck) errors |= mask(BOARD_ERROR.contactorFault)
  return errors & 0xffff
}

/** 4002 = 3: coil 20002 moves the lock. Null: this board moves none. */
export const lockWanted = (state: PhoenixState): 'locked' | 'unlocked' | null => {
  if (state.retentive.lockSource !== 3 || state.power.kind !== 'on') return null
  return state.volatile.lock ? 'locked' : 'unlocked'
}

function watchLock(state: PhoenixState, inputs: PhoenixInputs, nowMicros: number): PhoenixState['lock'] {
  const wanted = lockWanted(state) === 'locked'
  const agrees = inputs.locked === wanted
  if (wanted !== state.lock.wanted) return { wanted, sinceMicros: nowMicros, reached: agrees }
  return agrees && !state.lock.reached ? { ...state.lock, reached: true } : state.lock
}

/** How long the board waits for the feedback is not stated by the vendor. */
const LOCK_WAIT_MICROS = 5_000_000

function lockError(
  { lock, ...state }: PhoenixState,
  inputs: PhoenixInputs,
  nowMicros: number,
): number | null {
  if (inputs.locked === null || state.retentive.lockSource !== 3) return null
  if (lock.reached) return lock.wanted && !inputs.locked ? BOARD_ERROR.lockLost : null
  if (nowMicros - lock.sinceMicros < LOCK_WAIT_MICROS) return null
  return lock.wanted ? BOARD_ERROR.lockFailed : BOARD_ERROR.unlockFailed
}

const ACTIVATION_WAIT_MICROS = 30_000_000
const ACTIVATION_PULSE_MICROS = 3_000_000

function nextActivation(
  state: PhoenixState,
  vehicle: Vehicle,
  oscillator: boolean,
  nowMicros: number,
): Activation {
  const at = state.activation
  if (!oscillator) return { kind: 'idle' }
  if (vehicle !== 'B') return { kind: 'done' }
  switch (at.kind) {
    case 'idle':
      return { kind: 'armed', pulseAtMicros: nowMicros + ACTIVATION_WAIT_MICROS }
    case 'armed':
      if (nowMicros < at.pulseAtMicros) return at
      return { kind: 'pulse', untilMicros: nowMicros + ACTIVATION_PULSE_MICROS }
    case 'pulse':
      return nowMicros < at.untilMicros ? at : { kind: 'done' }
    case 'done':
      return at
  }
}

/** Closes in C2 (and D2 where permitted); in C1 it stays as it was, for the car to open S2 without load; off in all else. */
function switchCoil(
  state: PhoenixState,
  facts: PhoenixFacts,
  sound: boolean,
  nowMicros: number,
): PhoenixState {
  const charging = sound && (state.letter === 'C' || state.letter === 'D')
  if (charging && !state.coil && state.oscillator) {
    const closeAtMicros = state.closeAtMicros ?? nowMicros + facts.closeDelayMs * 1000
    if (nowMicros < closeAtMicros) return { ...state, closeAtMicros }
    return { ...state, coil: true, coilSinceMicros: nowMicros, closeAtMicros: null }
  }
  if (!charging && state.coil)
    return { ...state, coil: false, coilSinceMicros: nowMicros, closeAtMicros: null }
  return state.closeAtMicros === null ? state : { ...state, closeAtMicros: null }
}
