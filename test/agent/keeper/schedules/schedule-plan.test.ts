import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HORIZON_MS, schedulePlan } from '../../../../agent/keeper/schedules/schedule-plan.ts'
import type { Limit, LimitPlan } from '../../../../shared/limits/plan.ts'
import type { Schedule } from '../../../../shared/tariff/schedule.ts'
import { isInside } from '../../../../shared/tariff/schedule-time.ts'
import { amps, epochMs, monotonicMs } from '../../../../shared/units.ts'

const cheapNights: Schedule = {
  version: 1,
  timeZone: 'Europe/Copenhagen',
  windows: [{ days: [1, 2, 3, 4, 5, 6, 7], from: '23:00', to: '06:00' }],
  outsideMilliamps: amps(0),
}
const limitAt = (plan: LimitPlan, mono: number): Limit =>
  plan.steps.find((step) => mono < step.untilMonotonicMs)?.limit ?? plan.afterwards
const PAUSE = { kind: 'perPhase', currentMilliamps: 0 }
const FREE = { kind: 'unlimited' }
const clockAt = (text: string, now = 1000) => ({ now: monotonicMs(now), offsetMs: Date.parse(text) - now })

test('holds the car back outside the windows, lets it charge inside, and normally when nobody renews it', () => {
  const clock = clockAt('2026-06-01T18:00:00Z')
  const plan = schedulePlan(cheapNights, null, clock)
  const hour = 3_600_000
  expect(plan.reason.key).toBe('limit.schedule')
  expect(limitAt(plan, clock.now)).toEqual(PAUSE)
  expect(limitAt(plan, clock.now + 3 * hour)).toEqual(FREE)
  expect(limitAt(plan, clock.now + 10 * hour)).toEqual(PAUSE)
  expect(limitAt(plan, clock.now + HORIZON_MS - 1)).toEqual(PAUSE)
  expect(limitAt(plan, clock.now + HORIZON_MS)).toEqual(FREE)
})

test('is not applied while the time is unknown, and says so', () => {
  const plan = schedulePlan(cheapNights, null, { now: monotonicMs(1000), offsetMs: null })
  expect(plan).toMatchObject({ reason: { key: 'limit.scheduleTimeUnknown' }, steps: [], afterwards: FREE })
})

test('is lifted by an override without an end, and by one with an end until then', () => {
  const clock = clockAt('2026-06-01T10:00:00Z')
  const override = { id: 'o', by: 'localPage', since: null } as const
  expect(schedulePlan(cheapNights, { ...override, until: null }, clock).steps).toEqual([])
  const until = epochMs(Date.parse('2026-06-01T12:00:00Z'))
  const plan = schedulePlan(cheapNights, { ...override, until }, clock)
  expect(limitAt(plan, clock.now)).toEqual(FREE)
  expect(limitAt(plan, clock.now + 2 * 3_600_000 - 1)).toEqual(FREE)
  expect(limitAt(plan, clock.now + 2 * 3_600_000)).toEqual(PAUSE)
})

describe.each(['Europe/Copenhagen', 'America/New_York', 'Australia/Lord_Howe'])('in %s', (timeZone) => {
  test('steps rise strictly and say at each moment of the horizon what the calendar says, over every clock change', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('2026-03-05', '2026-03-26', '2026-04-01', '2026-10-01', '2026-10-22', '2026-10-29'),
        fc.integer({ min: 0, max: 86_399 }),
        fc.array(fc.tuple(fc.nat(23), fc.nat(23), fc.constantFrom('00', '30')), {
          minLength: 1,
          maxLength: 3,
        }),
        (date, second, hours) => {
          const two = (value: number) => String(value).padStart(2, '0')
          const schedule: Schedule = {
            ...cheapNights,
            timeZone,
            windows: hours.map(([from, to, minute]) => ({
              days: [1, 3, 5, 6, 7],
              from: `${two(from)}:${minute}`,
              to: `${two(to)}:00`,
            })),
          }
          const clock = clockAt(new Date(Date.parse(`${date}T00:00Z`) + second * 1000).toISOString(), 77_000)
          const plan = schedulePlan(schedule, null, clock)
          plan.steps.reduce((last, step) => {
            expect(step.untilMonotonicMs).toBeGreaterThan(last)
            return step.untilMonotonicMs
          }, Number(clock.now))
          for (let mono = clock.now + 0; mono < clock.now + HORIZON_MS; mono += 17 * 60_000 + 13) {
            const inside = isInside(schedule, epochMs(mono + clock.offsetMs))
            expect(limitAt(plan, mono)).toEqual(inside ? FREE : PAUSE)
          }
        },
      ),
      { numRuns: 25 },
    )
  })
})
