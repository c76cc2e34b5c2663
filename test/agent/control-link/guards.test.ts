import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  parseControlToKeeper,
  parseKeeperToControl,
  parsePlanSet,
} from '../../../agent/control-link/guards.ts'
import type { KeeperToControl } from '../../../agent/control-link/messages.ts'
import { message } from '../../../shared/message.ts'
import { milliAmps, monotonicMs, wattHours } from '../../../shared/units.ts'

const plans: KeeperToControl = {
  kind: 'plans',
  set: {
    version: 3,
    bootId: 'b',
    phasesWired: 3,
    mandatory: ['installation'],
    plans: [
      {
        source: 'schedule',
        reason: message('limit.schedule'),
        steps: [
          { untilMonotonicMs: monotonicMs(10), limit: { kind: 'perPhase', currentMilliamps: milliAmps(0) } },
          { untilMonotonicMs: monotonicMs(20), limit: { kind: 'unlimited' } },
        ],
        afterwards: { kind: 'unlimited' },
      },
    ],
  },
}
const permission: KeeperToControl = {
  kind: 'permission',
  permission: {
    uuid: 'u',
    evseId: 1,
    idToken: 't',
    plugId: 'p',
    meterSerial: 's',
    startRegisterWh: wattHours(12),
    bootId: 'b',
    startedAtMonotonicMs: monotonicMs(5),
  },
}

const standing: KeeperToControl = {
  kind: 'standingFaults',
  faults: [{ code: 'RESIDUAL_CURRENT', detail: 'the board reports it' }],
}

/** All places of a JSON value: each one replaced by something else must be refused. */
function mutations(value: unknown, junk: unknown): unknown[] {
  if (typeof value !== 'object' || value === null) return [junk]
  if (Array.isArray(value))
    return value.flatMap((item, index) => mutations(item, junk).map((one) => value.with(index, one)))
  return Object.entries(value).flatMap(([key, item]) =>
    mutations(item, junk).map((one) => ({ ...value, [key]: one })),
  )
}

describe('guards', () => {
  test.each([plans, permission, standing, { kind: 'alive' } as const])(
    'let a good message through unchanged',
    (good) => {
      expect(parseKeeperToControl(good)).toEqual({ ok: true, value: good })
    },
  )

  test('refuse a message with any one leaf of another type', () => {
    for (const good of [plans, permission, standing])
      for (const junk of [null, [], {}, true, -1.5])
        for (const bad of mutations(good, junk))
          expect(parseKeeperToControl(bad), JSON.stringify(bad)).toMatchObject({ ok: false })
  })

  test('refuse a message with any one field left out', () => {
    const without = (value: object) =>
      Object.keys(value).map((key) =>
        Object.fromEntries(Object.entries(value).filter(([name]) => name !== key)),
      )
    for (const bad of without(permission.permission))
      expect(parseKeeperToControl({ kind: 'permission', permission: bad })).toMatchObject({ ok: false })
    for (const bad of without(plans.set)) expect(parsePlanSet(bad)).toMatchObject({ ok: false })
  })

  test('a touch of the reader passes with its token and moment, and with nothing else', () => {
    const touch = { kind: 'touch', token: '0123AB45CD', atMonotonicMs: monotonicMs(7) }
    expect(parseControlToKeeper(touch)).toEqual({ ok: true, value: touch })
    for (const other of [
      { ...touch, token: 7 },
      { ...touch, atMonotonicMs: -1 },
      { ...touch, more: 1 },
    ])
      expect(parseControlToKeeper(other).ok).toBe(false)
  })

  test('refuse steps that do not rise', () => {
    const [plan] = plans.set.plans
    const falling = { ...plans.set, plans: [{ ...plan, steps: plan?.steps.toReversed() }] }
    expect(parsePlanSet(falling)).toMatchObject({ ok: false, error: expect.stringContaining('[1]') })
  })

  test('a source that only control may make is refused from keeper', () => {
    const [plan] = plans.set.plans
    expect(parsePlanSet({ ...plans.set, plans: [{ ...plan, source: 'board' }] })).toMatchObject({ ok: false })
  })

  test('are total: anything gives a result, nothing throws', () => {
    fc.assert(
      fc.property(fc.anything(), (anything) => {
        expect(parseKeeperToControl(anything).ok).toBe(false)
        expect(parseControlToKeeper(anything).ok).toBe(false)
      }),
    )
  })
})
