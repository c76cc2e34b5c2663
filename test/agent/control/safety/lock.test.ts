// The lock of a socket's plug: the whole small space of its machine, then stories in a box.
import { describe, expect, test } from 'vitest'
import {
  jammed,
  LOCK_AT_REST,
  LOCK_JAM_TRIES,
  LOCK_MOVES_MAX,
  LOCK_MOVES_WITHIN_MS,
  LOCK_PULSE_MS,
  LOCK_RETRY_MS,
  type LockInput,
  type LockState,
  stepLock,
  UNLOCK_IN_F_MS,
} from '../../../../agent/control/safety/lock.ts'
import { type Connector, PLAIN_SITE, type Site } from '../../../../agent/control/safety/site.ts'
import { initialSafety } from '../../../../agent/control/safety/state.ts'
import { monotonicMs } from '../../../../shared/units.ts'
import { PLAIN_BOARD, rig, type World } from './rig.ts'

const at = monotonicMs
const NOW = 1_000_000
const SOCKET = { kind: 'socket', feedback: 'module', permanentLock: false, atPowerLoss: 'stays' } as const
const LOCKING_SITE: Site = { ...PLAIN_SITE, connector: SOCKET }
const INPUT: LockInput = {
  connector: SOCKET,
  sight: 'unlocked',
  pilot: 'B',
  pilotForMs: 1000,
  permitted: true,
  cablePresent: true,
  relayOpen: true,
  keepsShut: false,
}
const moved = (state: LockState, change: Partial<LockInput>, now = NOW) =>
  stepLock(state, { ...INPUT, ...change }, at(now)).command

describe('the whole small space of the lock', () => {
  const TRUTH = [false, true]
  const CONNECTORS: readonly Connector[] = [
    { kind: 'tethered' },
    SOCKET,
    { ...SOCKET, permanentLock: true },
    { ...SOCKET, feedback: 'board' },
  ]
  const STATES: readonly LockState[] = [null, 'locked', 'unlocked'].flatMap((wanted) =>
    [[], [NOW - 1000], [NOW - 6000], Array(LOCK_MOVES_MAX).fill(NOW - 20_000)].map((moves) => ({
      wanted: wanted as LockState['wanted'],
      movesAtMonotonicMs: moves.map(at),
      triesInVain: moves.length,
      held: false,
    })),
  )

  test('never opened unless the contactor is confirmed open, never blind, never beyond what the motor bears', () => {
    let points = 0
    for (const connector of CONNECTORS)
      for (const before of STATES)
        for (const sight of ['locked', 'unlocked', 'moving', 'jammed', null] as const)
          for (const pilot of ['A', 'B', 'C', 'D', 'E', 'F', null] as const)
            for (const pilotForMs of [0, UNLOCK_IN_F_MS])
              for (const permitted of TRUTH)
                for (const cablePresent of TRUTH)
                  for (const relayOpen of TRUTH)
                    for (const keepsShut of TRUTH) {
                      points++
                      const input = {
                        ...{
                          connector,
                          sight,
                          pilot,
                          pilotForMs,
                          permitted,
                          cablePresent,
                          relayOpen,
                          keepsShut,
                        },
                      }
                      const { command, state } = stepLock(before, input, at(NOW))
                      const wrong = broken(before, input, command)
                      if (wrong !== null)
                        expect.fail(`${wrong} ${JSON.stringify({ before, input, command, state })}`)
                    }
    expect(points).toBe(4 * 12 * 5 * 7 * 2 * 16)
  })

  function broken(before: LockState, input: LockInput, command: 'lock' | 'unlock' | null): string | null {
    const keptIn =
      input.connector.kind === 'socket' &&
      input.connector.permanentLock &&
      input.cablePresent &&
      input.pilot !== 'E'
    if (command === null) return null
    if (input.connector.kind === 'tethered') return 'a tethered cable was moved'
    if (input.pilot === null) return 'moved while the pilot is not seen'
    if (input.sight === null) return 'moved blind'
    if (command === 'unlock' && !input.relayOpen) return 'opened with the contactor not confirmed open'
    if (command === 'unlock' && input.keepsShut) return 'opened with a welded contactor'
    if (command === 'unlock' && keptIn) return 'opened a permanent lock'
    if (command === 'lock' && input.pilot === 'E' && !input.keepsShut) return 'shut in E'
    if (command === 'lock' && input.pilot === 'A' && !keptIn && !input.keepsShut) return 'shut in A'
    if (
      command === 'unlock' &&
      input.pilot === 'F' &&
      input.pilotForMs < UNLOCK_IN_F_MS &&
      before.wanted !== 'unlocked'
    )
      return 'opened in F before 5 s'
    if (command === 'unlock' && 'BCD'.includes(input.pilot) && input.permitted)
      return 'opened under a permission'
    if (before.movesAtMonotonicMs.length >= LOCK_MOVES_MAX) return 'more moves than the motor bears'
    const last = before.movesAtMonotonicMs.at(-1)
    if (last !== undefined && NOW - last < LOCK_PULSE_MS) return 'turned round before its pulse was over'
    return input.sight === (command === 'lock' ? 'locked' : 'unlocked') ? 'moved though it is there' : null
  }

  test.each([
    ['A', { pilot: 'A', permitted: false }, 'unlock'],
    ['B with a permission', { pilot: 'B', sight: 'unlocked' }, 'lock'],
    ['C at the latest, for a car that comes without B', { pilot: 'C', sight: 'unlocked' }, 'lock'],
    ['B without a permission', { permitted: false }, 'unlock'],
    ['E at once', { pilot: 'E', pilotForMs: 0 }, 'unlock'],
    ['F after 5 s', { pilot: 'F', pilotForMs: UNLOCK_IN_F_MS }, 'unlock'],
    ['F before that', { pilot: 'F', pilotForMs: UNLOCK_IN_F_MS - 1 }, null],
    [
      'A with a permanent lock',
      { pilot: 'A', connector: { ...SOCKET, permanentLock: true }, sight: 'unlocked' },
      'lock',
    ],
    [
      'A with a permanent lock and no cable',
      { pilot: 'A', connector: { ...SOCKET, permanentLock: true }, cablePresent: false },
      'unlock',
    ],
    ['E with a permanent lock', { pilot: 'E', connector: { ...SOCKET, permanentLock: true } }, 'unlock'],
    ['A while welded', { pilot: 'A', keepsShut: true, sight: 'unlocked' }, 'lock'],
    ['A while the contactor is not confirmed open', { pilot: 'A', relayOpen: false }, null],
  ] as const)('registers.md §5, row lock: in %s', (_name, change, command) => {
    const sight = command === 'lock' ? 'unlocked' : 'locked'
    expect(moved(LOCK_AT_REST, { sight, ...change })).toBe(command)
  })
})

