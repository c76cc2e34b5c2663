import { describe, expect, test } from 'vitest'
import type { SimFault } from '../../hw-sim/api.ts'
import { withCar } from '../../hw-sim/hands.ts'
import { worldFacts } from '../../hw-sim/new-world.ts'
import { defaultSite } from '../../hw-sim/site.ts'
import { currents, type World, withFaults } from '../../hw-sim/world.ts'
import { commissioned, type Played, play, plug } from './worlds.ts'

const facts = worldFacts(defaultSite())
const hurt = (played: Played, ...faults: SimFault[]) =>
  played.change((world) => withFaults(world, facts, faults))
const pilot = (world: World) => world.board.view.state
const flows = (world: World) => currents(world)[0] > 0
const pause = (played: Played) => played.board('05 4e20 0000')
const offer = (played: Played) => played.board('05 4e20 ff00')

function charging(change: Partial<World['car']> = {}): Played {
  const played = commissioned(play())
  plug(played, change)
  played.until((world) => currents(world)[0] === 16_000, 5000)
  return played
}

describe('cars that are allowed and odd', () => {
  test('a simplified car goes from A to C without B, and stays in C when it is paused', () => {
    const played = commissioned(play())
    plug(played, { simplified: true })
    played.until((world) => currents(world)[0] === 16_000, 5000)
    expect(played.log.filter((it) => it.kind === 'pilot').map((it) => it.detail)).not.toContain('B2')
    pause(played)
    played.until((world) => !flows(world), 3000)
    played.run(60_000)
    expect(pilot(played.world())).toBe('C1')
    expect(played.world().contactor.closed).toBe(true)
    played.change((world) => withCar(world, { plugged: false }))
    played.run(100)
    expect(pilot(played.world())).toBe('A1')
  })

  test('a sleeping car stays in B2 until its offer was away for 3 s: the Phoenix wakes it by itself after 30 s', () => {
    const played = commissioned(play())
    plug(played, { sleeps: true })
    played.run(29_900)
    expect(pilot(played.world())).toBe('B2')
    const wokeMs = played.until((world) => pilot(world) === 'C2', 10_000)
    expect(played.log.some((it) => it.kind === 'pilot' && it.detail === 'F0')).toBe(true)
    expect(wokeMs).toBeGreaterThanOrEqual(3000)
  })

  test('a sleeping car is not woken by a pause that is too short, nor by waiting for its first offer', () => {
    const played = commissioned(play())
    pause(played)
    plug(played, { sleeps: true })
    played.run(10_000)
    offer(played)
    played.run(2000)
    pause(played)
    played.run(2500)
    offer(played)
    played.run(2000)
    expect(pilot(played.world())).toBe('B2')
    pause(played)
    played.run(3100)
    offer(played)
    played.until((world) => flows(world), 2000)
  })

  test('a sleeping car sleeps again when it is plugged in again', () => {
    const played = commissioned(play())
    plug(played, { sleeps: true })
    played.until(flows, 45_000)
    played.change((world) => withCar(world, { plugged: false }))
    played.run(100)
    plug(played)
    played.run(5000)
    expect(pilot(played.world())).toBe('B2')
  })

  test('a car that asks for ventilation goes to D, and charges only where 4010 permits it', () => {
    const played = commissioned(play())
    plug(played, { ventilation: true })
    played.run(5000)
    expect(pilot(played.world())).toMatch(/^[BD]/)
    expect(played.log.some((it) => it.kind === 'pilot' && it.detail.startsWith('D'))).toBe(true)
    expect(played.world().contactor.closed).toBe(false)
    played.board('06 0faa 0001')
    played.until((world) => currents(world)[0] === 16_000, 5000)
    expect(pilot(played.world())).toBe('D2')
  })
})

describe('cars that break the rules', () => {
  test('one that clings stays in C1 for its time after the PWM is gone, without current', () => {
    const played = charging()
    hurt(played, { kind: 'clings', ms: 8000 })
    pause(played)
    played.run(7900)
    expect(pilot(played.world())).toBe('C1')
    expect(flows(played.world())).toBe(false)
    expect(played.world().contactor.closed).toBe(true)
    expect(played.until((world) => pilot(world) === 'B1', 500)).toBeLessThanOrEqual(300)
  })

  test.each([105, 111, 125])(
    'one that overdraws takes %i %% of what it is offered, whatever that is',
    (percent) => {
      const played = charging()
      hurt(played, { kind: 'overdraw', percent })
      played.run(1100)
      expect(currents(played.world())[0]).toBe(160 * percent)
      played.board('06 55f0 0008')
      played.run(1100)
      expect(currents(played.world())[0]).toBe(80 * percent)
      pause(played)
      played.until((world) => !flows(world), 3000)
    },
  )

  test('a slow one is not down to the new offer within 7 s, nor stopped within 3 s', () => {
    const played = charging()
    hurt(played, { kind: 'slow', followMs: 20_000 })
    played.board('06 55f0 0006')
    played.run(7000)
    expect(currents(played.world())[0]).toBeGreaterThan(12_000)
    pause(played)
    played.run(6000)
    expect(flows(played.world())).toBe(true)
    expect(pilot(played.world())).toBe('C1')
  })
})

describe('troubles that a board tells', () => {
  test.each([
    [{ kind: 'diodeMissing' }, 13],
    [{ kind: 'residualCurrent' }, 15],
    [{ kind: 'selfTestFailed' }, 16],
  ] satisfies [SimFault, number][])('the Phoenix tells %j by bit %i, and opens', (fault, bit) => {
    const played = charging()
    hurt(played, fault)
    expect(played.until((world) => !world.contactor.closed, 100)).toBeLessThanOrEqual(100)
    expect(played.world().board.view.errors).toBe(1 << (bit - 1))
    hurt(played)
    played.until(flows, 5000)
  })
})

describe('the grid', () => {
  test('without a phase: no voltage and no current there, at the car and at the meter', () => {
    const played = charging()
    hurt(played, { kind: 'phaseLost', phase: 2 })
    expect(currents(played.world())).toEqual([16_000, 0, 16_000])
    const words = Buffer.from(played.ask('meter', '04 0000 0006') ?? '', 'hex').subarray(2)
    expect([0, 4, 8].map((at) => Math.round(words.readFloatBE(at)))).toEqual([230, 0, 231])
    const before = played.world().energy.phases
    played.run(60_000)
    const after = played.world().energy.phases
    expect(after[1]).toEqual(before[1])
    expect(after[0].milliwattHours).toBeGreaterThan(before[0].milliwattHours)
  })
})

test('a meter that is wired to another box tells that box’s register and serial number, and no current of this one', () => {
  const played = charging()
  const read = (pdu: string) => Buffer.from(played.ask('meter', pdu) ?? '', 'hex').subarray(2)
  const register = read('04 0048 0002').readFloatBE(0)
  hurt(played, { kind: 'meter', how: 'swapped' })
  expect(read('04 0006 0002').readFloatBE(0)).toBe(0)
  expect(read('03 fc00 0002').readUInt32BE(0)).toBe(23_110_012)
  const other = read('04 0048 0002').readFloatBE(0)
  expect(other).toBeCloseTo(3210.987, 3)
  played.run(600_000)
  expect(read('04 0048 0002').readFloatBE(0)).toBe(other)
  hurt(played)
  expect(read('04 0048 0002').readFloatBE(0)).toBeGreaterThan(register)
  expect(read('03 fc00 0002').readUInt32BE(0)).toBe(23_110_007)
})
