// One test a fault at least: what raises it, what it withdraws, how it clears. The code is in the test's name.
import { describe, expect, test } from 'vitest'
import type { BoardError } from '../../../../agent/control/ports/board.ts'
import { initialSafety } from '../../../../agent/control/safety/state.ts'
import { FAULTS, type FaultCode, faultRow } from '../../../../shared/faults.ts'
import { monotonicMs } from '../../../../shared/units.ts'
import { rig, type World } from './rig.ts'

function charging() {
  const box = rig()
  box.charge()
  expect(box.state().chargingState).toBe('charging')
  expect(box.faults()).toEqual([])
  return box
}

/** Lets something go wrong during a charge and says when the fault stood and when the pause was written, in ms after it. */
function strike(code: FaultCode, wrong: Partial<World>, withinMs: number) {
  const box = charging()
  const struckAt = box.at()
  Object.assign(box.world, wrong)
  box.run(withinMs)
  expect(box.faults()).toContain(code)
  expect(box.raised(code)).toBe(1)
  const raised = box.facts().find(({ fact }) => fact.kind === 'faultRaised' && fact.code === code)
  const pause = box.commands().find(({ at, command }) => at >= struckAt && command.kind === 'pause')
  return {
    box,
    raisedMs: (raised?.at ?? 0) - struckAt,
    pausedMs: pause === undefined ? null : pause.at - struckAt,
  }
}

/** The board was out of sight: the plug-in may be another one. */
function goesOnWhenPermittedAnew(box: ReturnType<typeof rig>) {
  const before = box.state().plugId
  box.run(8000)
  expect(box.faults()).toEqual([])
  const { plugId, chargingState } = box.state()
  expect(chargingState).toBe('occupied')
  expect(plugId).not.toBe(before)
  box.world.permission = { uuid: 's1', plugId: plugId ?? '' }
  box.run(8000)
  expect(box.state().chargingState).toBe('charging')
}

