import { beforeEach, describe, expect, test } from 'vitest'
import { ablKind } from '../../../hw-sim/devices/abl-emh1.ts'
import { dutyMilliamps } from '../../../hw-sim/devices/abl-firmware.ts'
import { factsOf } from '../../facts/facts.ts'
import { type BoardAlone, boardAlone } from './board-alone.ts'

let at: BoardAlone
beforeEach(() => {
  at = boardAlone(ablKind)
})

const hex = (value: number) => value.toString(16).padStart(4, '0')
const write = (address: number, value: number) => at.ask(`10 ${hex(address)} 0001 02 ${hex(value)}`)
const read = (address: number, count: number): readonly number[] => {
  const reply = at.ask(`03 ${hex(address)} ${hex(count)}`)
  if (reply === null || !reply.startsWith(`03${(2 * count).toString(16).padStart(2, '0')}`))
    throw new Error(`${address}: ${reply}`)
  const bytes = Buffer.from(reply.slice(4), 'hex')
  return Array.from({ length: count }, (_, index) => bytes.readUInt16BE(2 * index))
}
const code = () => (read(0x04, 1)[0] ?? 0) & 0xff
const view = () => at.board().view

/** 16 A (duty 26.6 %), a car that wants. */
function charging() {
  write(0x14, 266)
  at.inputs.vehicle = 'B'
  at.run(20)
  at.inputs.vehicle = 'C'
  at.run(300)
}

describe('the registers', () => {
  test('are those of the facts', () => {
    for (const fact of factsOf('abl-emh1').registers) {
      const row = ablKind.rows.find((candidate) => candidate.address === fact.address)
      expect(row, fact.name).toMatchObject({ address: fact.address, reads: fact.fc === 3 ? [3] : [] })
      expect(row?.count ?? 1, fact.name).toBe(fact.count)
    }
  })

  test('answer to exactly their own count, and begin with their number', () => {
    for (const { address, count = 1, reads } of ablKind.rows) {
      if (!reads.includes(3)) continue
      expect(at.ask(`03 ${hex(address)} ${hex(count)}`)?.slice(4, 6)).toBe(hex(address).slice(2))
      expect(at.ask(`03 ${hex(address)} ${hex(count + 1)}`)).toBeNull()
      if (count > 1) expect(at.ask(`03 ${hex(address)} ${hex(count - 1)}`)).toBeNull()
    }
  })

  test.each([
    ['an address that is none', '03 0002 0001'],
    ['what is only written', '03 0014 0001'],
    ['function code 4', '04 0004 0001'],
    ['function code 6', '06 0014 010a'],
    ['two words at once', '10 0014 0002 04 010a 010a'],
    ['a request that is too short', '10 0014'],
  ])('say nothing to %s', (_what, request) => {
    expect(at.ask(request)).toBeNull()
  })

  test.each([
    ['an Icmax below 8 %', 0x14, 0x4f],
    ['an Icmax above 100 %', 0x14, 0x3e9],
    ['a jump that is none', 0x05, 0x1234],
    ['0x2C outside set-up mode', 0x2c, 0x8001],
  ])('refuse %s with exception 4', (_what, address, value) => {
    expect(write(address, value)).toBe('9004')
  })

  test('tell line settings, serial and wiring', () => {
    at = boardAlone(ablKind, { tethered: false, keys: { phaseMeter: false } })
    expect(read(0x03, 1)).toEqual([0x0300 | 0x40 | 0x20 | 6])
    expect(at.ask('03 0050 0008')).toBe(`03105032${Buffer.from('W22400000SIM01').toString('hex')}`)
    // Proximity, upstream time-out, no meter, RDC-MD, socket, welding detection.
    expect((read(0x01, 2)[1] ?? 0) & 0xff).toBe(0b1101_1100)
  })

  test('tell currents from L3 to L1, in 0.1 A and in 1 A, and none in A or without a meter', () => {
    at.inputs.currentsMilliamps = [16_000, 15_000, 14_000]
    expect(read(0x2e, 5).slice(2)).toEqual([0x3e8, 0x3e8, 0x3e8])
    charging()
    expect(read(0x2e, 5)).toEqual([0x2ec2, 0x8000 | 266, 140, 150, 160])
    expect(read(0x33, 3)).toEqual([0x33c2, 0x800e, 0x0f10])
    at = boardAlone(ablKind, { keys: { phaseMeter: false } })
    charging()
    expect(read(0x2e, 5).slice(2)).toEqual([0x3e8, 0x3e8, 0x3e8])
    expect(read(0x33, 3).slice(1)).toEqual([0x8064, 0x6464])
  })
})

