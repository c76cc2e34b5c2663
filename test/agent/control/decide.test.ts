// What stands around the safety step: own plans, and I_deadman against the lowest fixed limit with its arithmetic.
import { describe, expect, test } from 'vitest'
import { type DecisionInput, decide, initialDecision } from '../../../agent/control/decide.ts'
import type { BoardReading } from '../../../agent/control/ports/board.ts'
import { PLAIN_SITE } from '../../../agent/control/safety/site.ts'
import { initialSafety } from '../../../agent/control/safety/state.ts'
import { amps, monotonicMs, watts } from '../../../shared/units.ts'
import { PLAIN_BOARD } from './safety/rig.ts'

const NOW = monotonicMs(100_000)
const OWN = { ...PLAIN_BOARD, deadman: { kind: 'own', fedBy: 'anyRequest', feedMs: 1000 } } as const
const CURVE = {
  points: [{ fromMilliCelsius: 60_000, currentMilliamps: amps(10) }],
  stopMilliCelsius: 80_000,
  hysteresisMilliCelsius: 5000,
  lostMilliamps: amps(8),
}

const INPUT: DecisionInput = {
  bootId: 'b',
  line: { kind: 'open', sinceMonotonicMs: NOW },
  board: null,
  boardSilentSinceMonotonicMs: null,
  boardConfiguration: null,
  facts: PLAIN_BOARD,
  set: null,
  own: {
    boardMaxMilliamps: amps(63),
    cableMilliamps: amps(32),
    installationMilliamps: amps(16),
    wireRatingMilliamps: amps(32),
  },
  phasesWired: 3,
  deadman: {
    heldAtMonotonicMs: null,
    heldSinceMonotonicMs: null,
    askedSinceMonotonicMs: null,
    holdMs: 2000,
  },
  fallback: null,
  written: { kind: 'unknown' },
  permission: null,
  meter: { newest: null, fresh: null, asksForSerial: false, faults: [] },
  keeperSilentMs: 0,
  cleared: [],
}
const decided = (change: Partial<DecisionInput>) =>
  decide(initialDecision(initialSafety(NOW, null)), { ...INPUT, ...change }, NOW)
const faults = (change: Partial<DecisionInput>) => decided(change).state.safety.faults
const sensor = (value: number) => ({ value, takenAtMonotonicMs: NOW })

describe('I_deadman', () => {
  test('DEADMAN_TOO_HIGH tells each fixed limit with its source', () => {
    expect(faults({ fallback: { timeoutMs: 2000, currentMilliamps: amps(20) } })).toEqual([
      {
        code: 'DEADMAN_TOO_HIGH',
        detail:
          'the board offers 20000 mA when nobody talks to it; allowed is 16000 mA, ' +
          'the lowest of board 32000 mA, cable 32000 mA, installation 16000 mA',
      },
    ])
    expect(faults({ fallback: { timeoutMs: 2000, currentMilliamps: amps(16) } })).toEqual([])
  })

  test('a box that is not commissioned bears none', () => {
    const own = { ...INPUT.own, installationMilliamps: null }
    const [fault] = faults({ own, fallback: { timeoutMs: 2000, currentMilliamps: amps(6) } })
    expect(fault?.detail).toContain('installation not commissioned: 0 mA')
  })

  test('the grid operator’s relay may ask for its limit at any moment, also while it does not', () => {
    const gridRelay = { limitWatts: watts(4200), limits: { value: false, takenAtMonotonicMs: NOW } }
    const fallback = { timeoutMs: 2000, currentMilliamps: amps(10) }
    const [fault] = faults({ gridRelay, fallback })
    expect(fault?.detail).toContain('allowed is 6086 mA')
    expect(fault?.detail).toContain('grid 6086 mA')
    expect(faults({ gridRelay, fallback: { ...fallback, currentMilliamps: amps(6) } })).toEqual([])
  })

  test('DEADMAN_UNPROVED: only a board’s own watchdog of unknown length, and no silence test', () => {
    const fallback = { timeoutMs: null, currentMilliamps: amps(0) }
    const codes = (change: Partial<DecisionInput>) => faults({ fallback, ...change }).map(({ code }) => code)
    expect(codes({ facts: OWN })).toEqual(['DEADMAN_UNPROVED'])
    expect(codes({ facts: OWN, site: { ...PLAIN_SITE, silenceProved: { timeoutMs: 9000 } } })).toEqual([])
    expect(codes({ facts: PLAIN_BOARD })).toEqual([])
    expect(codes({ facts: OWN, fallback: { timeoutMs: 15_000, currentMilliamps: amps(0) } })).toEqual([])
    expect(codes({ facts: OWN, fallback: null })).toEqual([])
  })
})

