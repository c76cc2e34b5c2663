// Faults of what is wired beside board and meter, and of what the board reports and no other test has.
import { describe, expect, test } from 'vitest'
import type { BoardError } from '../../../../agent/control/ports/board.ts'
import { PLAIN_SITE, type Site } from '../../../../agent/control/safety/site.ts'
import { type FaultCode, UNTIL_UNPLUGGED } from '../../../../shared/faults.ts'
import { PLAIN_BOARD, rig, type World } from './rig.ts'

function charging(change: Partial<World> = {}) {
  const box = rig(change)
  box.charge()
  expect(box.state().chargingState).toBe('charging')
  expect(box.faults()).toEqual([])
  return box
}
const pausedAt = (box: ReturnType<typeof rig>, from: number) =>
  box.commands().find(({ at, command }) => at >= from && command.kind === 'pause')?.at

const LOCKED: Site = {
  ...PLAIN_SITE,
  connector: { kind: 'socket', feedback: 'module', permanentLock: false, atPowerLoss: 'stays' },
}

describe('inputs', () => {
  test.each<[string, Site]>([
    ['lock', LOCKED],
    ['mirror contact', { ...PLAIN_SITE, release: { inSeries: 'proved', hasMirror: true } }],
    ['residual current monitor', { ...PLAIN_SITE, hasResidualInput: true }],
    ['stop button', { ...PLAIN_SITE, hasStopButton: true }],
  ])('INPUT_LOST: 2 s without the %s withdraws; it goes by itself', (name, site) => {
    const box = charging({ site })
    box.world.extras.inputsAnswer = false
    const from = box.at()
    box.run(1900)
    expect(box.faults()).toEqual([])
    box.run(200)
    expect(box.faults()).toEqual(['INPUT_LOST'])
    expect(box.state().faults[0]?.detail).toBe(`not heard for 2000 ms: ${name}`)
    expect(pausedAt(box, from)).toBeLessThanOrEqual(box.at())
    box.world.extras.inputsAnswer = true
    box.run(6000)
    expect(box.faults()).toEqual([])
    expect(box.state().chargingState).toBe('charging')
  })

  test('INPUT_LOST is not told of what the site does not have, nor in the first 2 s', () => {
    const plain = charging()
    plain.world.extras.inputsAnswer = false
    plain.run(10_000)
    expect(plain.faults()).toEqual([])
    const fresh = rig({ site: LOCKED })
    fresh.world.extras.inputsAnswer = false
    fresh.run(1950)
    expect(fresh.raised('INPUT_LOST')).toBe(0)
    fresh.run(200)
    expect(fresh.faults()).toEqual(['INPUT_LOST'])
  })

  test('INPUT_LOST is part of BUS_LOST: one cause, one fault', () => {
    const box = charging({ site: LOCKED })
    box.world.extras.inputsAnswer = false
    box.world.lineLost = 'ENXIO'
    box.run(10_000)
    expect(box.faults()).toEqual(['BUS_LOST'])
  })

  test('RESIDUAL_CURRENT by the monitor’s contact: latched until the plug is out and it is reset', () => {
    const box = charging({ site: { ...PLAIN_SITE, hasResidualInput: true } })
    const from = box.at()
    box.world.extras.residualTripped = true
    box.run(50)
    expect(box.faults()).toEqual(['RESIDUAL_CURRENT'])
    expect(pausedAt(box, from)).toBe(from)
    box.world.extras.residualTripped = false
    box.run(60_000)
    expect(box.faults()).toEqual(['RESIDUAL_CURRENT'])
    box.world.extras.residualTripped = true
    box.world.pilot = 'A'
    box.run(5000)
    expect(box.faults()).toEqual(['RESIDUAL_CURRENT'])
    box.world.extras.residualTripped = false
    box.run(50)
    expect(box.faults()).toEqual([])
  })

  test('a contact that nobody has wired trips nothing', () => {
    const box = charging()
    box.world.extras.residualTripped = true
    box.world.extras.stopPressed = true
    box.run(1000)
    expect(box.faults()).toEqual([])
    expect(box.world.permission).not.toBeNull()
  })
})

