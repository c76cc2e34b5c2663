// The residual current self-test: when it is due, when it runs, what it holds up. Source: registers.md §5, IEC 62955.
import { describe, expect, test } from 'vitest'
import {
  SELF_TEST_AGAIN_MS,
  SELF_TEST_MAX_MS,
  type SelfTestInput,
  type SelfTestState,
  selfTestHolds,
  stepSelfTest,
} from '../../../../agent/control/safety/self-test.ts'
import { DAY_MS } from '../../../../agent/control/safety/site.ts'
import { initialSafety } from '../../../../agent/control/safety/state.ts'
import { monotonicMs } from '../../../../shared/units.ts'
import { PLAIN_BOARD, rig } from './rig.ts'

const at = monotonicMs
const TESTS = { ...PLAIN_BOARD, hasSelfTest: true }
const INPUT: SelfTestInput = {
  hasSelfTest: true,
  eachMs: DAY_MS,
  told: 'idle',
  mayRun: true,
  charging: false,
}
const starts = (box: ReturnType<typeof rig>) =>
  box.commands().filter(({ command }) => command.kind === 'startSelfTest').length
const offers = (box: ReturnType<typeof rig>) =>
  box.commands().filter(({ command }) => command.kind === 'offer').length

describe('the test by itself', () => {
  test.each<[string, SelfTestState, number, boolean]>([
    ['at the start', { kind: 'due' }, 0, true],
    ['a day after it passed', { kind: 'passed', atMonotonicMs: at(0) }, DAY_MS, true],
    ['not before', { kind: 'passed', atMonotonicMs: at(0) }, DAY_MS - 1, false],
    [
      '10 min after it failed',
      { kind: 'failed', atMonotonicMs: at(0), detail: '' },
      SELF_TEST_AGAIN_MS,
      true,
    ],
    ['not before', { kind: 'failed', atMonotonicMs: at(0), detail: '' }, SELF_TEST_AGAIN_MS - 1, false],
  ])('due %s', (_name, state, now, due) => {
    expect(stepSelfTest(state, INPUT, at(now)).start).toBe(due)
    expect(selfTestHolds(state, INPUT, at(now))).toBe(due)
    expect(stepSelfTest(state, { ...INPUT, mayRun: false }, at(now)).start).toBe(false)
    expect(stepSelfTest(state, { ...INPUT, hasSelfTest: false }, at(now)).start).toBe(false)
    expect(selfTestHolds(state, { ...INPUT, hasSelfTest: false }, at(now))).toBe(false)
  })

  test('a charge makes the next one due, and a running one is due to nobody', () => {
    const passed: SelfTestState = { kind: 'passed', atMonotonicMs: at(0) }
    expect(stepSelfTest(passed, { ...INPUT, charging: true, mayRun: false }, at(1)).state).toEqual({
      kind: 'due',
    })
    expect(stepSelfTest(passed, INPUT, at(1)).state).toEqual(passed)
    const failed: SelfTestState = { kind: 'failed', atMonotonicMs: at(0), detail: '' }
    expect(stepSelfTest(failed, { ...INPUT, charging: true, mayRun: false }, at(1)).state).toEqual(failed)
    expect(selfTestHolds({ kind: 'running', sinceMonotonicMs: at(0), stale: null }, INPUT, at(1))).toBe(true)
  })

  test('the outcome of the test before this one counts for nothing', () => {
    const run = (told: readonly SelfTestInput['told'][]) => {
      let state = stepSelfTest({ kind: 'due' }, { ...INPUT, told: told[0] ?? null }, at(0)).state
      for (const [index, one] of told.entries()) {
        if (index > 0) state = stepSelfTest(state, { ...INPUT, told: one }, at(index)).state
      }
      return state.kind
    }
    expect(run(['passed', 'passed', 'passed'])).toBe('running')
    expect(run(['passed', 'running', 'passed'])).toBe('passed')
    expect(run(['failed', 'running', 'failed'])).toBe('failed')
    expect(run(['idle', 'passed'])).toBe('passed')
    expect(run(['passed', null, 'passed'])).toBe('running')
    expect(run(['idle', 'running', 'running'])).toBe('running')
  })

  test('one that tells no outcome in 60 s has failed', () => {
    const state: SelfTestState = { kind: 'running', sinceMonotonicMs: at(0), stale: 'idle' }
    expect(stepSelfTest(state, INPUT, at(SELF_TEST_MAX_MS - 1)).state.kind).toBe('running')
    expect(stepSelfTest(state, INPUT, at(SELF_TEST_MAX_MS)).state).toMatchObject({
      kind: 'failed',
      detail: 'the self-test was never seen to run in 60 s',
    })
    expect(stepSelfTest({ ...state, stale: null }, INPUT, at(SELF_TEST_MAX_MS)).state).toMatchObject({
      detail: 'the self-test did not end in 60 s',
    })
  })
})

