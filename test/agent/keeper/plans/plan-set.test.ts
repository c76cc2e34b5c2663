import { describe, expect, test } from 'vitest'
import { commissionRefusal } from '../../../../agent/keeper/plans/commissioning.ts'
import { type PlanParts, planSet } from '../../../../agent/keeper/plans/plan-set.ts'
import { amps, milliAmps, monotonicMs } from '../../../../shared/units.ts'
import { installation } from '../store/shapes.ts'

const clock = { bootId: 'boot-1', now: monotonicMs(1000), offsetMs: Date.parse('2026-06-01T12:00Z') }
const parts: PlanParts = {
  installation: installation(1, 16),
  phasesWired: 3,
  schedule: null,
  override: null,
  userLimitMilliamps: null,
}
const sources = (of: Partial<PlanParts>) =>
  planSet({ ...parts, ...of }, 5, clock).plans.map(({ source, reason, afterwards }) => [
    source,
    reason.key,
    afterwards,
  ])

test('a set is complete: the installation always, schedule and driver where they are set', () => {
  expect(sources({})).toEqual([
    ['installation', 'limit.installation', { kind: 'perPhase', currentMilliamps: 16_000 }],
  ])
  const schedule = { version: 1, timeZone: 'UTC', windows: [], outsideMilliamps: amps(0) }
  expect(sources({ schedule, userLimitMilliamps: amps(8) }).map(([source]) => source)).toEqual([
    'installation',
    'schedule',
    'user',
  ])
  expect(planSet(parts, 5, clock)).toMatchObject({
    version: 5,
    bootId: 'boot-1',
    phasesWired: 3,
    mandatory: ['installation', 'board', 'cable'],
  })
})

test('without an installation record nothing may charge, and the reason says why', () => {
  expect(sources({ installation: null })).toEqual([
    ['installation', 'limit.installationMissing', { kind: 'perPhase', currentMilliamps: 0 }],
  ])
})

describe('commissioning', () => {
  const wiring = { wireRatingMilliamps: amps(20), phasesWired: 3 } as const
  const order = { limitMilliamps: amps(16), phasesWired: 3, by: 'A. Fitter' } as const
  const code = (
    change: Partial<{ -readonly [K in keyof typeof order]: unknown }>,
    before = installation(1, 16),
  ) => commissionRefusal({ ...order, ...change } as typeof order, before, wiring)?.code ?? 'accepted'

  test.each([
    [{}, 'accepted'],
    [{ limitMilliamps: amps(6) }, 'accepted'],
    [{ limitMilliamps: milliAmps(5999) }, 'CURRENT_TOO_LOW'],
    [{ limitMilliamps: milliAmps(0) }, 'CURRENT_TOO_LOW'],
    [{ limitMilliamps: amps(17) }, 'PRESENCE_NEEDED'],
    [{ limitMilliamps: milliAmps(20_001) }, 'ABOVE_WIRE_RATING'],
    [{ phasesWired: order.phasesWired === 3 ? 1 : 3 }, 'PRESENCE_NEEDED'],
    [{ by: '  ' }, 'NAME_MISSING'],
  ])('%o: %s', (change, expected) => {
    expect(code(change)).toBe(expected)
  })

  test('the first one may use the whole wire rating; more phases than wired are refused', () => {
    expect(commissionRefusal({ ...order, limitMilliamps: amps(20) }, null, wiring)).toBeNull()
    expect(commissionRefusal(order, null, { ...wiring, phasesWired: 1 })?.code).toBe('PHASES_NOT_WIRED')
  })

  test('raising says what it was, and what to do', () => {
    expect(
      commissionRefusal({ ...order, limitMilliamps: amps(18) }, installation(1, 16), wiring),
    ).toMatchObject({
      message: expect.stringContaining('16 A'),
      do: expect.stringContaining('presence code'),
    })
  })
})
