import fc from 'fast-check'
import { expect, test } from 'vitest'
import { divideHalfAwayFromZero, lineAmount, nanosPerKwh } from '../../shared/money.ts'
import { wattHours } from '../../shared/units.ts'

test.each([
  [5n, 10n, 1n],
  [-5n, 10n, -1n],
  [4n, 10n, 0n],
  [-4n, 10n, 0n],
  [15n, 10n, 2n],
  [25n, 10n, 3n],
  [-25n, 10n, -3n],
  [0n, 7n, 0n],
])('%d / %d is rounded half away from zero to %d', (dividend, divisor, quotient) => {
  expect(divideHalfAwayFromZero(dividend, divisor)).toBe(quotient)
})

test('a rounded quotient is never further than a half from the exact one', () => {
  fc.assert(
    fc.property(fc.bigInt(-(10n ** 20n), 10n ** 20n), fc.bigInt(1n, 10n ** 12n), (dividend, divisor) => {
      const twiceOff = 2n * (divideHalfAwayFromZero(dividend, divisor) * divisor - dividend)
      expect(twiceOff <= divisor && -twiceOff <= divisor).toBe(true)
    }),
  )
})

test('MONEY-01 1,234 Wh at 2.245 kr a kWh are 2.77033 kr, billed as 277 øre', () => {
  expect(lineAmount(wattHours(1234), nanosPerKwh(2_245_000_000n), 'DKK')).toBe(277)
})

test('MONEY-02 exactly half an øre is rounded up: 1,000 Wh at 0.005 kr', () => {
  expect(lineAmount(wattHours(1000), nanosPerKwh(5_000_000n), 'DKK')).toBe(1)
})

test('MONEY-03 a credit is rounded away from zero too', () => {
  expect(lineAmount(wattHours(-1000), nanosPerKwh(5_000_000n), 'DKK')).toBe(-1)
})

test('an unknown currency is a mistake of ours, not a guess at its decimals', () => {
  expect(() => lineAmount(wattHours(1), nanosPerKwh(1n), 'XXX')).toThrow(/XXX/)
})