describe('plans of control’s own', () => {
  test('in a socket the cable’s own rating counts, and a car whose cable tells none is offered nothing', () => {
    const socket = { kind: 'socket', feedback: 'module', permanentLock: false, atPowerLoss: 'stays' } as const
    const seen = (pilot: BoardReading['pilot'], proximity: BoardReading['proximity']): BoardReading => ({
      ...{ takenAtMonotonicMs: NOW, pilot, proximity, oscillatorOn: false, offeredMilliamps: amps(0) },
      errors: [],
    })
    const binding = (pilot: BoardReading['pilot'], proximity: BoardReading['proximity']) =>
      decided({ board: seen(pilot, proximity), site: { ...PLAIN_SITE, connector: socket } }).binding
    const thin = binding('B', { kind: 'rating', currentMilliamps: amps(13) })
    expect(thin).toMatchObject({ source: 'cable', currentMilliamps: 13_000 })
    for (const kind of ['open', 'fault'] as const)
      expect(binding('B', { kind })).toMatchObject({ source: 'cable', currentMilliamps: 0 })
    expect(binding('A', { kind: 'open' }).source).toBe('installation')
    const tethered = decided({ board: seen('B', { kind: 'open' }) })
    expect(tethered.binding.source).toBe('installation')
  })

  test('the temperature binds with its reason, and the stop is a fault', () => {
    const warm = decided({ temperature: { curve: CURVE, sensors: [sensor(60_000)] } })
    expect(warm.binding).toMatchObject({
      ...{ source: 'temperature', currentMilliamps: 10_000 },
      reason: { key: 'limit.temperature', values: { celsius: 60 } },
    })
    const hot = decided({ temperature: { curve: CURVE, sensors: [sensor(80_000)] } })
    expect(hot.binding).toMatchObject({ source: 'temperature', currentMilliamps: 0 })
    expect(hot.state.safety.faults.map(({ code }) => code)).toEqual(['OVER_TEMPERATURE'])
    expect(hot.state.temperature.passed).toBe(2)
    const cool = decided({ temperature: { curve: CURVE, sensors: [sensor(20_000)] } })
    expect(cool.binding.source).toBe('installation')
  })

  test('the grid operator’s relay binds, and its loss is told', () => {
    const limits = { value: true, takenAtMonotonicMs: monotonicMs(NOW - 2000) }
    const { binding, state } = decided({ gridRelay: { limitWatts: watts(4200), limits } })
    expect(binding).toMatchObject({
      source: 'grid',
      currentMilliamps: 6000,
      reason: { key: 'limit.gridRelay' },
    })
    expect(state.safety.faults.map(({ code }) => code)).toEqual(['GRID_INPUT_LOST'])
  })

  test('the cable that the proximity contact tells binds, and never above the fixed one’s rating', () => {
    const board = (currentMilliamps: ReturnType<typeof amps>): BoardReading => ({
      takenAtMonotonicMs: NOW,
      pilot: 'A',
      oscillatorOn: false,
      offeredMilliamps: amps(0),
      errors: [],
      proximity: { kind: 'rating', currentMilliamps },
    })
    expect(decided({ board: board(amps(13)) }).binding).toMatchObject({
      source: 'cable',
      currentMilliamps: 13_000,
    })
    expect(decided({ board: board(amps(63)) }).binding.source).toBe('installation')
  })
})
