import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { StationFact } from '../../../cloud/fleet/facts.ts'
import { foldStation, UNKNOWN_STATION } from '../../../cloud/fleet/station-state.ts'
import { epochMs } from '../../../shared/units.ts'
import { at, sample } from '../support/facts.ts'

const fold = (facts: readonly StationFact[]) => facts.reduce(foldStation, UNKNOWN_STATION)
const limit = (minute: number, key: string): StationFact => ({
  kind: 'limit',
  limit: { at: minute * 60_000, currentMilliamps: 16_000, reason: { key, values: {} }, until: null },
})
const notice = (minute: number, variable: string, meaning: 'alert' | 'cleared'): StationFact => ({
  kind: 'notification',
  at: epochMs(minute * 60_000),
  eventId: minute,
  component: 'c',
  variable,
  value: String(minute),
  meaning,
})

test('whatever the order in which distinct moments are told, the newest word on each thing stands', () => {
  const facts: StationFact[] = [
    limit(1, 'a'),
    limit(2, 'b'),
    notice(1, 'x', 'alert'),
    notice(2, 'x', 'cleared'),
    notice(1, 'y', 'cleared'),
    notice(3, 'y', 'alert'),
    sample('2026-06-01T08:00:00Z', 1),
    sample('2026-06-01T08:01:00Z', 2),
  ]
  fc.assert(
    fc.property(fc.shuffledSubarray(facts, { minLength: facts.length }), (shuffled) => {
      const state = fold(shuffled)
      expect(state.limit?.reason.key).toBe('b')
      expect(state.live?.registerWh).toBe(2)
      expect(state.problems.filter((problem) => problem.standing).map((problem) => problem.variable)).toEqual(
        ['y'],
      )
    }),
  )
})

test('the live reading tells whose it is', () => {
  const state = fold([sample('2026-06-01T08:00:00Z', 1, { evseId: 2, meterSerial: 'M2' })])
  expect(state.liveSource).toEqual({ evseId: 2, meterSerial: 'M2' })
})

test('a connector keeps the time of its last change, not of its last repetition', () => {
  const connector = (iso: string, status: 'Available' | 'Occupied'): StationFact => ({
    kind: 'connector',
    at: at(iso),
    evseId: 1,
    connectorId: 1,
    status,
  })
  const state = fold([
    connector('2026-06-01T08:00:00Z', 'Available'),
    connector('2026-06-01T09:00:00Z', 'Occupied'),
    connector('2026-06-01T10:00:00Z', 'Occupied'),
  ])
  expect(state.connectors).toEqual([
    { evseId: 1, connectorId: 1, status: 'Occupied', since: at('2026-06-01T09:00:00Z') },
  ])
})

test('a station that raises ever new problems does not fill the memory', () => {
  const state = fold(Array.from({ length: 500 }, (_, index) => notice(index, `v${index}`, 'alert')))
  expect(state.problems).toHaveLength(100)
  expect(state.problems.at(-1)?.variable).toBe('v499')
})
