import { beforeEach, describe, expect, test } from 'vitest'
import { kebaKind } from '../../../hw-sim/devices/keba-p30.ts'
import { factsOf } from '../../facts/facts.ts'
import { type BoardAlone, boardAlone } from './board-alone.ts'

let at: BoardAlone
beforeEach(() => {
  at = boardAlone(kebaKind)
})

const hex = (value: number) => value.toString(16).padStart(4, '0')
const write = (address: number, value: number) => at.ask(`06 ${hex(address)} ${hex(value)}`)
const read = (address: number) => {
  const reply = at.ask(`03 ${hex(address)} 0002`)
  if (reply === null || !reply.startsWith('0304')) throw new Error(`${address}: ${reply}`)
  return Number.parseInt(reply.slice(4), 16)
}
const view = () => at.board().view

/** 16 A, enabled, a car that wants. */
function charging() {
  write(5004, 16_000)
  write(5014, 1)
  at.inputs.vehicle = 'B'
  at.run(20)
  at.inputs.vehicle = 'C'
  at.run(300)
}

describe('the registers', () => {
  test('are those of the facts', () => {
    for (const fact of factsOf('keba-p30').registers) {
      const row = kebaKind.rows.find((candidate) => candidate.address === fact.address)
      expect(row, fact.name).toMatchObject({ address: fact.address, reads: fact.fc === 3 ? [3] : [] })
      expect(row?.count ?? 1, fact.name).toBe(fact.count)
    }
  })

  test.each([
    ['two values in one read', '03 0410 0004', '8303'],
    ['half a value', '03 03e8 0001', '8302'],
    ['a value from its middle', '03 03e9 0002', '8302'],
    ['function code 4', '04 03e8 0002', '8401'],
    ['function code 16', '10 138c 0001 02 3e80', '9001'],
    ['to read what is only written', '03 1398 0002', '8302'],
    ['to write what is only read', '06 03e8 0001', '8602'],
    ['5 A', '06 138c 1388', '8603'],
    ['64 A', '06 138c fa00', '8603'],
    ['a failsafe current of 5 A', '06 1398 1388', '8603'],
    ['a time-out of 9 s', '06 139a 0009', '8603'],
    ['a time-out of 601 s', '06 139a 0259', '8603'],
    ['an enable that is none', '06 1396 0002', '8603'],
    ['an unlock that is none', '06 1394 0001', '8603'],
  ])('refuse %s', (_what, request, reply) => {
    expect(at.ask(request)).toBe(reply)
  })

  test('tell currents in mA, power in mW, energy in 0.1 Wh and voltages in V', () => {
    charging()
    at.inputs.currentsMilliamps = [16_000, 15_900, 0]
    at.inputs.energyMilliwattHours = 1_234_560
    expect([read(1008), read(1010), read(1012)]).toEqual([16_000, 15_900, 0])
    expect(read(1020)).toBe(16_000 * 230.4 + 15_900 * 229.8)
    expect([read(1036), read(1502)]).toEqual([12_345 + 1, 12_345 + 1])
    expect([read(1040), read(1042), read(1044)]).toEqual([230, 230, 231])
  })
})

