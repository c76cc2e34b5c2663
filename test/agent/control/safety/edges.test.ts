// The very edges of what is judged by time: one millisecond more or less decides.
import { describe, expect, test } from 'vitest'
import { releaseStuck } from '../../../../agent/control/safety/release.ts'
import {
  inputsLost,
  isFresh,
  lockSight,
  NOTHING_WIRED,
  PLAIN_SITE,
  type Site,
} from '../../../../agent/control/safety/site.ts'
import { initialSafety, type SafetyInput, type SafetyState } from '../../../../agent/control/safety/state.ts'
import { OUTLET_LIVE_MILLIVOLTS, WELDED_MS, weldSeen } from '../../../../agent/control/safety/weld.ts'
import { amps, milliAmps, milliVolts, monotonicMs, wattHours, watts } from '../../../../shared/units.ts'
import { PLAIN_BOARD } from './rig.ts'

const NOW = 1_000_000
const at = monotonicMs
const RELEASE: Site = { ...PLAIN_SITE, release: { inSeries: 'proved', hasMirror: true } }

function metered(currentMilliamps: number, millivolts: number, begunAt: number, takenAt = begunAt) {
  const current = milliAmps(currentMilliamps)
  const voltage = milliVolts(millivolts)
  const reading = {
    ...{ takenAtMonotonicMs: at(takenAt), serial: 'M', registerWh: wattHours(0), powerWatts: watts(0) },
    currentsMilliamps: [current, current, current] as const,
    voltagesMillivolts: [voltage, voltage, voltage] as const,
  }
  const good = { reading, begunAtMonotonicMs: at(begunAt) }
  return { newest: good, fresh: good, asksForSerial: false, faults: [] } as const
}

const input = (change: Partial<SafetyInput>, boardAt = NOW, relay?: 'open' | 'closed'): SafetyInput => ({
  bootId: 'b',
  line: { kind: 'open', sinceMonotonicMs: at(0) },
  board: {
    ...{ takenAtMonotonicMs: at(boardAt), pilot: 'B', oscillatorOn: false, errors: [] },
    ...{ offeredMilliamps: amps(0), proximity: { kind: 'open' } },
    ...(relay === undefined ? {} : { relay }),
  },
  boardSilentSinceMonotonicMs: null,
  boardConfiguration: null,
  deadman: {
    ...{
      heldAtMonotonicMs: at(NOW),
      heldSinceMonotonicMs: at(0),
      askedSinceMonotonicMs: at(0),
      holdMs: 2000,
    },
    ...{ currentMilliamps: amps(0), isUnproved: false, lowestFixedMilliamps: amps(16), arithmetic: '' },
  },
  ...{ facts: PLAIN_BOARD, site: PLAIN_SITE, wired: NOTHING_WIRED },
  ...{ tooHot: null, temperatureUnknown: null, gridInputLost: null },
  written: { kind: 'paused', atMonotonicMs: at(0) },
  limitMilliamps: amps(0),
  permission: null,
  meter: { newest: null, fresh: null, asksForSerial: false, faults: [] },
  keeperSilentMs: 0,
  cleared: [],
  ...change,
})
const openSince = (since: number): SafetyState => ({
  ...initialSafety(at(0), null),
  pilot: 'B',
  mustBeOpenSinceMonotonicMs: at(since),
})

