import fc from 'fast-check'
import { expect, test } from 'vitest'
import { billTransaction } from '../../../cloud/billing/bill.ts'
import type { MeteredEvent, RegisterReading } from '../../../cloud/billing/readings.ts'
import { transactionReadings } from '../../../cloud/billing/readings.ts'
import { epochMs, wattHours } from '../../../shared/units.ts'
import { at, exampleTariff } from './example-tariff.ts'

const tariff = exampleTariff()
const reading = (iso: string, registerWh: number, timeExact = true): RegisterReading => ({
  at: at(iso),
  registerWh: wattHours(registerWh),
  timeExact,
})
const bill = (...readings: RegisterReading[]) => billTransaction({ kind: 'complete', readings }, tariff)
const lines = (...readings: RegisterReading[]) => {
  const made = bill(...readings)
  if (made.kind !== 'billed') throw new Error(JSON.stringify(made))
  return made.lines.map((line) => [line.band, line.quantityWh, line.amountMinor, line.basis])
}

test('BILL-01 a charge within one band is one line, from register to register', () => {
  const made = bill(reading('2026-06-01T08:00:00Z', 10_000), reading('2026-06-01T09:00:00Z', 21_234))
  expect(made).toMatchObject({
    kind: 'billed',
    currency: 'DKK',
    quantityWh: 11_234,
    amountMinor: 2522, // 11.234 kWh × 2.245 kr = 25.22033 kr
    lines: [{ band: 'day', fromRegisterWh: 10_000, toRegisterWh: 21_234, basis: 'measured' }],
  })
})

test('BILL-02 a register read at the boundary splits the charge as measured', () => {
  expect(
    lines(
      reading('2026-06-01T14:30:00Z', 0),
      reading('2026-06-01T15:00:01Z', 5_500), // 17:00:01 in Copenhagen
      reading('2026-06-01T15:30:00Z', 11_000),
    ),
  ).toEqual([
    ['day', 5_500, 1235, 'measured'], // 12.3475 kr
    ['peak', 5_500, 1867, 'measured'], // 18.6725 kr
  ])
})

test('BILL-03 without a register at the boundary the split is interpolated in whole Wh, and says so', () => {
  expect(lines(reading('2026-06-01T14:30:00Z', 0), reading('2026-06-01T15:30:00Z', 11_001))).toEqual([
    ['day', 5_500, 1235, 'interpolated'],
    ['peak', 5_501, 1868, 'interpolated'],
  ])
})

test('BILL-04 a reading 2.001 s off the boundary does not count as read at it', () => {
  const split = lines(
    reading('2026-06-01T14:30:00.000Z', 0),
    reading('2026-06-01T15:00:02.001Z', 5_500),
    reading('2026-06-01T15:30:00.000Z', 11_000),
  )
  expect(split.map((line) => line[3])).toEqual(['interpolated', 'interpolated'])
})

test('BILL-05 a car held back through the peak pays no peak line', () => {
  expect(
    lines(
      reading('2026-06-01T15:30:00Z', 100),
      reading('2026-06-01T19:00:00Z', 100),
      reading('2026-06-01T20:00:00Z', 4_100),
    ),
  ).toEqual([['day', 4_000, 898, 'measured']])
})

test('BILL-06 nothing charged is a bill of nothing', () => {
  expect(bill(reading('2026-06-01T08:00:00Z', 5), reading('2026-06-01T09:00:00Z', 5))).toMatchObject({
    kind: 'billed',
    quantityWh: 0,
    amountMinor: 0,
    lines: [],
  })
})

test('BILL-07 estimated times make the line interpolated, not wrong in its sum', () => {
  expect(lines(reading('2026-06-01T08:00:00Z', 0), reading('2026-06-01T09:00:00Z', 1_000, false))).toEqual([
    ['day', 1_000, 225, 'interpolated'],
  ])
})

