// The whole small space of the safety step, each point against the rules that must hold whatever happens.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { BoardError } from '../../../../agent/control/ports/board.ts'
import type { MeterView } from '../../../../agent/control/safety/meter-judge.ts'
import { NOTHING_WIRED, PLAIN_SITE } from '../../../../agent/control/safety/site.ts'
import {
  type Command,
  initialSafety,
  type SafetyInput,
  type SafetyState,
  type SafetyStep,
  type Written,
} from '../../../../agent/control/safety/state.ts'
import { stepSafety } from '../../../../agent/control/safety/step.ts'
import type { Pilot } from '../../../../agent/control-link/messages.ts'
import { FAULTS, faultRow } from '../../../../shared/faults.ts'
import { amps, milliAmps, milliVolts, monotonicMs, wattHours, watts } from '../../../../shared/units.ts'
import { PLAIN_BOARD, rig } from './rig.ts'

const NOW = 1_000_000
const PILOTS: readonly Pilot[] = ['A', 'B', 'C', 'D', 'E', 'F']
const at = monotonicMs

function meterView(kind: 'none' | 'still' | 'flow'): MeterView {
  if (kind === 'none') return { newest: null, fresh: null, asksForSerial: false, faults: [] }
  const current = milliAmps(kind === 'flow' ? 12_000 : 0)
  const reading = {
    takenAtMonotonicMs: at(NOW - 300),
    serial: 'M',
    registerWh: wattHours(1),
    powerWatts: watts(0),
    currentsMilliamps: [current, current, current] as const,
    voltagesMillivolts: [milliVolts(0), milliVolts(0), milliVolts(0)] as const,
  }
  const good = { reading, begunAtMonotonicMs: at(NOW - 600) }
  return { newest: good, fresh: good, asksForSerial: false, faults: [] }
}

interface Point {
  readonly pilot: Pilot | null
  readonly oscillatorOn: boolean
  readonly permission: 'none' | 'this' | 'other'
  readonly limitMilliamps: number
  readonly written: 'unknown' | 'paused' | 'offered'
  readonly relay: 'off' | 'justOn' | 'on'
  readonly line: 'open' | 'lost' | 'opening'
  readonly wrong: BoardError | 'configuration' | 'deadmanTooHigh' | 'meter' | 'silent' | null
  readonly meter: 'none' | 'still' | 'flow'
}

const WRONG: readonly Point['wrong'][] = [
  null,
  'cableRejected',
  'pilotInvalid',
  'contactorFault',
  'diodeMissing',
  'residualCurrentTripped',
  'ventilationRejected',
  'configuration',
  'deadmanTooHigh',
  'meter',
  'silent',
]

function inputOf(point: Point): SafetyInput {
  const offeredMilliamps = point.oscillatorOn ? amps(16) : amps(0)
  const errors = point.wrong === null || !ERRORS.has(point.wrong) ? [] : [point.wrong as BoardError]
  const written: Written =
    point.written === 'unknown'
      ? { kind: 'unknown' }
      : point.written === 'paused'
        ? { kind: 'paused', atMonotonicMs: at(NOW - 20_000) }
        : { kind: 'offered', currentMilliamps: amps(16), atMonotonicMs: at(NOW - 20_000) }
  const heldSince = point.relay === 'on' ? NOW - 20_000 : NOW - 200
  const meter = meterView(point.meter)
  return {
    bootId: 'b',
    line:
      point.line === 'lost'
        ? { kind: 'lost', detail: 'gone' }
        : point.line === 'open'
          ? { kind: 'open', sinceMonotonicMs: at(NOW - 30_000) }
          : { kind: 'opening' },
    board:
      point.pilot === null
        ? null
        : {
            takenAtMonotonicMs: at(point.wrong === 'silent' ? NOW - 5000 : NOW),
            pilot: point.pilot,
            oscillatorOn: point.oscillatorOn,
            offeredMilliamps,
            proximity: { kind: 'open' },
            errors,
          },
    boardSilentSinceMonotonicMs: point.wrong === 'silent' ? at(NOW - 5000) : null,
    boardConfiguration: point.wrong === 'configuration' ? 'wrong' : null,
    deadman: {
      heldAtMonotonicMs: point.relay === 'off' ? null : at(NOW - 100),
      heldSinceMonotonicMs: point.relay === 'off' ? null : at(heldSince),
      askedSinceMonotonicMs: point.relay === 'off' ? null : at(heldSince),
      holdMs: 2000,
      currentMilliamps: point.wrong === 'deadmanTooHigh' ? amps(32) : amps(0),
      isUnproved: false,
      lowestFixedMilliamps: amps(16),
      arithmetic: '',
    },
    facts: PLAIN_BOARD,
    site: PLAIN_SITE,
    wired: NOTHING_WIRED,
    tooHot: null,
    temperatureUnknown: null,
    gridInputLost: null,
    written,
    limitMilliamps: milliAmps(point.limitMilliamps),
    permission:
      point.permission === 'none' ? null : { uuid: 'u', plugId: point.permission === 'this' ? 'p' : 'q' },
    meter: point.wrong === 'meter' ? { ...meter, faults: [{ code: 'METER_LOST', detail: '' }] } : meter,
    keeperSilentMs: 0,
    cleared: [],
  }
}
const ERRORS = new Set<Point['wrong']>([
  'cableRejected',
  'pilotInvalid',
  'contactorFault',
  'diodeMissing',
  'residualCurrentTripped',
  'ventilationRejected',
])

