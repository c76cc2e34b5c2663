// The grid operator's relay, §14a EnWG: the last state that was read holds.
import { expect, test } from 'vitest'
import { GRID_INPUT_LOST_MS, gridRelay } from '../../../../agent/control/limits/grid-relay.ts'
import { perPhaseMilliamps } from '../../../../agent/control/limits/minimum.ts'
import { monotonicMs, watts } from '../../../../shared/units.ts'

const at = monotonicMs
function limitOf(limits: boolean | null, ageMs: number) {
  const now = at(100_000)
  const sighted = limits === null ? null : { value: limits, takenAtMonotonicMs: at(100_000 - ageMs) }
  const { plan, lost } = gridRelay({ limitWatts: watts(4200), limits: sighted }, at(100_000 - ageMs), now)
  return {
    source: plan?.source,
    milliamps: plan === null ? null : perPhaseMilliamps(plan.afterwards, 3),
    lost,
  }
}

test.each([
  ['the contact asks for it', true, 0, 6086, null],
  ['the contact does not', false, 0, Number.POSITIVE_INFINITY, null],
  [
    'lost while it limits: never released',
    true,
    GRID_INPUT_LOST_MS,
    6086,
    'not heard for 2000 ms: the limit holds',
  ],
  ['lost for hours', true, 7_200_000, 6086, 'not heard for 7200000 ms: the limit holds'],
  [
    'lost while idle: a fault',
    false,
    GRID_INPUT_LOST_MS,
    Number.POSITIVE_INFINITY,
    'not heard for 2000 ms: no limit holds',
  ],
  ['just not lost', false, GRID_INPUT_LOST_MS - 1, Number.POSITIVE_INFINITY, null],
  ['never read: it limits', null, 0, 6086, null],
  ['never read in 2 s', null, GRID_INPUT_LOST_MS, 6086, 'not heard for 2000 ms: the limit holds'],
] as const)('%s', (_name, limits, ageMs, milliamps, lost) => {
  expect(limitOf(limits, ageMs)).toEqual({ source: 'grid', milliamps, lost })
})

test('without a relay there is no plan', () => {
  expect(gridRelay(undefined, at(0), at(1))).toEqual({ plan: null, lost: null })
})
