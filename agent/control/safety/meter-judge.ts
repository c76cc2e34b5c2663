// What the meter's readings are worth. It never makes a value up and never gives an old one a new time: what it shows is
// a reading that the device told, or none. Silence, nonsense, a register that stands still, goes back or jumps, and
// another serial number are judged here; what follows from them is decided in step.ts.
//
// A lost meter: after three periods its last reading is not fresh any more; after 10 s it is METER_LOST, which withdraws.
// So a short bus error never stops a car, and what is not measured is not sold for longer than 10 s.

import { type MonotonicMs, type WattHours, wattHours } from '../../../shared/units.ts'
import type { MeterReading } from '../../control-link/messages.ts'
import type { RawMeterReading } from '../ports/meter.ts'

/** A whole reading is taken once a second. */
export const METER_PERIOD_MS = 1000
export const METER_STALE_MS = 3 * METER_PERIOD_MS
export const METER_LOST_MS = 10_000
/** Current per phase from which on current flows: board electronics and cable stay far below. */
export const FLOW_MILLIAMPS = 500
/** Registers are refreshed by the meter at its own pace; below this nothing is called frozen. */
const FROZEN_MIN_MS = 10_000
const PLAUSIBLE_AGAIN = 3
const IMPLAUSIBLE_AFTER = 2
/** Sum of voltage times current may differ so long from the power: the blocks of a reading are taken one after another. */
const SUM_DIFFERS_AFTER = 3
const CURRENT_HIGHEST_MILLIAMPS = 125_000
const VOLTAGE_HIGHEST_MILLIVOLTS = 300_000
/** No box of ours passes more: 3 phases of 80 A at 276 V. Faster than this a register does not count. */
const POWER_HIGHEST_WATTS = 66_240
/** With no car plugged, a register may have counted anything between readings further apart than this. */
const JUMP_JUDGED_WITHIN_MS = 60_000

/** A reading with the moment at which its pass began: what is told of a moment must have begun after it. */
export interface GoodReading {
  readonly reading: MeterReading
  readonly begunAtMonotonicMs: MonotonicMs
}

export interface MeterState {
  /** Null before the first serial number was read: a register without its epoch is not shown. */
  readonly serial: string | null
  readonly good: GoodReading | null
  readonly lastReplyAtMonotonicMs: MonotonicMs
  /** Consecutive replies; both never above 0 at once. */
  readonly implausible: { readonly count: number; readonly detail: string }
  readonly plausibleCount: number
  readonly sumDiffersCount: number
  /** A register that does not fit the last one: not shown until the serial number was read again. */
  readonly doubt: {
    readonly kind: 'back' | 'jump'
    readonly registerWh: WattHours
    readonly seen: number
  } | null
  readonly wentBack: string | null
  /** Since the register's last step: time with current, and energy by the power told, mWh. */
  readonly still: { readonly flowMs: number; readonly energyMilliwattHours: number }
  readonly replaced: boolean
  /** While a car is plugged in, a register that jumped is never taken over: what it told would be billed. */
  readonly plugged: boolean
  /** A jump was found to stand while no car was plugged in: the next reading that does not go back begins anew. */
  readonly rebases: boolean
  /** What the wiring can deliver, W. */
  readonly deliverableWatts: number
}

export type MeterInput =
  | {
      readonly kind: 'reading'
      readonly raw: RawMeterReading
      readonly begunAtMonotonicMs: MonotonicMs
      readonly resolutionWh: number
    }
  | { readonly kind: 'implausible'; readonly detail: string }
  | { readonly kind: 'serial'; readonly serial: string }
  /** The line was gone or control stood still: the silence until now was not the meter's. */
  | { readonly kind: 'silenceExcused' }
  | { readonly kind: 'plugIn' }
  /**
   * No car takes current any more, and what the last one took is written down: a register that stands still is as it
   * should be, and one that jumped is nobody's energy.
   */
  | { readonly kind: 'plugOut' }
  /** Keeper has begun the new meter's epoch. */
  | { readonly kind: 'replacementStored' }
  /** A technician has looked at the meter: its register as it is now begins anew. */
  | { readonly kind: 'wentBackCleared' }

