// The limits exactly at their figures: 6 A, 60 s, ties between sources, sets that replace each other. Each case here is one
// that a small change of the code would otherwise pass unseen (npm run trial:mutants).
import { describe, expect, test } from 'vitest'
import { GRID_INPUT_LOST_MS, gridRelay } from '../../../../agent/control/limits/grid-relay.ts'
import { lowest, type Plans, perPhaseMilliamps } from '../../../../agent/control/limits/minimum.ts'
import { fixedArithmetic, lowerOf, lowestFixed } from '../../../../agent/control/limits/own-plans.ts'
import {
  PAUSE_MIN_MS,
  RESUME_FREE,
  type ResumeInput,
  STABLE_MS,
  stepResume,
} from '../../../../agent/control/limits/resume.ts'
import { COOL, stepTemperature } from '../../../../agent/control/limits/temperature.ts'
import type { Limit, LimitPlan, LimitSource, PlanSet } from '../../../../shared/limits/plan.ts'
import { message } from '../../../../shared/message.ts'
import { milliAmps, monotonicMs, type PhasesWired, watts } from '../../../../shared/units.ts'

const current = (milliamps: number): Limit => ({ kind: 'perPhase', currentMilliamps: milliAmps(milliamps) })
const power = (powerWatts: number): Limit => ({ kind: 'total', powerWatts: watts(powerWatts) })
const constant = (source: LimitSource, afterwards: Limit, said = source): LimitPlan => ({
  source,
  reason: message('limit.profile', { said }),
  steps: [],
  afterwards,
})
const own = (milliamps = 32_000): LimitPlan[] =>
  (['board', 'cable', 'installation'] as const).map((source) => constant(source, current(milliamps)))
const setOf = (plans: readonly LimitPlan[], phasesWired: PhasesWired, version = 1): PlanSet => ({
  version,
  bootId: 'b',
  phasesWired,
  mandatory: [],
  plans,
})
const plansOf = (set: PlanSet | null, phasesWired: PhasesWired = 1, given = own()): Plans => ({
  set,
  own: given,
  phasesWired,
  stepMilliamps: milliAmps(100),
})
const NOW = monotonicMs(1000)

describe('the lowest of the plans', () => {
  test('a total power is spread over the phases that the set tells, not over those of the configuration', () => {
    const grid = constant('grid', power(6900))
    expect(lowest(plansOf(setOf([grid], 3), 1), NOW).rawMilliamps).toBe(10_000)
    expect(lowest(plansOf(setOf([grid], 1), 3), NOW).rawMilliamps).toBe(30_000)
    expect(lowestFixed(plansOf(setOf([grid], 3), 1))).toBe(10_000)
    expect(lowestFixed(plansOf(setOf([grid], 1), 3))).toBe(30_000)
  })

  test('of two plans of one source that say the same, the first one is told', () => {
    const set = setOf([constant('grid', current(9000), 'group'), constant('grid', current(9000), 'user')], 3)
    expect(lowest(plansOf(set), NOW).binding.reason.values).toEqual({ said: 'group' })
  })

  test('a missing mandatory source is not heard, and so is never a pause that waits', () => {
    const found = lowest(plansOf({ ...setOf([], 3), mandatory: ['grid'] }), NOW)
    expect(found).toMatchObject({ rawMilliamps: 0, heard: false, binding: { source: 'grid' } })
  })

  test('no power is no current, and 230 W are one ampere, to the milliampere', () => {
    expect(perPhaseMilliamps(power(0), 1)).toBe(0)
    expect(perPhaseMilliamps(power(-500), 1)).toBe(0)
    expect(perPhaseMilliamps(power(230), 1)).toBe(1000)
    expect(perPhaseMilliamps(power(23_000_000), 1)).toBe(100_000_000)
  })

  test.each([
    [0, 'limit.profile'],
    [1, 'limit.belowMinimum'],
    [5999, 'limit.belowMinimum'],
    [6000, 'limit.profile'],
  ] as const)(
    'a limit of %i mA is told with %s (IEC 61851-1 Annex A: nothing below 6 A)',
    (milliamps, key) => {
      const found = lowest(plansOf(setOf([constant('profile', current(milliamps))], 3)), NOW)
      expect(found.binding.reason.key).toBe(key)
    },
  )
})

test('where nothing at all limits, that is a pause, and no limit below 6 A is told', () => {
  const unlimited = own().map(({ source }) => constant(source, { kind: 'unlimited' }))
  const { binding } = lowest(plansOf(null, 1, unlimited), NOW)
  expect(binding).toMatchObject({ currentMilliamps: 0, source: 'board' })
  expect(binding.reason.key).toBe('limit.profile')
})

describe('while the mirror still has the old set', () => {
  const grid = (milliamps: number) => constant('grid', current(milliamps))
  test.each([
    [1, 3, 3],
    [3, 1, 3],
    [1, 1, 1],
  ] as const)(
    '%i phases now and %i before count as %i: more phases give less each',
    (now, before, counted) => {
      expect(lowerOf(setOf([], now, 2), setOf([], before))?.phasesWired).toBe(counted)
    },
  )

  test('both sets hold, and the same set is itself', () => {
    const [next, kept] = [setOf([grid(20_000)], 3, 2), setOf([grid(8000)], 3)]
    expect(lowerOf(next, kept)?.plans.length).toBe(2)
    expect(lowerOf(kept, kept)).toBe(kept)
    expect(lowerOf(null, kept)).toBe(kept)
    expect(lowerOf(next, null)).toBeNull()
  })
})

