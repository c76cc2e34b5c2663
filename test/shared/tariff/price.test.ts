import fc from 'fast-check'
import { expect, test } from 'vitest'
import { nanosPerKwh } from '../../../shared/money.ts'
import { bandAt, bandSpans, type Tariff, tariffProblems } from '../../../shared/tariff/price.ts'
import { type EpochMs, epochMs } from '../../../shared/units.ts'

const everyDay = [1, 2, 3, 4, 5, 6, 7] as const
const band = (name: string, price: bigint, ...windows: [string, string][]) => ({
  name,
  price: nanosPerKwh(price),
  windows: windows.map(([from, to]) => ({ days: everyDay, from, to })),
})
const version = (validFrom: string, ...bands: ReturnType<typeof band>[]) => ({ validFrom, bands })
const tariff = (...versions: Tariff['versions']): Tariff => ({
  id: 't',
  name: 't',
  note: '',
  currency: 'DKK',
  timeZone: 'Europe/Copenhagen',
  versions,
})
const threeBands = tariff(
  version(
    '2025-01-01',
    band('night', 1n, ['00:00', '06:00']),
    band('day', 2n, ['06:00', '17:00'], ['21:00', '24:00']),
    band('peak', 3n, ['17:00', '21:00']),
  ),
)
const at = (iso: string): EpochMs => epochMs(Date.parse(iso))
const told = (of: Tariff, from: string, to: string) => {
  const spans = bandSpans(of, at(from), at(to))
  if (!spans.ok) return spans.error.kind
  return spans.value.map((span) => `${new Date(span.from).toISOString().slice(5, 16)} ${span.band.name}`)
}

test('a day in summer changes band at the hours of the wall clock', () => {
  expect(told(threeBands, '2026-06-01T12:00:00Z', '2026-06-02T12:00:00Z')).toEqual([
    '06-01T12:00 day',
    '06-01T15:00 peak',
    '06-01T19:00 day',
    '06-01T22:00 night',
    '06-02T04:00 day',
  ])
})

test('the longest night of the year has seven hours of night, the shortest five', () => {
  const night = (from: string, to: string) => {
    const spans = bandSpans(threeBands, at(from), at(to))
    if (!spans.ok) throw new Error(spans.error.kind)
    return spans.value
      .filter((span) => span.band.name === 'night')
      .map((span) => (span.to - span.from) / 3_600_000)
  }
  expect(night('2026-10-24T20:00:00Z', '2026-10-25T20:00:00Z')).toEqual([7])
  expect(night('2026-03-28T20:00:00Z', '2026-03-29T20:00:00Z')).toEqual([5])
})

test('a boundary inside the repeated hour comes twice, and the band falls back between', () => {
  const split = tariff(
    version('2025-01-01', band('a', 1n, ['00:00', '02:30']), band('b', 2n, ['02:30', '24:00'])),
  )
  expect(told(split, '2026-10-24T22:00:00Z', '2026-10-25T03:00:00Z')).toEqual([
    '10-24T22:00 a',
    '10-25T00:30 b',
    '10-25T01:00 a',
    '10-25T01:30 b',
  ])
})

test('a window that lies in the lost hour of spring never holds that day', () => {
  const lost = tariff(
    version(
      '2025-01-01',
      band('a', 1n, ['00:00', '02:15'], ['02:45', '24:00']),
      band('b', 2n, ['02:15', '02:45']),
    ),
  )
  expect(told(lost, '2026-03-28T23:00:00Z', '2026-03-29T03:00:00Z')).toEqual(['03-28T23:00 a'])
})

test('a window over midnight belongs to the day that it starts on', () => {
  const friday = tariff({
    validFrom: '2025-01-01',
    bands: [
      { name: 'party', price: nanosPerKwh(1n), windows: [{ days: [5], from: '22:00', to: '04:00' }] },
      { name: 'week', price: nanosPerKwh(2n), windows: [{ days: everyDay, from: '00:00', to: '24:00' }] },
    ],
  })
  const names = (iso: string) => {
    const found = bandAt(friday, at(iso))
    return found.ok ? found.value.band.name : found.error.kind
  }
  expect(names('2026-06-05T21:00:00Z')).toBe('party') // Friday 23:00
  expect(names('2026-06-06T01:00:00Z')).toBe('party') // Saturday 03:00
  expect(names('2026-06-05T01:00:00Z')).toBe('week') // Friday 03:00
})

