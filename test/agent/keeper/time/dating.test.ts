import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { BootRecord } from '../../../../agent/keeper/memory.ts'
import { dateEndedBoot, dateMoments } from '../../../../agent/keeper/time/dating.ts'
import type { TimeState } from '../../../../agent/keeper/time/quality.ts'
import { epochMs, monotonicMs } from '../../../../shared/units.ts'

const NOON = epochMs(Date.UTC(2026, 5, 1, 12))
const boot = (bootId: string, change: Partial<BootRecord> = {}): BootRecord => ({
  bootId,
  firstSeenMonotonicMs: monotonicMs(10_000),
  offsetMs: null,
  notBefore: null,
  ...change,
})
const time = (bootId: string, offsetMs: number | null): TimeState => ({
  bootId,
  quality: offsetMs === null ? 'unknown' : 'synchronised',
  source: 'csms',
  isConfirmed: true,
  told: null,
  offsetMs,
  notBefore: null,
})
const moment = (bootId: string, at: number) => ({ bootId, atMonotonicMs: monotonicMs(at) })

test('nothing is dated while the time is unknown', () => {
  const dateOf = dateMoments([moment('a', 1)], [boot('a')], time('a', null))
  expect(dateOf(moment('a', 1))).toBeNull()
})

test('moments of the running boot are exact, backwards', () => {
  const dateOf = dateMoments([], [boot('a')], time('a', NOON))
  expect(dateOf(moment('a', 2500))).toEqual({ at: NOON + 2500, isEstimated: false })
})

test('an ended boot lies as late as possible before the next one began, with its own distances', () => {
  const moments = [moment('a', 20_000), moment('a', 50_000), moment('a', 50_200)]
  const dateOf = dateMoments(moments, [boot('a'), boot('b')], time('b', NOON))
  const began = NOON + 10_000
  expect(moments.map((one) => dateOf(one))).toEqual([
    { at: began - 32_000, isEstimated: true },
    { at: began - 2000, isEstimated: true },
    { at: began - 1000, isEstimated: true },
  ])
})

test('two ended boots in a row stay in their order', () => {
  const moments = [moment('a', 99_000), moment('b', 5_000)]
  const dateOf = dateMoments(moments, [boot('a'), boot('b'), boot('c')], time('c', NOON))
  expect(moments.map((one) => dateOf(one)?.at)).toEqual([NOON + 8000, NOON + 9000])
})

test('a moment of a boot that no record names lies before all others', () => {
  const dateOf = dateMoments([moment('?', 1)], [boot('a')], time('a', NOON))
  expect(dateOf(moment('?', 1))).toEqual({ at: NOON + 9000, isEstimated: true })
})

describe('dates of an ended boot', () => {
  test('rise by a second at least, keep longer distances where there is room, and never begin before the last known time', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(10_000_000), { minLength: 1, maxLength: 20 }),
        fc.option(fc.integer({ min: 0, max: 20_000_000 })),
        (moments, roomMs) => {
          const before = NOON
          const notBefore = roomMs === null ? null : epochMs(NOON - roomMs)
          const rising = [...new Set(moments)].sort((a, b) => a - b)
          const dates = dateEndedBoot(moments.map(monotonicMs), { before, notBefore })
          const told = rising.map((one) => Number(dates.get(monotonicMs(one))))
          expect(told).toHaveLength(dates.size)
          for (const [index, at] of told.entries()) {
            if (notBefore !== null) expect(at).toBeGreaterThanOrEqual(notBefore)
            if (index > 0) expect(at - Number(told[index - 1])).toBeGreaterThanOrEqual(1000)
          }
          const span = Number(rising.at(-1)) - Number(rising[0]) + 1000 * rising.length
          if (roomMs === null || roomMs >= span) {
            expect(told.at(-1)).toBe(NOON - 1000)
            for (const [index, at] of told.entries())
              if (index > 0) {
                const distance = Number(rising[index]) - Number(rising[index - 1])
                expect(at - Number(told[index - 1])).toBe(Math.max(1000, distance))
              }
          }
        },
      ),
    )
  })
})
