// Short stories in virtual time: what a car, a board or keeper does, and what the box answers.
import { describe, expect, test } from 'vitest'
import { initialSafety } from '../../../../agent/control/safety/state.ts'
import { monotonicMs } from '../../../../shared/units.ts'
import { rig } from './rig.ts'

const kinds = (box: ReturnType<typeof rig>) =>
  box.facts().map(({ fact }) => (fact.kind === 'chargingState' ? fact.state : fact.kind))
const since = (box: ReturnType<typeof rig>, from: number) =>
  box
    .commands()
    .filter(({ at }) => at >= from)
    .map(({ command }) => command.kind)

describe('a charge', () => {
  test('goes from plug to unplug, each change told once', () => {
    const box = rig()
    box.charge()
    box.world.pilot = 'A'
    box.run(2000)
    expect(kinds(box)).toEqual([
      'plugged',
      'occupied',
      'suspendedEvse',
      'suspendedEv',
      'charging',
      'unplugged',
      'idle',
    ])
  })

  test('needs a permission: a car that is plugged in without one is offered nothing', () => {
    const box = rig({ pilot: 'C' })
    box.run(30_000)
    expect(box.commands().some(({ command }) => command.kind === 'offer')).toBe(false)
    expect(box.state().chargingState).toBe('occupied')
  })

  test('a permission of the last plug-in is worth nothing for the next', () => {
    const box = rig()
    box.charge()
    const old = box.world.permission
    box.world.pilot = 'A'
    box.run(500)
    box.world.pilot = 'B'
    box.world.permission = old
    box.run(5000)
    expect(box.offered()).toBe(0)
  })

  test('C → B writes nothing, the offer stays, and the relay is seen open', () => {
    const box = rig()
    box.charge()
    expect(box.state().relay.view).toBe('closed')
    const from = box.at()
    box.world.pilot = 'B'
    box.run(20_000)
    expect(since(box, from)).toEqual([])
    expect(box.state()).toMatchObject({ chargingState: 'suspendedEv', relay: { view: 'open' } })
    box.world.pilot = 'C'
    box.run(1000)
    expect(since(box, from)).toEqual([])
    expect(box.state().chargingState).toBe('charging')
  })

  test.each(['A', 'D', 'E', 'F'] as const)(
    'in %s the offer is withdrawn in the very step of the reading',
    (pilot) => {
      const box = rig()
      box.charge()
      const from = box.at()
      box.world.pilot = pilot
      box.run(50)
      expect(since(box, from)).toEqual(['pause'])
    },
  )
})

describe('limits', () => {
  test('a decrease is told at once, an increase 5 s after the last change', () => {
    const box = rig()
    box.charge()
    const from = box.at()
    box.world.limitMilliamps = 10_000
    box.run(50)
    expect(box.offered()).toBe(10_000)
    box.world.limitMilliamps = 9000
    box.run(50)
    expect(box.offered()).toBe(9000)
    box.world.limitMilliamps = 16_000
    box.run(4900)
    expect(box.offered()).toBe(9000)
    box.run(200)
    expect(box.offered()).toBe(16_000)
    expect(box.at() - from).toBeLessThan(5500)
  })

  test('a write that is not confirmed frees no increase of its 5 s', () => {
    const box = rig()
    box.charge()
    box.world.confirmationsLost = true
    box.world.limitMilliamps = 8000
    box.run(1000)
    expect(box.offered()).toBe(8000)
    box.world.limitMilliamps = 10_000
    box.run(3800)
    expect(box.offered()).toBe(8000)
    box.run(400)
    expect(box.offered()).toBe(10_000)
  })

  test('0 is a pause: suspended by the box; a car that leaves C in time is not opened', () => {
    const box = rig()
    box.charge()
    box.world.limitMilliamps = 0
    box.run(2000)
    box.world.pilot = 'B'
    box.run(20_000)
    expect(box.state().chargingState).toBe('suspendedEvse')
    expect(box.commands().some(({ command }) => command.kind === 'releaseDeadman')).toBe(false)
  })

  test('a car that stays in C1 and takes current is opened after 6 s; without current it is left in peace', () => {
    const taker = rig()
    taker.charge()
    taker.world.drawsMilliamps = 10_000
    taker.world.limitMilliamps = 0
    const from = taker.at()
    taker.run(5900)
    expect(since(taker, from)).toEqual(['pause'])
    taker.run(300)
    expect(since(taker, from)).toContain('releaseDeadman')
    const idler = rig()
    idler.charge()
    idler.world.limitMilliamps = 0
    idler.run(20_000)
    expect(idler.commands().some(({ command }) => command.kind === 'releaseDeadman')).toBe(false)
  })

  test('a car in C1 whose meter is lost is opened after 6 s, once', () => {
    const box = rig()
    box.charge()
    box.world.meterAnswers = false
    box.run(60_000)
    const releases = box.facts().length
    expect(releases).toBeGreaterThan(0)
    const released = box.commands().filter(({ command }) => command.kind === 'releaseDeadman')
    expect(released).toHaveLength(1)
    expect(box.state().deadman.kind).toBe('held')
  })
})

