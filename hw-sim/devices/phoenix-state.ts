// What the Phoenix EV-CC-AC1-M3 board remembers, as delivered and after a restart.
// Source: Phoenix Contact, "EV Charge Control Basic", user manual 106377_en_04, chapter 5.7 and Table 9-2.

/** Error numbers of register 24025: bit n has the mask 1 << (n - 1). */
export const BOARD_ERROR = {
  proximityInvalid: 3,
  pilotInvalid: 4,
  unavailable: 5,
  lockFailed: 6,
  unlockFailed: 7,
  lockLost: 8,
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
  /** What OUT, ERR, CHG and CON show: see OUTPUT_FUNCTIONS. */
  readonly outputFunctions: Outputs
}

export type Outputs = readonly [number, number, number, number]

/** 0: what 23000-23003 say; 5: state C; 15: state E or F; 17: the PWM is on. The manual knows more; they are refused here. */
export const OUTPUT_FUNCTIONS: readonly number[] = [0, 5, 15, 17]

/** Lost at a restart and without supply. */
export interface PhoenixVolatile {
  readonly enable: boolean
  readonly available: boolean
  readonly lock: boolean
  readonly residualCurrentTest: boolean
  readonly maxCurrentAmps: number
  /** 23000-23003: 0 off, 1 on, 2 flashing at 1 Hz. */
  readonly outputs: Outputs
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
  /** What coil 20002 asks of the lock, since when, and whether the feedback has agreed since. */
  readonly lock: { readonly wanted: boolean; readonly sinceMicros: number; readonly reached: boolean }
  readonly chargeMicros: number
  readonly connectMicros: number
  readonly steppedAtMicros: number
}

/**
 * Activation mode, chapter 5.7: once after each change from A1 or B1 to B2, when the car has not gone to C or D in 30 s,
 * the pilot is at -12 V for 3 s.
 */
export type Activation =
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

const RETENTIVE_AS_DELIVERED: PhoenixRetentive = {
  enableSource: 1,
  availabilitySource: 1,
  lockSource: 0,
  contactorMonitoring: 0,
  contactorCheckDelayMs: 200,
  allowStateD: 0,
  residualCurrent: 0,
  currentAdaptation: 1,
  // Those of delivery are not in the pages that were read; these are the functions that the outputs are named after.
  outputFunctions: [0, 15, 5, 17],
}

/** The value of 22000 after a restart is not stated by the vendor: the preset, the worst case for a master that relies on it. */
const volatileAfterRestart = (facts: PhoenixFacts): PhoenixVolatile => ({
  enable: false,
  available: false,
  lock: false,
  residualCurrentTest: false,
  maxCurrentAmps: facts.dipMaxAmps,
  outputs: [0, 0, 0, 0],
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

/** What a restart makes of everything that is not retentive. */
export const restarted = (facts: PhoenixFacts, nowMicros: number) => ({
  volatile: volatileAfterRestart(facts),
  letter: 'F' as const,
  oscillator: false,
  offeredAmps: 0,
  coil: false,
  coilSinceMicros: nowMicros,
  closeAtMicros: null,
  errors: 0,
  activation: { kind: 'idle' } as const,
  lock: { wanted: false, sinceMicros: nowMicros, reached: false },
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