export interface MeterReplaced {
  readonly kind: 'meterReplaced'
  readonly fromSerial: string
  readonly toSerial: string
  readonly fromRegisterWh: WattHours
}

/** `last` is what the mirror kept of the last reading, so that a swap or a step back over a restart is seen. */
export const initialMeter = (
  now: MonotonicMs,
  last: MeterReading | null,
  deliverableWatts = POWER_HIGHEST_WATTS,
): MeterState => ({
  serial: last?.serial ?? null,
  good: last === null ? null : { reading: last, begunAtMonotonicMs: last.takenAtMonotonicMs },
  lastReplyAtMonotonicMs: now,
  implausible: { count: 0, detail: '' },
  plausibleCount: 0,
  sumDiffersCount: 0,
  doubt: null,
  wentBack: null,
  still: { flowMs: 0, energyMilliwattHours: 0 },
  replaced: false,
  plugged: false,
  rebases: false,
  deliverableWatts,
})

/** Total. At most one fact. */
export function stepMeter(
  state: MeterState,
  input: MeterInput,
  now: MonotonicMs,
): { readonly state: MeterState; readonly facts: readonly MeterReplaced[] } {
  switch (input.kind) {
    case 'reading':
      return { state: onReading(heard(state, now), input), facts: [] }
    case 'implausible':
      return { state: onImplausible(heard(state, now), input.detail), facts: [] }
    case 'serial':
      return onSerial(state, input.serial)
    case 'silenceExcused':
      return { state: { ...state, lastReplyAtMonotonicMs: now }, facts: [] }
    case 'plugIn':
      return { state: { ...state, plugged: true, rebases: false }, facts: [] }
    case 'plugOut':
      return {
        state: { ...state, plugged: false, still: { flowMs: 0, energyMilliwattHours: 0 } },
        facts: [],
      }
    case 'replacementStored':
      return { state: { ...state, replaced: false }, facts: [] }
    case 'wentBackCleared':
      return { state: { ...state, wentBack: null, good: null, doubt: null }, facts: [] }
  }
}

/** A meter whose serial number cannot be read is as good as none, however much else it tells. */
const heard = (state: MeterState, now: MonotonicMs): MeterState =>
  state.serial === null ? state : { ...state, lastReplyAtMonotonicMs: now }

const onImplausible = (state: MeterState, detail: string): MeterState => ({
  ...state,
  implausible: { count: state.implausible.count + 1, detail },
  plausibleCount: 0,
})

function onReading(state: MeterState, input: MeterInput & { kind: 'reading' }): MeterState {
  const outside = outOfRange(input.raw)
  if (outside !== null) return onImplausible(state, outside)
  const sumDiffersCount = sumDiffers(input.raw) ? state.sumDiffersCount + 1 : 0
  const counted = { ...state, sumDiffersCount }
  if (sumDiffersCount >= SUM_DIFFERS_AFTER)
    return onImplausible(counted, `${input.raw.powerWatts} W is not the sum of voltage times current`)
  if (state.serial === null || state.wentBack !== null) return counted
  const last = state.good
  if (last === null) return shown(counted, input, input.raw.registerWh)
  const stepWh = input.raw.registerWh - last.reading.registerWh
  // The meter's own power-loss resolution: a register that lost its newest step in a restart holds the maximum.
  if (stepWh < -Math.ceil(input.resolutionWh)) return doubtful(counted, 'back', input)
  if (!state.rebases && jumps(state, last, input, stepWh)) return doubtful(counted, 'jump', input)
  const registerWh = wattHours(Math.max(input.raw.registerWh, last.reading.registerWh))
  return shown({ ...counted, still: stillFor(state, last, input, stepWh) }, input, registerWh)
}