describe('what the board reports', () => {
  test.each<[FaultCode, BoardError]>([
    ['PROTECTIVE_EARTH_MISSING', 'protectiveEarthMissing'],
    ['PHASE_FAULT', 'phaseFault'],
    ['OVER_TEMPERATURE', 'overTemperature'],
    ['BOARD_FAULT', 'internalFault'],
  ])('%s withdraws in the step of the reading', (code, error) => {
    const box = charging()
    const from = box.at()
    box.world.errors = [error]
    box.run(50)
    expect(box.faults()).toEqual([code])
    expect(pausedAt(box, from)).toBe(from)
    box.world.errors = []
    box.run(100)
    expect(box.faults()).toEqual(UNTIL_UNPLUGGED.includes(code) ? [code] : [])
    box.world.pilot = 'A'
    box.run(100)
    expect(box.faults()).toEqual([])
  })

  test('BOARD_FAULT tells the vendor’s number', () => {
    const box = charging()
    box.world.vendorError = '0x0007'
    box.run(1000)
    expect(box.faults()).toEqual([])
    box.world.errors = ['internalFault']
    box.run(50)
    expect(box.state().faults[0]?.detail).toBe("the board reports internalFault, vendor's number 0x0007")
  })

  test('each error that a board can report is some fault; `unavailable` is state F, which the pilot tells', () => {
    const errors = {
      cableRejected: 'CABLE_INVALID',
      proximityInvalid: 'CABLE_INVALID',
      pilotInvalid: 'PILOT_FAULT',
      lockFailed: 'LOCK_FAILED',
      unlockFailed: 'UNLOCK_FAILED',
      lockLost: 'LOCK_LOST',
      ventilationRejected: 'VENTILATION_NEEDED',
      contactorFault: 'CONTACTOR_WELDED',
      diodeMissing: 'DIODE_MISSING',
      residualCurrentTripped: 'RESIDUAL_CURRENT',
      residualCurrentTestFailed: 'RESIDUAL_CURRENT',
      overTemperature: 'OVER_TEMPERATURE',
      phaseFault: 'PHASE_FAULT',
      protectiveEarthMissing: 'PROTECTIVE_EARTH_MISSING',
      currentExceeded: 'CAR_TAKES_MORE',
      internalFault: 'BOARD_FAULT',
    } as const satisfies Record<Exclude<BoardError, 'unavailable'>, FaultCode>
    for (const [error, code] of Object.entries(errors)) {
      const box = charging()
      box.world.errors = [error as BoardError] // a key of the record above
      box.run(50)
      expect(box.faults(), error).toEqual([code])
    }
    const unavailable = charging()
    unavailable.world.errors = ['unavailable']
    unavailable.run(1000)
    expect(unavailable.faults()).toEqual([])
  })
})

describe('what is computed beside the step', () => {
  test('OVER_TEMPERATURE withdraws while the box is too hot', () => {
    const box = charging()
    box.world.tooHot = '85 °C, the box stops at 80 °C'
    box.run(50)
    expect(box.state().faults).toEqual([
      { code: 'OVER_TEMPERATURE', detail: '85 °C, the box stops at 80 °C' },
    ])
    box.world.tooHot = null
    box.run(6000)
    expect(box.state().chargingState).toBe('charging')
  })

  test.each([
    ['TEMPERATURE_UNKNOWN', { temperatureUnknown: 'a sensor is not heard' }],
    ['GRID_INPUT_LOST', { gridInputLost: 'not heard' }],
  ] as const)('%s is told and withdraws nothing: its limit does what is needed', (code, wrong) => {
    const box = charging()
    Object.assign(box.world, wrong)
    box.run(1000)
    expect(box.faults()).toEqual([code])
    expect(box.state().chargingState).toBe('charging')
    Object.assign(box.world, { temperatureUnknown: null, gridInputLost: null })
    box.run(50)
    expect(box.faults()).toEqual([])
  })
})

describe('a sleeping car', () => {
  const sleeps = (change: Partial<World> = {}) => {
    const box = rig({ site: { ...PLAIN_SITE, wakes: 'agent' }, facts: PLAIN_BOARD, ...change })
    box.run(1500)
    box.world.pilot = 'B'
    box.run(100)
    box.world.permission = { uuid: 's1', plugId: box.state().plugId ?? '' }
    return box
  }
  const writes = (box: ReturnType<typeof rig>, from: number) =>
    box
      .commands()
      .filter(({ at }) => at >= from)
      .map(({ at, command }) => [at - from, command.kind])

  test('stays in B for 30 s: the PWM goes away for 5 s and comes back, once an offer', () => {
    const box = sleeps()
    const from = box.at()
    box.run(200_000)
    expect(writes(box, from)).toEqual([
      [0, 'offer'],
      [30_000, 'pause'],
      [35_000, 'offer'],
    ])
  })

  test('is tried again after the box has held it back, and after the plug was out', () => {
    const box = sleeps()
    box.run(60_000)
    box.world.limitMilliamps = 0
    box.run(60_000)
    box.world.limitMilliamps = 16_000
    const from = box.at()
    box.run(60_000)
    expect(writes(box, from).map(([, kind]) => kind)).toEqual(['offer', 'pause', 'offer'])
  })

  test('a car that wakes by itself, or is full after a charge, is left alone', () => {
    const box = sleeps()
    box.run(20_000)
    box.world.pilot = 'C'
    box.run(20_000)
    box.world.pilot = 'B'
    const from = box.at()
    box.run(200_000)
    expect(writes(box, from)).toEqual([])
  })

  test('a board that wakes cars itself (Phoenix: F for 3 s after 30 s in B2) is left to it', () => {
    const box = sleeps({ site: PLAIN_SITE })
    const from = box.at()
    box.run(200_000)
    expect(writes(box, from)).toEqual([[0, 'offer']])
  })
})