test('BILL-08 without a tariff, or before its first version, there is a reason and no price', () => {
  const readings = [reading('2026-06-01T08:00:00Z', 0), reading('2026-06-01T09:00:00Z', 1)]
  expect(billTransaction({ kind: 'complete', readings }, null)).toEqual({
    kind: 'notBilled',
    reason: { key: 'bill.noTariff', values: {} },
  })
  expect(bill(reading('2024-06-01T08:00:00Z', 0), reading('2024-06-01T09:00:00Z', 1))).toMatchObject({
    kind: 'notBilled',
    reason: { key: 'bill.noTariff' },
  })
})

test('BILL-09 energy at one instant is billed in the band of that instant', () => {
  expect(lines(reading('2026-06-01T15:00:00Z', 0), reading('2026-06-01T15:00:00Z', 10))).toEqual([
    ['peak', 10, 3, 'measured'],
  ])
})

const event = (
  seqNo: number,
  kind: MeteredEvent['event'],
  readings: [string, number, ('begin' | 'end' | 'other')?][],
  more: Partial<MeteredEvent> = {},
): MeteredEvent => ({
  seqNo,
  event: kind,
  timeEstimated: false,
  timeImplausible: false,
  meterSerial: 'M1',
  readings: readings.map(([iso, wh, context]) => ({
    at: at(iso),
    registerWh: wattHours(wh),
    context: context ?? 'other',
  })),
  ...more,
})
const started = event(0, 'Started', [['2026-06-01T08:00:00Z', 100, 'begin']])
const updated = event(1, 'Updated', [['2026-06-01T08:15:00Z', 600]])
const ended = event(2, 'Ended', [['2026-06-01T08:20:00Z', 700, 'end']])

test('BILL-10 events are billed in the order of their numbers, however they came in', () => {
  const inOrder = transactionReadings([started, updated, ended])
  expect(inOrder).toMatchObject({
    kind: 'complete',
    readings: [{ registerWh: 100 }, { registerWh: 600 }, { registerWh: 700 }],
  })
  expect(transactionReadings([ended, started, updated])).toEqual(inOrder)
})

test.each([
  ['BILL-11 a charge that has not ended is running', [started, updated], 'running'],
  ['BILL-12 without its start nobody knows the register at the start', [updated, ended], 'noStartRegister'],
  [
    'BILL-13 an end without register is not billed',
    [started, updated, event(2, 'Ended', [])],
    'noEndRegister',
  ],
  [
    'BILL-14 a register that goes backwards is not billed',
    [started, updated, event(2, 'Ended', [['2026-06-01T08:20:00Z', 599, 'end']])],
    'registerWentBack',
  ],
  [
    'BILL-15 a clock set back by an hour is left to a person',
    [started, updated, event(2, 'Ended', [['2026-06-01T07:20:00Z', 700, 'end']])],
    'timeWentBack',
  ],
  [
    'BILL-16 two meters in one transaction are not billed',
    [started, updated, event(2, 'Ended', [['2026-06-01T08:20:00Z', 700, 'end']], { meterSerial: 'M2' })],
    'meterReplaced',
  ],
  [
    'a time that cannot be is not billed',
    [started, { ...updated, timeImplausible: true }, ended],
    'timeImplausible',
  ],
] as const)('%s', (_name, events, kind) => {
  expect(transactionReadings(events).kind).toBe(kind)
  const made = billTransaction(transactionReadings(events), tariff)
  expect(made.kind === 'notBilled' ? made.reason.key : made.kind).toBe(
    kind === 'running' ? kind : `bill.${kind}`,
  )
})