describe('in a box', () => {
  test('at the start, before any session; a car that comes meanwhile waits for its outcome', () => {
    const box = rig({ facts: TESTS })
    box.charge()
    expect(starts(box)).toBe(1)
    expect(offers(box)).toBe(0)
    expect(box.state().chargingState).toBe('suspendedEvse')
    box.run(30_000)
    expect(offers(box)).toBe(1)
    expect(box.state().chargingState).toBe('charging')
  })

  test('after each charge, in A, so that the next car need not wait', () => {
    const box = rig({ facts: TESTS })
    box.charge()
    box.run(60_000)
    box.world.pilot = 'A'
    box.run(40_000)
    expect(starts(box)).toBe(2)
    expect(box.state().selfTest.kind).toBe('passed')
  })

  test('never while current flows or an offer stands, however long the charge', () => {
    const box = rig({ facts: TESTS, site: { ...rig().world.site, selfTestEachMs: 60_000 } })
    box.charge()
    box.run(60_000)
    const before = starts(box)
    box.run(180_000)
    box.world.limitMilliamps = 0
    box.world.pilot = 'B'
    box.run(60_000)
    expect(starts(box)).toBe(before)
    expect(box.faults()).toEqual([])
  })

  test('a running charge that is adopted is not held up', () => {
    const now = monotonicMs(500_000)
    const state = initialSafety(now, { plugId: 'p', chargingState: 'charging', faults: [] })
    const box = rig(
      { facts: TESTS, pilot: 'C', permission: { uuid: 's', plugId: 'p' } },
      { start: now, state },
    )
    box.adopt(16_000)
    box.run(20_000)
    expect(starts(box)).toBe(0)
    expect(box.commands().some(({ command }) => command.kind === 'pause')).toBe(false)
    expect(box.state().chargingState).toBe('charging')
  })

  test('SELF_TEST_FAILED withdraws, is tried again after 10 minutes, and clears when a test passes', () => {
    const box = rig({ facts: TESTS })
    box.world.extras.selfTest.outcome = 'failed'
    box.run(40_000)
    expect(box.faults()).toEqual(['SELF_TEST_FAILED'])
    box.world.extras.selfTest.outcome = 'passed'
    box.run(SELF_TEST_AGAIN_MS - 20_000)
    expect(box.faults()).toEqual(['SELF_TEST_FAILED'])
    box.run(60_000)
    expect(box.faults()).toEqual([])
  })

  test('SELF_TEST_FAILED where the board never tells an outcome', () => {
    const box = rig({ facts: TESTS })
    box.world.extras.selfTest.outcome = 'none'
    box.run(70_000)
    expect(box.faults()).toEqual(['SELF_TEST_FAILED'])
    expect(box.state().faults[0]?.detail).toContain('never seen to run')
  })

  test('a board without one is asked for none', () => {
    const box = rig()
    box.charge()
    expect(starts(box)).toBe(0)
  })
})
