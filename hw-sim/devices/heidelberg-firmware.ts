// What a Heidelberg Energy Control does by itself: pilot, contactor, master watchdog, lock by Modbus, stand-by. Pure.
// Source: Modbus register table 10950695 (in steff393/wbec), Walther basicEVO PRO manual p. 17, evcc heidelberg-ec.go;
// test/facts/registers.json, "heidelberg-energy-control". IEC 61851-1 Annex A for pilot and contactor.
// Holds always: the contactor's coil is off outside C, with an error (which shows F on the pilot), and unsupplied.
import type { BoardInputs } from './board.ts'
import { type PowerPath, restingPath, stepPath } from './power-path.ts'

export interface HeidelbergFacts {
  /** 263 (1.0.7) hides 258 and 259 from reading. */
  readonly layout: number
  /** The Amperfied superset: registers 501 and 5001. */
  readonly amperfied: boolean
  readonly bootMs: number
  readonly closeDelayMs: number
  /** From the last plug-out to stand-by, where 258 allows it. Not stated by the vendor. */
  readonly standbyAfterMs: number
  /** Whether 257, 258 and 262 outlive a loss of supply. Not stated by the vendor. */
  readonly settingsKept: boolean
  /** 261 after a start, 0.1 A. Not stated by the vendor: the most it can be is the worst case for a master. */
  readonly startDeciamps: number
}

/** 257, 258, 262: whoever writes them should do so once. */
export interface HeidelbergSettings {
  readonly watchdogMs: number
  readonly standby: number
  readonly failsafeDeciamps: number
}

export interface HeidelbergState {
  readonly power:
    | { readonly kind: 'off' }
    | { readonly kind: 'booting'; readonly untilMicros: number }
    | { readonly kind: 'on' }
  readonly settings: HeidelbergSettings
  readonly settingsWrites: number
  /** 261, 0.1 A. */
  readonly commandDeciamps: number
  /** 259. */
  readonly unlocked: boolean
  /** 501. */
  readonly phaseSwitch: number
  readonly heardAtMicros: number
  readonly tripped: boolean
  /** After the lock or a trip with 0 A it stays in F until then. */
  readonly backAtMicros: number
  /** Since when nothing is plugged in. */
  readonly idleSinceMicros: number | null
  readonly asleep: boolean
  readonly path: PowerPath
  readonly error: number
  readonly derating: boolean
  /** What the energy counter stood at when the supply came. */
  readonly energyAtStartMilliwattHours: number
}

/** Default 15 s, and 0 A in F after it; stand-by on. */
const SETTINGS_AS_DELIVERED: HeidelbergSettings = { watchdogMs: 15_000, standby: 0, failsafeDeciamps: 0 }
export const DECIAMPS_MAX = 160
export const DECIAMPS_MIN = 60
/** "~10 s" after traffic resumes or the lock is taken away. */
const BACK_MICROS = 10_000_000
/** Derating has no published figures: ours. */
const DERATING_FROM_MILLICELSIUS = 75_000

const restarted = (facts: HeidelbergFacts, nowMicros: number) => ({
  commandDeciamps: facts.startDeciamps,
  unlocked: true,
  heardAtMicros: nowMicros,
  tripped: false,
  backAtMicros: nowMicros,
  idleSinceMicros: nowMicros,
  asleep: false,
  path: restingPath,
  error: 0,
  derating: false,
})

/** A box as delivered, supplied and past its start. */
export const newHeidelberg = (facts: HeidelbergFacts, nowMicros: number): HeidelbergState => ({
  ...restarted(facts, nowMicros),
  power: { kind: 'on' },
  settings: SETTINGS_AS_DELIVERED,
  settingsWrites: 0,
  phaseSwitch: 0,
  energyAtStartMilliwattHours: 0,
})

