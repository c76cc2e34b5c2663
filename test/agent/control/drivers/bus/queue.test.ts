import { describe, expect, it } from 'vitest'
import {
  type Barred,
  barredByQuarantine,
  nextTurn,
  overtakenBy,
  type Waiting,
} from '../../../../../agent/control/drivers/bus/queue.ts'
import { PRIORITIES, type Priority } from '../../../../../agent/control/ports/bus.ts'

const waiting = (priority: Priority, unitId = 1, isUnmistakable = false): Barred => ({
  priority,
  unitId,
  isUnmistakable,
})
const lastsMicros = () => 100
const always = { readyAtMicros: () => 0, lastsMicros }

describe('whose turn it is', () => {
  it('is the more urgent one, for each pair of priorities and in both orders', () => {
    for (const [high, urgent] of PRIORITIES.entries()) {
      for (const other of PRIORITIES.slice(high + 1)) {
        const first = waiting(urgent)
        const second = waiting(other)
        expect(nextTurn([first, second], always, 0)).toEqual({ kind: 'send', waiting: first })
        expect(nextTurn([second, first], always, 0)).toEqual({ kind: 'send', waiting: first })
      }
    }
  })

  it('is the oldest of equals', () => {
    const queue = [waiting('meter', 1), waiting('meter', 2), waiting('meter', 3)]
    expect(nextTurn(queue, always, 0)).toEqual({ kind: 'send', waiting: queue[0] })
  })

  it('is the less urgent one while the urgent unit still needs its silence', () => {
    const board = waiting('board', 1)
    const meter = waiting('meter', 2)
    const ready = { readyAtMicros: (request: Waiting) => (request.unitId === 1 ? 500 : 0), lastsMicros }
    expect(nextTurn([board, meter], ready, 100)).toEqual({ kind: 'send', waiting: meter })
    expect(nextTurn([board], ready, 100)).toEqual({ kind: 'wait', untilMicros: 500 })
    expect(nextTurn([board, meter], ready, 500)).toEqual({ kind: 'send', waiting: board })
    expect(nextTurn([], ready, 100)).toEqual({ kind: 'idle' })
  })

  it('is nobody who might hold the bus when a pause’s unit has had its silence', () => {
    const pause = waiting('withdraw', 1)
    for (const priority of PRIORITIES.slice(1)) {
      const other = waiting(priority, 2)
      const ready = { readyAtMicros: ({ unitId }: Waiting) => (unitId === 1 ? 500 : 0), lastsMicros }
      expect(nextTurn([other, pause], ready, 400)).toEqual({ kind: 'send', waiting: other })
      expect(nextTurn([other, pause], ready, 401)).toEqual({ kind: 'wait', untilMicros: 500 })
      expect(nextTurn([other, pause], ready, 500)).toEqual({ kind: 'send', waiting: pause })
    }
  })

  it('is nobody of a unit in quarantine but a pause that no late reply can be taken for', () => {
    for (const priority of PRIORITIES) {
      for (const isUnmistakable of [true, false]) {
        const barred = barredByQuarantine(waiting(priority, 1, isUnmistakable), 1000, 999)
        expect(barred).toBe(!(priority === 'withdraw' && isUnmistakable))
        expect(barredByQuarantine(waiting(priority, 1, isUnmistakable), 1000, 1000)).toBe(false)
      }
    }
  })

  it('is no offer behind a pause for the same unit', () => {
    for (const priority of PRIORITIES) {
      expect(overtakenBy(waiting('withdraw', 1), waiting(priority, 1))).toBe(priority === 'offer')
      expect(overtakenBy(waiting('withdraw', 1), waiting(priority, 2))).toBe(false)
      if (priority !== 'withdraw') {
        expect(overtakenBy(waiting(priority, 1), waiting('offer', 1))).toBe(false)
      }
    }
  })
})
