// Everything the page shows, and how it changes: pure. The feed gives events; answers to requests carry whole objects,
// so a repeated or late one does no harm.
import type { EventData } from '../../shared/api/events.ts'
import type { ApiSample, EnergyCheck, PowerSeries, StationView } from '../../shared/api/stations.ts'
import type { TransactionView } from '../../shared/api/transactions.ts'

export interface ViewState {
  /** The page's own line to the cloud. `since` is the cloud's time of the last word. */
  readonly line: { readonly kind: 'connecting' | 'live' | 'lost'; readonly since: number | null }
  /** null until the first answer. */
  readonly stations: ReadonlyMap<string, StationView> | null
  /** By station, then by transaction. */
  readonly transactions: ReadonlyMap<string, ReadonlyMap<string, TransactionView>>
  /** Readings of the station that is looked at, in the order of time. */
  readonly series: { readonly stationId: string; readonly points: readonly ApiSample[] } | null
  readonly energy: ReadonlyMap<string, readonly EnergyCheck[]>
  /** Why the last request failed; null when it succeeded. */
  readonly problem: string | null
}

export const EMPTY: ViewState = {
  line: { kind: 'connecting', since: null },
  stations: null,
  transactions: new Map(),
  series: null,
  energy: new Map(),
  problem: null,
}

export type ViewEvent =
  | { readonly kind: 'line'; readonly line: ViewState['line'] }
  | { readonly kind: 'stations'; readonly stations: readonly StationView[] }
  | { readonly kind: 'station'; readonly station: StationView }
  | {
      readonly kind: 'transactions'
      readonly stationId: string
      readonly transactions: readonly TransactionView[]
    }
  | { readonly kind: 'transaction'; readonly transaction: TransactionView }
  | { readonly kind: 'series'; readonly series: PowerSeries }
  | { readonly kind: 'sample'; readonly sample: EventData<'sample'> }
  | { readonly kind: 'energy'; readonly stationId: string; readonly meters: readonly EnergyCheck[] }
  | { readonly kind: 'problem'; readonly problem: string | null }

/** Readings that a chart keeps at most; older ones go first. */
export const SERIES_MAX = 6000

export function stepView(state: ViewState, event: ViewEvent): ViewState {
  switch (event.kind) {
    case 'line':
      return { ...state, line: event.line }
    case 'problem':
      return state.problem === event.problem ? state : { ...state, problem: event.problem }
    case 'stations':
      return { ...state, stations: new Map(event.stations.map((station) => [station.id, station])) }
    case 'station':
      return { ...state, stations: new Map(state.stations ?? []).set(event.station.id, event.station) }
    case 'transactions': {
      const listed = new Map(event.transactions.map((one) => [one.transactionId, one]))
      return { ...state, transactions: new Map(state.transactions).set(event.stationId, listed) }
    }
    case 'transaction': {
      const { stationId, transactionId } = event.transaction
      const known = new Map(state.transactions.get(stationId) ?? [])
      known.set(transactionId, event.transaction)
      return { ...state, transactions: new Map(state.transactions).set(stationId, known) }
    }
    case 'series':
      return { ...state, series: { stationId: event.series.stationId, points: event.series.points } }
    case 'sample':
      return withSample(state, event.sample)
    case 'energy':
      return { ...state, energy: new Map(state.energy).set(event.stationId, event.meters) }
  }
}

function withSample(state: ViewState, { stationId, ...sample }: EventData<'sample'>): ViewState {
  if (state.series?.stationId !== stationId) return state
  const before = state.series.points.filter((point) => point.at < sample.at)
  const after = state.series.points.filter((point) => point.at > sample.at)
  const points = [...before, sample, ...after].slice(-SERIES_MAX)
  return { ...state, series: { stationId, points } }
}

/** A station's transactions, the newest first; the energy of the running one is the station's, which is told sooner. */
export function transactionsOf(
  state: ViewState,
  { id, running }: Pick<StationView, 'id' | 'running'>,
): readonly TransactionView[] {
  return [...(state.transactions.get(id)?.values() ?? [])]
    .sort((a, b) => b.startedAt - a.startedAt)
    .map((transaction) =>
      transaction.state === 'running' && transaction.transactionId === running?.transactionId
        ? { ...transaction, energyWh: running.energyWh }
        : transaction,
    )
}

/**
 * Columns of a chart: seconds, then a value or null per series. A silence longer than `gapMs` breaks the line; over one
 * longer than `stepMs` the value is held until the next one, so that no ramp is drawn that never was. */
export function toColumns(
  points: readonly ApiSample[],
  pick: (point: ApiSample) => readonly (number | null)[],
  { gapMs, stepMs }: { readonly gapMs: number; readonly stepMs: number },
): { readonly seconds: readonly number[]; readonly values: readonly (readonly (number | null)[])[] } {
  const seconds: number[] = []
  const rows: (readonly (number | null)[])[] = []
  let before: { readonly at: number; readonly row: readonly (number | null)[] } | null = null
  for (const point of points) {
    const row = pick(point)
    const silenceMs = before === null ? 0 : point.at - before.at
    if (before !== null && silenceMs > gapMs) {
      seconds.push((before.at + 1) / 1000)
      rows.push(row.map(() => null))
    } else if (before !== null && silenceMs > stepMs) {
      seconds.push((point.at - 1) / 1000)
      rows.push(before.row)
    }
    seconds.push(point.at / 1000)
    rows.push(row)
    before = { at: point.at, row }
  }
  const width = rows[0]?.length ?? 0
  const values = Array.from({ length: width }, (_, column) => rows.map((row) => row[column] ?? null))
  return { seconds, values }
}
