import { describe, expect, test } from 'vitest'
import {
  stepTouch,
  TOUCH_WAITS_MS,
  type TouchContext,
  type TouchState,
  TWICE_MS,
  touchesOver,
  UNTOUCHED,
} from '../../../../agent/keeper/authorisation/touch.ts'
import { monotonicMs } from '../../../../shared/units.ts'

const at = (ms: number) => monotonicMs(100_000 + ms)
const IDLE: TouchContext = { tokens: ['MINE', 'YOURS'], session: null, mayOverride: true }
const RUNNING: TouchContext = { ...IDLE, session: { uuid: 's1', idToken: 'MINE', isStopped: false } }
const refusal = (state: TouchState) => state.refused?.reason.key

describe('without a session', () => {
  test('a known token waits 60 s for its car', () => {
    const { state, orders } = stepTouch(UNTOUCHED, 'MINE', IDLE, at(0))
    expect(orders).toBeNull()
    expect(touchesOver(state, null, at(TOUCH_WAITS_MS - 1)).state.order?.idToken).toBe('MINE')
    expect(touchesOver(state, null, at(TOUCH_WAITS_MS)).state.order).toBeNull()
  })

  test('an unknown one does nothing, and the reason is told for 10 s', () => {
    const { state, orders } = stepTouch(UNTOUCHED, 'STRANGE', IDLE, at(0))
    expect([orders, state.order, refusal(state)]).toEqual([null, null, 'touch.unknown'])
    expect(touchesOver(state, null, at(9999)).state).toBe(state)
    expect(touchesOver(state, null, at(10_000)).state.refused).toBeNull()
  })
})

describe('within a session', () => {
  test("the session's own token stops it after 2 s", () => {
    const { state, orders } = stepTouch(UNTOUCHED, 'MINE', RUNNING, at(0))
    expect(orders).toBeNull()
    expect(touchesOver(state, RUNNING.session, at(TWICE_MS - 1)).orders).toBeNull()
    const over = touchesOver(state, RUNNING.session, at(TWICE_MS))
    expect(over).toEqual({ state: UNTOUCHED, orders: 'stop' })
  })

  test('a second touch within the 2 s overrides, and nothing stops', () => {
    const first = stepTouch(UNTOUCHED, 'MINE', RUNNING, at(0))
    const second = stepTouch(first.state, 'MINE', RUNNING, at(TWICE_MS - 1))
    expect(second.orders).toBe('override')
    expect(touchesOver(second.state, RUNNING.session, at(60_000)).orders).toBeNull()
  })

  test('a second touch after the 2 s stops, although no second has ticked yet', () => {
    const first = stepTouch(UNTOUCHED, 'MINE', RUNNING, at(0))
    expect(stepTouch(first.state, 'MINE', RUNNING, at(TWICE_MS)).orders).toBe('stop')
  })

  test.each([
    ['YOURS', 'touch.otherSession'],
    ['STRANGE', 'touch.unknown'],
  ])('%s neither stops nor overrides, however often', (token, reason) => {
    let state = UNTOUCHED
    for (let touch = 0; touch < 3; touch++) {
      const stepped = stepTouch(state, token, RUNNING, at(touch * 500))
      expect([stepped.orders, refusal(stepped.state)]).toEqual([null, reason])
      state = stepped.state
    }
    expect(touchesOver(state, RUNNING.session, at(5000)).orders).toBeNull()
  })

  test('another token between the two touches changes nothing', () => {
    const first = stepTouch(UNTOUCHED, 'MINE', RUNNING, at(0))
    const other = stepTouch(first.state, 'YOURS', RUNNING, at(500))
    expect(touchesOver(other.state, RUNNING.session, at(TWICE_MS)).orders).toBe('stop')
  })

  test('a stop of a session that is over stops no other', () => {
    const { state } = stepTouch(UNTOUCHED, 'MINE', RUNNING, at(0))
    expect(touchesOver(state, { uuid: 's2' }, at(TWICE_MS))).toEqual({ state: UNTOUCHED, orders: null })
  })
})
