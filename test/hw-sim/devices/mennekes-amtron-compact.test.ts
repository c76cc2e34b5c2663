import { beforeEach, describe, expect, test } from 'vitest'
import { mennekesKind } from '../../../hw-sim/devices/mennekes-board.ts'
import { factsOf } from '../../facts/facts.ts'
import { type BoardAlone, boardAlone } from './board-alone.ts'

let at: BoardAlone
beforeEach(() => {
  at = boardAlone(mennekesKind)
})

const hex = (value: number) => value.toString(16).padStart(4, '0')
const float = (value: number) => {
  const bytes = Buffer.alloc(4)
  bytes.writeFloatBE(value)
  return bytes.toString('hex')
}
const write = (address: number, value: number) => at.ask(`06 ${hex(address)} ${hex(value)}`)
const limit = (amps: number) => at.ask(`10 0302 0002 04 ${float(amps)}`)
const words = (address: number, count: number) => {
  const reply = at.ask(`03 ${hex(address)} ${hex(count)}`)
  if (reply === null || !reply.startsWith('03')) throw new Error(`${address}: ${reply}`)
  return Buffer.from(reply.slice(4), 'hex')
}
const read = (address: number) => words(address, 1).readUInt16BE()
const readFloat = (address: number) => words(address, 2).readFloatBE()
const beat = () => write(0x0d00, 0x55aa)
const view = () => at.board().view

/** Released with 16 A, and a car that wants. */
function charging() {
  limit(16)
  write(0x0d05, 1)
  at.inputs.vehicle = 'B'
  at.run(20)
  at.inputs.vehicle = 'C'
  at.run(300)
  expect(view()).toMatchObject({ state: 'C2', coil: true, offeredMilliamps: 16_000 })
}

describe('the registers', () => {
  test('are those of the facts', () => {
    for (const fact of factsOf('mennekes-amtron-compact-2s').registers) {
      const row = mennekesKind.rows.find((candidate) => candidate.address === fact.address)
      expect(row, fact.name).toMatchObject({ address: fact.address, reads: fact.fc === 3 ? [3] : [] })
      expect(row?.count ?? 1, fact.name).toBe(fact.count)
    }
  })

  test.each([
    ['function code 4', '04 0108 0001', '8401'],
    ['a hole', '03 0109 0001', '8302'],
    ['to read what is only written', '03 0d00 0001', '8302'],
    ['to write what is only read', '06 0108 0001', '8602'],
    ['half a limit', '06 0302 4180', '8602'],
    ['a limit above 32 A', `10 0302 0002 04 ${float(32.5)}`, '9003'],
    ['a limit below 0', `10 0302 0002 04 ${float(-1)}`, '9003'],
    ['a limit that is no number', '10 0302 0002 04 7fc00000', '9003'],
    ['the release by function code 16', '10 0d05 0001 02 0001', '9002'],
    ['another heartbeat', '06 0d00 55ab', '8603'],
    ['a release that is none', '06 0d05 0002', '8603'],
    ['a fallback of 5 A', '06 073a 0005', '8603'],
    ['a fallback of 33 A', '06 073a 0021', '8603'],
    ['a setting that is not in the list', '06 0706 0007', '8603'],
    ['a single phase, which this hardware has not', '06 0d04 0001', '8603'],
    ['another solar mode', '06 0d03 0004', '8603'],
    ['another restart', '06 0d19 00bc', '8603'],
  ])('refuse %s', (_what, request, reply) => {
    expect(at.ask(request)).toBe(reply)
  })

  test('say who it is', () => {
    expect(read(0)).toBe(0x0103)
    expect(words(19, 8).toString('latin1')).toBe('SIM0000000000001')
  })

  test('are floats, high word first; the other order where a site says so, in both directions', () => {
    expect(words(0x0506, 2).toString('hex')).toBe(float(230.4))
    limit(16)
    expect(readFloat(0x0302)).toBe(16)
    at = boardAlone(mennekesKind, { keys: { wordOrder: 'lowFirst' } })
    const swapped = float(230.4).slice(4) + float(230.4).slice(0, 4)
    expect(words(0x0506, 2).toString('hex')).toBe(swapped)
    expect(at.ask('10 0302 0002 04 0000 4180')).toBe('1003020002')
    at.inputs.vehicle = 'B'
    at.run(10)
    expect(view().offeredMilliamps).toBe(16_000)
    // What is meant as 16 A the other way round is next to nothing.
    limit(16)
    at.run(10)
    expect(view().offeredMilliamps).toBe(0)
  })

  test('tell currents, voltages, powers, temperature and energy', () => {
    at.inputs.currentsMilliamps = [16_000, 15_500, 0]
    at.inputs.energyMilliwattHours = 12_345_000
    at.run(5)
    expect([0x0500, 0x0502, 0x0504].map(readFloat)).toEqual([16, 15.5, 0])
    expect(readFloat(0x0512)).toBeCloseTo(16 * 230.4 + 15.5 * 229.8, 2)
    expect(readFloat(0x0900)).toBe(25)
    expect(readFloat(0x1000)).toBeCloseTo(12.345, 5)
  })

  test('count the session from plug-in to the next plug-in', () => {
    charging()
    at.inputs.currentsMilliamps = [16_000, 16_000, 16_000]
    at.inputs.energyMilliwattHours = 2_000_000
    at.run(10_000)
    at.inputs.currentsMilliamps = [0, 0, 0]
    at.inputs.vehicle = 'A'
    at.run(5000)
    expect(readFloat(0x0b00)).toBe(16)
    expect(readFloat(0x0b02)).toBe(2)
    expect(words(0x0b04, 2).readUInt32BE()).toBe(10)
    expect(read(0x0b06)).toBe(3)
    at.inputs.vehicle = 'B'
    at.run(5)
    expect(readFloat(0x0b02)).toBe(0)
    expect(words(0x1002, 2).readUInt32BE()).toBe(2)
  })
})

