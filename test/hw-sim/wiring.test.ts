import { describe, expect, test } from 'vitest'
import type { SimFault } from '../../hw-sim/api.ts'
import { withCable, withCar, withGridLimit, withStopPressed } from '../../hw-sim/hands.ts'
import { worldFacts } from '../../hw-sim/new-world.ts'
import { simState } from '../../hw-sim/sim-state.ts'
import { currents, withFaults } from '../../hw-sim/world.ts'
import { siteOf, WIRED_SOCKET } from './site-files.ts'
import { commissioned, type Played, play } from './worlds.ts'

// A socket box with lock, release contactor, residual current monitor, grid contact and stop button on its modules.

const wired = (extra = '') => play(siteOf(WIRED_SOCKET.replace('feedback:', `${extra}feedback:`)))
const facts = worldFacts(siteOf(WIRED_SOCKET))
const inputs = (played: Played) => {
  const bits = Buffer.from(played.ask('inputs', '02 0000 0008') ?? '', 'hex')[2] ?? 0
  return Array.from({ length: 8 }, (_, channel) => (bits >> channel) & 1).join('')
}
const hurt = (played: Played, ...faults: SimFault[]) =>
  played.change((world) => withFaults(world, facts, faults))
const relay = (played: Played, channel: number, on: boolean) =>
  played.relay(`05 000${channel - 1} ${on ? 'ff00' : '0000'}`)
/** A pulse as a flash-on of so many ms. */
const pulse = (played: Played, channel: number, ms: number) =>
  played.relay(`05 020${channel - 1} 00${(ms / 100).toString(16).padStart(2, '0')}`)
const plugIn = (played: Played) => played.change((world) => withCar(world, { plugged: true }))
const unplug = (played: Played) => played.change((world) => withCar(world, { plugged: false }))

describe('the input module', () => {
  test('tells its eight contacts by FC02, and refuses what it has not', () => {
    const played = wired()
    // Mirror of the open release contactor, and the button's normally closed contact.
    expect(inputs(played)).toBe('01001000')
    expect(played.ask('inputs', '02 0007 0001')).toBe('020100')
    expect(played.ask('inputs', '02 0000 0009')).toBe('8202')
    expect(played.ask('inputs', '01 0000 0008')).toBe('8101')
  })

  test('is silent without supply', () => {
    const played = wired()
    played.change((world) => ({ ...world, supplied: false }))
    expect(played.ask('inputs', '02 0000 0008')).toBeNull()
  })

  test('with a stuck contact tells that one wrong, and the others right', () => {
    const played = wired()
    hurt(
      played,
      { kind: 'inputStuck', inputs: 'inputs', channel: 1, closed: true },
      { kind: 'inputStuck', inputs: 'inputs', channel: 2, closed: false },
    )
    expect(inputs(played)).toBe('10001000')
    hurt(played)
    expect(inputs(played)).toBe('01001000')
  })
})

describe('a wire', () => {
  const boardState = (played: Played) => played.world().board.view.state
  test('of two parallel channels holds while either is closed', () => {
    const text = WIRED_SOCKET.replace(
      'xr: { relay: relay, channel: 1 }',
      'xr: { relay: relay, channel: 1, parallelChannel: 6 }',
    )
    const played = play(siteOf(text))
    for (const [one, six, state] of [
      [true, false, 'A1'],
      [true, true, 'A1'],
      [false, true, 'A1'],
      [false, false, 'F0'],
    ] as const) {
      relay(played, 1, one)
      relay(played, 6, six)
      played.run(10)
      expect(boardState(played)).toBe(state)
    }
  })

  test('with a stuck contact is not what its module tells', () => {
    const played = wired()
    hurt(played, { kind: 'relayStuck', relay: 'relay', channel: 1, closed: true })
    played.run(10)
    expect(boardState(played)).toBe('A1')
    expect(played.relay('01 0000 0008')).toBe('010100')
    relay(played, 1, true)
    hurt(played, { kind: 'relayStuck', relay: 'relay', channel: 1, closed: false })
    played.run(10)
    expect(boardState(played)).toBe('F0')
    expect(played.relay('01 0000 0008')).toBe('010101')
  })
})

