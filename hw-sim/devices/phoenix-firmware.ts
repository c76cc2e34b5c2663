// What the Phoenix EV-CC-AC1-M3 board does by itself: pilot, PWM, contactor coil, errors, counters, wake-up. Pure.
// Source: Phoenix Contact, "EV Charge Control Basic", user manual 106377_en_04, chapters 5 and 9; IEC 61851-1 Annex A.
// Holds always: the contactor's coil is off in A, B, E and F, in D unless 4010 permits it, with any error, and unsupplied.

/** What the board sees on the pilot's high side. E: short circuit or no pilot. */
export type Vehicle = 'A' | 'B' | 'C' | 'D' | 'E'

/** What the pilot tells the car. */
export type PilotSignal =
  | { readonly kind: 'off' }
  | { readonly kind: 'steady' }
  | { readonly kind: 'minus12' }
  | { readonly kind: 'pwm'; readonly offeredMilliamps: number }

/** Error numbers of register 24025: bit n has the mask 1 << (n - 1). */
export const BOARD_ERROR = {
  proximityInvalid: 3,
  pilotInvalid: 4,
  unavailable: 5,
  ventilationRejected: 11,
  contactorFault: 12,
} as const

/** Kept without supply. Written rarely: each write wears the memory. */
export interface PhoenixRetentive {
  readonly enableSource: number
  readonly availabilitySource: number
  readonly lockSource: number
  readonly contactorMonitoring: number
  readonly contactorCheckDelayMs: number
  readonly allowStateD: number
  readonly residualCurrent: number
  readonly currentAdaptation: number
}

/** Lost at a restart and without supply. */
export interface PhoenixVolatile {
  readonly enable: boolean
  readonly available: boolean
  readonly lock: boolean
  readonly residualCurrentTest: boolean
  readonly maxCurrentAmps: number
}

export interface PhoenixState {
  readonly retentive: PhoenixRetentive
  /** Since hw-sim's start. */
  readonly retentiveWrites: number
  readonly volatile: PhoenixVolatile
  /** `booting` answers nothing and offers nothing. */
  readonly power:
    | { readonly kind: 'off' }
    | { readonly kind: 'booting'; readonly untilMicros: number }
    | { readonly kind: 'on' }
  readonly letter: 'A' | 'B' | 'C' | 'D' | 'E' | 'F'
  /** The PWM is on: x2. */
  readonly oscillator: boolean
  readonly offeredAmps: number
  readonly coil: boolean
  readonly coilSinceMicros: number
  /** Since when the board waits to close, in C2. */
  readonly closeAtMicros: number | null
  readonly errors: number
  readonly activation: Activation
  readonly chargeMicros: number
  readonly connectMicros: number
  readonly steppedAtMicros: number
}

/**
 * Activation mode, chapter 5.7: once after each change from A1 or B1 to B2, when the car has not gone to C or D in 30 s,
 * the pilot is at -12 V for 3 s.
 */
type Activation =
  | { readonly kind: 'idle' }
  | { readonly kind: 'armed'; readonly pulseAtMicros: number }
  | { readonly kind: 'pulse'; readonly untilMicros: number }
  | { readonly kind: 'done' }

export interface PhoenixFacts {
  /** Preset by S1/DIP 5 and 6: register 24027. A: 6-63. */
  readonly dipMaxAmps: number
  /** Tethered: case C, register 4009 is 1, and the proximity contact is not looked at. */
  readonly tethered: boolean
  /** From supply to the first answer. Not stated by the vendor. */
  readonly bootMs: number
  /** From C2 to the coil; IEC 61851-1 Table A.6 seq. 4 allows 3 s. */
  readonly closeDelayMs: number
}

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
  /** Error numbers held by a fault of the trial. */
  readonly heldErrors: readonly number[]
  /** The board holds F whatever else is. */
  readonly heldUnavailable: boolean
}

const RETENTIVE_AS_DELIVERED: PhoenixRetentive = {
  enableSource: 1,
  availabilitySource: 1,
  lockSource: 0,
  contactorMonitoring: 0,
  contactorCheckDelayMs: 200,
  allowStateD: 0,
  residualCurrent: 0,
  currentAdaptation: 1,
}

/** The value of 22000 after a restart is not stated by the vendor: the preset, the worst case for a master that relies on it. */
const volatileAfterRestart = (facts: PhoenixFacts): PhoenixVolatile => ({
  enable: false,
  available: false,
  lock: false,
  residualCurrentTest: false,
  maxCurrentAmps: facts.dipMaxAmps,
})

/** A board as delivered, supplied and past its start. */
export function newPhoenix(facts: PhoenixFacts, nowMicros: number): PhoenixState {
  return {
    ...restarted(facts, nowMicros),
    retentive: RETENTIVE_AS_DELIVERED,
    retentiveWrites: 0,
    power: { kind: 'on' },
  }
}

const restarted = (facts: PhoenixFacts, nowMicros: number) => ({
  volatile: volatileAfterRestart(facts),
  letter: 'F' as const,
  oscillator: false,
  offeredAmps: 0,
  coil: false,
  coilSinceMicros: nowMicros,
  closeAtMicros: null,
  errors: 0,
  activation: { kind: 'idle' } as const,
  chargeMicros: 0,
  connectMicros: 0,
  steppedAtMicros: nowMicros,
})

/** Coil 21000: everything volatile is lost, and nothing is answered until the board is up again. */
export function restart(state: PhoenixState, facts: PhoenixFacts, nowMicros: number): PhoenixState {
  const power = { kind: 'booting' as const, untilMicros: nowMicros + facts.bootMs * 1000 }
  return { ...state, ...restarted(facts, nowMicros), power }
}

/** Register 21100: the settings as delivered. Wears the memory once. */
export const factoryReset = (state: PhoenixState): PhoenixState => ({
  ...state,
  retentive: RETENTIVE_AS_DELIVERED,
  retentiveWrites: state.retentiveWrites + 1,
})

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
  const state = counted(before, nowMicros)
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
  if (state.retentive.contactorMonitoring === 1 && stuck) errors |= mask(BOARD_ERROR.contactorFault)
  return errors & 0xffff
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