describe('the motor', () => {
  test('a move in vain is tried again after 5 s, and no more than 10 are made in 60 s', () => {
    let state = LOCK_AT_REST
    const moves: number[] = []
    for (let ms = 0; ms < 120_000; ms += 50) {
      const step = stepLock(state, INPUT, at(NOW + ms))
      state = step.state
      if (step.command !== null) moves.push(ms)
    }
    expect(moves.slice(0, 4)).toEqual([0, LOCK_RETRY_MS, 2 * LOCK_RETRY_MS, 3 * LOCK_RETRY_MS])
    for (const [index, ms] of moves.entries()) {
      const tenth = moves[index + LOCK_MOVES_MAX]
      if (tenth !== undefined) expect(tenth - ms).toBeGreaterThanOrEqual(LOCK_MOVES_WITHIN_MS)
    }
    expect(moves[LOCK_MOVES_MAX]).toBe(LOCK_MOVES_WITHIN_MS)
    expect(moves).toHaveLength(2 * LOCK_MOVES_MAX)
  })

  test('a car that comes and goes quickly does not wear it out: 10 moves in 60 s, 2 s apart', () => {
    let state = LOCK_AT_REST
    const moves: number[] = []
    let sight: 'locked' | 'unlocked' = 'unlocked'
    for (let ms = 0; ms < 60_000; ms += 50) {
      const input: LockInput = { ...INPUT, sight, pilot: ms % 1000 < 500 ? 'B' : 'A' }
      const step = stepLock(state, input, at(NOW + ms))
      state = step.state
      if (step.command !== null) {
        moves.push(ms)
        sight = step.command === 'lock' ? 'locked' : 'unlocked'
      }
    }
    expect(moves).toHaveLength(LOCK_MOVES_MAX)
    for (const [index, ms] of moves.entries())
      if (index > 0) expect(ms - (moves[index - 1] ?? 0)).toBeGreaterThanOrEqual(LOCK_PULSE_MS)
  })

  test('jammed after three moves in vain, each with its 5 s, or by the feedback’s own word', () => {
    const tried = (triesInVain: number, last: number): LockState => ({
      ...{ wanted: 'locked', movesAtMonotonicMs: [at(last)], held: false },
      triesInVain,
    })
    expect(jammed(tried(LOCK_JAM_TRIES, NOW - LOCK_RETRY_MS), 'unlocked', at(NOW))).toContain('3 moves')
    expect(jammed(tried(LOCK_JAM_TRIES, NOW - LOCK_RETRY_MS + 1), 'unlocked', at(NOW))).toBeNull()
    expect(jammed(tried(LOCK_JAM_TRIES - 1, NOW - LOCK_RETRY_MS), 'unlocked', at(NOW))).toBeNull()
    expect(jammed(tried(1, NOW), 'jammed', at(NOW))).toContain('jammed')
    expect(jammed(tried(0, NOW), 'jammed', at(NOW))).toBeNull()
    expect(jammed(tried(LOCK_JAM_TRIES, NOW - 60_000), 'locked', at(NOW))).toBeNull()
    expect(jammed(tried(LOCK_JAM_TRIES, NOW - 60_000), null, at(NOW))).toBeNull()
    expect(jammed({ ...tried(LOCK_JAM_TRIES, NOW - 60_000), wanted: null }, 'unlocked', at(NOW))).toBeNull()
  })
})

