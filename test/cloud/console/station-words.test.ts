import { describe, expect, it } from 'vitest'
import { ageInWords, spanInWords, stateOf } from '../../../cloud/console/station-words.ts'
import { CHARGING_STATES, CONNECTOR_STATUSES, type StationView } from '../../../shared/api/stations.ts'

const QUIET: StationView = {
  id: 'BOX-1',
  createdAt: 0,
  online: true,
  connectedSince: 0,
  lastSeenAt: 0,
  boot: null,
  connectors: [],
  live: null,
  limit: null,
  faults: [],
  running: null,
}
const connector = (status: (typeof CONNECTOR_STATUSES)[number]) => [
  { evseId: 1, connectorId: 1, status, since: 0 },
]
const running = (chargingState: (typeof CHARGING_STATES)[number] | null) => ({
  transactionId: 't',
  chargingState,
  startedAt: 0,
  energyWh: 0,
})
const word = (station: Partial<StationView>) => stateOf({ ...QUIET, ...station }).word

describe('the state of a station in a word', () => {
  it.each([
    ['Available', 'Available'],
    ['Occupied', 'Occupied'],
    ['Reserved', 'Reserved'],
    ['Unavailable', 'Out of service'],
    ['Faulted', 'Faulted'],
  ] as const)('connector %s without a transaction is %s', (status, expected) => {
    expect(word({ connectors: connector(status) })).toBe(expected)
  })

  it.each([
    ['Charging', 'Charging'],
    ['SuspendedEVSE', 'Waiting'],
    ['SuspendedEV', 'Car pauses'],
    ['EVConnected', 'Connected'],
    ['Idle', 'Occupied'],
    [null, 'Occupied'],
  ] as const)('a transaction in %s is %s', (chargingState, expected) => {
    expect(word({ connectors: connector('Occupied'), running: running(chargingState) })).toBe(expected)
  })

  it('a fault goes before whatever the car does', () => {
    const faults = [{ component: 'RCD', variable: 'Tripped', detail: '', since: 0 }]
    for (const chargingState of CHARGING_STATES)
      expect(word({ faults, running: running(chargingState) })).toBe('Faulted')
  })

  it('what cannot be heard is not known, whatever it said last', () => {
    for (const status of CONNECTOR_STATUSES)
      expect(word({ online: false, connectors: connector(status), running: running('Charging') })).toBe(
        'Offline',
      )
    expect(word({ online: false, lastSeenAt: null })).toBe('Never seen')
  })

  it('a station that said nothing yet is only online', () => {
    expect(word({})).toBe('Online')
  })
})

it.each([
  [0, 'just now'],
  [-3000, 'just now'],
  [4999, 'just now'],
  [5000, '5 s ago'],
  [59_999, '59 s ago'],
  [60_000, '1 min ago'],
  [3_600_000, '1 h ago'],
  [9_000_000, '2 h 30 min ago'],
  [86_400_000, '1 d ago'],
])('an age of %i ms is %s', (ageMs, words) => {
  expect(ageInWords(ageMs)).toBe(words)
})

it('a span is told in its own words', () => {
  expect(spanInWords(1000)).toBe('1 s')
})