describe('faults of the hardware', () => {
  test('BOARD_LOST after 2 s of silence, not before; the dead-man is let go, and all comes back by itself', () => {
    const short = charging()
    short.world.boardAnswers = false
    short.run(1900)
    short.world.boardAnswers = true
    short.run(1000)
    expect(short.raised('BOARD_LOST')).toBe(0)
    expect(short.offered()).toBe(16_000)

    const { box, raisedMs } = strike('BOARD_LOST', { boardAnswers: false }, 2200)
    expect(raisedMs).toBeLessThanOrEqual(2050)
    expect(box.relayOn()).toBe(false)
    box.run(3000)
    box.world.boardAnswers = true
    goesOnWhenPermittedAnew(box)
  })

  test('BUS_LOST at once, without the faults that follow from it; it clears when the board answers again', () => {
    const { box, raisedMs } = strike('BUS_LOST', { lineLost: 'ENXIO' }, 20_000)
    expect(raisedMs).toBe(0)
    expect(box.faults()).toEqual(['BUS_LOST'])
    box.world.lineLost = null
    goesOnWhenPermittedAnew(box)
  })

  test('DEADMAN_LOST when refreshes are not confirmed, before the relay lets go', () => {
    const { box, raisedMs, pausedMs } = strike('DEADMAN_LOST', { relayAnswers: false }, 4000)
    expect(raisedMs).toBeLessThanOrEqual(1550)
    expect(pausedMs).toBe(raisedMs)
    box.world.relayAnswers = true
    box.run(8000)
    expect(box.faults()).toEqual([])
    expect(box.state().chargingState).toBe('charging')
  })

  test('DEADMAN_LOST when the board does not follow the relay', () => {
    const box = charging()
    box.world.relayBridged = true
    box.world.permission = null
    box.world.drawsMilliamps = 16_000
    box.run(20_000)
    expect(box.faults()).toContain('DEADMAN_LOST')
    box.world.relayBridged = false
    box.world.drawsMilliamps = null
    box.run(15_000)
    expect(box.faults()).not.toContain('DEADMAN_LOST')
  })

  test('DEADMAN_TOO_HIGH when the board would offer more by itself than the lowest fixed limit', () => {
    const { box, pausedMs } = strike('DEADMAN_TOO_HIGH', { deadmanMilliamps: 16_001 }, 100)
    expect(pausedMs).toBe(0)
    expect(box.state().faults[0]?.detail).toContain('16001 mA')
    box.world.deadmanMilliamps = 16_000
    box.run(100)
    expect(box.faults()).toEqual([])
  })

  test('BOARD_CONFIGURATION while a retentive setting is wrong', () => {
    const { box, pausedMs } = strike('BOARD_CONFIGURATION', { boardConfiguration: 'register 4001 is 0' }, 100)
    expect(pausedMs).toBe(0)
    box.world.boardConfiguration = null
    box.run(100)
    expect(box.faults()).toEqual([])
  })

  test('CONTACTOR_WELDED by the board’s word, latched until a technician clears it, also over a restart', () => {
    const { box } = strike('CONTACTOR_WELDED', { errors: ['contactorFault'] }, 100)
    box.world.errors = []
    box.world.pilot = 'A'
    box.run(5000)
    expect(box.faults()).toEqual(['CONTACTOR_WELDED'])
    const now = monotonicMs(500_000)
    const again = rig(
      {},
      {
        start: now,
        state: initialSafety(now, { plugId: null, chargingState: 'faulted', faults: box.state().faults }),
      },
    )
    again.run(3000)
    expect(again.faults()).toEqual(['CONTACTOR_WELDED'])
    again.world.cleared = ['CONTACTOR_WELDED']
    again.run(100)
    expect(again.faults()).toEqual([])
  })

  test('CONTACTOR_WELDED is not cleared by a word while its cause stands', () => {
    const { box } = strike('CONTACTOR_WELDED', { errors: ['contactorFault'] }, 100)
    box.world.cleared = ['CONTACTOR_WELDED']
    box.run(100)
    expect(box.faults()).toEqual(['CONTACTOR_WELDED'])
  })

  test('CONTACTOR_WELDED when current flows 3 s after the plug was pulled or the relay let go', () => {
    const unplugged = charging()
    unplugged.world.pilot = 'A'
    unplugged.world.drawsMilliamps = 2000
    unplugged.run(2500)
    expect(unplugged.faults()).not.toContain('CONTACTOR_WELDED')
    unplugged.run(2500)
    expect(unplugged.faults()).toContain('CONTACTOR_WELDED')

    const revoked = charging()
    revoked.world.permission = null
    revoked.world.drawsMilliamps = 9000
    revoked.run(14_000)
    expect(revoked.faults()).toContain('CONTACTOR_WELDED')
    revoked.run(30_000)
    expect(revoked.state().deadman.kind).toBe('held')
  })

  test('CONTACTOR_WELDED is not raised by a charge that came and went while the board was not seen', () => {
    const box = charging()
    box.world.pilot = 'B'
    box.run(4000)
    box.world.boardAnswers = false
    box.world.drawsMilliamps = 1200
    box.run(700)
    box.world.boardAnswers = true
    box.run(600)
    box.world.drawsMilliamps = 0
    box.run(5000)
    expect(box.faults()).not.toContain('CONTACTOR_WELDED')
  })

  test.each(['residualCurrentTripped', 'residualCurrentTestFailed'] as const)(
    'RESIDUAL_CURRENT by %s, until the plug is out and the board reports it no more',
    (error) => untilUnplugged('RESIDUAL_CURRENT', error),
  )
})

function untilUnplugged(code: FaultCode, error: BoardError) {
  const { box, pausedMs } = strike(code, { errors: [error] }, 100)
  expect(pausedMs).toBe(0)
  box.world.errors = []
  box.run(20_000)
  expect(box.faults()).toEqual([code])
  box.world.errors = [error]
  box.world.pilot = 'A'
  box.run(1000)
  expect(box.faults()).toEqual([code])
  box.world.errors = []
  box.run(100)
  expect(box.faults()).toEqual([])
}