function shown(
  state: MeterState,
  input: MeterInput & { kind: 'reading' },
  registerWh: WattHours,
): MeterState {
  if (state.serial === null) return state
  const plausibleCount = Math.min(state.plausibleCount + 1, PLAUSIBLE_AGAIN)
  return {
    ...state,
    good: {
      reading: { ...input.raw, registerWh, serial: state.serial },
      begunAtMonotonicMs: input.begunAtMonotonicMs,
    },
    doubt: null,
    rebases: false,
    plausibleCount,
    implausible: plausibleCount >= PLAUSIBLE_AGAIN ? { count: 0, detail: '' } : state.implausible,
  }
}

/** Kept back until the serial number tells whether this is still the same meter; see `onSerial`. */
const doubtful = (
  state: MeterState,
  kind: 'back' | 'jump',
  input: MeterInput & { kind: 'reading' },
): MeterState => {
  const seen = state.doubt?.kind === kind ? state.doubt.seen + 1 : 1
  const doubt = { kind, registerWh: input.raw.registerWh, seen }
  return { ...state, doubt, plausibleCount: 0, rebases: false }
}

function onSerial(
  state: MeterState,
  serial: string,
): { readonly state: MeterState; readonly facts: readonly MeterReplaced[] } {
  if (state.serial === null) return { state: { ...state, serial }, facts: [] }
  if (serial !== state.serial) {
    const old = state.good?.reading
    const fresh = { ...state, serial, good: null, doubt: null, still: { flowMs: 0, energyMilliwattHours: 0 } }
    if (old === undefined) return { state: fresh, facts: [] }
    const fact = {
      kind: 'meterReplaced',
      fromSerial: old.serial,
      toSerial: serial,
      fromRegisterWh: old.registerWh,
    } as const
    return { state: { ...fresh, replaced: true }, facts: [fact] }
  }
  const { doubt } = state
  // One odd reading may be a line's or a device's slip; three that agree are what the register says.
  if (doubt === null || doubt.seen < PLAUSIBLE_AGAIN) return { state, facts: [] }
  if (doubt.kind === 'jump')
    return { state: state.plugged ? state : { ...state, doubt: null, rebases: true }, facts: [] }
  const detail = `register of ${serial} went from ${state.good?.reading.registerWh} to ${doubt.registerWh} Wh`
  return { state: { ...state, doubt: null, wentBack: detail }, facts: [] }
}

function outOfRange(raw: RawMeterReading): string | null {
  const current = raw.currentsMilliamps.find((one) => one > CURRENT_HIGHEST_MILLIAMPS)
  if (current !== undefined) return `a current of ${current} mA`
  const voltage = raw.voltagesMillivolts.find((one) => one > VOLTAGE_HIGHEST_MILLIVOLTS)
  if (voltage !== undefined) return `a voltage of ${voltage} mV`
  if (Math.abs(raw.powerWatts) > POWER_HIGHEST_WATTS) return `a power of ${raw.powerWatts} W`
  return raw.registerWh < 0 ? `a register of ${raw.registerWh} Wh` : null
}

/** Active power cannot be more than the apparent one; 10 % and 250 W are left to accuracy and to the blocks' times. */
function sumDiffers(raw: RawMeterReading): boolean {
  const apparent = raw.currentsMilliamps.reduce<number>(
    (sum, current, phase) => sum + (current * (raw.voltagesMillivolts[phase] ?? 0)) / 1_000_000,
    0,
  )
  return Math.abs(raw.powerWatts) > apparent * 1.1 + 250
}

/** More than the wiring can have delivered since the last good reading. */
function jumps(
  state: MeterState,
  last: GoodReading,
  input: MeterInput & { kind: 'reading' },
  stepWh: number,
): boolean {
  const passedMs = input.raw.takenAtMonotonicMs - last.reading.takenAtMonotonicMs
  if (!state.plugged && passedMs > JUMP_JUDGED_WITHIN_MS) return false
  const possibleWh = (state.deliverableWatts * (passedMs + METER_PERIOD_MS)) / 3_600_000
  return stepWh > possibleWh + 2 * Math.ceil(input.resolutionWh)
}

