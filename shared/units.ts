// Quantities. Each number that is compared, summed or billed is an integer of the finest unit we need, and its unit is
// in its type or comes last in its name. The constructors here are the only places that make a branded number.
import { invariant } from './invariant.ts'

declare const brand: unique symbol
export type Brand<T, B extends string> = T & { readonly [brand]: B }

/** Current per phase, RMS, in milliamperes. Integer, 0 or more. */
export type MilliAmps = Brand<number, 'mA'>
/** Active power in watts. Integer; import is positive. */
export type Watts = Brand<number, 'W'>
/** A meter's register or an amount of energy, in watt-hours. Integer. */
export type WattHours = Brand<number, 'Wh'>
/** Phase to neutral voltage, RMS, in millivolts. Integer, 0 or more. */
export type MilliVolts = Brand<number, 'mV'>
/** Wall time: milliseconds since 1970-01-01T00:00:00Z. Integer. For records and calendars, never for elapsed time. */
export type EpochMs = Brand<number, 'epoch ms'>
/** Milliseconds of CLOCK_MONOTONIC within one kernel boot. Integer. The same origin in every process of the box. */
export type MonotonicMs = Brand<number, 'monotonic ms'>

/** A value for each of L1, L2, L3. A single-phase box has its value on L1 and zeros behind. */
export type PerPhase<T> = readonly [T, T, T]
/** Phases that are wired to the box. */
export type PhasesWired = 1 | 3

/** The last instant that a calendar date exists for (ECMA-262, time values). */
export const EPOCH_MS_MAX = 8_640_000_000_000_000

const integer = (value: number, unit: string): number => {
  invariant(Number.isSafeInteger(value), `${value} is not a whole number of ${unit}`)
  return value
}

export const milliAmps = (value: number): MilliAmps => {
  invariant(value >= 0, `a current is never negative: ${value} mA`)
  return integer(value, 'mA') as MilliAmps
}
/** Whole or fractional amperes to milliamperes, rounded to the nearest milliampere. */
export const amps = (value: number): MilliAmps => milliAmps(Math.round(value * 1000))
export const watts = (value: number): Watts => integer(value, 'W') as Watts
export const wattHours = (value: number): WattHours => integer(value, 'Wh') as WattHours
export const milliVolts = (value: number): MilliVolts => integer(value, 'mV') as MilliVolts
export const epochMs = (value: number): EpochMs => {
  invariant(Math.abs(value) <= EPOCH_MS_MAX, `${value} ms is an instant outside the calendar`)
  return integer(value, 'ms') as EpochMs
}
export const monotonicMs = (value: number): MonotonicMs => integer(value, 'ms') as MonotonicMs

/** IEC 61851-1 Annex A: nothing between 0 and 6 A may be offered. */
export const CURRENT_MIN: MilliAmps = amps(6)
/** Nominal phase to neutral voltage in Europe (EN 50160), for converting a total power to a current. */
export const VOLTAGE_NOMINAL: MilliVolts = milliVolts(230_000)
