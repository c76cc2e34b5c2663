import { expect, test } from 'vitest'
import { plugEvidence } from '../../../../agent/control/safety/plug-evidence.ts'
import { NOTHING_WIRED, PLAIN_SITE, type Site } from '../../../../agent/control/safety/site.ts'
import { amps, monotonicMs } from '../../../../shared/units.ts'

const NOW = monotonicMs(100_000)
const BOARD = {
  takenAtMonotonicMs: NOW,
  pilot: 'B',
  oscillatorOn: false,
  offeredMilliamps: amps(0),
  proximity: { kind: 'rating', currentMilliamps: amps(20) },
  errors: [],
} as const
const LINE = { kind: 'open', sinceMonotonicMs: NOW } as const
const socket = (atPowerLoss: 'stays' | 'unlocks'): Site => ({
  ...PLAIN_SITE,
  connector: { kind: 'socket', feedback: 'module', permanentLock: false, atPowerLoss },
})
const locked = (value: 'locked' | 'unlocked' | 'moving') => ({
  ...NOTHING_WIRED,
  lock: { value, takenAtMonotonicMs: NOW },
})

test.each([
  ['a fixed cable', PLAIN_SITE, NOTHING_WIRED, 'tethered'],
  ['a locked plug whose lock stays shut without supply', socket('stays'), locked('locked'), 'held'],
  ['a lock that the supply holds', socket('unlocks'), locked('locked'), 'loose'],
  ['a lock that is open', socket('stays'), locked('unlocked'), 'loose'],
  ['a lock that moves', socket('stays'), locked('moving'), 'loose'],
  ['a lock that nobody has heard', socket('stays'), NOTHING_WIRED, 'loose'],
] as const)('%s', (_name, site, wired, cable) => {
  const told = plugEvidence({ line: LINE, board: BOARD, site, wired }, NOW)
  expect(told).toEqual({ proximity: 20_000, cable, connectedMs: null })
})

test('a board that does not answer tells nothing, and a shorted contact is no cable', () => {
  const seen = { line: LINE, board: BOARD, site: PLAIN_SITE, wired: NOTHING_WIRED }
  expect(plugEvidence(seen, monotonicMs(NOW + 2000))).toBeNull()
  expect(plugEvidence({ ...seen, board: null }, NOW)).toBeNull()
  expect(plugEvidence({ ...seen, board: { ...BOARD, proximity: { kind: 'fault' } } }, NOW)?.proximity).toBe(
    'fault',
  )
})
