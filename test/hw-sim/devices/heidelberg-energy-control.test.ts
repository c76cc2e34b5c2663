import { beforeEach, describe, expect, test } from 'vitest'
import { heidelbergKind } from '../../../hw-sim/devices/heidelberg-energy-control.ts'
import { factsOf } from '../../facts/facts.ts'
import { type BoardAlone, boardAlone } from './board-alone.ts'

let at: BoardAlone
beforeEach(() => {
  at = boardAlone(heidelbergKind)
})

const hex = (value: number) => value.toString(16).padStart(4, '0')
const write = (address: number, value: number) => at.ask(`06 ${hex(address)} ${hex(value)}`)
const read = (fc: 3 | 4, address: number) => {
  const reply = at.ask(`0${fc} ${hex(address)} 0001`)
  if (reply === null || !reply.startsWith(`0${fc}02`)) throw new Error(`${address}: ${reply}`)
  return Number.parseInt(reply.slice(4), 16)
}
const state = () => read(4, 5)
const view = () => at.board().view

/** A car that wants, at 16 A. */
function charging() {
  write(261, 160)
  at.inputs.vehicle = 'B'
  at.run(20)
  at.inputs.vehicle = 'C'
  at.run(300)
  expect(view()).toMatchObject({ state: 'C2', coil: true, offeredMilliamps: 16_000 })
}
/** Asked each second, so that its watchdog is fed. */
const runFed = (ms: number) => {
  for (let left = ms; left > 0; left -= 1000) {
    at.run(Math.min(left, 1000))
    at.ask('04 0005 0001')
  }
}

describe('the registers', () => {
  test('are those of the facts', () => {
    for (const fact of factsOf('heidelberg-energy-control').registers) {
      const row = heidelbergKind.rows.find((candidate) => candidate.address === fact.address)
      expect(row, fact.name).toMatchObject({ address: fact.address, reads: [fact.fc] })
      expect(row?.count ?? 1, fact.name).toBe(fact.count)
    }
  })

  test.each([
    ['function code 1', '01 0000 0001', '8101'],
    ['a hole', '03 0104 0001', '8302'],
    ['a block over the hole at 260', '03 0103 0003', '8302'],
    ['a setting by function code 4', '04 0105 0001', '8402'],
    ['a status by function code 3', '03 0005 0001', '8302'],
    ['to write what is read only', '06 0005 0001', '8602'],
    ['1 A', '06 0105 000a', '8603'],
    ['5.9 A', '06 0105 003b', '8603'],
    ['16.1 A', '06 0105 00a1', '8603'],
    ['a failsafe of 5 A', '06 0106 0032', '8603'],
    ['a stand-by that is none', '06 0102 0001', '8603'],
    ['a lock that is none', '06 0103 0002', '8603'],
    ['the phase switch of the Amperfied', '03 01f5 0001', '8302'],
  ])('refuse %s', (_what, request, reply) => {
    expect(at.ask(request)).toBe(reply)
  })

  test('take 0 and 6 to 16 A in tenths, by function codes 6 and 16', () => {
    expect(write(261, 0)).toBe('060105' + '0000')
    expect(at.ask('10 0105 0001 02 0041')).toBe('1001050001')
    expect(read(3, 261)).toBe(65)
  })

  test('of layout 1.0.7 hide 258 and 259, alone and in a block, but take them', () => {
    for (const request of ['03 0102 0001', '03 0103 0001', '03 0101 0002', '03 0101 0006'])
      expect(at.ask(request)).toBe('8302')
    expect(write(258, 4)).toBe('0601020004')
    expect(read(3, 257)).toBe(15_000)
  })

  test('of a later layout tell them', () => {
    at = boardAlone(heidelbergKind, { keys: { layout: 0x0108 } })
    expect(read(4, 4)).toBe(0x0108)
    expect(at.ask('03 0101 0003')).toBe('0306' + '3a98' + '0000' + '0001')
  })

  test('of an Amperfied have the phase switch', () => {
    at = boardAlone(heidelbergKind, { keys: { amperfied: true } })
    expect(write(501, 1)).toBe('0601f50001')
    expect(read(4, 5001)).toBe(1)
  })

  test('tell currents in 0.1 A, volts, VA, VAh and 0.1 degrees', () => {
    at.inputs.energyMilliwattHours = 70_000_000_000
    at.inputs.currentsMilliamps = [16_000, 15_940, 0]
    at.run(5)
    expect(at.ask('04 0005 000e')).toBe(
      `041c${[3, 160, 159, 0, 250, 230, 230, 231, 1, 7349].map(hex).join('')}042c1d80042c1d80`,
    )
  })

  test('count each write of a setting that may wear, the same value too', () => {
    write(257, 4000)
    write(257, 4000)
    write(261, 60)
    expect(view().retentiveWrites).toBe(2)
  })
})