const socket = (change: Partial<World> = {}) => rig({ site: LOCKING_SITE, ...change })
const kinds = (box: ReturnType<typeof rig>, from = 0) =>
  box
    .commands()
    .filter((entry) => entry.at >= from)
    .map(({ command }) => command.kind)

describe('a socket', () => {
  test('no current before the lock is confirmed: locked in B, then offered', () => {
    const box = socket()
    box.charge()
    expect(kinds(box).indexOf('lock')).toBeLessThan(kinds(box).indexOf('offer'))
    expect(box.state()).toMatchObject({ chargingState: 'charging', lock: { wanted: 'locked', held: true } })
  })

  test('LOCK_FAILED: what does not lock gets no current, is tried again each 5 s, and clears when it locks', () => {
    const box = socket()
    box.world.extras.lock.motorWorks = false
    box.charge()
    expect(kinds(box)).not.toContain('offer')
    box.run(8000)
    expect(box.faults()).toEqual(['LOCK_FAILED'])
    expect(kinds(box)).not.toContain('offer')
    box.world.extras.lock.motorWorks = true
    box.run(10_000)
    expect(box.faults()).toEqual([])
    expect(box.state().chargingState).toBe('charging')
  })

  test('LOCK_FAILED by the board’s word, gone with the plug', () => {
    const box = socket({ errors: ['lockFailed'] })
    box.world.extras.lock.motorWorks = false
    box.charge()
    expect(box.faults()).toContain('LOCK_FAILED')
    box.world.errors = []
    box.world.pilot = 'A'
    box.run(1000)
    expect(box.faults()).toEqual([])
  })

  test('LOCK_LOST: a lock that opens under current ends it at once, until the plug is out', () => {
    const box = socket()
    box.charge()
    const from = box.at()
    box.world.extras.lock.at = 'unlocked'
    box.run(50)
    expect(kinds(box, from)).toContain('pause')
    expect(box.faults()).toEqual(['LOCK_LOST'])
    box.run(30_000)
    expect(box.world.extras.lock.at).toBe('locked')
    expect(box.faults()).toEqual(['LOCK_LOST'])
    box.world.pilot = 'A'
    box.run(5000)
    expect(box.faults()).toEqual([])
    expect(box.world.extras.lock.at).toBe('unlocked')
    expect(rigWith('lockLost')).toContain('LOCK_LOST')
  })

  const rigWith = (error: 'lockLost' | 'unlockFailed') => {
    const box = socket()
    box.charge()
    box.world.errors = [error]
    box.run(50)
    return box.faults()
  }

  test('LOCK_LOST is not what a contact that bounces means, nor a module that is silent; what it shows afterwards is', () => {
    const box = socket()
    box.charge()
    const from = box.at()
    box.world.extras.lock.tells = 'moving'
    box.run(100)
    expect(box.faults()).toEqual([])
    expect(kinds(box, from)).toContain('pause')
    box.world.extras.lock.tells = null
    box.run(6000)
    expect(box.state().chargingState).toBe('charging')
    box.world.extras.inputsAnswer = false
    box.run(3000)
    expect(box.faults()).toEqual(['INPUT_LOST'])
    box.world.extras.lock.at = 'unlocked'
    box.world.extras.inputsAnswer = true
    box.run(50)
    expect(box.faults()).toEqual(['LOCK_LOST'])
  })

  test('unlocked in A, only after the contactor is seen open', () => {
    const box = socket()
    box.charge()
    const from = box.at()
    box.world.pilot = 'A'
    // The meter still tells of the current before: a contactor that opens late.
    box.world.drawsMilliamps = 10_000
    box.run(1900)
    expect(kinds(box, from)).not.toContain('unlock')
    box.world.drawsMilliamps = 0
    box.run(1500)
    expect(kinds(box, from).filter((kind) => kind === 'unlock')).toHaveLength(1)
    expect(box.world.extras.lock.at).toBe('unlocked')
  })

  test('UNLOCK_FAILED: a jammed lock says so, withdraws nothing by itself, and clears when it opens', () => {
    const box = socket()
    box.charge()
    box.world.extras.lock.motorWorks = false
    box.world.pilot = 'A'
    box.run(20_000)
    expect(box.faults()).toEqual(['UNLOCK_FAILED'])
    expect(box.state().chargingState).toBe('idle')
    box.world.extras.lock.motorWorks = true
    box.run(7000)
    expect(box.faults()).toEqual([])
    expect(rigWith('unlockFailed')).toEqual(['UNLOCK_FAILED'])
  })

  test('LOCK_MISSING: a socket whose lock nobody tells is refused', () => {
    const blind: Site = { ...PLAIN_SITE, connector: { ...SOCKET, feedback: 'none' } }
    const box = rig({ site: blind })
    box.charge()
    expect(box.faults()).toEqual(['LOCK_MISSING'])
    expect(kinds(box)).not.toContain('offer')
    const said: Site = { ...PLAIN_SITE, connector: { ...SOCKET, feedback: 'board' } }
    const board = rig({ site: said, facts: { ...PLAIN_BOARD, lock: 'commanded' } })
    board.run(100)
    expect(board.faults()).toEqual(['LOCK_MISSING'])
    const confirmed = rig({ site: said, facts: { ...PLAIN_BOARD, lock: 'confirmed' } })
    confirmed.charge()
    expect(confirmed.state().chargingState).toBe('charging')
  })

  test('CONTACTOR_WELDED keeps the lock shut, also with the plug out of the car', () => {
    const box = socket()
    box.charge()
    box.world.pilot = 'A'
    box.world.drawsMilliamps = 2000
    box.run(6000)
    expect(box.faults()).toContain('CONTACTOR_WELDED')
    box.world.drawsMilliamps = 0
    box.run(30_000)
    expect(box.world.extras.lock.at).toBe('locked')
    box.world.cleared = ['CONTACTOR_WELDED']
    box.run(5000)
    expect(box.world.extras.lock.at).toBe('unlocked')
  })

  test('a permanent lock keeps an owner’s cable while the proximity contact tells one', () => {
    const site: Site = { ...PLAIN_SITE, connector: { ...SOCKET, permanentLock: true } }
    const box = rig({
      site,
      proximity: { kind: 'rating', currentMilliamps: PLAIN_BOARD.currentMaxMilliamps },
    })
    box.charge()
    box.world.pilot = 'A'
    box.run(20_000)
    expect(box.world.extras.lock.at).toBe('locked')
    expect(kinds(box).filter((kind) => kind === 'unlock')).toEqual([])
  })

  test('a control that starts again finds the lock shut and the car charging, and cuts nothing while the module is silent', () => {
    const now = monotonicMs(500_000)
    const state = initialSafety(now, { plugId: 'boot:1', chargingState: 'charging', faults: [] })
    const box = rig(
      { site: LOCKING_SITE, pilot: 'B', permission: { uuid: 's', plugId: 'boot:1' } },
      { start: now, state },
    )
    box.world.extras.lock.at = 'locked'
    box.world.extras.inputsAnswer = false
    box.adopt(16_000)
    box.run(1000)
    expect(kinds(box)).toEqual([])
    box.world.extras.inputsAnswer = true
    box.run(3000)
    expect(kinds(box).filter((kind) => kind !== 'offer')).toEqual([])
    expect(box.offered()).toBe(16_000)
  })

  test('the stop button ends the charge and lets the plug go', () => {
    const box = socket({ site: { ...LOCKING_SITE, hasStopButton: true } })
    box.charge()
    const from = box.at()
    box.world.extras.stopPressed = true
    box.run(100)
    box.world.extras.stopPressed = false
    box.world.pilot = 'B'
    expect(kinds(box, from)).toEqual(['pause', 'dropPermission'])
    expect(box.facts().map(({ fact }) => fact)).toContainEqual({
      kind: 'released',
      uuid: 's1',
      why: 'stopButton',
    })
    box.run(5000)
    expect(box.world.extras.lock.at).toBe('unlocked')
  })
})
