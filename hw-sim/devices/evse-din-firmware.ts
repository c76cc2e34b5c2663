// What the EVRacing EVSE-WB/DIN board does by itself: pilot, contactor, errors, self-test, its EEPROM, its analogue input. Pure.
// Source: test/facts/registers.json, "evracing-evse-din", and the projects named there; IEC 61851-1 Annex A.
// Holds always: it has no watchdog. It goes on with what 1000 was last told, and after a start it offers what 2000 says,
// without being asked.
import type { BoardInputs, Vehicle } from './board.ts'
import { type PowerPath, restingPath, stepPath } from './power-path.ts'

/** Bits of register 1007. Transcriptions of the vendor's paper differ in the upper two. */
export const STATUS_BIT = {
  relay: 0,
  diode: 1,
  ventilation: 2,
  waiting: 3,
  rcdTestOrError: 4,
  rcdError: 5,
} as const

export interface EvseDinFacts {
  readonly tethered: boolean
  /** Register 1005. From 17 on 2005 bit 7 switches to 0.01 A. */
  readonly firmware: number
  readonly bootMs: number
  readonly closeDelayMs: number
  /** Unit id on the bus: it answers while 2001 is this. */
  readonly unitId: number
  /** `esphome`: bit 4 test in progress, bit 5 error. `other`: bit 4 error. */
  readonly rcdBits: 'esphome' | 'other'
  /** Bit 0 is 1 with the relay on, or with it off. */
  readonly relayBit: 'on' | 'inverted'
}

/** 2000-2017 by address. */
export type Settings = Readonly<Record<number, number>>

export interface EvseDinState {
  readonly power:
    | { readonly kind: 'off' }
    | { readonly kind: 'booting'; readonly untilMicros: number }
    | { readonly kind: 'on'; readonly sinceMicros: number }
    /** 2005 bit 15: no charging, no answer, until its supply is cut. */
    | { readonly kind: 'bootloader' }
  /** As they stand, and as they lie in the EEPROM: the analogue input changes the first only. */
  readonly settings: Settings
  readonly kept: Settings
  readonly retentiveWrites: number
  /** Register 1000, in its present unit. */
  readonly configured: number
  /** 1004 bit 0. */
  readonly turnedOff: boolean
  /** 2005 bit 14, or bit 13 after a charge. */
  readonly disabled: boolean
  /** Bits of 1007 that stand for an error. */
  readonly errors: number
  /** Bit 3: the cause is gone, the car has not let go of the pilot yet. */
  readonly waiting: boolean
  /** When an error of the residual current device clears itself; 2005 bit 5. */
  readonly clearsAtMicros: number | null
  readonly selfTestEndsAtMicros: number | null
  /** Times at which the analogue input went to ground. */
  readonly pulses: number
  readonly path: PowerPath
  readonly vehicle: Vehicle
}

const CONFIG = 2005
const SELF_TEST_MICROS = 30_000_000
const AUTO_CLEAR_MICROS = 30_000_000
const PULSES = 5
const PULSES_WITHIN_MICROS = 3_000_000

/** As delivered, but with Modbus on where a site has it so. */
export const settingsAsDelivered = (modbusAddress: number): Settings => ({
  2000: 6,
  2001: modbusAddress,
  2002: 5,
  2003: 1,
  2004: 0,
  // Button, state D allowed, pilot auto-recover delay.
  2005: 0b10_0000_1001,
  2006: 0,
  2007: 0,
  2010: 6,
  2011: 10,
  2012: 16,
  2013: 25,
  2014: 32,
  2015: 48,
  2016: 63,
  2017: 80,
})

export const setting = (state: Pick<EvseDinState, 'settings'>, address: number): number =>
  state.settings[address] ?? 0
export const configBit = (state: Pick<EvseDinState, 'settings'>, bit: number): boolean =>
  ((setting(state, CONFIG) >> bit) & 1) === 1

/** How many of register 1000's units an ampere has. */
export const unitsPerAmp = (state: Pick<EvseDinState, 'settings'>, facts: EvseDinFacts): number =>
  facts.firmware >= 17 && configBit(state, 7) ? 100 : 1

