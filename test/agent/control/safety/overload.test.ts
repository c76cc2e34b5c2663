// CAR_TAKES_MORE: not following within 7 s, and the curve of ABL's 0x06 (105 % 1000 s, 110 % 100 s, 120 % 10 s).
import { describe, expect, test } from 'vitest'
import {
  FOLLOW_MS,
  NO_OVERLOAD,
  OVERLOAD_CURVE,
  stepOverload,
  type Told,
  takesMore,
} from '../../../../agent/control/safety/overload.ts'
import { milliAmps, monotonicMs } from '../../../../shared/units.ts'
import { rig } from './rig.ts'

/** Plays offers and draws once a second; the second in which the car is found out, or null. */
function play(plan: (second: number) => { offered: number; drawn: number }, seconds: number): number | null {
  let state = NO_OVERLOAD
  let told: Told[] = []
  for (let second = 0; second < seconds; second++) {
    const { offered, drawn } = plan(second)
    const at = monotonicMs(second * 1000)
    const before = told
    if (told.at(-1)?.currentMilliamps !== offered)
      told = [...told, { currentMilliamps: milliAmps(offered), sinceMonotonicMs: at }]
    const sample = { drawnMilliamps: drawn, takenAtMonotonicMs: at }
    state = stepOverload(state, before, told, sample)
    if (takesMore(state, told, sample) !== null) return second
  }
  return null
}
/** The first offer was kept to for a while. */
const settled =
  (drawn: number, offered = 16_000) =>
  (second: number) =>
    second < 10 ? { offered, drawn: offered } : { offered, drawn }

describe('the curve, for a car that has followed', () => {
  test.each([
    ['105 % is no overload', 16_800, null],
    ['above 105 % for 1000 s', 16_801, 10 + 1000],
    ['110 % is not yet more than 110 %', 17_600, 10 + 1000],
    ['above 110 % for 100 s', 17_601, 10 + 100],
    ['120 % is not yet more than 120 %', 19_200, 10 + 100],
    ['above 120 % for 10 s', 19_201, 10 + 10],
    ['twice the offer for 10 s', 32_000, 10 + 10],
  ])('ABL 0x06: %s', (_name, drawn, second) => {
    expect(play(settled(drawn), 1200)).toBe(second)
  })

  test('half an ampere is left to meter and board, at any offer', () => {
    expect(play(settled(6500, 6000), 1200)).toBeNull()
    expect(play(settled(6501, 6000), 1200)).toBe(10 + 1000)
  })

  test('one good sample begins the time anew', () => {
    const swings = (second: number) => ({ offered: 16_000, drawn: second % 9 === 0 ? 16_000 : 20_000 })
    expect(play(swings, 1200)).toBeNull()
  })

  test('a changing offer does not: what is drawn is compared with the highest of the last 7 s', () => {
    const changes = (second: number) => ({
      offered: second < 10 || second % 10 < 5 ? 16_000 : 15_000,
      drawn: second < 10 ? 16_000 : 20_000,
    })
    expect(play(changes, 1200)).toBe(20)
  })

  test('the rows are the source’s', () => {
    expect(OVERLOAD_CURVE.map(({ percent, forMs }) => [percent, forMs])).toEqual([
      [120, 10_000],
      [110, 100_000],
      [105, 1_000_000],
    ])
  })
})

describe('following', () => {
  const lowered = (until: number, drawn: number) => (second: number) => ({
    offered: second < 20 ? 16_000 : 10_000,
    drawn: second < 20 ? 16_000 : second < until ? drawn : 10_000,
  })

  test('a car that has not come down 7 s after a lower offer is found out', () => {
    expect(FOLLOW_MS).toBe(7000)
    expect(play(lowered(1000, 16_000), 100)).toBe(27)
    expect(play(lowered(1000, 10_501), 100)).toBe(27)
    expect(play(lowered(1000, 10_500), 100)).toBeNull()
    expect(play(lowered(27, 16_000), 100)).toBeNull()
  })

  test('offers that fall again and again do not begin the 7 s anew', () => {
    const ladder = (second: number) => ({
      offered: second < 20 ? 16_000 : Math.max(6000, 16_000 - (second - 19) * 500),
      drawn: second < 20 ? 16_000 : 17_000,
    })
    expect(play(ladder, 100)).toBe(27)
  })

  test('a higher offer asks nothing of a car; a pause is judged by its own rule', () => {
    const raised = (second: number) => ({ offered: second < 20 ? 10_000 : 16_000, drawn: 10_000 })
    expect(play(raised, 100)).toBeNull()
    const paused = (second: number) => ({ offered: second < 20 ? 16_000 : 0, drawn: 16_000 })
    expect(play(paused, 2000)).toBeNull()
  })

  test('what was told before this control began is not known: nothing is judged for 7 s', () => {
    expect(play(() => ({ offered: 6000, drawn: 32_000 }), 100)).toBe(7)
  })

  test('a meter that is silent finds nobody out', () => {
    const told: Told[] = [{ currentMilliamps: milliAmps(6000), sinceMonotonicMs: monotonicMs(0) }]
    const state = { ...NO_OVERLOAD, unfollowedSinceMonotonicMs: monotonicMs(0) }
    expect(takesMore(state, told, null)).toBeNull()
  })
})

test('CAR_TAKES_MORE by the curve in a box: paused in the same step, then opened after 6 s', () => {
  const box = rig()
  box.charge()
  box.world.drawsMilliamps = 20_000
  const from = box.at()
  box.run(12_000)
  expect(box.faults()).toEqual(['CAR_TAKES_MORE'])
  expect(box.state().faults[0]?.detail).toBe('20000 mA drawn, 16000 mA offered: above 120 % for 10 s')
  const pause = box.commands().find(({ at, command }) => at >= from && command.kind === 'pause')
  box.run(6000)
  const opened = box.commands().find(({ command }) => command.kind === 'releaseDeadman')
  expect((opened?.at ?? 0) - (pause?.at ?? 0)).toBe(6000)
})

test('CAR_TAKES_MORE by the board’s own word', () => {
  const box = rig()
  box.charge()
  box.world.errors = ['currentExceeded']
  box.run(50)
  expect(box.faults()).toEqual(['CAR_TAKES_MORE'])
})