describe('the states', () => {
  test.each([
    ['A', 160, 3],
    ['A', 0, 2],
    ['B', 0, 4],
    ['B', 60, 5],
    ['C', 0, 6],
    ['C', 60, 7],
    ['E', 60, 9],
    ['D', 60, 11],
  ] as const)('of a car in %s with %i tenths are %i', (vehicle, deciamps, word) => {
    write(261, deciamps)
    at.inputs.vehicle = vehicle
    at.run(500)
    expect(state()).toBe(word)
    expect(view().coil).toBe(word === 7)
  })

  test('an error opens at once and has no number', () => {
    charging()
    at.inputs.heldErrors = [2]
    at.run(5)
    expect(state()).toBe(11)
    expect(view()).toMatchObject({ coil: false, signal: { kind: 'minus12' } })
  })

  test('derating goes on charging with 6 A', () => {
    charging()
    at.inputs.temperatureMilliCelsius = 76_000
    at.run(5)
    expect(state()).toBe(8)
    expect(view()).toMatchObject({ coil: true, offeredMilliamps: 6000 })
  })

  test('a car that stays in C1 is cut off after 6 s', () => {
    charging()
    write(261, 0)
    at.run(5900)
    expect(view()).toMatchObject({ state: 'C1', coil: true, signal: { kind: 'steady' } })
    at.run(200)
    expect(view()).toMatchObject({ state: 'C1', coil: false })
  })

  test('lock by Modbus is F at once, and about 10 s back', () => {
    charging()
    write(259, 0)
    at.run(5)
    expect(state()).toBe(10)
    expect(view()).toMatchObject({ coil: false, signal: { kind: 'minus12' }, available: false })
    write(259, 1)
    runFed(9000)
    expect(state()).toBe(10)
    runFed(1500)
    expect(state()).toBe(7)
  })
})

describe('the master watchdog', () => {
  test('ends the charge in F 15 s after the last valid request, as delivered', () => {
    charging()
    at.ask('04 0005 0001')
    at.run(14_990)
    expect(view()).toMatchObject({ state: 'C2', watchdog: 'running' })
    at.run(20)
    expect(view()).toMatchObject({ state: 'F0', coil: false, watchdog: 'tripped' })
  })

  test('is fed by any valid request, not by one that it refuses', () => {
    charging()
    runFed(60_000)
    expect(view().watchdog).toBe('running')
    for (let second = 0; second < 16; second++) {
      at.ask('06 0105 0001')
      at.run(1000)
    }
    expect(view().watchdog).toBe('tripped')
  })

  test('is back about 10 s after traffic resumes, with the current of before', () => {
    charging()
    at.run(20_000)
    expect(state()).toBe(10)
    runFed(9000)
    expect(state()).toBe(10)
    runFed(2000)
    expect(view()).toMatchObject({ state: 'C2', coil: true, offeredMilliamps: 16_000 })
  })

  test('with a failsafe current goes on with it, even where nothing was offered, and back at once', () => {
    write(262, 60)
    charging()
    at.run(15_100)
    expect(view()).toMatchObject({ state: 'C2', coil: true, offeredMilliamps: 6000, watchdog: 'tripped' })
    at.ask('04 0005 0001')
    at.run(5)
    expect(view()).toMatchObject({ offeredMilliamps: 16_000, watchdog: 'running' })
    write(261, 0)
    at.run(15_100)
    expect(view().offeredMilliamps).toBe(6000)
  })

  test('follows its register; 0 takes it away', () => {
    write(257, 4000)
    at.run(4100)
    expect(view().watchdog).toBe('tripped')
    write(257, 0)
    at.run(60_000)
    expect(view().watchdog).toBe('off')
  })
})

describe('stand-by', () => {
  test('as delivered makes an idle box silent, and a car wakes it', () => {
    runFed(59_000)
    expect(at.ask('04 0005 0001')).not.toBeNull()
    at.run(2000)
    expect(at.ask('04 0005 0001')).toBeNull()
    at.inputs.vehicle = 'B'
    at.run(5)
    expect(at.ask('04 0005 0001')).not.toBeNull()
  })

  test('is over for good once 4 was written to 258', () => {
    write(258, 4)
    runFed(120_000)
    expect(at.ask('04 0005 0001')).not.toBeNull()
  })
})

describe('a loss of supply', () => {
  const cut = () => {
    at.inputs.supplied = false
    at.run(50)
    expect(view()).toMatchObject({ powered: false, state: '--', coil: false, signal: { kind: 'off' } })
    expect(at.ask('04 0005 0001')).toBeNull()
    at.inputs.supplied = true
    at.run(1000)
    expect(at.ask('04 0005 0001')).toBeNull()
    at.run(1000)
  }

  test('forgets settings and current: 16 A by itself is the worst case', () => {
    write(257, 4000)
    write(258, 4)
    write(261, 60)
    cut()
    expect(read(3, 257)).toBe(15_000)
    expect(read(3, 261)).toBe(160)
  })

  test('keeps the settings where a site says so, and begins the counter since power-on anew', () => {
    at = boardAlone(heidelbergKind, { keys: { settingsKept: true, startDeciamps: 0 } })
    write(257, 4000)
    at.inputs.energyMilliwattHours = 5_000_000
    cut()
    expect(read(3, 257)).toBe(4000)
    expect(read(3, 261)).toBe(0)
    expect(read(4, 16)).toBe(0)
    expect(read(4, 18)).toBe(5000)
  })
})

test('no two rows share an address within a function code', () => {
  for (const fc of [3, 4]) {
    const addresses = heidelbergKind.rows
      .filter((row) => row.reads.includes(fc))
      .flatMap((row) => Array.from({ length: row.count ?? 1 }, (_, index) => row.address + index))
    expect(addresses.length).toBeGreaterThan(5)
    expect(new Set(addresses).size).toBe(addresses.length)
  }
})
