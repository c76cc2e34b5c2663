// CONTACTOR_WELDED by each of its witnesses, and what wears a contactor out.
import { describe, expect, test } from 'vitest'
import { PLAIN_SITE, type Site } from '../../../../agent/control/safety/site.ts'
import { initialSafety } from '../../../../agent/control/safety/state.ts'
import { monotonicMs } from '../../../../shared/units.ts'
import { PLAIN_BOARD, rig, type World } from './rig.ts'

const TELLS_RELAY = { ...PLAIN_BOARD, hasRelayFeedback: true }
const RELEASE: Site = { ...PLAIN_SITE, release: { inSeries: 'proved', hasMirror: true } }

function charging(change: Partial<World> = {}) {
  const box = rig(change)
  box.charge()
  expect(box.state().chargingState).toBe('charging')
  expect(box.faults()).toEqual([])
  return box
}

describe('CONTACTOR_WELDED', () => {
  test('by the board’s register: closed for 3 s in A, B, E or F, not sooner', () => {
    const box = charging({ facts: TELLS_RELAY })
    box.world.pilot = 'B'
    box.world.extras.boardRelay = 'closed'
    box.run(3000)
    expect(box.faults()).toEqual([])
    box.run(100)
    expect(box.faults()).toEqual(['CONTACTOR_WELDED'])
    expect(box.state().faults[0]?.detail).toContain('closed in state B')
  })

  test('not by a register that is closed in C, nor by one that opens within 3 s', () => {
    const box = charging({ facts: TELLS_RELAY })
    box.world.extras.boardRelay = 'closed'
    box.run(20_000)
    box.world.pilot = 'B'
    box.run(2500)
    box.world.extras.boardRelay = null
    box.run(20_000)
    expect(box.raised('CONTACTOR_WELDED')).toBe(0)
  })

  test('by the mirror contact 500 ms after the order to open was confirmed (Phoenix 4007 waits 200 ms)', () => {
    const box = charging({ site: RELEASE })
    box.world.extras.release.welded = true
    box.world.pilot = 'B'
    box.world.permission = null
    const from = box.at()
    box.run(500)
    expect(box.faults()).toEqual([])
    box.run(50)
    expect(box.faults()).toEqual(['CONTACTOR_WELDED'])
    expect(box.at() - from).toBeLessThan(1000)
    expect(box.state().faults[0]?.detail).toContain('mirror contact')
  })

  test('by current with our release contactor told open', () => {
    const box = charging({ site: { ...RELEASE, release: { inSeries: 'proved', hasMirror: false } } })
    box.world.limitMilliamps = 0
    box.world.drawsMilliamps = 9000
    box.run(8500)
    expect(box.faults()).toEqual([])
    box.run(3000)
    expect(box.faults()).toContain('CONTACTOR_WELDED')
  })

  test('by voltage behind the contactor, where the meter is there', () => {
    const box = charging({ site: { ...PLAIN_SITE, metersOutlet: true } })
    box.world.pilot = 'B'
    box.world.extras.outletMillivolts = 49_999
    box.run(6000)
    expect(box.faults()).toEqual([])
    box.world.extras.outletMillivolts = 50_000
    box.run(1100)
    expect(box.faults()).toEqual(['CONTACTOR_WELDED'])
    const before = charging()
    before.world.pilot = 'B'
    before.run(20_000)
    expect(before.faults()).toEqual([])
  })
})

describe('whether the contactor is open', () => {
  test('a board’s register tells it, without a meter too', () => {
    const box = charging({ facts: TELLS_RELAY })
    expect(box.state().relay.view).toBe('closed')
    box.world.meterAnswers = false
    box.world.pilot = 'B'
    box.run(5000)
    expect(box.state().relay.view).toBe('open')
  })

  test('current is a closed contactor, whatever the register says', () => {
    const box = charging({ facts: TELLS_RELAY })
    box.world.extras.boardRelay = 'open'
    box.run(3000)
    expect(box.state().relay.view).toBe('closed')
  })

  test('a mirror contact in series tells it, also while the board’s own contactor may be closed', () => {
    const box = charging({ site: RELEASE })
    box.world.limitMilliamps = 0
    box.world.drawsMilliamps = 0
    box.run(8000)
    expect(box.world.extras.release.closed).toBe(false)
    expect(box.state()).toMatchObject({ pilot: 'C', relay: { view: 'open' } })
  })

  test('design, safety boundary: without x1 and x2 a pause counts when it has read back for 6 s, with a fresh current below 0.5 A', () => {
    const box = charging({ facts: { ...PLAIN_BOARD, tellsOscillator: false } })
    box.world.limitMilliamps = 0
    box.world.drawsMilliamps = 0
    box.run(5900)
    expect(box.state().relay.view).toBe('closed')
    box.run(1500)
    expect(box.state().relay.view).toBe('open')
    box.world.drawsMilliamps = 499
    box.run(2000)
    expect(box.state().relay.view).toBe('open')
    box.world.drawsMilliamps = 500
    box.run(2000)
    expect(box.state().relay.view).toBe('closed')
  })
})

describe('wear', () => {
  test('a closing is counted once, and carried over a restart', () => {
    const box = charging()
    box.world.pilot = 'B'
    box.run(3000)
    box.world.pilot = 'C'
    box.run(3000)
    expect(box.state().wear).toEqual({ closings: 2, c1Overruns: 0, welds: 0 })
    const now = monotonicMs(900_000)
    const adopted = { plugId: null, chargingState: 'idle', faults: [], wear: box.state().wear } as const
    expect(initialSafety(now, adopted).wear.closings).toBe(2)
  })

  test('IEC 61851-1 Table A.6 seq. 10.2: a car that takes current 6 s after the PWM is gone is one overrun a pause', () => {
    const box = charging()
    box.world.drawsMilliamps = 10_000
    box.world.limitMilliamps = 0
    box.run(5900)
    expect(box.state().wear.c1Overruns).toBe(0)
    box.run(30_000)
    expect(box.state().wear.c1Overruns).toBe(1)
    const good = charging()
    good.world.limitMilliamps = 0
    good.run(2900)
    good.world.drawsMilliamps = 0
    good.run(10_000)
    expect(good.state().wear.c1Overruns).toBe(0)
  })

  test('a weld is counted', () => {
    const box = charging()
    box.world.errors = ['contactorFault']
    box.run(1000)
    expect(box.state().wear.welds).toBe(1)
  })
})