describe('the fixed limits in words', () => {
  test('a box that is not commissioned says so, one that is does not', () => {
    expect(fixedArithmetic(plansOf(null))).not.toContain('not commissioned')
    expect(fixedArithmetic(plansOf(null, 1, own().slice(0, 2)))).toContain('not commissioned: 0 mA')
  })

  test('without any installation limit nothing may be offered, and only unlimited ones are none', () => {
    expect(lowestFixed(plansOf(null, 1, own().slice(0, 2)))).toBe(0)
    expect(lowestFixed(plansOf(null, 1, [constant('installation', { kind: 'unlimited' })]))).toBe(0)
  })
})

describe('a pause that a computed limit made', () => {
  const input = (
    milliamps: number,
    options: { source?: LimitSource; permitted?: boolean; heard?: boolean; steps?: boolean } = {},
  ): ResumeInput => {
    const limit = current(milliamps)
    const plan: LimitPlan = {
      ...constant(options.source ?? 'group', limit),
      steps: options.steps === false ? [] : [{ untilMonotonicMs: monotonicMs(10_000_000), limit }],
    }
    return {
      lowest: lowest(plansOf(setOf([plan], 3)), NOW),
      heard: () => options.heard ?? true,
      permitted: options.permitted ?? true,
      stepMilliamps: milliAmps(100),
    }
  }
  const at = (ms: number) => monotonicMs(100_000 + ms)
  const begin = (milliamps: number, options = {}) =>
    stepResume(RESUME_FREE, input(milliamps, options), at(0)).state
  const held = stepResume(begin(6000), input(0), at(0)).state

  test('begins only where a car with a permission was allowed 6 A or more', () => {
    expect(begin(6000)).toEqual({ kind: 'free', offering: true })
    expect(begin(5900)).toEqual({ kind: 'free', offering: false })
    expect(begin(6000, { permitted: false })).toEqual({ kind: 'free', offering: false })
    expect(begin(0, { permitted: false })).toEqual({ kind: 'free', offering: false })
    expect(stepResume(begin(5900), input(0), at(0)).state.kind).toBe('free')
    expect(held.kind).toBe('held')
  })

  test('begins with the fall to a pause, not with a lower limit, and for group and grid only', () => {
    expect(stepResume(begin(16_000), input(8000), at(0)).state).toEqual({ kind: 'free', offering: true })
    for (const [source, kind] of [
      ['group', 'held'],
      ['grid', 'held'],
      ['profile', 'free'],
    ] as const)
      expect(stepResume(begin(6000), input(0, { source }), at(0)).state.kind).toBe(kind)
  })

  test('tells until when: 60 s from its begin, or from when 6 A were stable, whichever is later', () => {
    const until = (milliamps: number, ms: number) =>
      stepResume(held, input(milliamps), at(ms)).lowest.binding.untilMonotonicMs
    expect(until(8000, 10_000)).toBe(at(PAUSE_MIN_MS))
    expect(until(6000, 10_000)).toBe(at(10_000 + STABLE_MS))
    const since = stepResume(held, input(6000), at(5000)).state
    expect(stepResume(since, input(6000), at(20_000)).lowest.binding.untilMonotonicMs).toBe(
      at(5000 + STABLE_MS),
    )
  })

  test('a limit that is a pause by itself tells its own end (none here), not the rule’s', () => {
    const found = stepResume(held, input(0), at(30_000)).lowest
    expect(found.binding).toMatchObject({ currentMilliamps: 0, untilMonotonicMs: null })
    expect(found.binding.reason.key).toBe('limit.profile')
  })
})

test('a grid input counts as heard from its own reading on, not from the start of control', () => {
  const input = {
    limitWatts: watts(4200),
    limits: { value: true, takenAtMonotonicMs: monotonicMs(50_000 - GRID_INPUT_LOST_MS + 1) },
  }
  const step = (now: number) => gridRelay(input, monotonicMs(1000), monotonicMs(now))
  expect(step(50_000).lost).toBeNull()
  expect(step(50_001).lost).toContain('not heard for 2000 ms')
})

describe('what the temperature plan says', () => {
  const curve = {
    points: [{ fromMilliCelsius: 60_000, currentMilliamps: milliAmps(10_000) }],
    stopMilliCelsius: 80_000,
    hysteresisMilliCelsius: 5000,
    lostMilliamps: milliAmps(8000),
  }
  const reason = (lostMilliamps: number, sensors: readonly (number | null)[]) => {
    const given = sensors.map((value) => (value === null ? null : { value, takenAtMonotonicMs: NOW }))
    const input = { curve: { ...curve, lostMilliamps: milliAmps(lostMilliamps) }, sensors: given }
    const before = { ...COOL, lostSinceMonotonicMs: null }
    const told = stepTemperature(before, input, null, NOW).plan?.reason
    return [told?.key, told?.values['celsius']]
  }
  test.each([
    [8000, [65_432], 'limit.temperature', 65],
    [8000, [65_432, null], 'limit.temperatureUnknown', undefined],
    [10_000, [65_432, null], 'limit.temperature', 65],
    [12_000, [65_432, null], 'limit.temperature', 65],
    [8000, [20_000, null], 'limit.temperatureUnknown', undefined],
    [8000, [20_000], 'limit.temperature', 20],
  ] as const)('%i mA without a sensor, at %j: %s', (lost, sensors, key, celsius) => {
    expect(reason(lost, sensors)).toEqual([key, celsius])
  })
})
