// The release contactor: in series with hardware that opens by itself, closed for an offer, opened without a load where it
// can be, and at once where it must be.
import { describe, expect, test } from 'vitest'
import { PLAIN_SITE, type Site } from '../../../../agent/control/safety/site.ts'
import { initialSafety } from '../../../../agent/control/safety/state.ts'
import { monotonicMs } from '../../../../shared/units.ts'
import { rig, type World } from './rig.ts'

const RELEASE: Site = { ...PLAIN_SITE, release: { inSeries: 'proved', hasMirror: true } }

function charging(change: Partial<World> = {}) {
  const box = rig({ site: RELEASE, ...change })
  box.charge()
  expect(box.state().chargingState).toBe('charging')
  return box
}
const kinds = (box: ReturnType<typeof rig>, from = 0) =>
  box
    .commands()
    .filter((entry) => entry.at >= from)
    .map(({ command }) => command.kind)

test('open from the start, closed before the offer, never closed without one', () => {
  const box = rig({ site: RELEASE })
  box.run(3000)
  expect(kinds(box)[0]).toBe('openRelease')
  expect(kinds(box)).not.toContain('closeRelease')
  box.charge()
  expect(kinds(box).indexOf('closeRelease')).toBeLessThan(kinds(box).indexOf('offer'))
  expect(box.world.extras.release.closed).toBe(true)
})

test.each(['A', 'B'] as const)(
  'a car that goes to %s without a permission: opened in the same step',
  (pilot) => {
    const box = charging()
    const from = box.at()
    box.world.pilot = pilot
    box.world.permission = null
    box.run(50)
    expect(kinds(box, from).slice(0, 2)).toEqual(['openRelease', 'pause'])
  },
)

test('C → B under a permission leaves it closed: nothing is switched for a car that pauses by itself', () => {
  const box = charging()
  const from = box.at()
  box.world.pilot = 'B'
  box.run(20_000)
  expect(kinds(box, from)).toEqual([])
})

test('a pause leaves the car its 6 s, then it is opened; a car that ended its current before has it opened without a load', () => {
  const box = charging()
  box.world.limitMilliamps = 0
  box.world.drawsMilliamps = 10_000
  const from = box.at()
  box.run(6000)
  expect(kinds(box, from)).toEqual(['pause'])
  box.run(50)
  expect(kinds(box, from)).toEqual(['pause', 'openRelease'])
  // The contactor works, so the dead-man need not.
  box.world.drawsMilliamps = 0
  box.run(10_000)
  expect(kinds(box, from)).not.toContain('releaseDeadman')
})

test.each([
  ['RESIDUAL_CURRENT', { errors: ['residualCurrentTripped'] }],
  ['PROTECTIVE_EARTH_MISSING', { errors: ['protectiveEarthMissing'] }],
  ['CONTACTOR_WELDED', { errors: ['contactorFault'] }],
] as const)('%s opens it at once, under load', (code, wrong) => {
  const box = charging()
  const from = box.at()
  Object.assign(box.world, wrong)
  box.run(50)
  expect(box.faults()).toContain(code)
  expect(kinds(box, from).slice(0, 2)).toEqual(['openRelease', 'pause'])
})

test('RELEASE_UNPROVED: one that nobody has proved to be in series is never closed, and nothing is offered', () => {
  const box = rig({ site: { ...PLAIN_SITE, release: { inSeries: 'unproved', hasMirror: true } } })
  box.charge()
  expect(box.faults()).toEqual(['RELEASE_UNPROVED'])
  expect(kinds(box)).not.toContain('closeRelease')
  expect(kinds(box)).not.toContain('offer')
})

test('RELEASE_STUCK: told to close and not closed, until the plug is out', () => {
  const box = rig({ site: RELEASE })
  box.world.extras.release.stuckOpen = true
  box.charge()
  expect(box.faults()).toEqual(['RELEASE_STUCK'])
  box.world.extras.release.stuckOpen = false
  box.run(5000)
  expect(box.faults()).toEqual(['RELEASE_STUCK'])
  box.world.pilot = 'A'
  box.run(1000)
  expect(box.faults()).toEqual([])
})

test('an order that is not confirmed is given again, and the dead-man follows 1 s later', () => {
  const box = charging()
  box.world.limitMilliamps = 0
  box.world.drawsMilliamps = 10_000
  box.world.extras.ignoresOrders = true
  const from = box.at()
  box.run(6900)
  expect(kinds(box, from).filter((kind) => kind === 'openRelease').length).toBeGreaterThan(10)
  expect(kinds(box, from)).not.toContain('releaseDeadman')
  box.run(300)
  expect(kinds(box, from)).toContain('releaseDeadman')
})

describe('a control that starts again', () => {
  test('moves nothing before the first reading, and closes what its predecessor had closed', () => {
    const now = monotonicMs(500_000)
    const state = initialSafety(now, { plugId: 'p', chargingState: 'charging', faults: [] })
    const world = { site: RELEASE, pilot: 'C', permission: { uuid: 's', plugId: 'p' } } as const
    const box = rig({ ...world, boardAnswers: false }, { start: now, state })
    box.adopt(16_000)
    box.run(300)
    expect(kinds(box)).toEqual([])
    box.world.boardAnswers = true
    box.run(200)
    expect(kinds(box)).not.toContain('openRelease')
    expect(kinds(box)).toContain('closeRelease')
  })
})