describe('faults of pilot, cable and car', () => {
  test('PILOT_FAULT in state E and by the board’s word', () => {
    const { box, pausedMs } = strike('PILOT_FAULT', { pilot: 'E' }, 100)
    expect(pausedMs).toBe(0)
    box.world.pilot = 'C'
    box.run(6000)
    expect(box.state().chargingState).toBe('charging')
    strike('PILOT_FAULT', { errors: ['pilotInvalid'] }, 100)
  })

  test('BOARD_UNAVAILABLE after 5 s of F; the offer is withdrawn at once, and a wake-up pulse of 3 s is no fault', () => {
    const { pausedMs, raisedMs } = strike('BOARD_UNAVAILABLE', { pilot: 'F' }, 6000)
    expect(pausedMs).toBe(0)
    expect(raisedMs).toBeGreaterThanOrEqual(5000)
    const pulsed = charging()
    pulsed.world.pilot = 'F'
    pulsed.run(3000)
    pulsed.world.pilot = 'C'
    pulsed.run(6000)
    expect(pulsed.raised('BOARD_UNAVAILABLE')).toBe(0)
    expect(pulsed.state().chargingState).toBe('charging')
  })

  test('BOARD_UNAVAILABLE is not what F means while our own relay is off', () => {
    const box = charging()
    box.world.relayAnswers = false
    box.run(10_000)
    expect(box.faults()).toEqual(['DEADMAN_LOST'])
    expect(box.raised('BOARD_UNAVAILABLE')).toBe(0)
  })

  test('VENTILATION_NEEDED in state D', () => {
    const { box, pausedMs } = strike('VENTILATION_NEEDED', { pilot: 'D' }, 100)
    expect(pausedMs).toBe(0)
    box.world.pilot = 'C'
    box.run(100)
    expect(box.faults()).toEqual([])
    strike('VENTILATION_NEEDED', { errors: ['ventilationRejected'] }, 100)
  })

  test('DIODE_MISSING until the plug is out', () => untilUnplugged('DIODE_MISSING', 'diodeMissing'))

  test('CABLE_INVALID until the plug is out', () => {
    untilUnplugged('CABLE_INVALID', 'cableRejected')
    untilUnplugged('CABLE_INVALID', 'proximityInvalid')
    strike('CABLE_INVALID', { proximity: { kind: 'fault' } }, 100)
  })

  test('CAR_TAKES_MORE when it has not come down to its first offer in 7 s: paused, then opened', () => {
    const box = rig()
    box.run(1500)
    box.world.pilot = 'B'
    box.run(100)
    box.world.permission = { uuid: 's1', plugId: box.state().plugId ?? '' }
    box.run(200)
    const told = box.at()
    Object.assign(box.world, { pilot: 'C', drawsMilliamps: 17_000 })
    box.run(6600)
    expect(box.faults()).toEqual([])
    box.run(1600)
    expect(box.faults()).toEqual(['CAR_TAKES_MORE'])
    const pause = box.commands().find(({ at, command }) => at > told && command.kind === 'pause')
    const raised = box.facts().find(({ fact }) => fact.kind === 'faultRaised')
    expect(pause?.at).toBe(raised?.at)
    box.run(6000)
    expect(box.commands().some(({ command }) => command.kind === 'releaseDeadman')).toBe(true)
    box.world.drawsMilliamps = null
    box.run(10_000)
    expect(box.faults()).toEqual(['CAR_TAKES_MORE'])
    box.world.pilot = 'A'
    box.run(100)
    expect(box.faults()).toEqual([])
  })

  test('CAR_TAKES_MORE leaves a car in peace that follows a lower offer within 7 s', () => {
    const box = charging()
    box.world.drawsMilliamps = 16_000
    box.world.limitMilliamps = 6000
    box.run(6000)
    box.world.drawsMilliamps = 6400
    box.run(10_000)
    expect(box.raised('CAR_TAKES_MORE')).toBe(0)
    const slow = charging()
    slow.world.drawsMilliamps = 16_000
    slow.world.limitMilliamps = 6000
    slow.run(8500)
    expect(slow.raised('CAR_TAKES_MORE')).toBe(1)
  })

  test('UNPERMITTED_CURRENT at once after a start without a permission; paused at once, opened after 6 s', () => {
    const box = rig({ pilot: 'C', drawsMilliamps: 10_000 })
    box.run(100)
    expect(box.commands()[0]).toMatchObject({ at: 0, command: { kind: 'pause' } })
    expect(box.faults()).toEqual(['UNPERMITTED_CURRENT'])
    box.run(5800)
    expect(box.commands().some(({ command }) => command.kind === 'releaseDeadman')).toBe(false)
    box.run(400)
    expect(box.commands().some(({ command }) => command.kind === 'releaseDeadman')).toBe(true)
    box.world.drawsMilliamps = 0
    box.run(9000)
    expect(box.faults()).toEqual(['UNPERMITTED_CURRENT'])
    box.run(3000)
    expect(box.faults()).toEqual([])
    expect(box.state().deadman.kind).toBe('held')
  })

  test('UNPERMITTED_CURRENT is not raised for a car that ends its current within 6 s of a revoke', () => {
    const box = charging()
    box.world.permission = null
    box.world.drawsMilliamps = 16_000
    box.run(4000)
    box.world.drawsMilliamps = 0
    box.world.pilot = 'B'
    box.run(20_000)
    expect(box.raised('UNPERMITTED_CURRENT')).toBe(0)
    expect(box.commands().some(({ command }) => command.kind === 'releaseDeadman')).toBe(false)
  })
})

