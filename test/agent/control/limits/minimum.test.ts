import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { floorToStep, lowest, minimum, type Plans } from '../../../../agent/control/limits/minimum.ts'
import {
  lowestFixed,
  ofThisBoot,
  ownPlans,
  resumeAt,
  withoutLeases,
} from '../../../../agent/control/limits/own-plans.ts'
import {
  LIMIT_SOURCES,
  type Limit,
  type LimitPlan,
  type LimitSource,
  type PlanSet,
} from '../../../../shared/limits/plan.ts'
import { message } from '../../../../shared/message.ts'
import { amps, milliAmps, monotonicMs, type PhasesWired, watts } from '../../../../shared/units.ts'

const perPhase = (ampere: number): Limit => ({ kind: 'perPhase', currentMilliamps: amps(ampere) })
const total = (power: number): Limit => ({ kind: 'total', powerWatts: watts(power) })
const UNLIMITED: Limit = { kind: 'unlimited' }

const plan = (source: LimitSource, afterwards: Limit, steps: readonly [number, Limit][] = []): LimitPlan => ({
  source,
  reason: message('limit.profile', { of: source }),
  steps: steps.map(([until, limit]) => ({ untilMonotonicMs: monotonicMs(until), limit })),
  afterwards,
})
const HARDWARE = [
  plan('board', perPhase(32)),
  plan('cable', perPhase(32)),
  plan('installation', perPhase(32)),
]

function plans(
  given: readonly LimitPlan[],
  options: Partial<{
    own: readonly LimitPlan[]
    phases: PhasesWired
    step: number
    mandatory: LimitSource[]
  }> = {},
): Plans {
  return {
    set: {
      version: 1,
      bootId: 'b',
      phasesWired: options.phases ?? 3,
      mandatory: options.mandatory ?? [],
      plans: given,
    },
    own: options.own ?? HARDWARE,
    phasesWired: options.phases ?? 3,
    stepMilliamps: milliAmps(options.step ?? 1000),
  }
}
const at = monotonicMs