describe('the plug lock', () => {
  test('driven by two relays moves within its travel, tells so, and stays without a motor', () => {
    const played = wired()
    plugIn(played)
    pulse(played, 2, 600)
    played.run(150)
    expect(inputs(played)[0]).toBe('0')
    expect(played.until((world) => world.lock?.feedback === 'locked', 100)).toBeLessThanOrEqual(60)
    expect(inputs(played)[0]).toBe('1')
    played.run(5000)
    expect(inputs(played)[0]).toBe('1')
    pulse(played, 3, 600)
    played.run(300)
    expect(inputs(played)[0]).toBe('0')
    expect(played.world().lock?.moves).toBe(2)
  })

  test('does not move by a pulse that is too short, nor with both relays on', () => {
    const played = wired('travelMs: 300\n  ')
    pulse(played, 2, 200)
    played.run(1000)
    expect(played.world().lock?.position).toBe('unlocked')
    relay(played, 3, true)
    relay(played, 2, true)
    played.run(1000)
    expect(played.world().lock?.position).toBe('unlocked')
  })

  test('holds the plug: the car can go, the cable stays, and no plug goes into a shut socket', () => {
    const played = wired()
    plugIn(played)
    pulse(played, 2, 600)
    played.run(700)
    unplug(played)
    expect(played.world()).toMatchObject({ car: { plugged: false }, cable: { inSocket: true } })
    expect(played.log.at(-1)?.kind).toBe('unplugged')
    expect(played.log.some((it) => it.kind === 'plugHeld')).toBe(true)
    // The proximity contact still tells the cable, the pilot is A.
    played.run(10)
    expect(played.board('03 5dc1 0001')).toBe('03020014')
    pulse(played, 3, 600)
    played.run(700)
    played.change((world) => withCable(world, { inSocket: false }))
    expect(played.world().cable.inSocket).toBe(false)
    expect(played.board('03 5dc1 0001')).toBe('03020000')
    pulse(played, 2, 600)
    played.run(700)
    plugIn(played)
    expect(played.world()).toMatchObject({ car: { plugged: false }, cable: { inSocket: false } })
  })

  test.each([
    ['jammed', 'unlocked', '0'],
    ['slow', 'unlocked', '0'],
    ['feedbackStuck', 'locked', '0'],
  ] as const)('%s: after a pulse of 1 s it is %s, and its contact says %s', (how, position, contact) => {
    const played = wired()
    plugIn(played)
    hurt(played, { kind: 'lock', how })
    pulse(played, 2, 1000)
    played.run(1100)
    expect(played.world().lock?.position).toBe(position)
    expect(inputs(played)[0]).toBe(contact)
    hurt(played)
    pulse(played, 2, 1000)
    played.run(1100)
    expect(inputs(played)[0]).toBe('1')
  })

  test.each([
    ['stays', 'locked'],
    ['unlocks', 'unlocked'],
  ])('without supply %s', (atPowerLoss, position) => {
    const played = wired(`atPowerLoss: ${atPowerLoss}\n  `)
    plugIn(played)
    pulse(played, 2, 600)
    played.run(700)
    played.change((world) => ({ ...world, supplied: false }))
    played.run(1000)
    expect(played.world().lock?.position).toBe(position)
  })

  describe('driven by the board', () => {
    const boardLock = () =>
      play(
        siteOf(
          WIRED_SOCKET.replace(
            /lock:\n {2}drive.*\n {2}feedback.*\n/,
            'lock: { drive: board, feedback: board }\n',
          ),
        ),
      )
    test('follows coil 20002 once 4002 is 3', () => {
      const played = boardLock()
      played.board('05 4e22 ff00')
      played.run(1000)
      expect(played.world().lock?.position).toBe('unlocked')
      played.board('06 0fa2 0003')
      played.run(300)
      expect(played.world().lock?.position).toBe('locked')
      played.board('05 4e22 0000')
      played.run(300)
      expect(played.world().lock?.position).toBe('unlocked')
    })

    test.each([
      ['lock', 6],
      ['unlock', 7],
    ])('tells by its error bit that it could not %s', (what, bit) => {
      const played = boardLock()
      relay(played, 1, true)
      played.board('06 0fa2 0003')
      if (what === 'unlock') {
        played.board('05 4e22 ff00')
        played.run(300)
      }
      hurt(played, { kind: 'lock', how: 'jammed' })
      played.board(`05 4e22 ${what === 'lock' ? 'ff00' : '0000'}`)
      played.run(4900)
      expect(played.world().board.view.errors).toBe(0)
      played.run(200)
      expect(played.world().board.view.errors).toBe(1 << (bit - 1))
    })
  })
})

