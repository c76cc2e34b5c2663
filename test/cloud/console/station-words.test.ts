import { describe, expect, it } from 'vitest'
import {
  ageInWords,
  bootInWords,
  faultInWords,
  isFresh,
  nowInWords,
  spanInWords,
  stateOf,
  stopInWords,
} from '../../../cloud/console/station-words.ts'
import { CHARGING_STATES, CONNECTOR_STATUSES, type StationView } from '../../../shared/api/stations.ts'
import { FAULTS } from '../../../shared/faults.ts'
import type { BootReasonEnumType, ReasonEnumType } from '../../../shared/ocpp/generated/actions-201.ts'

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

  it('a charge of a station that is out of service is not known', () => {
    expect(word({ connectors: connector('Unavailable'), running: running('Charging') })).toBe('Not known')
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

describe('that energy flows', () => {
  const live = (powerWatts: number | null) => ({
    at: 0,
    powerWatts,
    currentsMilliamps: null,
    offeredMilliamps: 16_000,
    registerWh: null,
  })
  const limit = (currentMilliamps: number) => ({
    at: 0,
    currentMilliamps,
    reason: { key: 'wait.starting', values: {} },
    until: null,
  })
  const said = (part: Partial<StationView>, now: number) =>
    nowInWords({ ...QUIET, running: running('Charging'), ...part }, now).includes('Energy flows')

  it('is said of a fresh reading of power', () => {
    expect(said({ live: live(11_040) }, 30_000)).toBe(true)
  })
  it.each([
    ['an old reading', { live: live(11_040) }, 30_001],
    ['no reading', { live: null }, 0],
    ['no power', { live: live(0) }, 0],
    ['power that is not told', { live: live(null) }, 0],
    ['a limit of no current', { live: live(11_040), limit: limit(0) }, 0],
    ['a station that is not heard', { live: live(11_040), online: false }, 0],
    ['a box that does not hear its control', { live: live(11_040), connectors: connector('Unavailable') }, 0],
  ] as const)('is not said beside %s', (_what, part, now) => {
    expect(said(part, now)).toBe(false)
  })
  it('a reading is fresh for 30 s, and only of a station that is heard', () => {
    expect(isFresh({ online: true, live: live(1) }, 30_000)).toBe(true)
    expect(isFresh({ online: true, live: live(1) }, 30_001)).toBe(false)
    expect(isFresh({ online: false, live: live(1) }, 0)).toBe(false)
    expect(isFresh({ online: true, live: null }, 0)).toBe(false)
  })
})

describe('the words of messages', () => {
  it.each(FAULTS.map(({ code, ocpp201, means }) => [code, ocpp201, means] as const))(
    'an alarm of %s is told by what it means',
    (_code, told, means) => {
      expect(faultInWords(told)).toBe(means)
    },
  )
  it('an alarm of another maker names what it told', () => {
    expect(faultInWords({ component: 'Modem', variable: 'Problem' })).toContain('Modem, Problem')
  })
  it('reasons of boots and ends are sentences, and one that is not known is shown as it is', () => {
    const boots: BootReasonEnumType[] = ['PowerUp', 'Unknown', 'Watchdog', 'ApplicationReset', 'RemoteReset']
    const stops: ReasonEnumType[] = [
      'EVDisconnected',
      'Remote',
      'Local',
      'PowerLoss',
      'DeAuthorized',
      'Other',
    ]
    for (const reason of boots) expect(bootInWords(reason)).toContain(' ')
    for (const reason of stops) expect(stopInWords(reason)).toMatch(/ .*\.$/)
    expect(stopInWords('Fairies')).toBe('Fairies')
  })
})