describe('the minimum of all plans', () => {
  test('is the lowest one now, with its reason, and tells when it changes', () => {
    const schedule = plan('schedule', UNLIMITED, [
      [100, perPhase(0)],
      [200, perPhase(10)],
      [300, perPhase(10)],
    ])
    expect(minimum(plans([schedule]), at(0))).toMatchObject({
      currentMilliamps: 0,
      source: 'schedule',
      untilMonotonicMs: 100,
    })
    expect(minimum(plans([schedule]), at(100))).toMatchObject({
      currentMilliamps: 10_000,
      untilMonotonicMs: 300,
    })
    expect(minimum(plans([schedule]), at(300))).toMatchObject({
      currentMilliamps: 32_000,
      source: 'installation',
      untilMonotonicMs: null,
    })
  })

  test('an expired plan holds its afterwards', () => {
    const lease = plan('group', perPhase(6), [[100, perPhase(20)]])
    expect(lowest(plans([lease]), at(99))).toMatchObject({
      binding: { currentMilliamps: 20_000 },
      heard: true,
    })
    expect(lowest(plans([lease]), at(100))).toMatchObject({
      binding: { currentMilliamps: 6000 },
      heard: false,
    })
  })

  test.each([
    ['installation', 'limit.installationMissing'],
    ['board', 'limit.missing'],
    ['cable', 'limit.missing'],
  ])('%s is always mandatory: absent it counts as 0 A', (source, key) => {
    const own = HARDWARE.filter((one) => one.source !== source)
    expect(minimum(plans([], { own }), at(0))).toMatchObject({ currentMilliamps: 0, source, reason: { key } })
    expect(minimum({ ...plans([]), set: null, own }, at(0))).toMatchObject({ currentMilliamps: 0, source })
  })

  test('another source is mandatory where the set says so', () => {
    expect(minimum(plans([], { mandatory: ['grid'] }), at(0))).toMatchObject({
      currentMilliamps: 0,
      source: 'grid',
      reason: { key: 'limit.missing', values: { source: 'grid' } },
    })
  })

  test('ties go to the source that is harder to lift, for each pair', () => {
    for (const a of LIMIT_SOURCES)
      for (const b of LIMIT_SOURCES) {
        const both = [plan(a, perPhase(10)), plan(b, perPhase(10))]
        const binding = minimum(plans([...both], { own: [...HARDWARE] }), at(0))
        const harder = LIMIT_SOURCES.indexOf(a) < LIMIT_SOURCES.indexOf(b) ? a : b
        expect(binding.source).toBe(harder)
      }
  })

  test.each([
    [4200, 3, 1000, 6000],
    [4200, 1, 1000, 18_000],
    [4140, 3, 1000, 6000],
    [4139, 3, 1000, 0],
    [4200, 3, 10, 6080],
    [0, 1, 1000, 0],
  ] as const)('%i W over %i phases at steps of %i mA are %i mA', (power, phases, step, expected) => {
    expect(minimum(plans([plan('grid', total(power))], { phases, step }), at(0)).currentMilliamps).toBe(
      expected,
    )
  })

  test('below 6 A it is a pause that says why', () => {
    expect(minimum(plans([plan('group', perPhase(5.9))], { step: 100 }), at(0))).toMatchObject({
      currentMilliamps: 0,
      source: 'group',
      reason: { key: 'limit.belowMinimum', values: { milliamps: 5900 } },
    })
  })

  test('nothing that limits at all is a pause, not unlimited', () => {
    const own = HARDWARE.map((one) => ({ ...one, afterwards: UNLIMITED }))
    expect(minimum(plans([], { own }), at(0)).currentMilliamps).toBe(0)
  })

  const limits = fc.oneof(
    fc.nat(40_000).map((value): Limit => ({ kind: 'perPhase', currentMilliamps: milliAmps(value) })),
    fc.nat(25_000).map((value): Limit => total(value)),
    fc.constant(UNLIMITED),
  )
  const anyPlan = fc
    .record({
      source: fc.constantFrom(...LIMIT_SOURCES),
      ends: fc.uniqueArray(fc.nat(1000), { maxLength: 5 }),
      limits: fc.array(limits, { minLength: 6, maxLength: 6 }),
    })
    .map((given) =>
      plan(
        given.source,
        given.limits[5] ?? UNLIMITED,
        given.ends.toSorted((a, b) => a - b).map((end, index) => [end, given.limits[index] ?? UNLIMITED]),
      ),
    )
  const anyPlans = fc.record({
    given: fc.array(anyPlan, { maxLength: 8 }),
    phases: fc.constantFrom<PhasesWired>(1, 3),
    step: fc.constantFrom(10, 100, 1000),
    now: fc.nat(1100),
  })

  test('is never above any plan, and always 0 or a whole step from 6 A', () => {
    fc.assert(
      fc.property(anyPlans, ({ given, phases, step, now }) => {
        const all = plans(given, { phases, step })
        const binding = minimum(all, at(now))
        expect(binding.currentMilliamps % step).toBe(0)
        expect(binding.currentMilliamps === 0 || binding.currentMilliamps >= 6000).toBe(true)
        for (const one of given) {
          const limit = one.steps.find((part) => now < part.untilMonotonicMs)?.limit ?? one.afterwards
          if (limit.kind === 'perPhase')
            expect(binding.currentMilliamps).toBeLessThanOrEqual(limit.currentMilliamps)
          if (limit.kind === 'total')
            expect((binding.currentMilliamps * phases * 230) / 1000).toBeLessThanOrEqual(limit.powerWatts)
        }
      }),
    )
  })

  test('is monotone: one more plan never raises it', () => {
    fc.assert(
      fc.property(anyPlans, anyPlan, ({ given, phases, step, now }, more) => {
        const before = minimum(plans(given, { phases, step }), at(now)).currentMilliamps
        const after = minimum(plans([...given, more], { phases, step }), at(now)).currentMilliamps
        expect(after).toBeLessThanOrEqual(before)
      }),
    )
  })

  test('does not depend on the order of the plans', () => {
    fc.assert(
      fc.property(anyPlans, ({ given, phases, step, now }) => {
        const forth = minimum(plans(given, { phases, step }), at(now))
        const back = minimum(plans(given.toReversed(), { phases, step }), at(now))
        expect(back.currentMilliamps).toBe(forth.currentMilliamps)
        expect(back.source).toBe(forth.source)
      }),
    )
  })

  test('holds until the moment that it names', () => {
    fc.assert(
      fc.property(anyPlan, fc.nat(1100), (one, now) => {
        const all = plans([one], { step: 10 })
        const binding = minimum(all, at(now))
        const until = binding.source === one.source ? binding.untilMonotonicMs : null
        if (until === null) return
        for (let later = now; later < until; later++)
          expect(minimum(all, at(later)).currentMilliamps).toBe(binding.currentMilliamps)
      }),
      { numRuns: 50 },
    )
  })

  test('floors every current from 0 to 40 A at every step of ours', () => {
    for (const step of [10, 100, 500, 1000])
      for (let raw = 0; raw <= 40_000; raw += 7) {
        const whole = floorToStep(raw, milliAmps(step))
        expect(whole === 0 || (whole >= 6000 && whole <= raw && raw - whole < step)).toBe(true)
        if (raw >= 6000 + step) expect(whole).toBeGreaterThan(0)
      }
  })
})