describe('the release contactor', () => {
  /** A car that charges through both contactors. */
  const charging = () => {
    const played = commissioned(wired())
    plugIn(played)
    relay(played, 4, true)
    played.until((world) => currents(world)[0] > 0, 5000)
    return played
  }

  test('lets current flow only while both are closed, and its mirror contact tells it open', () => {
    const played = commissioned(wired())
    plugIn(played)
    played.run(2000)
    expect(played.world().contactor.closed).toBe(true)
    expect(currents(played.world())[0]).toBe(0)
    relay(played, 4, true)
    played.until((world) => currents(world)[0] > 0, 2000)
    expect(inputs(played)[1]).toBe('0')
    relay(played, 4, false)
    expect(played.until((world) => currents(world)[0] === 0, 100)).toBeLessThanOrEqual(100)
    expect(inputs(played)[1]).toBe('1')
    expect(played.world().contactor.closed).toBe(true)
  })

  test('welded stays closed, and its mirror contact says so', () => {
    const played = charging()
    hurt(played, { kind: 'releaseWelded' })
    relay(played, 4, false)
    played.run(1000)
    expect(played.world().release?.closed).toBe(true)
    expect(inputs(played)[1]).toBe('0')
    expect(currents(played.world())[0]).toBeGreaterThan(0)
  })

  test('opens without supply', () => {
    const played = charging()
    played.change((world) => ({ ...world, supplied: false }))
    played.run(100)
    expect(played.world().release?.closed).toBe(false)
  })

  test('takes the meter’s voltages away where the meter measures the outlet', () => {
    const text = WIRED_SOCKET.replace('unitId: 2 }', 'unitId: 2, voltagesOf: outlet }')
    const played = commissioned(play(siteOf(text)))
    const volts = () => Buffer.from(played.ask('meter', '04 0000 0002') ?? '', 'hex').readFloatBE(2)
    expect(volts()).toBe(0)
    plugIn(played)
    relay(played, 4, true)
    played.until((world) => currents(world)[0] > 0, 5000)
    expect(volts()).toBeCloseTo(230.4)
    relay(played, 4, false)
    played.run(100)
    expect(volts()).toBe(0)
  })
})

describe('the residual current monitor', () => {
  test('trips while an energised car leaks, within 0.3 s, and clears when it does no more', () => {
    const played = commissioned(wired())
    plugIn(played)
    hurt(played, { kind: 'residualCurrent' })
    played.run(500)
    expect(inputs(played)[2]).toBe('0')
    relay(played, 4, true)
    played.until((world) => world.release?.closed === true, 500)
    played.until((world) => world.contactor.closed, 5000)
    expect(played.until((world) => world.residual?.tripped === true, 300)).toBeLessThanOrEqual(300)
    expect(inputs(played)[2]).toBe('1')
    relay(played, 4, false)
    played.until((world) => world.residual?.tripped === false, 2000)
    expect(inputs(played)[2]).toBe('0')
  })

  test('trips while it is tested, unless its test fails', () => {
    const played = wired()
    relay(played, 5, true)
    played.run(600)
    expect(inputs(played)[2]).toBe('1')
    relay(played, 5, false)
    played.run(1100)
    expect(inputs(played)[2]).toBe('0')
    hurt(played, { kind: 'selfTestFailed' })
    relay(played, 5, true)
    played.run(15_000)
    expect(inputs(played)[2]).toBe('0')
  })
})

test('grid contact and stop button are seen by their channels, each in its own polarity', () => {
  const played = wired()
  played.change((world) => withGridLimit(world, true))
  expect(inputs(played)[3]).toBe('1')
  played.change((world) => withGridLimit(world, false))
  expect(inputs(played)[3]).toBe('0')
  played.change((world) => withStopPressed(world, 500))
  expect(inputs(played)[4]).toBe('0')
  played.run(490)
  expect(inputs(played)[4]).toBe('0')
  played.run(20)
  expect(inputs(played)[4]).toBe('1')
  expect(played.log.map((it) => `${it.kind} ${it.detail}`).slice(-4)).toEqual([
    'gridLimit limited',
    'gridLimit free',
    'stopButton pressed',
    'stopButton released',
  ])
})

test('the state tells all of it', () => {
  const played = wired()
  plugIn(played)
  expect(simState(played.world(), facts, 0)).toMatchObject({
    board: { kind: 'phoenix-ev-cc-ac1-m3-rtu', watchdog: null, errors: 1 << 4 },
    cable: { kind: 'socket', inSocket: true, amps: 20 },
    lock: { position: 'unlocked', moving: null, feedback: 'unlocked', moves: 0 },
    releaseClosed: false,
    residualTripped: false,
    gridLimited: false,
    stopPressed: false,
    relays: { relay: { powered: true } },
    inputs: { inputs: [false, true, false, false, true, false, false, false] },
  })
})
