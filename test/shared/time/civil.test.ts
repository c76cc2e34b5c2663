import { describe, expect, test } from 'vitest'
import { civilTime, dateAfter, instantsOf, isTimeZone, nextClockChange } from '../../../shared/time/civil.ts'
import { epochMs } from '../../../shared/units.ts'

const at = (text: string) => epochMs(Date.parse(text))
const iso = (instants: readonly number[]) =>
  instants.map((instant) => new Date(instant).toISOString().slice(0, 16))
const COPENHAGEN = 'Europe/Copenhagen'

test('an instant is told as the clock on the wall shows it', () => {
  expect(civilTime(at('2026-06-05T21:59:59.999Z'), COPENHAGEN)).toEqual({
    date: '2026-06-05',
    weekday: 5,
    minuteOfDay: 23 * 60 + 59,
  })
  expect(civilTime(at('2026-06-05T22:00:00Z'), COPENHAGEN)).toEqual({
    date: '2026-06-06',
    weekday: 6,
    minuteOfDay: 0,
  })
})

describe('the instants of a civil time', () => {
  test('are one on an ordinary day, also for 24:00', () => {
    expect(iso(instantsOf('2026-06-05', 150, COPENHAGEN))).toEqual(['2026-06-05T00:30'])
    expect(iso(instantsOf('2026-06-05', 1440, COPENHAGEN))).toEqual(['2026-06-05T22:00'])
  })

  test('are two in the repeated hour of autumn', () => {
    expect(iso(instantsOf('2026-10-25', 150, COPENHAGEN))).toEqual(['2026-10-25T00:30', '2026-10-25T01:30'])
  })

  test('lie around the lost hour of spring', () => {
    expect(iso(instantsOf('2026-03-29', 150, COPENHAGEN))).toEqual(['2026-03-29T00:30', '2026-03-29T01:30'])
  })

  test('know a change of half an hour', () => {
    expect(iso(instantsOf('2026-04-05', 105, 'Australia/Lord_Howe'))).toEqual([
      '2026-04-04T14:45',
      '2026-04-04T15:15',
    ])
  })
})

test('the next change of the clocks is found, and null where there is none', () => {
  expect(iso([nextClockChange(at('2026-01-01T00:00Z'), COPENHAGEN) ?? 0])).toEqual(['2026-03-29T01:00'])
  expect(iso([nextClockChange(at('2026-03-29T01:00Z'), COPENHAGEN) ?? 0])).toEqual(['2026-10-25T01:00'])
  expect(nextClockChange(at('2026-01-01T00:00Z'), 'UTC')).toBeNull()
})

test('dates are counted by the calendar', () => {
  expect(dateAfter('2026-12-31', 1)).toBe('2027-01-01')
  expect(dateAfter('2028-03-01', -1)).toBe('2028-02-29')
})

test('zones are known by their IANA names', () => {
  expect(['Europe/Copenhagen', 'UTC', 'Mars/Olympus', ''].map(isTimeZone)).toEqual([true, true, false, false])
})
