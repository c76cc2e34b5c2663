// What a KEBA KeContact P30 does by itself: enable and current, its failsafe clock, pilot, contactor, plug lock. Pure.
// Source: KEBA, "KeContact P30 Modbus TCP Programmers Guide" V1.02 p. 9-17, UDP guide V2.01 p. 34-35 (failsafe);
// evcc charger/keba-modbus.go.
// The clock is fed by writes of current, enable or time-out; reading feeds nothing. When it runs out the current falls to
// the failsafe current, 0 stops; a master that comes back must write the current and enable again, both.
import type { BoardInputs } from './board.ts'
import { type PowerPath, restingPath, stepPath } from './power-path.ts'

export interface KebaFacts {
  /** By its DIP switches, mA. */
  readonly maxMilliamps: number
  readonly tethered: boolean
  readonly bootMs: number
  readonly closeDelayMs: number
  /** Not stated by the vendor: a station without authorisation may be enabled when it starts. */
  readonly enabledAtStart: boolean
}

/** 5016 and 5018; 5020 keeps them without supply. */
export interface Failsafe {
  readonly milliamps: number
  /** 0: off. */
  readonly timeoutSeconds: number
}

export interface KebaState {
  readonly power: 'off' | { readonly untilMicros: number } | 'on'
  /** In the EEPROM. */
  readonly kept: Failsafe
  readonly retentiveWrites: number
  readonly failsafe: Failsafe
  readonly fedAtMicros: number
  /** Tripped: what a master has written again since then. */
  readonly tripped: { readonly current: boolean; readonly enable: boolean } | null
  /** 5004, lost at a restart. */
  readonly setMilliamps: number
  readonly enabled: boolean
  /** 5010, Wh; 0: none. */
  readonly energyLimitWattHours: number
  readonly sessionFromMilliwattHours: number
  /** 5012 was written while suspended; until the plug is out or it is enabled again. */
  readonly unlocked: boolean
  readonly phaseSwitch: number
  readonly error: number
  readonly path: PowerPath
}

const KEBA_FAILSAFE_OFF: Failsafe = { milliamps: 0, timeoutSeconds: 0 }

/** What a restart leaves. */
const restarted = (facts: KebaFacts, kept: Failsafe, nowMicros: number) => ({
  failsafe: kept,
  fedAtMicros: nowMicros,
  tripped: null,
  setMilliamps: facts.maxMilliamps,
  enabled: facts.enabledAtStart,
  energyLimitWattHours: 0,
  sessionFromMilliwattHours: 0,
  unlocked: false,
  phaseSwitch: 1,
  error: 0,
  path: restingPath,
})

export const newKeba = (facts: KebaFacts, nowMicros: number): KebaState => ({
  ...restarted(facts, KEBA_FAILSAFE_OFF, nowMicros),
  power: 'on',
  kept: KEBA_FAILSAFE_OFF,
  retentiveWrites: 0,
})

export function stepKeba(
  state: KebaState,
  facts: KebaFacts,
  inputs: BoardInputs,
  nowMicros: number,
): KebaState {
  if (!inputs.supplied) {
    return state.power === 'off'
      ? state
      : { ...state, ...restarted(facts, state.kept, nowMicros), power: 'off' }
  }
  if (state.power === 'off') {
    const power = { untilMicros: nowMicros + facts.bootMs * 1000 }
    return { ...state, ...restarted(facts, state.kept, nowMicros), power }
  }
  if (state.power !== 'on') {
    if (nowMicros < state.power.untilMicros) return state
    return running({ ...state, power: 'on', fedAtMicros: nowMicros }, facts, inputs, nowMicros)
  }
  return running(state, facts, inputs, nowMicros)
}

/** 1110: hardware and cable; 6 A while a socket has no cable. */
export function supportedMilliamps(facts: KebaFacts, { proximityAmps }: BoardInputs): number {
  if (facts.tethered) return facts.maxMilliamps
  if (proximityAmps === 'shorted' || proximityAmps === 0) return 6000
  return Math.min(proximityAmps * 1000, facts.maxMilliamps)
}

/** 1100: what would be signalled: the failsafe current after a trip, never more than hardware and cable bear. */
export const presetMilliamps = (state: KebaState, facts: KebaFacts, inputs: BoardInputs): number =>
  Math.min(
    state.tripped === null ? state.setMilliamps : state.failsafe.milliamps,
    supportedMilliamps(facts, inputs),
  )

const energyIsUsedUp = (state: KebaState, inputs: BoardInputs): boolean =>
  state.energyLimitWattHours > 0 &&
  inputs.energyMilliwattHours - state.sessionFromMilliwattHours >= state.energyLimitWattHours * 1000

function running(before: KebaState, facts: KebaFacts, inputs: BoardInputs, nowMicros: number): KebaState {
  const state = watched(before, nowMicros)
  const gone = inputs.vehicle === 'A'
  const error = errorOf(facts, inputs)
  const preset = presetMilliamps(state, facts, inputs)
  const sound = error === 0 && !inputs.heldUnavailable && (facts.tethered || inputs.locked !== false)
  const present = inputs.vehicle === 'B' || inputs.vehicle === 'C'
  const oscillator =
    sound && present && state.enabled && !state.unlocked && preset >= 6000 && !energyIsUsedUp(state, inputs)
  const wanted = {
    letter: inputs.heldUnavailable ? ('F' as const) : inputs.vehicle,
    oscillator,
    offeredMilliamps: oscillator ? preset : 0,
  }
  return {
    ...state,
    error,
    unlocked: state.unlocked && !gone && !state.enabled,
    sessionFromMilliwattHours: gone ? inputs.energyMilliwattHours : state.sessionFromMilliwattHours,
    path: stepPath(state.path, wanted, { sound, closeDelayMs: facts.closeDelayMs }, nowMicros),
  }
}

function watched(state: KebaState, nowMicros: number): KebaState {
  const { timeoutSeconds } = state.failsafe
  const over = timeoutSeconds > 0 && nowMicros - state.fedAtMicros >= timeoutSeconds * 1_000_000
  return over && state.tripped === null ? { ...state, tripped: { current: false, enable: false } } : state
}

/** The numbers are not published: these are ours, and no driver can know them. */
const KEBA_ERROR = { proximity: 0x10001, pilot: 0x10002, ventilation: 0x10003 } as const

function errorOf(facts: KebaFacts, inputs: BoardInputs): number {
  const [held] = inputs.heldErrors
  if (held !== undefined) return held
  if (!facts.tethered && inputs.proximityAmps === 'shorted') return KEBA_ERROR.proximity
  if (inputs.vehicle === 'E') return KEBA_ERROR.pilot
  return inputs.vehicle === 'D' ? KEBA_ERROR.ventilation : 0
}

/** A write that feeds the clock. After a trip only current and enable together end it. */
export function fed(state: KebaState, what: 'current' | 'enable' | 'timeout', nowMicros: number): KebaState {
  if (state.tripped === null) return { ...state, fedAtMicros: nowMicros }
  const tripped = {
    current: state.tripped.current || what === 'current',
    enable: state.tripped.enable || what === 'enable',
  }
  const over = tripped.current && tripped.enable
  return { ...state, fedAtMicros: nowMicros, tripped: over ? null : tripped }
}