describe('faults of the meter', () => {
  test('METER_LOST after 10 s of silence: a short bus error never stops a car', () => {
    const { box, raisedMs } = strike('METER_LOST', { meterAnswers: false }, 11_000)
    expect(raisedMs).toBeGreaterThanOrEqual(9000)
    box.world.meterAnswers = true
    box.run(8000)
    expect(box.faults()).toEqual([])
    expect(box.state().chargingState).toBe('charging')
    const short = charging()
    short.world.meterAnswers = false
    short.run(8500)
    short.world.meterAnswers = true
    short.run(5000)
    expect(short.raised('METER_LOST')).toBe(0)
    expect(short.offered()).toBe(16_000)
  })

  test('METER_IMPLAUSIBLE after two odd answers, until three good ones in a row', () => {
    const { box } = strike('METER_IMPLAUSIBLE', { meterImplausible: 'power is NaN' }, 2100)
    box.world.meterImplausible = null
    box.run(2000)
    expect(box.faults()).toEqual(['METER_IMPLAUSIBLE'])
    box.run(2000)
    expect(box.faults()).toEqual([])
    const once = charging()
    once.world.meterImplausible = 'power is NaN'
    once.run(1000)
    once.world.meterImplausible = null
    once.run(3000)
    expect(once.raised('METER_IMPLAUSIBLE')).toBe(0)
  })

  test('METER_FROZEN when the register stands still while current flows; out with the plug', () => {
    const { box, raisedMs } = strike('METER_FROZEN', { registerFrozen: true }, 15_000)
    expect(raisedMs).toBeGreaterThanOrEqual(9000)
    box.world.pilot = 'A'
    box.run(3000)
    expect(box.faults()).toEqual([])
  })

  test('METER_WENT_BACK when the same meter’s register falls: latched, and not shown', () => {
    const { box } = strike('METER_WENT_BACK', { registerMilliwattHours: 500_000 }, 7000)
    box.world.pilot = 'A'
    box.run(3000)
    expect(box.faults()).toEqual(['METER_WENT_BACK'])
  })

  test('METER_REPLACED when another serial number answers; the old register is told, current goes on', () => {
    const { box } = strike('METER_REPLACED', { meterSerial: 'M2', registerMilliwattHours: 5000 }, 3000)
    expect(faultRow('METER_REPLACED').withdraws).toBe(false)
    expect(box.offered()).toBe(16_000)
    expect(box.facts().map(({ fact }) => fact)).toContainEqual(
      expect.objectContaining({ kind: 'meterReplaced', fromSerial: 'M1', toSerial: 'M2' }),
    )
  })
})

test('every fault of the table is raised by a test of this folder, or is keeper’s', () => {
  const keepers: readonly FaultCode[] = ['INSTALLATION_LOST', 'STORE_UNWRITABLE']
  const ours = FAULTS.filter((row) => row.test.startsWith('agent/control/safety/')).map((row) => row.code)
  expect(FAULTS.map((row) => row.code).filter((code) => !ours.some((one) => one === code))).toEqual(keepers)
})
