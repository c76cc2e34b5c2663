// The small space of what is wired beside board and meter, each point against the rules that must hold whatever happens.
import { expect, test } from 'vitest'
import type { LockState } from '../../../../agent/control/safety/lock.ts'
import type { SelfTestState } from '../../../../agent/control/safety/self-test.ts'
import { NOTHING_WIRED, PLAIN_SITE, type Site, type Wired } from '../../../../agent/control/safety/site.ts'
import {
  initialSafety,
  type SafetyInput,
  type SafetyState,
  type SafetyStep,
} from '../../../../agent/control/safety/state.ts'
import { stepSafety } from '../../../../agent/control/safety/step.ts'
import { amps, milliAmps, milliVolts, monotonicMs, wattHours, watts } from '../../../../shared/units.ts'
import { PLAIN_BOARD } from './rig.ts'

const NOW = 1_000_000
const at = monotonicMs
const TRUTH = [false, true] as const

interface Point {
  readonly pilot: 'A' | 'B' | 'C' | 'E' | 'F'
  readonly permitted: boolean
  readonly told: boolean
  readonly flows: boolean
  readonly lock: 'tethered' | 'locked' | 'unlocked' | 'stale' | 'never' | 'missing'
  readonly release: 'none' | 'unknown' | 'opened' | 'closed' | 'unproved'
  readonly mirror: boolean
  readonly test: SelfTestState['kind'] | 'none'
  readonly stop: boolean
}

function* space(): Generator<Point> {
  for (const pilot of ['A', 'B', 'C', 'E', 'F'] as const)
    for (const permitted of TRUTH)
      for (const told of TRUTH)
        for (const flows of TRUTH)
          for (const lock of ['tethered', 'locked', 'unlocked', 'stale', 'never', 'missing'] as const)
            for (const release of ['none', 'unknown', 'opened', 'closed', 'unproved'] as const)
              for (const mirror of TRUTH)
                for (const test of ['none', 'due', 'running', 'passed', 'failed'] as const)
                  for (const stop of TRUTH)
                    yield { pilot, permitted, told, flows, lock, release, mirror, test, stop }
}

function siteOf(point: Point): Site {
  const feedback = point.lock === 'missing' ? 'none' : 'module'
  return {
    ...PLAIN_SITE,
    connector:
      point.lock === 'tethered'
        ? { kind: 'tethered' }
        : { kind: 'socket', feedback, permanentLock: false, atPowerLoss: 'stays' },
    release:
      point.release === 'none'
        ? null
        : { inSeries: point.release === 'unproved' ? 'unproved' : 'proved', hasMirror: true },
    hasStopButton: true,
  }
}

function wiredOf(point: Point): Wired {
  const age = point.lock === 'stale' ? 2000 : 50
  const sight = point.lock === 'locked' || point.lock === 'stale' ? 'locked' : 'unlocked'
  return {
    ...NOTHING_WIRED,
    lock: point.lock === 'never' ? null : { value: sight, takenAtMonotonicMs: at(NOW - age) },
    releaseClosed: { value: point.mirror, takenAtMonotonicMs: at(NOW) },
    stopPressed: { value: point.stop, takenAtMonotonicMs: at(NOW) },
    releaseWritten:
      point.release === 'opened' || point.release === 'closed'
        ? { kind: point.release, atMonotonicMs: at(NOW - 20_000) }
        : { kind: 'unknown' },
  }
}

function inputOf(point: Point): SafetyInput {
  const current = milliAmps(point.flows ? 9000 : 0)
  const reading = {
    ...{ takenAtMonotonicMs: at(NOW - 20), serial: 'M', registerWh: wattHours(1), powerWatts: watts(0) },
    currentsMilliamps: [current, current, current] as const,
    voltagesMillivolts: [milliVolts(0), milliVolts(0), milliVolts(0)] as const,
  }
  const good = { reading, begunAtMonotonicMs: at(NOW - 40) }
  return {
    bootId: 'b',
    line: { kind: 'open', sinceMonotonicMs: at(NOW - 30_000) },
    board: {
      ...{ takenAtMonotonicMs: at(NOW), pilot: point.pilot, oscillatorOn: point.told, errors: [] },
      ...{ offeredMilliamps: point.told ? amps(16) : amps(0), proximity: { kind: 'open' } },
    },
    boardSilentSinceMonotonicMs: null,
    boardConfiguration: null,
    deadman: {
      ...{ heldAtMonotonicMs: at(NOW - 100), heldSinceMonotonicMs: at(NOW - 60_000) },
      ...{ askedSinceMonotonicMs: at(NOW - 60_000), holdMs: 2000 },
      ...{ currentMilliamps: amps(0), isUnproved: false, lowestFixedMilliamps: amps(16), arithmetic: '' },
    },
    facts: { ...PLAIN_BOARD, hasSelfTest: point.test !== 'none' },
    site: siteOf(point),
    wired: wiredOf(point),
    ...{ tooHot: null, temperatureUnknown: null, gridInputLost: null },
    written: point.told
      ? { kind: 'offered', currentMilliamps: amps(16), atMonotonicMs: at(NOW - 20_000) }
      : { kind: 'paused', atMonotonicMs: at(NOW - 20_000) },
    limitMilliamps: amps(16),
    permission: point.permitted ? { uuid: 'u', plugId: 'p' } : null,
    meter: { newest: good, fresh: good, asksForSerial: false, faults: [] },
    keeperSilentMs: 0,
    cleared: [],
  }
}

