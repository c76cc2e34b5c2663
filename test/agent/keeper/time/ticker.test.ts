import { describe, expect, test, vi } from 'vitest'
import { beganBetween, startTicker } from '../../../../agent/keeper/time/ticker.ts'
import { epochMs } from '../../../../shared/units.ts'

const at = (text: string) => epochMs(Date.parse(text))

describe('what began between two looks', () => {
  test.each([
    ['2026-06-01T11:59:59Z', '2026-06-01T12:00:00Z', true, false],
    ['2026-06-01T12:00:00Z', '2026-06-01T12:00:01Z', false, false],
    ['2026-06-01T12:14:59Z', '2026-06-01T12:44:59Z', true, false],
    ['2026-06-01T23:59:59.999Z', '2026-06-02T00:00:00Z', true, true],
    ['2026-06-01T12:00:00Z', '2026-06-01T11:00:00Z', false, false],
  ])('from %s to %s: quarter hour %s, day %s', (before, now, quarterHour, day) => {
    expect(beganBetween(at(before), at(now))).toEqual({ quarterHour, day })
  })

  test('nothing began before the first look', () => {
    expect(beganBetween(null, at('2026-06-01T12:00:00Z'))).toEqual({ quarterHour: false, day: false })
  })
})

test('the ticker refuses to run in another zone than UTC, and says what to do', () => {
  vi.stubEnv('TZ', 'Europe/Copenhagen')
  try {
    expect(() => startTicker(() => {})).toThrow(/TZ=UTC, got TZ=Europe\/Copenhagen/)
  } finally {
    vi.unstubAllEnvs()
  }
})

test('the ticker ticks each second, also over the nights when clocks are set', async () => {
  vi.useFakeTimers()
  try {
    for (const night of ['2026-03-29T00:59:50Z', '2026-10-25T00:59:50Z']) {
      vi.setSystemTime(Date.parse(night))
      let ticks = 0
      const stop = startTicker(() => {
        ticks += 1
      })
      await vi.advanceTimersByTimeAsync(20_000)
      await stop()
      expect(ticks).toBe(20)
    }
  } finally {
    vi.useRealTimers()
  }
})
