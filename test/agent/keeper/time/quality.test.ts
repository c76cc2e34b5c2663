import { describe, expect, test } from 'vitest'
import { EMPTY_DOCS } from '../../../../agent/keeper/memory.ts'
import {
  BUILD_DATE,
  beginTime,
  bootsWith,
  csmsTold,
  systemClockSeen,
  type TimeState,
  wallOf,
} from '../../../../agent/keeper/time/quality.ts'
import { epochMs, monotonicMs } from '../../../../shared/units.ts'

const NOON = Date.UTC(2026, 5, 1, 12)
const YEAR_MS = 365.25 * 24 * 3_600_000
const clocks = (wall: number, mono = 50_000, isNtpSynchronised = false) => ({
  wall: epochMs(wall),
  monotonicMs: monotonicMs(mono),
  isNtpSynchronised,
})
const begin = (change: Partial<Parameters<typeof beginTime>[0]> = {}) =>
  beginTime({
    bootId: 'boot-2',
    hasRtc: false,
    clocks: clocks(0),
    boots: [],
    running: { ...EMPTY_DOCS.running, aliveAt: epochMs(NOON) },
    ...change,
  })

test('the build date is the first moment of 2026', () => {
  expect(BUILD_DATE).toBe(Date.UTC(2026, 0, 1))
})

describe('at the start', () => {
  test('a box without a real-time clock knows no time, however its system clock stands', () => {
    expect(begin()).toMatchObject({ quality: 'unknown', offsetMs: null })
    expect(begin({ clocks: clocks(NOON + 1000) })).toMatchObject({ quality: 'unknown', offsetMs: null })
  })

  test('a real-time clock is held, unless it stands before the last known time or at 1970', () => {
    const rtc = (wall: number) => begin({ hasRtc: true, clocks: clocks(wall) })
    expect(rtc(NOON + 60_000)).toMatchObject({ quality: 'held', offsetMs: NOON + 10_000 })
    expect(rtc(NOON - 1)).toMatchObject({ quality: 'unknown', offsetMs: null })
    expect(rtc(0)).toMatchObject({ quality: 'unknown' })
    expect(rtc(BUILD_DATE + 21 * YEAR_MS)).toMatchObject({ quality: 'unknown' })
  })

  test('what was synchronised earlier in this boot is held, in another boot it is nothing', () => {
    const record = { bootId: 'boot-2', firstSeenMonotonicMs: monotonicMs(1), offsetMs: NOON, notBefore: null }
    expect(begin({ boots: [record] })).toMatchObject({ quality: 'held', offsetMs: NOON })
    expect(begin({ boots: [{ ...record, bootId: 'boot-1' }] })).toMatchObject({ quality: 'unknown' })
  })
})

describe('the server’s time', () => {
  const told = (at: number) => csmsTold(begin(), epochMs(at), monotonicMs(50_000))

  test('is believed between the build date and 20 years later, and not before the last known time', () => {
    expect(told(NOON)).toMatchObject({ quality: 'synchronised', offsetMs: NOON - 50_000 })
    expect(told(NOON - 1).quality).toBe('unknown')
    expect(told(0).quality).toBe('unknown')
    expect(told(BUILD_DATE + 21 * YEAR_MS).quality).toBe('unknown')
  })

  test('confirms a clock that agrees within 2 s without moving it, and moves one that does not', () => {
    const held = begin({ hasRtc: true, clocks: clocks(NOON + 60_000) })
    expect(csmsTold(held, epochMs(NOON + 61_900), monotonicMs(50_000))).toMatchObject({
      quality: 'synchronised',
      offsetMs: held.offsetMs,
    })
    const moved = csmsTold(held, epochMs(NOON + 90_000), monotonicMs(50_000))
    expect(moved).toMatchObject({ quality: 'synchronised', source: 'csms', offsetMs: NOON + 40_000 })
    // From then on the real-time clock is not followed any more.
    expect(systemClockSeen(moved, clocks(NOON + 61_000, 51_000), true)).toBe(moved)
  })

  test('does not move a clock that NTP keeps', () => {
    const ntp = systemClockSeen(begin(), clocks(NOON + 60_000, 50_000, true), false)
    expect(ntp).toMatchObject({ quality: 'synchronised', source: 'ntp' })
    expect(csmsTold(ntp, epochMs(NOON + 999_000), monotonicMs(50_000))).toBe(ntp)
  })
})