describe('the offer', () => {
  test.each([
    [0, 32_000],
    [6, 6000],
    [13.5, 13_500],
    [32, 32_000],
    [5.99, 0],
    [0.01, 0],
  ])('at a limit of %d A is %i mA: 0 is no limit, and below 6 A is none', (amps, offered) => {
    limit(amps)
    write(0x0d05, 1)
    at.inputs.vehicle = 'B'
    at.run(10)
    expect(view().offeredMilliamps).toBe(offered)
    expect(readFloat(0x0114)).toBe(offered / 1000)
  })

  test('is at most what cable, setting and plug allow', () => {
    at = boardAlone(mennekesKind, { tethered: false })
    at.inputs.locked = true
    at.inputs.proximityAmps = 20
    at.inputs.vehicle = 'B'
    at.run(10)
    expect(view().offeredMilliamps).toBe(20_000)
    write(0x0706, 4)
    at.run(10)
    expect(view().offeredMilliamps).toBe(13_000)
    expect(readFloat(0x0306)).toBe(13)
    expect(view().retentiveWrites).toBe(1)
  })

  test('is paused by 0x0D05 = 0: PWM off, and the relays open when the car has let go, after 6 s at the latest', () => {
    charging()
    write(0x0d05, 0)
    at.run(5900)
    expect(view()).toMatchObject({ state: 'C1', signal: { kind: 'steady' }, offeredMilliamps: 0, coil: true })
    at.run(200)
    expect(view().coil).toBe(false)
  })

  test('is withdrawn in F when the station is locked by 0x0D06', () => {
    charging()
    write(0x0d06, 1)
    at.run(5)
    expect(view()).toMatchObject({ state: 'F0', coil: false, available: false })
    expect(read(0x0108)).toBe(15)
  })
})

describe('the states', () => {
  test.each([
    ['A', 0, 10, 1],
    ['A', 1, 26, 1],
    ['B', 0, 11, 2],
    ['B', 1, 27, 4],
    ['C', 0, 12, 3],
    ['C', 1, 28, 5],
    ['D', 0, 13, 3],
    ['D', 1, 29, 3],
    ['E', 1, 14, 6],
  ] as const)('of a car in %s with release %i are %i and %i', (vehicle, release, cp, evse) => {
    write(0x0d05, release)
    at.inputs.vehicle = vehicle
    at.run(500)
    expect([read(0x0108), read(0x0100)]).toEqual([cp, evse])
    expect(view().coil).toBe(cp === 28)
  })

  test('an error opens at once and is told by its number', () => {
    charging()
    at.inputs.heldErrors = [2]
    at.run(5)
    expect([read(0x0e00), read(0x0100)]).toEqual([2, 6])
    expect(view()).toMatchObject({ coil: false, offeredMilliamps: 0 })
  })
})