/** Everything that is not in the EEPROM, after a start. */
export function started(state: EvseDinState, facts: EvseDinFacts, nowMicros: number): EvseDinState {
  const fresh = { ...state, settings: state.kept }
  return {
    ...fresh,
    power: { kind: 'on', sinceMicros: nowMicros },
    configured: setting(fresh, 2000) * unitsPerAmp(fresh, facts),
    turnedOff: false,
    disabled: false,
    errors: 0,
    waiting: false,
    clearsAtMicros: null,
    selfTestEndsAtMicros: null,
    pulses: 0,
    path: restingPath,
  }
}

export function newEvseDin(facts: EvseDinFacts, modbusAddress: number, nowMicros: number): EvseDinState {
  const kept = settingsAsDelivered(modbusAddress)
  const blank: EvseDinState = {
    power: { kind: 'off' },
    settings: kept,
    kept,
    retentiveWrites: 0,
    configured: 0,
    turnedOff: false,
    disabled: false,
    errors: 0,
    waiting: false,
    clearsAtMicros: null,
    selfTestEndsAtMicros: null,
    pulses: 0,
    path: restingPath,
    vehicle: 'A',
  }
  return started(blank, facts, nowMicros)
}

/** One pass of the firmware. */
export function stepEvseDin(
  state: EvseDinState,
  facts: EvseDinFacts,
  inputs: BoardInputs,
  nowMicros: number,
): EvseDinState {
  if (!inputs.supplied) {
    return state.power.kind === 'off' ? state : { ...state, power: { kind: 'off' }, path: restingPath }
  }
  switch (state.power.kind) {
    case 'off':
      return { ...state, power: { kind: 'booting', untilMicros: nowMicros + facts.bootMs * 1000 } }
    case 'booting':
      if (nowMicros < state.power.untilMicros) return state
      return running(started(state, facts, nowMicros), facts, inputs, nowMicros)
    case 'bootloader':
      return state
    case 'on':
      return running(state, facts, inputs, nowMicros)
  }
}

function running(
  before: EvseDinState,
  facts: EvseDinFacts,
  inputs: BoardInputs,
  nowMicros: number,
): EvseDinState {
  const tested = afterSelfTest(before, nowMicros)
  const state = withErrors({ ...tested, vehicle: inputs.vehicle }, inputs, nowMicros)
  const failed = hasFailed(state) || inputs.vehicle === 'E' || inputs.heldUnavailable
  const present = inputs.vehicle === 'B' || inputs.vehicle === 'C' || inputs.vehicle === 'D'
  const offeredMilliamps = present && !failed && mayOffer(state) ? offerMilliamps(state, facts, inputs) : 0
  const letter = inputs.vehicle === 'E' ? 'E' : failed ? 'F' : inputs.vehicle
  const path = stepPath(
    state.path,
    { letter, oscillator: offeredMilliamps > 0, offeredMilliamps },
    { sound: !failed, ventilated: configBit(state, 3), closeDelayMs: facts.closeDelayMs },
    nowMicros,
  )
  const charged = before.path.coil && !path.coil && configBit(state, 13)
  return { ...state, path, disabled: state.disabled || charged }
}

const mayOffer = (state: EvseDinState): boolean =>
  !state.turnedOff && !state.disabled && state.selfTestEndsAtMicros === null

/** The configured current, as far as the cable carries it; below 6 A there is no PWM. */
function offerMilliamps(state: EvseDinState, facts: EvseDinFacts, inputs: BoardInputs): number {
  const configured = (state.configured * 1000) / unitsPerAmp(state, facts)
  const offered = Math.min(configured, ratingAmps(facts, inputs) * 1000)
  return offered >= 6000 && offered <= 80_000 ? offered : 0
}

/** Register 1003. */
export const ratingAmps = (facts: EvseDinFacts, { proximityAmps }: BoardInputs): number => {
  if (facts.tethered) return 80
  return proximityAmps === 'shorted' ? 0 : proximityAmps
}

export const hasFailed = (state: EvseDinState): boolean => state.errors !== 0 || state.waiting

const isError = (error: number) => error === STATUS_BIT.diode || error === STATUS_BIT.rcdError
const RCD = 1 << STATUS_BIT.rcdError