export function stepHeidelberg(
  state: HeidelbergState,
  facts: HeidelbergFacts,
  inputs: BoardInputs,
  nowMicros: number,
): HeidelbergState {
  if (!inputs.supplied) {
    if (state.power.kind === 'off') return state
    const settings = facts.settingsKept ? state.settings : SETTINGS_AS_DELIVERED
    return { ...state, ...restarted(facts, nowMicros), settings, power: { kind: 'off' } }
  }
  switch (state.power.kind) {
    case 'off':
      return { ...state, power: { kind: 'booting', untilMicros: nowMicros + facts.bootMs * 1000 } }
    case 'booting':
      if (nowMicros < state.power.untilMicros) return state
      return running(
        {
          ...state,
          ...restarted(facts, nowMicros),
          power: { kind: 'on' },
          energyAtStartMilliwattHours: inputs.energyMilliwattHours,
        },
        facts,
        inputs,
        nowMicros,
      )
    case 'on':
      return running(state, facts, inputs, nowMicros)
  }
}

function running(
  before: HeidelbergState,
  facts: HeidelbergFacts,
  inputs: BoardInputs,
  nowMicros: number,
): HeidelbergState {
  const state = watched(slept(before, facts, inputs, nowMicros), nowMicros)
  const limit = state.tripped ? state.settings.failsafeDeciamps : state.commandDeciamps
  const out =
    !state.unlocked ||
    (state.tripped && limit === 0) ||
    nowMicros < state.backAtMicros ||
    inputs.heldUnavailable
  // Its list of states has no D: a car that wants ventilation is an error.
  const error = inputs.heldErrors[0] ?? (inputs.vehicle === 'D' ? VENTILATION_ERROR : 0)
  const oscillator =
    !out && error === 0 && inputs.vehicle !== 'E' && Math.min(limit, DECIAMPS_MAX) >= DECIAMPS_MIN
  const derating = inputs.temperatureMilliCelsius >= DERATING_FROM_MILLICELSIUS
  const most = derating ? DECIAMPS_MIN : DECIAMPS_MAX
  const path = stepPath(
    state.path,
    {
      letter: out || error !== 0 ? 'F' : inputs.vehicle,
      oscillator,
      offeredMilliamps: oscillator ? Math.min(limit, most) * 100 : 0,
    },
    { sound: true, closeDelayMs: facts.closeDelayMs },
    nowMicros,
  )
  return { ...state, path, error, derating }
}

/** The box has no error numbers; this is one of hw-sim. */
const VENTILATION_ERROR = 99

/** Idle for long enough with stand-by on: it answers nothing until a car comes. */
function slept(
  state: HeidelbergState,
  facts: HeidelbergFacts,
  inputs: BoardInputs,
  nowMicros: number,
): HeidelbergState {
  if (inputs.vehicle !== 'A') return { ...state, idleSinceMicros: null, asleep: false }
  const idleSinceMicros = state.idleSinceMicros ?? nowMicros
  const asleep = state.settings.standby === 0 && nowMicros - idleSinceMicros >= facts.standbyAfterMs * 1000
  return { ...state, idleSinceMicros, asleep }
}

function watched(state: HeidelbergState, nowMicros: number): HeidelbergState {
  const { watchdogMs } = state.settings
  const over = watchdogMs > 0 && nowMicros - state.heardAtMicros > watchdogMs * 1000
  return over === state.tripped || state.tripped ? state : { ...state, tripped: true }
}

/** A valid request came: the watchdog is fed. From F it takes its time. */
export function fed(state: HeidelbergState, nowMicros: number): HeidelbergState {
  const wasOut = state.tripped && state.settings.failsafeDeciamps === 0
  return {
    ...state,
    heardAtMicros: nowMicros,
    tripped: false,
    backAtMicros: wasOut ? nowMicros + BACK_MICROS : state.backAtMicros,
  }
}

/** 259. */
export const withLock = (state: HeidelbergState, unlocked: boolean, nowMicros: number): HeidelbergState => ({
  ...state,
  unlocked,
  backAtMicros: unlocked && !state.unlocked ? nowMicros + BACK_MICROS : state.backAtMicros,
})