describe('the heartbeat', () => {
  const runBeating = (ms: number) => {
    for (let left = ms; left > 0; left -= 5000) {
      at.run(Math.min(left, 5000))
      beat()
    }
  }

  test('is not asked for while the fallback is 0, as delivered', () => {
    charging()
    at.run(60_000)
    expect(view()).toMatchObject({ state: 'C2', watchdog: 'off' })
    expect(read(0x0e01)).toBe(0)
  })

  test('that stays away for 10 s pauses where the fallback is 1; reading and other writes are no heartbeat', () => {
    write(0x073a, 1)
    charging()
    runBeating(30_000)
    expect(view()).toMatchObject({ state: 'C2', watchdog: 'running' })
    for (let second = 0; second < 11; second++) {
      at.run(1000)
      read(0x0108)
      limit(16)
    }
    expect(read(0x0e01)).toBe(1)
    expect(view()).toMatchObject({ state: 'C1', offeredMilliamps: 0, watchdog: 'tripped' })
  })

  test('that comes back brings back what was told before', () => {
    write(0x073a, 1)
    charging()
    at.run(11_000)
    beat()
    at.run(500)
    expect(view()).toMatchObject({ state: 'C2', offeredMilliamps: 16_000, watchdog: 'running' })
  })

  test('that stays away goes on with a fallback current, released or not', () => {
    write(0x073a, 6)
    expect(read(0x030e)).toBe(6)
    charging()
    at.run(10_100)
    expect(view()).toMatchObject({ state: 'C2', coil: true, offeredMilliamps: 6000 })
    beat()
    write(0x0d05, 0)
    at.run(10_100)
    expect(view().offeredMilliamps).toBe(6000)
  })

  test('counts each write of the settings that are kept', () => {
    write(0x073a, 1)
    write(0x073a, 1)
    limit(10)
    expect(view().retentiveWrites).toBe(2)
  })
})

describe('the lock of a socket', () => {
  beforeEach(() => {
    at = boardAlone(mennekesKind, { tethered: false })
    at.inputs.proximityAmps = 32
    at.inputs.locked = false
  })

  test('is driven from plug-in to plug-out, and nothing flows before it is confirmed', () => {
    expect(view().lockWanted).toBe('unlocked')
    at.inputs.vehicle = 'C'
    at.run(1000)
    expect(view()).toMatchObject({ lockWanted: 'locked', coil: false })
    expect(read(0x0d02)).toBe(1)
    at.inputs.locked = true
    at.run(500)
    expect(view().coil).toBe(true)
    expect(read(0x0d02)).toBe(2)
    at.inputs.vehicle = 'A'
    at.run(50)
    expect(view()).toMatchObject({ lockWanted: 'unlocked', coil: false })
  })

  test('is none where the cable is fixed', () => {
    at = boardAlone(mennekesKind)
    expect(read(0x0d02)).toBe(3)
    expect(view().lockWanted).toBeNull()
  })
})

describe('a start', () => {
  test('forgets limit and pause: unlimited by itself is the worst case; the kept settings stay', () => {
    write(0x073a, 1)
    limit(6)
    write(0x0d05, 0)
    at.inputs.supplied = false
    at.run(50)
    expect(view()).toMatchObject({ powered: false, state: '--', coil: false })
    at.inputs.supplied = true
    at.run(1900)
    expect(at.ask('03 0108 0001')).toBeNull()
    at.run(200)
    at.inputs.vehicle = 'B'
    at.run(10)
    expect(view().offeredMilliamps).toBe(32_000)
    expect(read(0x030e)).toBe(1)
    at.run(10_100)
    expect(view()).toMatchObject({ offeredMilliamps: 0, watchdog: 'tripped' })
  })

  test('is paused where a site says so', () => {
    at = boardAlone(mennekesKind, { keys: { releasedAtStart: false } })
    at.inputs.vehicle = 'B'
    at.run(10)
    expect(view().offeredMilliamps).toBe(0)
  })

  test('by 0x0D19 is done when nothing is plugged in only', () => {
    at.inputs.vehicle = 'B'
    at.run(5)
    expect(write(0x0d19, 0xbb)).toBe('8603')
    at.inputs.vehicle = 'A'
    at.run(5)
    expect(write(0x0d19, 0xbb)).toBe('060d1900bb')
    expect(at.ask('03 0108 0001')).toBeNull()
    at.run(2100)
    expect(read(0x0108)).toBe(26)
  })
})

test('no two rows share an address', () => {
  const addresses = mennekesKind.rows.flatMap((row) =>
    Array.from({ length: row.count ?? 1 }, (_, index) => row.address + index),
  )
  expect(new Set(addresses).size).toBe(addresses.length)
})