/**
 * Diode and ventilation stand while their cause does, and then until the car lets go of the pilot. The residual current
 * device's stays until 1004 bit 2, or for less than 30 s where 2005 bit 5 says so.
 */
function withErrors(state: EvseDinState, inputs: BoardInputs, nowMicros: number): EvseDinState {
  const held = inputs.heldErrors.filter(isError).reduce((bits, error) => bits | (1 << error), 0)
  const ventilation = inputs.vehicle === 'D' && !configBit(state, 3) ? 1 << STATUS_BIT.ventilation : 0
  const latched = state.errors & RCD
  const isCleared = state.clearsAtMicros !== null && nowMicros >= state.clearsAtMicros
  const errors = held | ventilation | (isCleared ? 0 : latched)
  const isNew = (errors & RCD) !== 0 && (state.errors & RCD) === 0
  const clearsAtMicros = isNew && configBit(state, 5) ? nowMicros + AUTO_CLEAR_MICROS : state.clearsAtMicros
  const passing = (1 << STATUS_BIT.diode) | (1 << STATUS_BIT.ventilation)
  const isGone = inputs.vehicle === 'A'
  const waiting = !isGone && (state.waiting || (state.errors & passing & ~errors) !== 0)
  return { ...state, errors, waiting, clearsAtMicros: (errors & RCD) === 0 ? null : clearsAtMicros }
}

const afterSelfTest = (state: EvseDinState, nowMicros: number): EvseDinState =>
  state.selfTestEndsAtMicros !== null && nowMicros >= state.selfTestEndsAtMicros
    ? { ...state, selfTestEndsAtMicros: null }
    : state

/** Register 1004. */
export function command(state: EvseDinState, bits: number, nowMicros: number): EvseDinState {
  const selfTestEndsAtMicros = (bits & 2) === 0 ? state.selfTestEndsAtMicros : nowMicros + SELF_TEST_MICROS
  const errors = (bits & 4) === 0 ? state.errors : state.errors & ~RCD
  return { ...state, turnedOff: (bits & 1) === 1, selfTestEndsAtMicros, errors }
}

/** A write to 2000-2017: whatever is written, all settings as they stand go to the EEPROM. */
export function keep(state: EvseDinState, address: number, value: number): EvseDinState {
  // The upper two bits are orders, not settings.
  const settings = { ...state.settings, [address]: address === CONFIG ? value & 0x3fff : value }
  const written = { ...state, settings, kept: settings, retentiveWrites: state.retentiveWrites + 1 }
  if (address !== CONFIG) return written
  if (value >= 0x8000) return { ...written, power: { kind: 'bootloader' }, path: restingPath }
  return { ...written, disabled: (value & 0x4000) !== 0 }
}

/** Its analogue input goes to ground once: five times within 3 s of its start switch Modbus on, until the next start. */
export function pulse(state: EvseDinState, nowMicros: number): EvseDinState {
  if (state.power.kind !== 'on' || nowMicros - state.power.sinceMicros > PULSES_WITHIN_MICROS) return state
  const pulses = state.pulses + 1
  if (pulses < PULSES) return { ...state, pulses }
  return { ...state, pulses, settings: { ...state.settings, 2001: 1 } }
}

/** Register 1007. */
export function statusBits(state: EvseDinState, facts: EvseDinFacts): number {
  const { rcdBits, relayBit } = facts
  const rcdError = (state.errors & RCD) !== 0
  const testing = state.selfTestEndsAtMicros !== null
  const fourth = rcdBits === 'esphome' ? testing : rcdError
  const bits: readonly (readonly [number, boolean])[] = [
    [STATUS_BIT.relay, state.path.coil === (relayBit === 'on')],
    [STATUS_BIT.diode, (state.errors & (1 << STATUS_BIT.diode)) !== 0],
    [STATUS_BIT.ventilation, (state.errors & (1 << STATUS_BIT.ventilation)) !== 0],
    [STATUS_BIT.waiting, state.waiting],
    [STATUS_BIT.rcdTestOrError, fourth],
    [STATUS_BIT.rcdError, rcdBits === 'esphome' && rcdError],
  ]
  return bits.reduce((word, [bit, on]) => word | (on ? 1 << bit : 0), 0)
}