describe('state and offer', () => {
  test('go from no car over waiting to charging, suspended and away', () => {
    expect([read(1000), read(1004)]).toEqual([1, 3])
    charging()
    expect([read(1000), read(1004)]).toEqual([3, 7])
    expect(view()).toMatchObject({ state: 'C2', coil: true, offeredMilliamps: 16_000 })
    write(5014, 0)
    at.run(10)
    expect(read(1000)).toBe(5)
    expect(view()).toMatchObject({ state: 'C1', offeredMilliamps: 0, signal: { kind: 'steady' } })
    at.inputs.vehicle = 'A'
    at.run(10)
    expect(read(1000)).toBe(1)
  })

  test('a car that stays in C1 is opened after 6 s', () => {
    charging()
    write(5014, 0)
    at.run(5900)
    expect(view().coil).toBe(true)
    at.run(200)
    expect(view().coil).toBe(false)
  })

  test('a restart loses current and enable, and says nothing while it starts', () => {
    charging()
    at.inputs.supplied = false
    at.run(10)
    expect(view()).toMatchObject({ powered: false, coil: false, state: '--' })
    at.inputs.supplied = true
    at.run(1000)
    expect(at.ask('03 03e8 0002')).toBeNull()
    at.run(600)
    expect(read(1100)).toBe(32_000)
    expect(view()).toMatchObject({ enabled: false, coil: false })
  })

  test('one that is enabled at its start charges before anybody has spoken', () => {
    at = boardAlone(kebaKind, { keys: { enabledAtStart: true } })
    at.inputs.vehicle = 'B'
    at.run(10)
    expect(view()).toMatchObject({ state: 'B2', offeredMilliamps: 32_000 })
  })

  test('the session limit ends the offer', () => {
    write(5010, 100)
    charging()
    at.inputs.energyMilliwattHours = 999_999
    at.run(10)
    expect(view().state).toBe('C2')
    at.inputs.energyMilliwattHours = 1_000_000
    at.run(10)
    expect(view().state).toBe('C1')
  })

  test('a socket: no more than the cable bears, 6 A without one, and no current without the lock', () => {
    at = boardAlone(kebaKind, { tethered: false })
    expect([read(1004), read(1110)]).toEqual([0, 6000])
    at.inputs.proximityAmps = 20
    at.inputs.locked = false
    expect([read(1004), read(1110)]).toEqual([1, 20_000])
    write(5004, 32_000)
    write(5014, 1)
    at.inputs.vehicle = 'B'
    at.run(10)
    expect(read(1004)).toBe(5)
    expect(view()).toMatchObject({ lockWanted: 'locked', offeredMilliamps: 0 })
    at.inputs.locked = true
    at.run(10)
    expect(read(1004)).toBe(7)
    expect(view().offeredMilliamps).toBe(20_000)
  })

  test('the plug is unlocked only while suspended', () => {
    at = boardAlone(kebaKind, { tethered: false })
    at.inputs.proximityAmps = 32
    at.inputs.locked = true
    charging()
    write(5012, 0)
    at.run(10)
    expect(view().lockWanted).toBe('locked')
    write(5014, 0)
    write(5012, 0)
    at.run(10)
    expect(view().lockWanted).toBe('unlocked')
  })

  test('D, E and a shorted proximity contact are errors, F is a fault without a number', () => {
    for (const vehicle of ['D', 'E'] as const) {
      charging()
      at.inputs.vehicle = vehicle
      at.run(10)
      expect(read(1000)).toBe(4)
      expect(read(1006)).not.toBe(0)
      expect(view().coil).toBe(false)
    }
    at.inputs.vehicle = 'C'
    at.inputs.heldErrors = [42]
    at.run(10)
    expect([read(1000), read(1006)]).toEqual([4, 42])
    at.inputs.heldErrors = []
    at.inputs.heldUnavailable = true
    at.run(10)
    expect(view().state).toBe('F0')
    expect([read(1000), read(1006)]).toEqual([4, 0])
  })
})

describe('the failsafe clock', () => {
  const keepReading = (ms: number) => {
    for (let passed = 0; passed < ms; passed += 500) {
      at.run(500, 50)
      read(1000)
    }
  }

  test('is off as delivered', () => {
    charging()
    at.run(700_000, 500)
    expect(view()).toMatchObject({ watchdog: 'off', state: 'C2' })
  })

  test('is not fed by reading: with 0 A the current stops', () => {
    write(5016, 0)
    write(5018, 10)
    charging()
    keepReading(9500)
    expect(view()).toMatchObject({ watchdog: 'running', state: 'C2' })
    keepReading(1000)
    expect(view()).toMatchObject({ watchdog: 'tripped', state: 'C1', offeredMilliamps: 0 })
    expect(read(1100)).toBe(0)
  })

  test('with a failsafe current it goes on with that', () => {
    write(5016, 8000)
    write(5018, 10)
    charging()
    at.run(10_100)
    expect(view()).toMatchObject({ watchdog: 'tripped', state: 'C2', offeredMilliamps: 8000 })
    expect(read(1100)).toBe(8000)
  })

  test.each([
    ['5018', () => write(5018, 10)],
    ['5004', () => write(5004, 16_000)],
    ['5014', () => write(5014, 1)],
  ])('is fed by writing %s', (_what, feed) => {
    write(5018, 10)
    charging()
    for (let round = 0; round < 4; round++) {
      at.run(9000)
      feed()
    }
    expect(view()).toMatchObject({ watchdog: 'running', state: 'C2' })
  })

  test('after a trip wants the current and enable, both; the time-out alone ends nothing', () => {
    write(5018, 10)
    charging()
    at.run(10_100)
    write(5018, 10)
    write(5014, 1)
    at.run(10)
    expect(view()).toMatchObject({ watchdog: 'tripped', offeredMilliamps: 0 })
    write(5004, 10_000)
    at.run(10)
    expect(view()).toMatchObject({ watchdog: 'running', state: 'C2', offeredMilliamps: 10_000 })
  })

  test('to disable it during a trip leaves it disabled and tripped', () => {
    write(5018, 10)
    charging()
    at.run(10_100)
    write(5004, 10_000)
    write(5014, 0)
    at.run(10)
    expect(view()).toMatchObject({ watchdog: 'tripped', enabled: false, offeredMilliamps: 0 })
  })

  test('survives a restart only where 5020 stored it, and each storing wears', () => {
    write(5016, 6000)
    write(5018, 30)
    const restart = () => {
      at.inputs.supplied = false
      at.run(10)
      at.inputs.supplied = true
      at.run(2000)
    }
    restart()
    expect(read(1602)).toBe(0)
    write(5016, 6000)
    write(5018, 30)
    write(5020, 1)
    write(5020, 1)
    expect(view().retentiveWrites).toBe(2)
    restart()
    expect(read(1602)).toBe(30)
    expect(view()).toMatchObject({ watchdog: 'running', retentiveWrites: 2 })
  })
})