test('a charge of 400 days is billed, one of a millisecond more is not', () => {
  const from = at('2026-01-01T00:00:00Z')
  const made = (ms: number) =>
    billTransaction(
      {
        kind: 'complete',
        readings: [
          { at: from, registerWh: wattHours(0), timeExact: true },
          { at: epochMs(from + ms), registerWh: wattHours(1), timeExact: true },
        ],
      },
      tariff,
    )
  expect(made(400 * 86_400_000).kind).toBe('billed')
  expect(made(400 * 86_400_000 + 1)).toMatchObject({ kind: 'notBilled', reason: { key: 'bill.spanTooLong' } })
  expect(made(at('9999-12-31T00:00:00Z') - from)).toMatchObject({ reason: { key: 'bill.spanTooLong' } })
})

test('BILL-17 a clock set back by a second is bridged, and the reading is not called exact', () => {
  const back = event(1, 'Updated', [['2026-06-01T07:59:59Z', 600]])
  expect(transactionReadings([started, back, ended])).toMatchObject({
    kind: 'complete',
    readings: [
      { at: at('2026-06-01T08:00:00Z'), timeExact: true },
      { at: at('2026-06-01T08:00:00Z'), timeExact: false },
      { at: at('2026-06-01T08:20:00Z'), timeExact: true },
    ],
  })
})

test('BILL-18 what is told before the start reading or after the end reading of their messages is no part of it', () => {
  const early = event(0, 'Started', [
    ['2026-06-01T07:59:59Z', 90],
    ['2026-06-01T08:00:00Z', 100, 'begin'],
  ])
  const late = event(3, 'Updated', [['2026-06-01T08:30:00Z', 900]])
  const trimmed = transactionReadings([early, updated, ended, late])
  expect(
    trimmed.kind === 'complete' && [trimmed.readings[0]?.registerWh, trimmed.readings.at(-1)?.registerWh],
  ).toEqual([100, 700])
})

test('the lines of any charge add up to its registers, in order, without gaps, each rounded once', () => {
  // Around both changes of the clock in 2026, and over any number of days between.
  const start = fc.oneof(
    fc.integer({ min: Date.parse('2026-03-28T12:00:00Z'), max: Date.parse('2026-03-29T12:00:00Z') }),
    fc.integer({ min: Date.parse('2026-10-24T12:00:00Z'), max: Date.parse('2026-10-25T12:00:00Z') }),
  )
  const steps = fc.array(
    fc.record({
      afterMs: fc.oneof(fc.constant(900_000), fc.integer({ min: 0, max: 20 * 3_600_000 })),
      wh: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 30_000 })),
      timeExact: fc.boolean(),
    }),
    { minLength: 1, maxLength: 12 },
  )
  fc.assert(
    fc.property(start, fc.integer({ min: 0, max: 2 ** 40 }), steps, (startMs, register, rises) => {
      const readings: RegisterReading[] = [
        { at: epochMs(startMs), registerWh: wattHours(register), timeExact: true },
      ]
      for (const { afterMs, wh, timeExact } of rises) {
        const before = readings.at(-1)
        if (!before) throw new Error('never empty')
        readings.push({
          at: epochMs(before.at + afterMs),
          registerWh: wattHours(before.registerWh + wh),
          timeExact,
        })
      }
      const made = bill(...readings)
      if (made.kind !== 'billed') throw new Error(JSON.stringify(made))
      const end = readings.at(-1)?.registerWh ?? 0
      expect(made.quantityWh).toBe(end - register)
      let position = register
      let time = startMs
      for (const line of made.lines) {
        expect(line.fromRegisterWh).toBe(position)
        expect(line.toRegisterWh - line.fromRegisterWh).toBe(line.quantityWh)
        expect(line.from).toBeGreaterThanOrEqual(time)
        // kWh × price is exact in picos of the currency; the amount is the nearest øre.
        const exactPicos = BigInt(line.quantityWh) * line.price
        const off = BigInt(line.amountMinor) * 10n ** 10n - exactPicos
        expect(2n * (off < 0n ? -off : off) <= 10n ** 10n).toBe(true)
        position = line.toRegisterWh
        time = line.to
      }
      expect(position).toBe(end)
      expect(bill(...readings)).toEqual(made)
    }),
    { numRuns: 150 },
  )
})