function* space(): Generator<Point> {
  for (const pilot of [null, ...PILOTS])
    for (const oscillatorOn of [false, true])
      for (const permission of ['none', 'this', 'other'] as const)
        for (const limitMilliamps of [0, 6000, 32_000])
          for (const written of ['unknown', 'paused', 'offered'] as const)
            for (const relay of ['off', 'justOn', 'on'] as const)
              for (const line of ['open', 'lost', 'opening'] as const)
                for (const wrong of WRONG)
                  for (const meter of ['none', 'still', 'flow'] as const)
                    yield {
                      pilot,
                      oscillatorOn,
                      permission,
                      limitMilliamps,
                      written,
                      relay,
                      line,
                      wrong,
                      meter,
                    }
}

const offerOf = (step: SafetyStep) => step.commands.find((command) => command.kind === 'offer')
const pauses = (step: SafetyStep) => step.commands.some((command) => command.kind === 'pause')

/** What must hold at each point, told by the name of what is broken; null where all holds. */
function broken(before: SafetyState, point: Point, step: SafetyStep): string | null {
  const { state } = step
  const offer = offerOf(step)
  const fault = state.faults.some(({ code }) => faultRow(code).withdraws)
  const mine = point.permission === 'this' && state.plugId === 'p'
  const hidden = point.pilot === 'F' && point.relay !== 'on'
  const silent = point.wrong === 'silent' || point.line !== 'open'
  const readable = point.pilot !== null && !hidden && !silent
  if (offer) {
    if (!mine) return 'an offer without a permission for this plug-in'
    if (fault) return 'an offer while a withdrawing fault stands'
    if (offer.kind === 'offer' && offer.currentMilliamps > point.limitMilliamps)
      return 'an offer above the limit'
    if (offer.kind === 'offer' && offer.currentMilliamps < 6000) return 'an offer below 6 A'
    if (!readable || (point.pilot !== 'B' && point.pilot !== 'C')) return 'an offer outside B and C'
    if (pauses(step)) return 'an offer and a pause at once'
  }
  const withdraw = readable && point.pilot !== 'B' && point.pilot !== 'C'
  const mustPause = fault || !mine || point.limitMilliamps === 0 || withdraw
  if (mustPause && point.line === 'open' && point.written !== 'paused' && !pauses(step))
    return 'no pause though it must'
  if (!mustPause && pauses(step)) return 'a pause without a reason'
  if (
    !mustPause &&
    readable &&
    point.pilot === 'B' &&
    point.written === 'offered' &&
    point.oscillatorOn &&
    point.limitMilliamps === 16_000 &&
    step.commands.length > 0
  )
    return 'a write in B though the offer stands'
  if ((state.chargingState === 'faulted') !== fault) return 'faulted is not what the faults say'
  if (state.chargingState === 'charging' && (!mine || fault || (readable && point.pilot === 'A')))
    return 'charging without a right'
  if (state.deadman.kind === 'released' && before.deadman.kind === 'held') {
    if (!step.commands.some((command) => command.kind === 'releaseDeadman'))
      return 'released without the command'
  }
  for (const code of new Set([...before.faults, ...state.faults].map((one) => one.code))) {
    const was = before.faults.some((one) => one.code === code)
    const is = state.faults.some((one) => one.code === code)
    const told = step.facts.filter(
      (fact) => (fact.kind === 'faultRaised' || fact.kind === 'faultCleared') && fact.code === code,
    )
    if (told.length !== (was === is ? 0 : 1)) return `${code} changed and was not told once`
  }
  return null
}

const STATES: Readonly<Record<string, SafetyState>> = {
  'just started': initialSafety(at(NOW - 50), null),
  adopted: initialSafety(at(NOW - 50), { plugId: 'p', chargingState: 'charging', faults: [] }),
  'charging for long': {
    ...initialSafety(at(NOW - 60_000), { plugId: 'p', chargingState: 'charging', faults: [] }),
    pilot: 'C',
    told: [{ currentMilliamps: amps(16), sinceMonotonicMs: at(NOW - 30_000) }],
    offeredUuid: 'u',
    permittedAtMonotonicMs: at(NOW - 50),
  },
  'withdrawn for long': {
    ...initialSafety(at(NOW - 60_000), { plugId: 'p', chargingState: 'suspendedEvse', faults: [] }),
    pilot: 'C',
    withdrawnSinceMonotonicMs: at(NOW - 10_000),
  },
  'let go': {
    ...initialSafety(at(NOW - 60_000), { plugId: 'p', chargingState: 'faulted', faults: [] }),
    pilot: 'C',
    deadman: { kind: 'released', sinceMonotonicMs: at(NOW - 5000), why: 'mustOpen' },
    withdrawnSinceMonotonicMs: at(NOW - 12_000),
    opened: true,
  },
}

