// I_deadman and T_deadman of each class of board: our relay at the release input, our relay in the supply, the board's own
// watchdog.
import { describe, expect, test } from 'vitest'
import { PLAIN_SITE } from '../../../../agent/control/safety/site.ts'
import { PLAIN_BOARD, rig, type World } from './rig.ts'

const OWN = { ...PLAIN_BOARD, deadman: { kind: 'own', fedBy: 'anyRequest', feedMs: 1000 } } as const
const SUPPLY = { ...PLAIN_BOARD, deadman: { kind: 'external', cuts: 'supply' } } as const

function charging(change: Partial<World> = {}) {
  const box = rig(change)
  box.charge()
  expect(box.state().chargingState).toBe('charging')
  expect(box.faults()).toEqual([])
  return box
}
const kinds = (box: ReturnType<typeof rig>, from = 0) =>
  box
    .commands()
    .filter((entry) => entry.at >= from)
    .map(({ command }) => command.kind)

describe('I_deadman', () => {
  test('DEADMAN_TOO_HIGH tells its arithmetic', () => {
    const box = rig({ deadmanMilliamps: 20_000 })
    box.run(100)
    expect(box.state().faults[0]).toEqual({
      code: 'DEADMAN_TOO_HIGH',
      detail:
        'the board offers 20000 mA when nobody talks to it; allowed is 16000 mA, the installation 16000 mA',
    })
  })

  test('DEADMAN_TOO_HIGH where energy is billed or access restricted: only 0, or a dead-man that cuts the supply', () => {
    const site = { ...PLAIN_SITE, billedOrRestricted: true }
    const faults = (change: Partial<World>) => {
      const box = rig({ site, ...change })
      box.run(100)
      return box.faults()
    }
    expect(faults({ deadmanMilliamps: 6000 })).toEqual(['DEADMAN_TOO_HIGH'])
    expect(faults({ deadmanMilliamps: 0 })).toEqual([])
    expect(faults({ deadmanMilliamps: 6000, facts: OWN })).toEqual(['DEADMAN_TOO_HIGH'])
    expect(faults({ deadmanMilliamps: 6000, facts: SUPPLY })).toEqual([])
    expect(faults({ deadmanMilliamps: 6000, site: PLAIN_SITE })).toEqual([])
  })

  test('DEADMAN_UNPROVED: a watchdog of unknown length that no silence test has shown is refused', () => {
    const box = rig({ facts: OWN, deadmanUnproved: true })
    box.charge()
    expect(box.faults()).toEqual(['DEADMAN_UNPROVED'])
    expect(kinds(box)).not.toContain('offer')
  })
})

describe('a board’s own watchdog', () => {
  test('shows no F when it is fed no more: that is no board that does not follow', () => {
    const box = charging({ facts: OWN })
    box.world.boardAnswers = false
    box.run(2500)
    expect(box.faults()).toEqual(['BOARD_LOST'])
    box.world.boardAnswers = true
    box.run(8000)
    expect(box.raised('DEADMAN_LOST')).toBe(0)
    expect(box.faults()).toEqual([])
  })

  test('is let go against a car that goes on after a pause, as far as that helps', () => {
    const box = charging({ facts: OWN })
    box.world.limitMilliamps = 0
    box.world.drawsMilliamps = 10_000
    const from = box.at()
    box.run(6000)
    expect(kinds(box, from)).toEqual(['pause'])
    box.run(100)
    expect(kinds(box, from)).toContain('releaseDeadman')
  })

  test('PAUSE_IGNORED: current 3 s after its watchdog must have ended it, until the plug is out', () => {
    const box = charging({ facts: OWN })
    box.world.limitMilliamps = 0
    box.world.drawsMilliamps = 10_000
    box.run(10_900)
    expect(box.faults()).toEqual([])
    box.run(1200)
    expect(box.faults()).toEqual(['PAUSE_IGNORED'])
    box.world.drawsMilliamps = 0
    box.world.limitMilliamps = 16_000
    box.run(20_000)
    expect(box.faults()).toEqual(['PAUSE_IGNORED'])
    box.world.pilot = 'A'
    box.run(100)
    expect(box.faults()).toEqual([])
    const opens = charging({ facts: PLAIN_BOARD })
    opens.world.limitMilliamps = 0
    opens.world.drawsMilliamps = 10_000
    opens.run(12_000)
    expect(opens.raised('PAUSE_IGNORED')).toBe(0)
  })
})

describe('a relay in the board’s supply', () => {
  test('a board that we switched off ourselves is not lost; it comes back by itself', () => {
    const box = charging({ facts: SUPPLY })
    box.world.limitMilliamps = 0
    box.world.drawsMilliamps = 10_000
    box.run(7000)
    expect(kinds(box)).toContain('releaseDeadman')
    box.world.drawsMilliamps = 0
    box.run(30_000)
    expect(box.raised('BOARD_LOST')).toBe(0)
    expect(box.state().deadman.kind).toBe('held')
    expect(box.faults()).toEqual([])
  })

  test('a board that is lost gets its supply back once a minute, for 6 s, until it answers', () => {
    const box = charging({ facts: SUPPLY })
    box.world.boardAnswers = false
    box.run(2500)
    expect(box.faults()).toEqual(['BOARD_LOST'])
    const held: number[] = []
    const released: number[] = []
    let before = box.state().deadman.kind
    for (let ms = 0; ms < 200_000; ms += 50) {
      box.run(50)
      const { kind } = box.state().deadman
      if (kind !== before) (kind === 'held' ? held : released).push(box.at())
      before = kind
    }
    expect(held.length).toBe(3)
    expect(released.map((at, index) => at - (held[index] ?? 0))).toEqual([6000, 6000, 6000])
    expect((held[1] ?? 0) - (released[0] ?? 0)).toBe(60_000)
    expect(box.raised('BOARD_LOST')).toBe(1)
    box.world.boardAnswers = true
    box.run(70_000)
    expect(box.faults()).toEqual([])
    expect(box.state().deadman.kind).toBe('held')
  })

  test('DEADMAN_LOST: a board that still answers with its supply cut', () => {
    const box = charging({ facts: SUPPLY })
    box.world.relayBridged = true
    box.world.permission = null
    box.world.drawsMilliamps = 16_000
    box.run(20_000)
    expect(box.faults()).toContain('DEADMAN_LOST')
    expect(box.state().faults.find(({ code }) => code === 'DEADMAN_LOST')?.detail).toContain('still answers')
  })
})
