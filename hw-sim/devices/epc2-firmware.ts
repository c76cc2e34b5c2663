// What the Viridian EPC 2.0 Plus board does by itself: pilot, contactor, lock, errors, communication watchdog. Pure.
// Source: test/facts/registers.json, "viridian-epc2-plus" (vendor's map V104, OBO ION manual); IEC 61851-1 Annex A.
// Holds always: whatever is asked of it feeds its watchdog; when that has run out, the fallback current takes the place of
// the current that was set, until somebody talks again.
import type { BoardInputs, Vehicle } from './board.ts'
import { type PowerPath, restingPath, stepPath } from './power-path.ts'

/** Bits of register 14. */
export const EPC2_ERROR = { selfTest: 0, residualCurrent: 1, diode: 2 } as const

export interface Epc2Facts {
  readonly tethered: boolean
  readonly unitId: number
  readonly baud: number
  readonly bootMs: number
  readonly closeDelayMs: number
  /** Registers 28, 30 and 44 outlive a loss of supply, and then wear. Not stated by the vendor: both can be played. */
  readonly watchdogKept: boolean
}

/** What 5 says: state C disabled, start by itself, one charge. */
export type Permission = 0 | 1 | 2
/** What 4 and 12 say: by itself, latched on, latched off. */
export type LockOrder = 0 | 1 | 2

export interface Epc2Watchdog {
  /** Register 28, ms; 0: off. */
  readonly timeoutMs: number
  /** Register 30, A. */
  readonly fallbackAmps: number
  /** Register 44, A. */
  readonly maxAmps: number
}

/** Kept without supply. */
export interface Epc2Kept {
  readonly lockOnPowerLoss: LockOrder
  readonly permissionOnPowerLoss: Permission
  readonly baud: number
  readonly parity: number
  readonly address: number
}

export interface Epc2State {
  readonly power:
    | { readonly kind: 'off' }
    | { readonly kind: 'booting'; readonly untilMicros: number }
    | { readonly kind: 'on' }
  readonly kept: Epc2Kept
  readonly retentiveWrites: number
  /** Rate and address of its last start: changes count from the next one. */
  readonly reached: { readonly baud: number; readonly address: number }
  readonly watchdog: Epc2Watchdog
  /** 0-3: red, green, blue, mode. */
  readonly leds: readonly number[]
  readonly lock: LockOrder
  readonly permission: Permission
  /** Register 6, A. */
  readonly currentAmps: number
  readonly heardAtMicros: number
  readonly errors: number
  readonly path: PowerPath
  readonly vehicle: Vehicle
  readonly lockWanted: 'locked' | 'unlocked'
}

const DELIVERED: Epc2Watchdog = { timeoutMs: 0, fallbackAmps: 0, maxAmps: 16 }

/** What register 6 is after a start is not stated: the most that 44 allows, the worst case for a master that relies on it. */
function started(state: Epc2State, facts: Epc2Facts, nowMicros: number): Epc2State {
  const watchdog = facts.watchdogKept ? state.watchdog : DELIVERED
  return {
    ...state,
    power: { kind: 'on' },
    reached: { baud: state.kept.baud, address: state.kept.address },
    watchdog,
    leds: [0, 0, 0, 0],
    lock: 0,
    permission: state.kept.permissionOnPowerLoss,
    currentAmps: watchdog.maxAmps,
    heardAtMicros: nowMicros,
    errors: 0,
    path: restingPath,
  }
}

export function newEpc2(facts: Epc2Facts, nowMicros: number): Epc2State {
  const kept: Epc2Kept = {
    lockOnPowerLoss: 0,
    permissionOnPowerLoss: 1,
    baud: facts.baud,
    parity: 1,
    address: facts.unitId,
  }
  const blank: Epc2State = {
    power: { kind: 'off' },
    kept,
    retentiveWrites: 0,
    reached: { baud: kept.baud, address: kept.address },
    watchdog: DELIVERED,
    leds: [0, 0, 0, 0],
    lock: 0,
    permission: 0,
    currentAmps: 0,
    heardAtMicros: nowMicros,
    errors: 0,
    path: restingPath,
    vehicle: 'A',
    lockWanted: 'unlocked',
  }
  return started(blank, facts, nowMicros)
}