describe('the whole small space of the safety step', () => {
  test.each(Object.keys(STATES))('no rule is broken from the state: %s', (name) => {
    const before = STATES[name]
    if (before === undefined) throw new Error(name)
    let points = 0
    for (const point of space()) {
      points++
      const step = stepSafety(before, inputOf(point), at(NOW))
      const wrong = broken(before, point, step)
      if (wrong !== null) expect.fail(`${wrong}\n${JSON.stringify(point)}\n${JSON.stringify(step)}`)
    }
    expect(points).toBe(7 * 2 * 3 * 3 * 3 * 3 * 3 * WRONG.length * 3)
  })

  test('no rule is broken while any one fault of the table already stands', () => {
    for (const { code } of FAULTS) {
      const before = { ...(STATES['charging for long'] as SafetyState), faults: [{ code, detail: '' }] }
      for (const pilot of [null, ...PILOTS])
        for (const permission of ['none', 'this', 'other'] as const)
          for (const wrong of WRONG) {
            const point: Point = {
              pilot,
              permission,
              wrong,
              oscillatorOn: true,
              limitMilliamps: 16_000,
              written: 'offered',
              relay: 'on',
              line: 'open',
              meter: 'still',
            }
            const step = stepSafety(before, inputOf(point), at(NOW))
            expect(broken(before, point, step), `${code} ${JSON.stringify(point)}`).toBeNull()
          }
    }
  })

  test('the same input gives the same step', () => {
    for (const point of [...space()].filter((_, index) => index % 97 === 0)) {
      const before = STATES['charging for long'] as SafetyState
      expect(stepSafety(before, inputOf(point), at(NOW))).toEqual(stepSafety(before, inputOf(point), at(NOW)))
    }
  })
})

describe('random lives of a box', () => {
  const event = fc.oneof(
    fc.constantFrom(...PILOTS).map((pilot) => ({ pilot })),
    fc.constantFrom(0, 6000, 10_000, 16_000).map((limitMilliamps) => ({ limitMilliamps })),
    fc.boolean().map((boardAnswers) => ({ boardAnswers })),
    fc.boolean().map((relayAnswers) => ({ relayAnswers })),
    fc.boolean().map((meterAnswers) => ({ meterAnswers })),
    fc.constantFrom('ENXIO', null).map((lineLost) => ({ lineLost })),
    fc.constantFrom(null, 0, 4000, 20_000).map((drawsMilliamps) => ({ drawsMilliamps })),
    fc.constantFrom<readonly BoardError[]>([], ['residualCurrentTripped']).map((errors) => ({ errors })),
    fc.constantFrom('permit', 'revoke'),
  )
  const life = fc.array(fc.tuple(event, fc.integer({ min: 1, max: 200 })), { minLength: 1, maxLength: 30 })

  test('whatever happens, an offer needs a permission, increases are 5 s apart, and nothing throws', () => {
    fc.assert(
      fc.property(life, (events) => {
        const box = rig()
        box.run(1500)
        let last: { at: number; command: Command } | null = null
        let uuid = 0
        for (const [change, ticks] of events) {
          if (change === 'permit') {
            const plugId = box.state().plugId
            if (plugId !== null && box.world.permission === null)
              box.world.permission = { uuid: `s${uuid++}`, plugId }
          } else if (change === 'revoke') box.world.permission = null
          else Object.assign(box.world, change)
          for (let tick = 0; tick < ticks; tick++) {
            const known = box.commands().length
            const permission = box.world.permission
            box.run(50)
            for (const entry of box.commands().slice(known)) {
              if (entry.command.kind === 'offer') {
                expect(permission?.plugId).toBe(box.state().plugId)
                expect(entry.command.currentMilliamps).toBeLessThanOrEqual(box.world.limitMilliamps)
                if (
                  last?.command.kind === 'offer' &&
                  entry.command.currentMilliamps > last.command.currentMilliamps &&
                  box.state().offeredUuid === permission?.uuid &&
                  uuid === 1
                )
                  expect(entry.at - last.at).toBeGreaterThanOrEqual(box.world.lineLost === null ? 0 : 5000)
              }
              last = entry
            }
          }
        }
      }),
      { numRuns: 150 },
    )
  })
})
