import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Schedule, Weekday, WeeklyWindow } from '../../../shared/tariff/schedule.ts'
import {
  isInside,
  nextBoundary,
  scheduleProblems,
  scheduleSpans,
} from '../../../shared/tariff/schedule-time.ts'
import { amps, epochMs, milliAmps } from '../../../shared/units.ts'

const EVERY_DAY: readonly Weekday[] = [1, 2, 3, 4, 5, 6, 7]
const at = (text: string) => epochMs(Date.parse(text))
const cheap = (from: string, to: string, days = EVERY_DAY, timeZone = 'Europe/Copenhagen') => ({
  timeZone,
  windows: [{ days, from, to }],
})
const told = (windows: Pick<Schedule, 'timeZone' | 'windows'>, from: string, to: string) =>
  scheduleSpans(windows, at(from), at(to)).map(
    (span) => `${new Date(span.from).toISOString().slice(5, 16)} ${span.isInside ? 'charge' : 'wait'}`,
  )

test('a window over midnight belongs to the day it begins on', () => {
  const friday = cheap('22:00', '06:00', [5])
  // 2026-06-05 is a Friday; Copenhagen is two hours ahead of UTC.
  expect(isInside(friday, at('2026-06-05T19:59:00Z'))).toBe(false)
  expect(isInside(friday, at('2026-06-05T20:00:00Z'))).toBe(true)
  expect(isInside(friday, at('2026-06-06T03:59:59Z'))).toBe(true)
  expect(isInside(friday, at('2026-06-06T04:00:00Z'))).toBe(false)
  expect(isInside(friday, at('2026-06-06T20:30:00Z'))).toBe(false)
})

test('a window from and to the same time is the whole day; one to 24:00 ends with the day', () => {
  expect(told(cheap('12:00', '12:00'), '2026-06-01T00:00Z', '2026-06-09T00:00Z')).toEqual([
    '06-01T00:00 charge',
  ])
  expect(told(cheap('20:00', '24:00', [1]), '2026-06-01T10:00Z', '2026-06-03T00:00Z')).toEqual([
    '06-01T10:00 wait',
    '06-01T18:00 charge',
    '06-01T22:00 wait',
  ])
})

test('in spring a window that begins in the lost hour begins where the clock goes on', () => {
  expect(told(cheap('02:30', '05:00'), '2026-03-29T00:00Z', '2026-03-29T06:00Z')).toEqual([
    '03-29T00:00 wait',
    '03-29T01:00 charge',
    '03-29T03:00 wait',
  ])
})

test('in autumn both passes of the repeated hour count', () => {
  expect(told(cheap('02:00', '03:00'), '2026-10-24T22:00Z', '2026-10-25T06:00Z')).toEqual([
    '10-24T22:00 wait',
    '10-25T00:00 charge',
    '10-25T02:00 wait',
  ])
  expect(told(cheap('02:30', '04:00'), '2026-10-24T22:00Z', '2026-10-25T06:00Z')).toEqual([
    '10-24T22:00 wait',
    '10-25T00:30 charge',
    '10-25T01:00 wait',
    '10-25T01:30 charge',
    '10-25T03:00 wait',
  ])
})

test('the next boundary is the first turn, and null where nothing turns', () => {
  const week = at('2026-06-08T10:00Z')
  expect(nextBoundary(cheap('23:00', '06:00'), at('2026-06-01T10:00Z'), week)).toBe(at('2026-06-01T21:00Z'))
  expect(nextBoundary({ timeZone: 'UTC', windows: [] }, at('2026-06-01T10:00Z'), week)).toBeNull()
})

const ZONES = ['Europe/Copenhagen', 'America/New_York', 'Australia/Lord_Howe']
/** Nights in which the clocks of at least one of the zones are set, in both directions, and their neighbours. */
const NIGHTS = [
  '2026-03-07',
  '2026-03-28',
  '2026-04-04',
  '2026-10-03',
  '2026-10-24',
  '2026-10-31',
  '2026-06-01',
]
const clock = fc
  .tuple(fc.integer({ min: 0, max: 23 }), fc.constantFrom(0, 15, 30, 59))
  .map(([hour, minute]) => `${String(hour).padStart(2, '0')}:${String(minute).padStart(2, '0')}`)
const window: fc.Arbitrary<WeeklyWindow> = fc.record({
  days: fc.uniqueArray(fc.constantFrom(...EVERY_DAY), { minLength: 1 }),
  from: clock,
  to: fc.oneof(clock, fc.constant('24:00')),
})

describe.each(ZONES)('over the nights of clock changes in %s', (timeZone) => {
  test('spans join without gaps, differ from their neighbours and say what each minute of them says', () => {
    fc.assert(
      fc.property(
        fc.array(window, { maxLength: 4 }),
        fc.constantFrom(...NIGHTS),
        fc.integer({ min: 0, max: 59_999 }),
        (windows, night, offset) => {
          const schedule = { timeZone, windows }
          const from = epochMs(Date.parse(`${night}T04:00Z`) + offset)
          const to = epochMs(from + 40 * 3_600_000)
          const spans = scheduleSpans(schedule, from, to)
          expect(spans[0]?.from).toBe(from)
          expect(spans.at(-1)?.to).toBe(to)
          for (const [index, span] of spans.entries()) {
            const before = spans[index - 1]
            if (before) {
              expect(before.to).toBe(span.from)
              expect(before.isInside).toBe(!span.isInside)
            }
            for (let at = span.from; at < span.to; at = epochMs(at + 7 * 60_000))
              expect(isInside(schedule, at)).toBe(span.isInside)
            expect(isInside(schedule, epochMs(span.to - 1))).toBe(span.isInside)
          }
        },
      ),
      { numRuns: 60 },
    )
  })
})

test('what people enter is checked, and told to them', () => {
  const sound = { ...cheap('23:00', '06:00'), outsideMilliamps: amps(0) }
  expect(scheduleProblems(sound)).toEqual([])
  expect(scheduleProblems({ ...sound, outsideMilliamps: amps(6) })).toEqual([])
  expect(
    scheduleProblems({
      timeZone: 'Europe/Atlantis',
      outsideMilliamps: milliAmps(5999),
      windows: [{ days: [], from: '24:00', to: '7:00' }],
    }),
  ).toEqual([
    'time zone Europe/Atlantis is not known',
    'outside the windows: expected 0 mA (pause) or 6000 mA and more, got 5999 mA',
    'window 1: no weekday',
    'window 1: from is HH:MM, got 24:00',
    'window 1: to is HH:MM, got 7:00',
  ])
})
