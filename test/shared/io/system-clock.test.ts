import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { systemClock } from '../../../shared/io/system-clock.ts'

const DAY_MS = 86_400_000

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

test('a delay of more than 2^31 - 1 ms is waited for in full, and does not fire at once', () => {
  const fired = vi.fn()
  systemClock().after('long', 60 * DAY_MS, fired)
  vi.advanceTimersByTime(60 * DAY_MS - 1)
  expect(fired).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1)
  expect(fired).toHaveBeenCalledTimes(1)
})

test('a long delay can be cancelled in each of its pieces', () => {
  const fired = vi.fn()
  const timer = systemClock().after('long', 60 * DAY_MS, fired)
  vi.advanceTimersByTime(30 * DAY_MS)
  timer.cancel()
  vi.advanceTimersByTime(60 * DAY_MS)
  expect(fired).not.toHaveBeenCalled()
})

test('a long period fires once in each period, until it is cancelled', () => {
  const fired = vi.fn()
  const timer = systemClock().every('long', 30 * DAY_MS, fired)
  vi.advanceTimersByTime(90 * DAY_MS)
  expect(fired).toHaveBeenCalledTimes(3)
  timer.cancel()
  vi.advanceTimersByTime(90 * DAY_MS)
  expect(fired).toHaveBeenCalledTimes(3)
})