describe('one wrong answer of the server, five years ahead', () => {
  const HOUR_MS = 3_600_000
  const wrong = 5 * YEAR_MS
  const tell = (state: TimeState, at: number, mono: number) =>
    csmsTold(state, epochMs(at + mono), monotonicMs(mono))
  const rtc = () => begin({ hasRtc: true, clocks: clocks(NOON + 50_000) })

  test.each([
    ['held', rtc()],
    ['synchronised', tell(begin(), NOON, 50_000)],
  ])('does not move a clock that is %s, nor what was confirmed', (_, known) => {
    expect(known.isConfirmed).toBe(true)
    const after = tell(known, NOON + wrong, 60_000)
    expect(after).toMatchObject({ offsetMs: known.offsetMs, quality: known.quality, isConfirmed: true })
    expect(tell(after, NOON, 360_000)).toMatchObject({ offsetMs: known.offsetMs, quality: 'synchronised' })
  })

  test('is taken where nothing is known, but binds nothing, and the next right answer corrects it', () => {
    const first = tell(begin(), NOON + wrong, 50_000)
    expect(first).toMatchObject({ quality: 'synchronised', isConfirmed: false })
    expect(tell(first, NOON, 350_000)).toMatchObject({ offsetMs: NOON, isConfirmed: true })
  })

  test('is taken when the server has told it for an hour, in three answers or more', () => {
    const at = (answers: readonly number[]) =>
      answers.reduce((state, mono) => tell(state, NOON + wrong, mono), rtc()).offsetMs
    expect(at([60_000, HOUR_MS, HOUR_MS + 59_999])).toBe(NOON)
    expect(at([60_000, HOUR_MS + 60_000])).toBe(NOON)
    expect(at([60_000, HOUR_MS, HOUR_MS + 60_000])).toBe(NOON + wrong)
  })

  test('a right answer between begins the hour anew', () => {
    const slips = [60_000, HOUR_MS].reduce((state, mono) => tell(state, NOON + wrong, mono), rtc())
    const right = tell(slips, NOON, HOUR_MS + 1000)
    expect(tell(right, NOON + wrong, HOUR_MS + 60_000).offsetMs).toBe(NOON)
  })

  test('a first time on a box that never knew any is confirmed when it was told for an hour', () => {
    const blank = begin({ running: EMPTY_DOCS.running })
    const told = [1000, 1_800_000, 1000 + HOUR_MS].map((_, index, all) =>
      all.slice(0, index + 1).reduce((state, mono) => tell(state, NOON, mono), blank),
    )
    expect(told.map((state) => state.isConfirmed)).toEqual([false, false, true])
    expect(told.map((state) => state.quality)).toEqual(['synchronised', 'synchronised', 'synchronised'])
  })
})

test('a boot’s record follows its clock only where that moved by a second or more', () => {
  const time = begin({ hasRtc: true, clocks: clocks(NOON + 60_000) })
  const first = bootsWith([], time, monotonicMs(7))
  expect(first).toEqual([
    { bootId: 'boot-2', firstSeenMonotonicMs: 7, offsetMs: NOON + 10_000, notBefore: NOON },
  ])
  const at = (offsetMs: number) => bootsWith(first, { ...time, offsetMs }, monotonicMs(9))
  expect(at(NOON + 10_999)).toBe(first)
  expect(at(NOON + 11_000)[0]).toMatchObject({ offsetMs: NOON + 11_000, firstSeenMonotonicMs: 7 })
})

test('moments of another boot are told by its record, of an unknown one not at all', () => {
  const boots = [
    { bootId: 'boot-1', firstSeenMonotonicMs: monotonicMs(0), offsetMs: 1000, notBefore: null },
    { bootId: 'boot-0', firstSeenMonotonicMs: monotonicMs(0), offsetMs: null, notBefore: null },
  ]
  const time = { ...begin(), offsetMs: 5000 }
  const at = (bootId: string) => wallOf(time, boots, { bootId, atMonotonicMs: monotonicMs(10) })
  expect(at('boot-2')).toBe(5010)
  expect(at('boot-1')).toBe(1010)
  expect(at('boot-0')).toBeNull()
})
