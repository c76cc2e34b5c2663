import { describe, expect, test } from 'vitest'
import type { SimFault } from '../../hw-sim/api.ts'
import type { BoardTrouble } from '../../hw-sim/devices/board-kind.ts'
import { BOARDS, type BoardId, boardKindOf } from '../../hw-sim/devices/boards.ts'
import { withCar } from '../../hw-sim/hands.ts'
import { worldFacts } from '../../hw-sim/new-world.ts'
import { heldErrors, untold } from '../../hw-sim/world/hurt.ts'
import { withFaults } from '../../hw-sim/world.ts'
import { siteWithBoard } from './site-files.ts'
import { play } from './worlds.ts'

// What every registered board owes the world, whatever its make.

const ids = Object.keys(BOARDS).map((id) => [id as BoardId] as const)

/** The fault of a trial that brings each trouble. */
const FAULTS: Readonly<Record<BoardTrouble, SimFault>> = {
  diodeMissing: { kind: 'diodeMissing' },
  residualCurrent: { kind: 'residualCurrent' },
  selfTestFailed: { kind: 'selfTestFailed' },
  overTemperature: { kind: 'overTemperature' },
  protectiveEarthMissing: { kind: 'protectiveEarthMissing' },
  phaseFault: { kind: 'phaseLost', phase: 1 },
}
const noMonitor = { residualMonitor: false }

describe.each(ids)('%s', (id) => {
  const site = siteWithBoard(id)
  const facts = worldFacts(site)

  test('stands in a site as delivered: supplied, contactor open, nothing worn', () => {
    const played = play(site)
    played.relay('05 0000 ff00')
    played.run(1000)
    const { view } = played.world().board
    expect(view).toMatchObject({ powered: true, coil: false, retentiveWrites: 0 })
    expect(played.world().contactor.closed).toBe(false)
  })

  test('without supply is off, answers nothing, holds no contactor, and comes back', () => {
    const played = play(site)
    played.relay('05 0000 ff00')
    played.change((world) => withCar(world, { plugged: true }))
    played.run(5000)
    played.change((world) => ({ ...world, supplied: false }))
    played.run(200)
    expect(played.world().board.view).toMatchObject({ powered: false, state: '--', coil: false })
    expect(played.world().contactor.closed).toBe(false)
    expect(played.ask('board', '03 0000 0001')).toBeNull()
    played.change((world) => ({ ...world, supplied: true }))
    played.relay('05 0000 ff00')
    expect(
      played.until(({ board }) => board.view.powered && board.view.state !== '--', 60_000),
    ).toBeGreaterThan(0)
  })

  test('never closes in A, whatever its car was', () => {
    const played = play(site)
    played.relay('05 0000 ff00')
    played.change((world) => withCar(world, { plugged: true }))
    played.run(20_000)
    played.change((world) => withCar(world, { plugged: false }))
    played.run(100)
    expect(played.world().contactor.closed).toBe(false)
  })

  test.each(Object.entries(boardKindOf(id).tells))('tells %s by its number %i', (trouble, number) => {
    const played = play(site)
    played.relay('05 0000 ff00')
    played.run(1000)
    const fault = FAULTS[trouble as BoardTrouble]
    expect(heldErrors([fault], boardKindOf(id), noMonitor)).toEqual([number])
    played.change((world) => withFaults(world, facts, [fault]))
    played.run(100)
    expect(played.world().board.view.errors).not.toBe(0)
  })

  test('a trouble that it does not tell is said to be nothing', () => {
    for (const [trouble, fault] of Object.entries(FAULTS)) {
      const told = trouble in boardKindOf(id).tells || trouble === 'phaseFault'
      expect(untold(fault, boardKindOf(id), noMonitor), trouble).toBe(told ? null : trouble)
    }
  })
})
