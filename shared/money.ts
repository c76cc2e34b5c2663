// Money as whole numbers: amounts in minor units of a currency (øre, cent), prices in 10^-9 of it per kWh. There is one
// rounding, it has a name, and each bill line uses it once.
import { invariant } from './invariant.ts'
import type { Brand, WattHours } from './units.ts'

/** An amount in minor units of its currency. Integer; negative is a credit. */
export type MinorUnits = Brand<number, 'minor units'>
/** A price: 10^-9 of the currency's major unit per kWh. 2.50 a kWh is 2,500,000,000n. */
export type NanosPerKwh = Brand<bigint, 'nanos per kWh'>

/** Decimals of the minor unit (ISO 4217) of the currencies that we bill in. */
export const CURRENCY_DECIMALS: Readonly<Record<string, number>> = { DKK: 2, EUR: 2, NOK: 2, SEK: 2 }

export const minorUnits = (value: number): MinorUnits => {
  invariant(Number.isSafeInteger(value), `${value} is not a whole number of minor units`)
  return value as MinorUnits
}

export const nanosPerKwh = (value: bigint): NanosPerKwh => value as NanosPerKwh

/** The quotient of two integers, rounded to the nearest one, halves away from zero. `divisor` is above 0. */
export function divideHalfAwayFromZero(dividend: bigint, divisor: bigint): bigint {
  invariant(divisor > 0n, `the divisor must be above 0, not ${divisor}`)
  const negative = dividend < 0n
  const magnitude = negative ? -dividend : dividend
  const rounded = (2n * magnitude + divisor) / (2n * divisor)
  return negative ? -rounded : rounded
}

/**
 * The amount of one bill line: quantity × price, rounded once, half away from zero, to the currency's minor unit.
 * The currency is one of CURRENCY_DECIMALS.
 */
export function lineAmount(quantity: WattHours, price: NanosPerKwh, currency: string): MinorUnits {
  const decimals = CURRENCY_DECIMALS[currency]
  invariant(decimals !== undefined, `no currency ${currency} in the table of minor units`)
  // Wh × (10^-9 / kWh) = 10^-12 of the major unit.
  const minor = divideHalfAwayFromZero(BigInt(quantity) * price, 10n ** BigInt(12 - decimals))
  return minorUnits(Number(minor))
}
