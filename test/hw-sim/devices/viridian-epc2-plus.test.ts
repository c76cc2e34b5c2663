import { beforeEach, describe, expect, test } from 'vitest'
import { EPC2_TABLE, epc2Kind } from '../../../hw-sim/devices/viridian-epc2-plus.ts'
import { type BoardAlone, boardAlone } from './board-alone.ts'

let at: BoardAlone
beforeEach(() => {
  at = boardAlone(epc2Kind)
})

const plug = (vehicle: 'B' | 'C' | 'D' = 'B') => {
  at.inputs.vehicle = vehicle
  at.run(10)
}
const unplug = () => {
  at.inputs.vehicle = 'A'
  at.run(10)
}
const hex = (value: number) => value.toString(16).padStart(4, '0')
const word = (address: number) => Number.parseInt(at.ask(`03 ${hex(address)} 0001`)?.slice(4) ?? 'none', 16)
const put = (address: number, value: number) => at.ask(`06 ${hex(address)} ${hex(value)}`)
const restart = () => {
  at.inputs.supplied = false
  at.run(100)
  at.inputs.supplied = true
  at.run(1100)
}

describe('the EPC 2.0 Plus', () => {
  test('starts by itself as delivered, with what 44 allows', () => {
    plug()
    expect([word(5), word(6), word(16), word(11)]).toEqual([1, 16, 16, 1])
    plug('C')
    at.run(250)
    expect(at.board().view).toMatchObject({ state: 'C2', coil: true, offeredMilliamps: 16_000 })
  })

  test('5 = 0 and 6 = 0 pause; the car has 6 s to let go', () => {
    plug('C')
    at.run(250)
    put(5, 0)
    at.run(10)
    expect([word(16), at.board().view.state, at.board().view.coil]).toEqual([0, 'C1', true])
    at.run(6000)
    expect(at.board().view.coil).toBe(false)
    plug('B')
    put(5, 1)
    at.run(10)
    expect(word(16)).toBe(16)
    put(6, 0)
    at.run(10)
    expect([word(16), word(6)]).toEqual([0, 0])
  })

  test('5 = 2 is one charge: it falls back to 0 when that car goes, not before', () => {
    put(5, 2)
    at.run(1000)
    expect(word(5)).toBe(2)
    plug('C')
    at.run(300)
    plug('B')
    plug('C')
    at.run(300)
    expect([word(5), at.board().view.coil]).toEqual([2, true])
    unplug()
    expect(word(5)).toBe(0)
    plug()
    expect(word(16)).toBe(0)
  })

  test('offers the least of 6, 44 and the cable', () => {
    at = boardAlone(epc2Kind, { tethered: false })
    at.inputs.proximityAmps = 20
    put(6, 32)
    plug()
    expect([word(15), word(16)]).toEqual([20, 16])
    put(44, 32)
    at.run(10)
    expect(word(16)).toBe(20)
    put(6, 10)
    at.run(10)
    expect(word(16)).toBe(10)
  })

  test.each([
    ['5 A', 6, 5, '8603'],
    ['33 A', 6, 33, '8603'],
    ['a time-out of 999 ms', 28, 999, '8603'],
    ['a time-out of 60,001 ms', 28, 60_001, '8603'],
    ['a fallback of 33 A', 30, 33, '8603'],
    ['a permission that is none', 5, 3, '8603'],
    ['a lock order that is none', 4, 3, '8603'],
    ['5 A at most', 44, 5, '8603'],
    ['a write to what is read only', 16, 6, '8602'],
    ['a row that nobody has seen', 18, 0, '8602'],
  ])('refuses %s', (_what, address, value, reply) => {
    expect(put(address, value)).toBe(reply)
  })

  test('does not know function code 16, and no row between those that are known', () => {
    expect(at.ask('10 0006 0001 02 0010')).toBe('9001')
    expect(at.ask('03 0006 0005')).toBe('8302')
    expect(at.ask('03 0007 0003')).toMatch(/^0306/)
  })

  describe('its watchdog', () => {
    test('is off as delivered: it goes on for ever', () => {
      plug('C')
      at.run(3_600_000, 1000)
      expect(at.board().view).toMatchObject({ coil: true, watchdog: 'off' })
    })

    test('with a fallback of 0 ends the offer at its time-out after the last request, whatever that was', () => {
      put(28, 2000)
      put(30, 0)
      plug('C')
      at.run(1500)
      expect(at.ask('03 0063 0001')).toBe('8302')
      at.run(1950)
      expect(at.board().view).toMatchObject({ watchdog: 'running', offeredMilliamps: 16_000 })
      at.run(100)
      expect(at.board().view).toMatchObject({ watchdog: 'tripped', offeredMilliamps: 0, state: 'C1' })
      at.run(6000)
      expect(at.board().view.coil).toBe(false)
    })

    test('with a fallback above 0 offers that, even where 6 was 0: only 5 = 0 holds', () => {
      put(28, 1000)
      put(30, 8)
      put(6, 0)
      plug()
      expect(at.board().view.offeredMilliamps).toBe(0)
      at.run(1100)
      expect(at.board().view.offeredMilliamps).toBe(8000)
      put(5, 0)
      at.run(1100)
      expect(at.board().view.offeredMilliamps).toBe(0)
    })

    test('is over with the next request, of any kind: what was set before holds again', () => {
      put(28, 1000)
      put(6, 13)
      plug()
      at.run(1500)
      expect(at.board().view.watchdog).toBe('tripped')
      expect(word(28)).toBe(1000)
      at.run(10)
      expect(at.board().view).toMatchObject({ watchdog: 'running', offeredMilliamps: 13_000 })
    })

    test('is lost with the supply, or kept and worn: both can be played', () => {
      put(28, 2000)
      put(30, 6)
      expect(at.board().view.retentiveWrites).toBe(0)
      restart()
      expect([word(28), word(30)]).toEqual([0, 0])
      at = boardAlone(epc2Kind, { keys: { watchdogKept: true } })
      put(28, 2000)
      put(30, 6)
      expect(at.board().view.retentiveWrites).toBe(2)
      restart()
      expect([word(28), word(30)]).toEqual([2000, 6])
    })
  })

  test('keeps 12, 13 and 21 to 23 without supply, counts each write, and begins with 13 in 5', () => {
    put(13, 0)
    put(13, 0)
    put(12, 1)
    put(6, 10)
    expect(at.board().view.retentiveWrites).toBe(3)
    restart()
    expect([word(13), word(12), word(5), word(6)]).toEqual([0, 1, 0, 16])
    plug()
    expect(at.board().view.offeredMilliamps).toBe(0)
  })

  test('is not heard at its new rate or address once it has started with them', () => {
    put(23, 7)
    expect(word(23)).toBe(7)
    restart()
    expect(at.ask('03 0017 0001')).toBeNull()
  })

  test('drives its lock by itself, by order, and at the loss of supply as 12 says', () => {
    at = boardAlone(epc2Kind, { tethered: false })
    at.inputs.proximityAmps = 32
    const lock = () => at.board().view.lockWanted
    expect(lock()).toBe('unlocked')
    plug()
    expect(lock()).toBe('locked')
    put(4, 2)
    at.run(10)
    expect(lock()).toBe('unlocked')
    put(4, 1)
    unplug()
    expect(lock()).toBe('locked')
    put(12, 2)
    at.inputs.supplied = false
    at.run(10)
    expect(lock()).toBe('unlocked')
    expect(boardAlone(epc2Kind).board().view.lockWanted).toBeNull()
  })

  test('tells its three errors, is F with each, and keeps a direct current until the car has gone', () => {
    plug('C')
    at.run(250)
    for (const [bit, error] of [
      [0, 0b001],
      [2, 0b100],
    ] as const) {
      at.inputs.heldErrors = [bit]
      at.run(10)
      expect([word(14), word(11), at.board().view.coil]).toEqual([error, 4, false])
      at.inputs.heldErrors = []
      at.run(250)
      expect([word(14), word(11), at.board().view.coil]).toEqual([0, 2, true])
    }
    at.inputs.heldErrors = [1]
    at.run(10)
    at.inputs.heldErrors = []
    at.run(10_000, 100)
    expect([word(14), word(11), at.board().view.coil]).toEqual([0b010, 4, false])
    unplug()
    expect([word(14), word(11)]).toEqual([0, 0])
  })

  test('refuses D, tells it as 3, and tells a short circuit as F: it has no E', () => {
    plug('D')
    at.run(300)
    expect([word(11), word(16), at.board().view.coil]).toEqual([3, 0, false])
    at.inputs.vehicle = 'E'
    at.run(10)
    expect(word(11)).toBe(4)
  })

  test('measures one phase', () => {
    at.inputs.currentsMilliamps = [15_960, 15_960, 15_960]
    expect([word(7), word(8), word(9)]).toEqual([2304, 160, 3677])
  })

  test('no two rows share an address', () => {
    const addresses = EPC2_TABLE.rows.map((row) => row.address)
    expect(new Set(addresses).size).toBe(addresses.length)
  })
})