describe('states and offer', () => {
  test('duty tells the current as in IEC 61851-1 Annex A', () => {
    const told = [79, 80, 100, 101, 266, 850, 851, 960, 970, 971, 1000].map(dutyMilliamps)
    expect(told).toEqual([0, 6000, 6000, 6060, 15_960, 51_000, 52_750, 80_000, 80_000, 0, 0])
  })

  test('go from A1 over B2 to C2; 100 % is a pause; a car that stays is opened after 6 s', () => {
    expect(code()).toBe(0xa1)
    write(0x14, 266)
    at.inputs.vehicle = 'B'
    at.run(10)
    expect(code()).toBe(0xb2)
    expect(view()).toMatchObject({ state: 'B2', offeredMilliamps: 15_960 })
    at.inputs.vehicle = 'C'
    at.run(300)
    expect(code()).toBe(0xc2)
    expect(view().coil).toBe(true)
    write(0x14, 0x3e8)
    at.run(10)
    expect(code()).toBe(0xb1)
    expect(read(0x2e, 5)[1]).toBe(0x8000 | 0x3e8)
    expect(read(0x0f, 5)[3]).toBe(0x3e8)
    expect(view()).toMatchObject({ state: 'C1', enabled: false, coil: true })
    at.run(6100)
    expect(view().coil).toBe(false)
  })

  test('a duty between 97 and 100 % allows nothing, and no more than the hardware bears is offered', () => {
    charging()
    write(0x14, 980)
    at.run(10)
    expect(view().state).toBe('C1')
    write(0x14, 900)
    at.run(10)
    expect(view().offeredMilliamps).toBe(32_000)
  })

  test('a restart: silence, Icmax of the hardware, and B1 until it is let go', () => {
    charging()
    expect(write(0x05, 0x5a5a)).not.toBeNull()
    at.run(500)
    expect(at.ask('03 0004 0001')).toBeNull()
    at.inputs.vehicle = 'B'
    at.run(700)
    expect(code()).toBe(0xb1)
    expect(read(0x0f, 5)[3]).toBe(533)
    expect((read(0x06, 2)[1] ?? 0) >> 14).toBe(1)
    write(0x14, 533)
    at.run(10)
    expect(code()).toBe(0xb2)
    expect((read(0x06, 2)[1] ?? 0) >> 14).toBe(0)
  })

  test('a restart where 0x2C says B2 offers by itself', () => {
    at = boardAlone(ablKind, { keys: { afterPowerCycle: 'B2' } })
    at.inputs.vehicle = 'B'
    at.run(10)
    expect(view()).toMatchObject({ state: 'B2', offeredMilliamps: 31_980 })
  })

  test('E0 disables the outlet, A1 brings it back; set-up mode takes 0x2C, and each write wears', () => {
    charging()
    write(0x05, 0xe0e0)
    at.run(10)
    expect(code()).toBe(0xe0)
    expect(view()).toMatchObject({ coil: false, state: 'F0', available: false })
    write(0x05, 0xe2e2)
    at.run(10)
    expect(code()).toBe(0xe2)
    expect(write(0x2c, 0x8002)).toBe('9004')
    write(0x2c, 0x4001)
    write(0x2c, 0x4001)
    expect(view()).toMatchObject({ retentiveWrites: 2, watchdog: 'off' })
    write(0x05, 0xa1a1)
    at.run(300)
    expect(code()).toBe(0xc2)
  })

  test('a socket offers what its cable bears, and nothing without its lock', () => {
    at = boardAlone(ablKind, { tethered: false })
    at.inputs.proximityAmps = 20
    at.inputs.locked = false
    write(0x14, 533)
    at.inputs.vehicle = 'B'
    at.run(10)
    expect(view()).toMatchObject({ state: 'B1', lockWanted: 'locked' })
    at.inputs.locked = true
    at.run(10)
    expect(view()).toMatchObject({ state: 'B2', offeredMilliamps: 20_000 })
    at.inputs.proximityAmps = 'shorted'
    at.run(10)
    expect(code()).toBe(0xf6)
  })
})