describe('keeper is silent', () => {
  test('a running charge goes on', () => {
    const box = rig()
    box.charge()
    box.world.keeperSilentMs = 10_000_000
    box.run(120_000)
    expect(box.state().chargingState).toBe('charging')
  })

  test('a car that was offered current and has waited in B for 30 s loses its permission, and nobody’s cable is trapped', () => {
    const box = rig()
    box.charge()
    box.world.pilot = 'B'
    box.run(29_000)
    box.world.keeperSilentMs = 31_000
    box.run(900)
    expect(box.world.permission).not.toBeNull()
    const from = box.at()
    box.run(300)
    expect(since(box, from)).toEqual(['pause', 'dropPermission'])
    expect(kinds(box)).toContain('released')
    expect(box.state().chargingState).toBe('occupied')
  })

  test('a wake-up pulse of the board in between does not begin the 30 s anew', () => {
    const box = rig({ keeperSilentMs: 31_000 })
    box.charge()
    box.world.pilot = 'B'
    box.run(25_000)
    box.world.pilot = 'F'
    box.run(3000)
    box.world.pilot = 'B'
    box.run(7500)
    expect(box.world.permission).toBeNull()
  })

  test('a car that a plan holds back is left alone', () => {
    const box = rig({ keeperSilentMs: 31_000 })
    box.charge()
    box.world.limitMilliamps = 0
    box.world.pilot = 'B'
    box.run(120_000)
    expect(box.world.permission).not.toBeNull()
  })
})

describe('control starts again', () => {
  const adopted = () => {
    const before = rig()
    before.charge()
    const now = monotonicMs(300_000)
    const state = initialSafety(now, { plugId: 'boot:1', chargingState: 'charging', faults: [] })
    return { now, state, permission: { uuid: 's1', plugId: 'boot:1' } }
  }

  test('first F readings while our own relay is off count for nothing; then the charge goes on without a new plug-in', () => {
    const { now, state, permission } = adopted()
    const box = rig({ pilot: 'C', permission, relayAnswers: false }, { start: now, state })
    box.run(600)
    expect(box.commands()).toEqual([])
    expect(box.state()).toMatchObject({ pilot: null, plugId: 'boot:1', chargingState: 'charging' })
    box.world.relayAnswers = true
    box.run(1500)
    expect(box.offered()).toBe(16_000)
    expect(kinds(box)).not.toContain('plugged')
    expect(kinds(box)).not.toContain('unplugged')
  })

  test('the car left meanwhile: unplugged is told for the adopted plug-in, and the next car needs a permission of its own', () => {
    const { now, state, permission } = adopted()
    const box = rig({ pilot: 'A', permission }, { start: now, state })
    box.run(500)
    expect(box.facts().map(({ fact }) => fact)).toContainEqual({ kind: 'unplugged', plugId: 'boot:1' })
    box.world.pilot = 'C'
    box.run(5000)
    expect(box.offered()).toBe(0)
  })

  test('without a permission the pause is the first thing that is written', () => {
    const box = rig({ pilot: 'C' })
    box.run(50)
    expect(box.commands()[0]?.command).toEqual({ kind: 'pause' })
  })
})

test('a board that restarted and forgot its offer is told again, not sooner than 5 s after it was told', () => {
  const box = rig()
  box.charge()
  const from = box.at()
  box.world.boardForgot = true
  box.run(300)
  expect(since(box, from)).toEqual(['offer'])
  box.run(1000)
  expect(box.state().chargingState).toBe('charging')
  box.world.boardForgot = true
  box.run(2000)
  expect(since(box, from)).toEqual(['offer'])
  box.run(4000)
  expect(since(box, from)).toEqual(['offer', 'offer'])
})

test('a short silence of the board changes nothing', () => {
  const box = rig()
  box.charge()
  const from = box.at()
  box.world.boardAnswers = false
  box.run(1500)
  box.world.boardAnswers = true
  box.run(3000)
  expect(since(box, from)).toEqual([])
  expect(box.state().chargingState).toBe('charging')
})