describe('a weld', () => {
  test('by the register from 3 s on', () => {
    const seen = (since: number) => weldSeen(openSince(since), input({}, NOW, 'closed'), at(NOW))
    expect(seen(NOW - WELDED_MS)).not.toBeNull()
    expect(seen(NOW - WELDED_MS + 1)).toBeNull()
    expect(weldSeen(openSince(0), input({}, NOW, 'open'), at(NOW))).toBeNull()
    expect(weldSeen(openSince(0), input({}, NOW - 2000, 'closed'), at(NOW))).toBeNull()
  })

  test('by a reading that began 3 s after, with the pilot seen again behind it', () => {
    const seen = (begun: number, boardAt: number) =>
      weldSeen(openSince(NOW - 5000), input({ meter: metered(500, 230_000, begun) }, boardAt), at(NOW))
    expect(seen(NOW - 2000, NOW)).not.toBeNull()
    expect(seen(NOW - 2001, NOW)).toBeNull()
    expect(seen(NOW - 1000, NOW - 999)).not.toBeNull()
    expect(seen(NOW - 1000, NOW - 1000)).toBeNull()
    const below = input({ meter: metered(499, 230_000, NOW - 1000) })
    expect(weldSeen(openSince(0), below, at(NOW))).toBeNull()
  })

  test('by voltage from 50 V on, only where the meter is behind the contactor', () => {
    const seen = (millivolts: number, metersOutlet: boolean) =>
      weldSeen(
        openSince(0),
        input({ site: { ...PLAIN_SITE, metersOutlet }, meter: metered(0, millivolts, NOW - 100) }),
        at(NOW),
      )
    expect(seen(OUTLET_LIVE_MILLIVOLTS, true)).not.toBeNull()
    expect(seen(OUTLET_LIVE_MILLIVOLTS - 1, true)).toBeNull()
    expect(seen(230_000, false)).toBeNull()
  })

  test('by our own contacts: none where nothing of ours was told to open', () => {
    const state: SafetyState = { ...initialSafety(at(0), null), pilot: 'C' }
    const flowing = { meter: metered(9000, 230_000, NOW - 100) }
    const site = RELEASE
    const opened = {
      ...NOTHING_WIRED,
      releaseWritten: { kind: 'opened', atMonotonicMs: at(NOW - 4000) },
    } as const
    const closed = {
      ...NOTHING_WIRED,
      releaseWritten: { kind: 'closed', atMonotonicMs: at(NOW - 4000) },
    } as const
    expect(weldSeen(state, input({ ...flowing, site, wired: opened }), at(NOW))).not.toBeNull()
    expect(weldSeen(state, input({ ...flowing, site, wired: closed }), at(NOW))).toBeNull()
    expect(weldSeen(state, input(flowing), at(NOW))).toBeNull()
  })
})

test('a mirror contact is judged 500 ms after the order, and only while it is heard', () => {
  const wired = (kind: 'opened' | 'closed', value: boolean, takenAt: number) => ({
    ...NOTHING_WIRED,
    releaseWritten: { kind, atMonotonicMs: at(NOW - 1500) } as const,
    releaseClosed: { value, takenAtMonotonicMs: at(takenAt) },
  })
  const stuck = (takenAt: number, now = NOW) =>
    releaseStuck(input({ site: RELEASE, wired: wired('closed', false, takenAt) }), at(now))
  expect(stuck(NOW - 1000)).not.toBeNull()
  expect(stuck(NOW - 1001)).toBeNull()
  expect(stuck(NOW - 1000, NOW + 1000)).toBeNull()
  expect(releaseStuck(input({ site: RELEASE, wired: wired('closed', true, NOW) }), at(NOW))).toBeNull()
  const welded = (takenAt: number) =>
    weldSeen(
      initialSafety(at(0), null),
      input({ site: RELEASE, wired: wired('opened', true, takenAt) }),
      at(NOW),
    )
  expect(welded(NOW - 1000)).not.toBeNull()
  expect(welded(NOW - 1001)).toBeNull()
})

test('an input is about now for less than 2 s', () => {
  const sighted = { value: true, takenAtMonotonicMs: at(NOW) }
  expect(isFresh(sighted, at(NOW + 1999))).toBe(true)
  expect(isFresh(sighted, at(NOW + 2000))).toBe(false)
  expect(isFresh(null, at(NOW))).toBe(false)
})

test('a lock that the board tells is known for less than 2 s', () => {
  const board = { ...input({}).board, lock: 'locked' } as SafetyInput['board'] // the board of `input` is there
  const connector = { kind: 'socket', feedback: 'board', permanentLock: false, atPowerLoss: 'stays' } as const
  const sources = { site: { ...PLAIN_SITE, connector }, wired: NOTHING_WIRED, board }
  expect(lockSight(sources, at(NOW + 1999))).toBe('locked')
  expect(lockSight(sources, at(NOW + 2000))).toBeNull()
  expect(lockSight({ ...sources, board: null }, at(NOW))).toBeNull()
})

test('inputs are owed from 2 s after the start on', () => {
  const sources = { site: { ...PLAIN_SITE, hasStopButton: true }, wired: NOTHING_WIRED }
  expect(inputsLost(sources, at(NOW), at(NOW + 1999))).toBeNull()
  expect(inputsLost(sources, at(NOW), at(NOW + 2000))).toBe('not heard for 2000 ms: stop button')
})