describe('plans of control itself', () => {
  const own = {
    boardMaxMilliamps: amps(63),
    cableMilliamps: amps(32),
    wireRatingMilliamps: amps(20),
    installationMilliamps: amps(16),
  }
  const set = (given: readonly LimitPlan[]): PlanSet => ({
    version: 1,
    bootId: 'b',
    phasesWired: 3,
    mandatory: [],
    plans: given,
  })

  test('the copy of the installation record counts until the set brings the record', () => {
    expect(ownPlans(own, null).map((one) => one.source)).toContain('installation')
    expect(ownPlans(own, set([])).map((one) => one.source)).toContain('installation')
    expect(ownPlans(own, set([plan('installation', perPhase(10))])).map((one) => one.source)).not.toContain(
      'installation',
    )
  })

  test("the maker's wiring binds even where the record says more", () => {
    const raised = set([plan('installation', perPhase(32))])
    const all = { ...plans([]), set: raised, own: ownPlans(own, raised) }
    expect(minimum(all, at(0))).toMatchObject({ currentMilliamps: 20_000, source: 'board' })
  })

  test('without a copy and without a set there is no installation limit, so nothing is offered', () => {
    const all = { ...plans([]), set: null, own: ownPlans({ ...own, installationMilliamps: null }, null) }
    expect(minimum(all, at(0))).toMatchObject({ currentMilliamps: 0, source: 'installation' })
    expect(lowestFixed(all)).toBe(0)
  })

  test('a set of another boot is not used', () => {
    expect(ofThisBoot(set([]), 'other')).toBeNull()
    expect(ofThisBoot(set([]), 'b')).not.toBeNull()
  })

  test('a gap in time ends a lease, and nothing else', () => {
    const given = set([
      plan('group', perPhase(6), [[1000, perPhase(16)]]),
      plan('grid', UNLIMITED, [[1000, total(4200)]]),
    ])
    const after = withoutLeases(given)
    expect(minimum({ ...plans([]), set: after }, at(0))).toMatchObject({ currentMilliamps: 6000 })
    expect(after.plans[1]).toEqual(given.plans[1])
  })

  test('the lowest fixed limit counts share and grid failsafe, not today’s schedule', () => {
    const given = [
      plan('group', perPhase(8), [[1000, perPhase(16)]]),
      plan('grid', UNLIMITED, [
        [500, perPhase(32)],
        [1000, total(4200)],
      ]),
      plan('schedule', perPhase(0)),
    ]
    expect(lowestFixed(plans(given))).toBe(6086)
  })

  test('a pause ends at 6.5 A or the next whole step', () => {
    expect([10, 100, 500, 1000].map((step) => resumeAt(milliAmps(step)))).toEqual([6500, 6500, 6500, 7000])
  })
})