describe('faults', () => {
  test.each([
    ['D', 0xf7],
    ['E', 0xf8],
  ] as const)('%s', (vehicle, expected) => {
    charging()
    at.inputs.vehicle = vehicle
    at.run(10)
    expect(code()).toBe(expected)
    expect(view().coil).toBe(false)
    at.inputs.vehicle = 'A'
    at.run(10)
    expect(code()).toBe(0xa1)
  })

  test('a held number is F with that digit', () => {
    at.inputs.heldErrors = [3]
    at.run(10)
    expect(code()).toBe(0xf3)
  })

  test('from 60 degrees it offers 6 A (C3), above 80 it stops (FA)', () => {
    charging()
    at.inputs.temperatureMilliCelsius = 60_000
    at.run(10)
    expect(code()).toBe(0xc3)
    expect(view().offeredMilliamps).toBe(6000)
    expect(((read(0x06, 2)[1] ?? 0) >> 7) & 1).toBe(1)
    at.inputs.temperatureMilliCelsius = 80_001
    at.run(10)
    expect(code()).toBe(0xfa)
  })

  test.each([
    [19_160, 10_000],
    [17_600, 100_000],
    [16_800, 1_000_000],
  ])('a car that draws %i mA of 15,960 is stopped after %i ms, until it is unplugged', (drawn, afterMs) => {
    at = boardAlone(ablKind, { keys: { upstreamTimeout: false } })
    charging()
    at.inputs.currentsMilliamps = [drawn, 0, 0]
    at.run(afterMs - 500, 100)
    expect(code()).toBe(0xc2)
    at.run(700, 100)
    expect(code()).toBe(0xf9)
    at.inputs.currentsMilliamps = [0, 0, 0]
    at.run(1000, 100)
    expect(code()).toBe(0xf9)
    at.inputs.vehicle = 'A'
    at.run(200, 100)
    expect(code()).toBe(0xa1)
  })

  test('an RCD trip that was asked for stays until a reset', () => {
    write(0x05, 0xf1f1)
    at.run(10)
    expect(code()).toBe(0xf1)
    expect(write(0x05, 0xa1a1)).toBe('9004')
    write(0x05, 0x5a5a)
    at.run(1100)
    expect(code()).toBe(0xa1)
  })
})

describe('a master that is silent', () => {
  test('is derated for, then F4; whoever speaks again ends it', () => {
    charging()
    at.run(9600)
    expect(view()).toMatchObject({ watchdog: 'running', offeredMilliamps: 15_960 })
    at.run(200)
    expect(view()).toMatchObject({ offeredMilliamps: 6000, coil: true })
    at.run(5000)
    expect(view()).toMatchObject({ watchdog: 'tripped', offeredMilliamps: 0, coil: false, errors: 0xf4 })
    expect(code()).toBe(0xf4)
    at.run(10)
    expect(view().watchdog).toBe('running')
  })

  test('any request that it answers counts, one that it does not answer does not', () => {
    charging()
    for (let round = 0; round < 4; round++) {
      at.run(9000)
      read(0x04, 1)
    }
    expect(view().offeredMilliamps).toBe(15_960)
    for (let round = 0; round < 2; round++) {
      at.run(9000)
      at.ask('03 0004 0002')
    }
    expect(view().watchdog).toBe('tripped')
  })

  test('does not matter where the time-out is off', () => {
    at = boardAlone(ablKind, { keys: { upstreamTimeout: false } })
    charging()
    at.run(700_000, 500)
    expect(view()).toMatchObject({ watchdog: 'off', state: 'C2' })
  })
})