function stillFor(
  state: MeterState,
  last: GoodReading,
  input: MeterInput & { kind: 'reading' },
  stepWh: number,
): MeterState['still'] {
  if (stepWh > 0) return { flowMs: 0, energyMilliwattHours: 0 }
  if (!flows(input.raw) || input.raw.powerWatts <= 0) return state.still
  const passedMs = Math.min(input.raw.takenAtMonotonicMs - last.reading.takenAtMonotonicMs, METER_STALE_MS)
  return {
    flowMs: state.still.flowMs + passedMs,
    energyMilliwattHours: state.still.energyMilliwattHours + (input.raw.powerWatts * passedMs) / 3600,
  }
}

export const flows = (reading: { readonly currentsMilliamps: readonly number[] }) =>
  reading.currentsMilliamps.some((current) => current >= FLOW_MILLIAMPS)

/** What the rest of control may know of the meter at a moment. */
export interface MeterView {
  /** The newest good reading, however old; its time tells. */
  readonly newest: GoodReading | null
  /** The same while it is at most three periods old. */
  readonly fresh: GoodReading | null
  /** The loop should read the serial number now and not at its next minute. */
  readonly asksForSerial: boolean
  readonly faults: readonly {
    readonly code: 'METER_LOST' | 'METER_IMPLAUSIBLE' | 'METER_FROZEN' | 'METER_WENT_BACK' | 'METER_REPLACED'
    readonly detail: string
  }[]
}

/** @param resolutionWh the register's step at its present value. */
export function viewMeter(state: MeterState, resolutionWh: number, now: MonotonicMs): MeterView {
  const { good, doubt } = state
  const fresh =
    good !== null && now - good.reading.takenAtMonotonicMs <= METER_STALE_MS && state.wentBack === null
      ? good
      : null
  const silentMs = now - state.lastReplyAtMonotonicMs
  // A register that jumped has its own fault.
  const unshownMs =
    good === null || doubt?.kind === 'jump'
      ? silentMs
      : Math.min(silentMs, now - good.reading.takenAtMonotonicMs)
  const faults: MeterView['faults'][number][] = []
  if (unshownMs >= METER_LOST_MS)
    faults.push({ code: 'METER_LOST', detail: `no reading for ${Math.floor(unshownMs / 1000)} s` })
  if (state.implausible.count >= IMPLAUSIBLE_AFTER)
    faults.push({ code: 'METER_IMPLAUSIBLE', detail: state.implausible.detail })
  else if (doubt?.kind === 'jump' && good !== null && (state.plugged || flows(good.reading)))
    faults.push({
      code: 'METER_IMPLAUSIBLE',
      detail: `the register jumped from ${good.reading.registerWh} to ${doubt.registerWh} Wh`,
    })
  if (
    state.still.flowMs >= FROZEN_MIN_MS &&
    // Readings come in whole Wh, so no register steps finer than that.
    state.still.energyMilliwattHours >= 3 * Math.max(1, resolutionWh) * 1000
  )
    faults.push({
      code: 'METER_FROZEN',
      detail: `no step of the register in ${Math.round(state.still.energyMilliwattHours / 1000)} Wh by its own power`,
    })
  if (state.wentBack !== null) faults.push({ code: 'METER_WENT_BACK', detail: state.wentBack })
  if (state.replaced) faults.push({ code: 'METER_REPLACED', detail: `now ${state.serial}` })
  // A jump in a plug-in may stand for hours: the serial number is asked for once in ten readings.
  const asksForSerial =
    doubt !== null &&
    doubt.seen >= PLAUSIBLE_AGAIN &&
    (doubt.kind === 'back' || !state.plugged || doubt.seen % 10 === PLAUSIBLE_AGAIN)
  return { newest: good, fresh, asksForSerial, faults }
}
