// The temperature plan: less from each point of the curve on, nothing from the stop on, and more only when cooler.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { perPhaseMilliamps } from '../../../../agent/control/limits/minimum.ts'
import {
  COOL,
  SENSOR_LOST_MS,
  stepTemperature,
  type TemperatureCurve,
  type TemperatureState,
} from '../../../../agent/control/limits/temperature.ts'
import type { BoardReading } from '../../../../agent/control/ports/board.ts'
import { amps, monotonicMs } from '../../../../shared/units.ts'

const CURVE: TemperatureCurve = {
  points: [
    { fromMilliCelsius: 60_000, currentMilliamps: amps(16) },
    { fromMilliCelsius: 70_000, currentMilliamps: amps(10) },
  ],
  stopMilliCelsius: 80_000,
  hysteresisMilliCelsius: 5000,
  lostMilliamps: amps(8),
}
const at = monotonicMs
const NOW = 100_000

/** Feeds temperatures, one a second, and tells limit and fault at the end; null is a sensor that is silent. */
function play(temperatures: readonly (number | null)[]) {
  let state: TemperatureState = COOL
  let last: { value: number; takenAtMonotonicMs: ReturnType<typeof at> } | null = null
  let step = stepTemperature(state, { curve: CURVE, sensors: [null] }, null, at(NOW))
  for (const [second, value] of temperatures.entries()) {
    const now = at(NOW + second * 1000)
    if (value !== null) last = { value, takenAtMonotonicMs: now }
    step = stepTemperature(state, { curve: CURVE, sensors: [last] }, null, now)
    state = step.state
  }
  const limit = step.plan === null ? null : perPhaseMilliamps(step.plan.afterwards, 3)
  return { limit, tooHot: step.tooHot, unknown: step.unknown, reason: step.plan?.reason.key }
}

describe('the curve', () => {
  test.each([
    [59_999, Number.POSITIVE_INFINITY],
    [60_000, 16_000],
    [69_999, 16_000],
    [70_000, 10_000],
    [79_999, 10_000],
    [80_000, 0],
    [120_000, 0],
    [-20_000, Number.POSITIVE_INFINITY],
  ])('%i m°C: %d mA', (temperature, limit) => {
    expect(play([temperature]).limit).toBe(limit)
    expect(play([temperature]).tooHot === null).toBe(limit > 0)
  })

  test('a point holds until the box is cooler by the hysteresis', () => {
    expect(play([70_000, 65_000]).limit).toBe(10_000)
    expect(play([70_000, 64_999]).limit).toBe(16_000)
    expect(play([80_000, 75_000])).toMatchObject({ limit: 0, tooHot: '75 °C, the box stops at 80 °C' })
    expect(play([80_000, 74_999])).toMatchObject({ limit: 10_000, tooHot: null })
    expect(play([80_000, 20_000]).limit).toBe(Number.POSITIVE_INFINITY)
  })
})

describe('a lost sensor', () => {
  test('takes the curve’s fallback 10 s after its last reading, and is told 10 s later', () => {
    const silent = Array.from({ length: SENSOR_LOST_MS / 1000 }, () => null)
    expect(play([20_000, ...silent.slice(1)]).limit).toBe(Number.POSITIVE_INFINITY)
    expect(play([20_000, ...silent])).toMatchObject({
      limit: 8000,
      unknown: null,
      reason: 'limit.temperatureUnknown',
    })
    expect(play([20_000, ...silent, ...silent]).unknown).toBe('a sensor is not heard: at most 8000 mA')
    expect(play([20_000, ...silent, ...silent, 20_000])).toMatchObject({
      limit: Number.POSITIVE_INFINITY,
      unknown: null,
    })
  })

  test('never makes a hot box cool', () => {
    const silent = Array.from({ length: 60 }, () => null)
    expect(play([85_000, ...silent])).toMatchObject({
      limit: 0,
      tooHot: 'not measured, the box stops at 80 °C',
    })
    expect(play([72_000, ...silent])).toMatchObject({ limit: 8000 })
  })

  test('one of two that is silent is enough; the hotter of two counts', () => {
    const now = at(NOW)
    const cool = { value: 20_000, takenAtMonotonicMs: now }
    const hot = { value: 71_000, takenAtMonotonicMs: now }
    const limitOf = (sensors: readonly (typeof cool | null)[]) => {
      const { plan } = stepTemperature(COOL, { curve: CURVE, sensors }, null, now)
      return plan === null ? null : perPhaseMilliamps(plan.afterwards, 3)
    }
    expect(limitOf([cool, hot])).toBe(10_000)
    expect(limitOf([cool, null])).toBe(8000)
    expect(limitOf([hot, null])).toBe(8000)
  })

  test('a box without sensors of its own goes by the board’s, and owes it', () => {
    const now = at(NOW)
    const board = (temperatureMilliCelsius?: number): BoardReading => ({
      takenAtMonotonicMs: now,
      pilot: 'A',
      oscillatorOn: false,
      offeredMilliamps: amps(0),
      proximity: { kind: 'open' },
      errors: [],
      ...(temperatureMilliCelsius === undefined ? {} : { temperatureMilliCelsius }),
    })
    const limitOf = (reading: BoardReading | null) => {
      const { plan } = stepTemperature(COOL, { curve: CURVE, sensors: [] }, reading, now)
      return plan === null ? null : perPhaseMilliamps(plan.afterwards, 3)
    }
    expect(limitOf(board(61_000))).toBe(16_000)
    expect(limitOf(board())).toBe(8000)
    expect(limitOf(null)).toBe(8000)
  })
})

test('without a curve there is no plan and no fault', () => {
  expect(stepTemperature(COOL, undefined, null, at(NOW))).toEqual({
    ...{ state: COOL, plan: null, tooHot: null, unknown: null },
  })
})

test('whatever was before, a hotter box never gets more, and none above its point', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: -20_000, max: 100_000 }), { minLength: 1, maxLength: 30 }),
      (temperatures) => {
        const last = temperatures.at(-1) ?? 0
        const { limit, tooHot } = play(temperatures)
        const byCurve = play([last]).limit ?? 0
        expect(limit).toBeLessThanOrEqual(byCurve)
        if (last >= CURVE.stopMilliCelsius) expect(tooHot).not.toBeNull()
        if (last < CURVE.stopMilliCelsius - CURVE.hysteresisMilliCelsius) expect(tooHot).toBeNull()
      },
    ),
  )
})
