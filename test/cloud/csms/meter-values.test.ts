import { expect, test } from 'vitest'
import { samplesFrom } from '../../../cloud/csms/meter-values.ts'

type Values = Parameters<typeof samplesFrom>[0][number]['sampledValue']
const iso = '2026-06-01T08:00:00+02:00'
const read = (...sampledValue: Values) =>
  samplesFrom([{ timestamp: iso, sampledValue }], { evseId: 1, meterSerial: 'M' })
const only = (...values: Values) => read(...values)[0]?.sample

test('a value without anything beside it is the import register in Wh', () => {
  expect(read({ value: 1234 })).toEqual([
    {
      kind: 'sample',
      evseId: 1,
      meterSerial: 'M',
      context: 'other',
      sample: {
        at: Date.parse(iso),
        registerWh: 1234,
        powerWatts: null,
        currentsMilliamps: null,
        offeredMilliamps: null,
      },
    },
  ])
})

test.each([
  ['kWh', { value: 12.3456, unitOfMeasure: { unit: 'kWh' } }, 12_346],
  ['a multiplier', { value: 12_345.6, unitOfMeasure: { unit: 'Wh', multiplier: 1 } }, 123_456],
  ['a negative multiplier', { value: 12_345_678, unitOfMeasure: { unit: 'Wh', multiplier: -3 } }, 12_346],
  ['a unit that is none of energy', { value: 12, unitOfMeasure: { unit: 'barrels' } }, undefined],
  ['a negative register', { value: -1 }, undefined],
  ['a number too large to be told', { value: 1e30 }, undefined],
] as const)('a register in %s', (_name, value, registerWh) => {
  expect(only(value)?.registerWh).toBe(registerWh)
})

test('power is the overall value, or the sum of the phases', () => {
  const power = (value: number, phase?: 'L1' | 'L2' | 'L3') =>
    ({ value, measurand: 'Power.Active.Import', ...(phase ? { phase } : {}) }) as const
  expect(only(power(11_000), power(1, 'L1'))?.powerWatts).toBe(11_000)
  expect(only(power(3000, 'L1'), power(3001, 'L2'), power(3002, 'L3'))?.powerWatts).toBe(9003)
  expect(only({ ...power(11.04), unitOfMeasure: { unit: 'kW' } })?.powerWatts).toBe(11_040)
})

test('currents are told per phase, a phase that is not told carries nothing', () => {
  const current = (value: number, phase: 'L1' | 'L2-N') =>
    ({ value, measurand: 'Current.Import', phase }) as const
  expect(only(current(15.987, 'L1'), current(1, 'L2-N'))?.currentsMilliamps).toEqual([15_987, 1000, 0])
  expect(only({ value: 16, measurand: 'Current.Offered' })?.offeredMilliamps).toBe(16_000)
})

test("the car's own meter is not the station's", () => {
  expect(read({ value: 5, location: 'EV' })).toEqual([])
})

test('a meter value with nothing that we keep, or without a date, is left out', () => {
  expect(read({ value: 50, measurand: 'Frequency' })).toEqual([])
  expect(
    samplesFrom([{ timestamp: '2026-06-01', sampledValue: [{ value: 1 }] }], {
      evseId: 1,
      meterSerial: null,
    }),
  ).toEqual([])
})

test('begin and end of a transaction are those of its register', () => {
  expect(read({ value: 5, context: 'Transaction.Begin' })[0]?.context).toBe('begin')
  expect(read({ value: 5, context: 'Transaction.End' })[0]?.context).toBe('end')
  expect(read({ value: 5, context: 'Sample.Clock' })[0]?.context).toBe('other')
})