const TESTS: Readonly<Record<Point['test'], SelfTestState>> = {
  none: { kind: 'due' },
  due: { kind: 'due' },
  running: { kind: 'running', sinceMonotonicMs: at(NOW - 1000), stale: null },
  passed: { kind: 'passed', atMonotonicMs: at(NOW - 1000) },
  failed: { kind: 'failed', atMonotonicMs: at(NOW - 1000), detail: 'failed' },
}

const STATES: Readonly<Record<string, Partial<SafetyState>>> = {
  'charging for long': { offeredUuid: 'u', lock: lockAt('locked', true) },
  'first seen now': { pilot: null, lock: lockAt(null, false) },
  'waiting for its first offer': { lock: lockAt('locked', true) },
  'withdrawn for long': {
    offeredUuid: 'u',
    withdrawnSinceMonotonicMs: at(NOW - 20_000),
    lock: lockAt('locked', true),
  },
  'seen open': {
    relay: {
      ...{ view: 'open', awayReads: 5, awaySinceMonotonicMs: at(NOW - 5000) },
      judgedReadingAtMonotonicMs: at(NOW - 50),
    },
    lock: lockAt('locked', true),
  },
}

function lockAt(wanted: LockState['wanted'], held: boolean): LockState {
  return { wanted, movesAtMonotonicMs: [], triesInVain: 0, held }
}

function broken(point: Point, step: SafetyStep): string | null {
  const { state } = step
  const has = (kind: string) => step.commands.some((command) => command.kind === kind)
  const offers = has('offer')
  if (offers && point.lock !== 'tethered' && point.lock !== 'locked')
    return 'an offer to a plug that is not locked'
  if (offers && (point.test === 'running' || point.test === 'failed'))
    return 'an offer during or after a bad self-test'
  if (offers && point.stop) return 'an offer while the stop button is pressed'
  if (offers && point.release === 'unproved') return 'an offer through a release that nobody has proved'
  if (point.stop && point.permitted && !has('dropPermission')) return 'a stop that drops nothing'
  if (has('closeRelease') && (!point.permitted || point.stop || has('pause') || has('openRelease')))
    return 'a release closed without an offer'
  if (has('closeRelease') && point.release === 'unproved') return 'a release closed that nobody has proved'
  if ((has('closeRelease') || has('openRelease')) && point.release === 'none')
    return 'an order to no contactor'
  if (has('unlock') && state.relay.view !== 'open') return 'unlocked with the contactor not seen open'
  if (has('unlock') && (point.lock === 'stale' || point.lock === 'never')) return 'a blind move'
  if ((has('lock') || has('unlock')) && point.lock === 'tethered') return 'a tethered cable was moved'
  if (has('lock') && has('unlock')) return 'both at once'
  if (has('startSelfTest') && (point.flows || point.told || offers || state.relay.view !== 'open'))
    return 'a self-test with current or an offer'
  if (has('startSelfTest') && (point.test === 'none' || point.test === 'running'))
    return 'a self-test that is not due'
  if (point.lock === 'unlocked' && point.told && point.pilot === 'C' && point.permitted && !has('pause'))
    return 'no pause though the plug is not locked'
  return null
}

test.each(Object.keys(STATES))('no rule is broken from the state: %s', (name) => {
  const kinds = new Set<string>()
  let points = 0
  for (const point of space()) {
    points++
    const before: SafetyState = {
      ...initialSafety(at(NOW - 60_000), { plugId: 'p', chargingState: 'charging', faults: [] }),
      ...{ pilot: point.pilot, boardSeenAtMonotonicMs: at(NOW - 50), permittedAtMonotonicMs: at(NOW - 50) },
      ...STATES[name],
      selfTest: TESTS[point.test],
    }
    const step = stepSafety(before, inputOf(point), at(NOW))
    for (const { kind } of step.commands) kinds.add(kind)
    const wrong = broken(point, step)
    if (wrong !== null) expect.fail(`${wrong}\n${JSON.stringify(point)}\n${JSON.stringify(step)}`)
  }
  expect(points).toBe(5 * 2 * 2 * 2 * 6 * 5 * 2 * 5 * 2)
  expect(kinds).toContain('pause')
  expect(kinds.has('unlock') || kinds.has('offer')).toBe(true)
})