/** One pass of the firmware. */
export function stepEpc2(
  state: Epc2State,
  facts: Epc2Facts,
  inputs: BoardInputs,
  nowMicros: number,
): Epc2State {
  if (!inputs.supplied) return state.power.kind === 'off' ? state : withoutSupply(state)
  switch (state.power.kind) {
    case 'off':
      return { ...state, power: { kind: 'booting', untilMicros: nowMicros + facts.bootMs * 1000 } }
    case 'booting':
      if (nowMicros < state.power.untilMicros) return state
      return running(started(state, facts, nowMicros), facts, inputs, nowMicros)
    case 'on':
      return running(state, facts, inputs, nowMicros)
  }
}

/** A last movement of the lock, as register 12 says; by itself it stays where it is. */
function withoutSupply(state: Epc2State): Epc2State {
  const { lockOnPowerLoss } = state.kept
  const lockWanted = lockOnPowerLoss === 0 ? state.lockWanted : lockOnPowerLoss === 1 ? 'locked' : 'unlocked'
  return { ...state, power: { kind: 'off' }, path: restingPath, lockWanted }
}

function running(before: Epc2State, facts: Epc2Facts, inputs: BoardInputs, nowMicros: number): Epc2State {
  const state: Epc2State = {
    ...before,
    vehicle: inputs.vehicle,
    errors: errorsNow(before, inputs),
    permission: afterOneCharge(before, inputs.vehicle),
  }
  const failed = state.errors !== 0 || inputs.vehicle === 'E' || inputs.heldUnavailable
  const present = inputs.vehicle === 'B' || inputs.vehicle === 'C'
  const amps = Math.min(amountAmps(state, nowMicros), state.watchdog.maxAmps, ratingAmps(facts, inputs))
  const oscillator = present && !failed && state.permission !== 0 && amps >= 6
  const letter = inputs.vehicle === 'E' ? 'E' : failed ? 'F' : inputs.vehicle
  const path = stepPath(
    state.path,
    { letter, oscillator, offeredMilliamps: oscillator ? amps * 1000 : 0 },
    { sound: !failed, closeDelayMs: facts.closeDelayMs },
    nowMicros,
  )
  return { ...state, path, lockWanted: lockNow(state, path) }
}

/** A direct current stays told until the car has gone; the others while they are so. */
function errorsNow(state: Epc2State, { heldErrors, vehicle }: BoardInputs): number {
  const known = Object.values(EPC2_ERROR) as readonly number[]
  const held = heldErrors.filter((it) => known.includes(it)).reduce((bits, it) => bits | (1 << it), 0)
  const latched = vehicle === 'A' ? 0 : state.errors & (1 << EPC2_ERROR.residualCurrent)
  return held | latched
}

/** One charge: used up when the car that had it goes. */
function afterOneCharge(state: Epc2State, vehicle: Vehicle): Permission {
  const left = vehicle === 'A' && state.vehicle !== 'A'
  return state.permission === 2 && left ? 0 : state.permission
}

function lockNow(state: Epc2State, path: PowerPath): Epc2State['lockWanted'] {
  if (state.lock !== 0) return state.lock === 1 ? 'locked' : 'unlocked'
  return path.oscillator || path.coil ? 'locked' : 'unlocked'
}

export const hasTripped = ({ watchdog, heardAtMicros }: Epc2State, nowMicros: number): boolean =>
  watchdog.timeoutMs > 0 && nowMicros - heardAtMicros >= watchdog.timeoutMs * 1000

const amountAmps = (state: Epc2State, nowMicros: number): number =>
  hasTripped(state, nowMicros) ? state.watchdog.fallbackAmps : state.currentAmps

/** Register 15. */
export const ratingAmps = ({ tethered }: Epc2Facts, { proximityAmps }: BoardInputs): number => {
  if (tethered) return 32
  return proximityAmps === 'shorted' ? 0 : proximityAmps
}
