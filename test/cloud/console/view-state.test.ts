import { describe, expect, it } from 'vitest'
import {
  EMPTY,
  SERIES_MAX,
  stepView,
  toColumns,
  transactionsOf,
  type ViewEvent,
  type ViewState,
} from '../../../cloud/console/view-state.ts'
import type { ApiSample, StationView } from '../../../shared/api/stations.ts'
import type { TransactionView } from '../../../shared/api/transactions.ts'

const sample = (at: number, powerWatts: number | null = at): ApiSample => ({
  at,
  powerWatts,
  currentsMilliamps: null,
  offeredMilliamps: null,
  registerWh: null,
})
const station = (id: string, online: boolean): StationView => ({
  id,
  createdAt: 0,
  online,
  connectedSince: null,
  lastSeenAt: null,
  boot: null,
  connectors: [],
  live: null,
  limit: null,
  faults: [],
  running: null,
})
const transaction = (transactionId: string, startedAt: number, events = 1): TransactionView => ({
  stationId: 'A',
  transactionId,
  evseId: 1,
  idToken: null,
  state: 'running',
  chargingState: null,
  stoppedReason: null,
  startedAt,
  endedAt: null,
  timeEstimated: false,
  startRegisterWh: null,
  lastRegisterWh: null,
  energyWh: null,
  meterSerial: null,
  events,
  missingSeqNos: [],
  bill: { kind: 'running' },
})
const viewAfter = (...events: readonly ViewEvent[]): ViewState => events.reduce(stepView, EMPTY)
const seriesOf = (...points: readonly ApiSample[]): ViewEvent => ({
  kind: 'series',
  series: { stationId: 'A', from: 0, to: 9, points: [...points], thinned: false },
})
const sampleOf = (stationId: string, at: number): ViewEvent => ({
  kind: 'sample',
  sample: { stationId, ...sample(at) },
})
const times = (state: ViewState) => state.series?.points.map(({ at }) => at)

describe('readings', () => {
  it('come in the order of time, however they arrive', () => {
    expect(times(viewAfter(seriesOf(sample(1), sample(5)), sampleOf('A', 9), sampleOf('A', 3)))).toEqual([
      1, 3, 5, 9,
    ])
  })

  it('come once, the later word of the same moment', () => {
    const state = viewAfter(seriesOf(sample(1, 10)), {
      kind: 'sample',
      sample: { stationId: 'A', ...sample(1, 20) },
    })
    expect(state.series?.points).toEqual([sample(1, 20)])
  })

  it('of another station, or before the first answer, are left out', () => {
    expect(times(viewAfter(seriesOf(sample(1)), sampleOf('B', 2)))).toEqual([1])
    expect(viewAfter(sampleOf('A', 2)).series).toBeNull()
  })

  it('are kept to a bounded number, the newest', () => {
    const many = Array.from({ length: SERIES_MAX }, (_, index) => sample(index))
    const state = viewAfter(seriesOf(...many), sampleOf('A', SERIES_MAX))
    expect(state.series?.points.length).toBe(SERIES_MAX)
    expect(state.series?.points.at(-1)?.at).toBe(SERIES_MAX)
  })
})

describe('stations and transactions', () => {
  it('a later word of a station replaces the earlier one; a list replaces all', () => {
    const state = viewAfter(
      { kind: 'stations', stations: [station('A', false), station('B', false)] },
      { kind: 'station', station: station('A', true) },
    )
    expect([...(state.stations?.values() ?? [])].map(({ id, online }) => [id, online])).toEqual([
      ['A', true],
      ['B', false],
    ])
    expect(stepView(state, { kind: 'stations', stations: [] }).stations?.size).toBe(0)
  })

  it('are shown the newest first, each once', () => {
    const state = viewAfter(
      { kind: 'transactions', stationId: 'A', transactions: [transaction('t1', 1), transaction('t3', 3)] },
      { kind: 'transaction', transaction: transaction('t2', 2) },
      { kind: 'transaction', transaction: transaction('t3', 3, 7) },
    )
    const shown = transactionsOf(state, station('A', true))
    expect(shown.map(({ transactionId, events }) => [transactionId, events])).toEqual([
      ['t3', 7],
      ['t2', 1],
      ['t1', 1],
    ])
    expect(transactionsOf(state, station('B', true))).toEqual([])
  })

  it('show for the running one the energy that the station tells now', () => {
    const state = viewAfter({
      kind: 'transactions',
      stationId: 'A',
      transactions: [transaction('t1', 1), transaction('t2', 2)],
    })
    const running = { transactionId: 't2', chargingState: null, startedAt: 2, energyWh: 94 }
    const shown = transactionsOf(state, { id: 'A', running })
    expect(shown.map(({ transactionId, energyWh }) => [transactionId, energyWh])).toEqual([
      ['t2', 94],
      ['t1', transaction('t1', 1).energyWh],
    ])
  })

  it('a problem that is told again changes nothing', () => {
    const state = viewAfter({ kind: 'problem', problem: 'away' })
    expect(stepView(state, { kind: 'problem', problem: 'away' })).toBe(state)
    expect(stepView(state, { kind: 'problem', problem: null }).problem).toBeNull()
  })
})

describe('columns of a chart', () => {
  it('break the line where nothing was read for long', () => {
    const columns = toColumns([sample(0), sample(1000), sample(5000)], ({ powerWatts }) => [powerWatts, 7], {
      gapMs: 2000,
      stepMs: 2000,
    })
    expect(columns).toEqual({
      seconds: [0, 1, 1.001, 5],
      values: [
        [0, 1000, null, 5000],
        [7, 7, null, 7],
      ],
    })
  })

  it('hold a value over a longer silence in place of a ramp', () => {
    expect(
      toColumns([sample(0), sample(10_000), sample(40_000)], ({ powerWatts }) => [powerWatts], {
        gapMs: 60_000,
        stepMs: 15_000,
      }),
    ).toEqual({ seconds: [0, 10, 39.999, 40], values: [[0, 10_000, 10_000, 40_000]] })
  })

  it('of nothing are empty', () => {
    expect(toColumns([], () => [null], { gapMs: 1, stepMs: 1 })).toEqual({ seconds: [], values: [] })
  })
})