test('a new version holds from midnight of its civil date', () => {
  const raised = tariff(
    version('2026-01-01', band('all', 1n, ['00:00', '24:00'])),
    version('2026-07-01', band('all', 2n, ['00:00', '24:00'])),
  )
  const spans = bandSpans(raised, at('2026-06-30T20:00:00Z'), at('2026-07-01T20:00:00Z'))
  expect(spans.ok && spans.value.map((span) => [new Date(span.from).toISOString(), span.band.price])).toEqual(
    [
      ['2026-06-30T20:00:00.000Z', 1n],
      ['2026-06-30T22:00:00.000Z', 2n],
    ],
  )
})

test('a moment before the first version, or in no band, has no price at all', () => {
  expect(told(threeBands, '2024-12-31T12:00:00Z', '2024-12-31T13:00:00Z')).toBe('noTariff')
  const holed = tariff(version('2025-01-01', band('a', 1n, ['06:00', '24:00'])))
  expect(told(holed, '2026-06-01T18:00:00Z', '2026-06-02T12:00:00Z')).toBe('noBand')
})

test('a hole, an overlap, falling dates, an unknown zone and an unknown currency are all told', () => {
  expect(tariffProblems(threeBands)).toEqual([])
  const holed = tariff(version('2025-01-01', band('a', 1n, ['06:00', '24:00'])))
  expect(tariffProblems(holed).join()).toMatch(/00:00: no band/)
  const twice = tariff(
    version('2025-01-01', band('a', 1n, ['00:00', '24:00']), band('b', 1n, ['12:00', '13:00'])),
  )
  expect(tariffProblems(twice).join()).toMatch(/12:00: a, b/)
  const all = band('a', 1n, ['00:00', '24:00'])
  expect(tariffProblems(tariff(version('2026-01-01', all), version('2025-01-01', all))).join()).toMatch(
    /rise/,
  )
  expect(tariffProblems({ ...threeBands, timeZone: 'Mars/Olympus' }).join()).toMatch(/Mars/)
  expect(tariffProblems({ ...threeBands, currency: 'DKR' }).join()).toMatch(/DKR/)
})

test('spans join without gaps, cover the whole time, and each moment has the band of its span', () => {
  const year = { min: Date.parse('2026-01-01T00:00:00Z'), max: Date.parse('2026-12-31T00:00:00Z') }
  fc.assert(
    fc.property(
      fc.integer(year),
      fc.integer({ min: 0, max: 72 * 3_600_000 }),
      fc.constantFrom('Europe/Copenhagen', 'Europe/Lisbon', 'Australia/Lord_Howe', 'America/St_Johns', 'UTC'),
      fc.integer({ min: 0, max: 999 }),
      (start, length, timeZone, inside) => {
        const zoned = { ...threeBands, timeZone }
        const spans = bandSpans(zoned, epochMs(start), epochMs(start + length))
        if (!spans.ok) throw new Error(spans.error.kind)
        let position = start
        for (const span of spans.value) {
          expect(span.from).toBe(position)
          position = span.to
          const moment = epochMs(span.from + Math.floor(((span.to - span.from) * inside) / 1000))
          const found = bandAt(zoned, moment)
          expect(found.ok && found.value.band.name).toBe(span.band.name)
        }
        expect(position).toBe(start + length)
      },
    ),
    { numRuns: 60 },
  )
})

test('the walk over the days has a bound: bands of more than 400 days are refused, not looked for', () => {
  expect(told(threeBands, '2026-01-01T00:00:00Z', '9999-12-31T00:00:00Z')).toBe('spanTooLong')
  expect(told(threeBands, '2026-01-01T00:00:00Z', '2027-02-05T00:00:00.001Z')).toBe('spanTooLong')
  expect(told(threeBands, '2026-01-01T00:00:00Z', '2027-02-05T00:00:00Z')).not.toBe('spanTooLong')
})
