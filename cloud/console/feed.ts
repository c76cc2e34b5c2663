// The page's line to the cloud: requests, and the stream of events. It keeps the view complete: each new stream and each
// reset asks for everything anew.
// Page and API are one program's, and the API makes its answers through the schemas whose types stand here; so the page
// takes them by type. Checking them again would cost a phone 60 kB.
import type { ApiError } from '../../shared/api/common.ts'
import type { EventData, EventKind } from '../../shared/api/events.ts'
import type { EnergyCheck, PowerSeries, StationList } from '../../shared/api/stations.ts'
import type { TransactionList } from '../../shared/api/transactions.ts'
import type { Timer } from '../../shared/time/clock.ts'
import { after, elapsedMs, every } from './browser-clock.ts'
import type { ViewEvent } from './view-state.ts'

export interface Feed {
  /** Keeps transactions, readings and energy of this station complete; null for none. */
  look(stationId: string | null, spanMs: number): void
  /** The cloud's wall time now, as far as it told; null before its first word. */
  now(): number | null
  close(): void
}

const RETRY_MS = 2000
/** A line that died without a word is found by asking. */
const REFRESH_MS = 20_000
/** A box that was away tells hours at once: the sums and the chart follow a little behind. */
const NEWS_AFTER_MS = 1000
const ANSWER_WITHIN_MS = 10_000
const POINTS = 1500

/** Opens the line; `tell` gets everything that the page must know. */
export function openFeed(tell: (event: ViewEvent) => void): Feed {
  let looking: { stationId: string; spanMs: number } | null = null
  let clockOffset: number | null = null
  let retry: Timer | null = null
  let newsDue: Timer | null = null
  let stream = openStream()
  const refresh = every(REFRESH_MS, reload)

  const now = () => (clockOffset === null ? null : elapsedMs() + clockOffset)
  const alive = () => {
    if (stream.readyState === EventSource.OPEN) tell({ kind: 'line', line: { kind: 'live', since: now() } })
  }
  const lost = () => tell({ kind: 'line', line: { kind: 'lost', since: now() } })

  async function ask<T>(path: string): Promise<T | null> {
    try {
      const response = await fetch(path, { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) })
      const body: unknown = await response.json()
      if (!response.ok) {
        const error = isApiError(body) ? `${body.message} ${body.do}` : `${path}: HTTP ${response.status}`
        tell({ kind: 'problem', problem: error })
        return null
      }
      tell({ kind: 'problem', problem: null })
      alive()
      // The API made it through the schema of T.
      return body as T
    } catch (error) {
      // The line itself: refused, broken, timed out, or an answer that is no JSON (a proxy's own page).
      console.warn(path, error)
      lost()
      return null
    }
  }

  async function loadStations() {
    const list = await ask<StationList>('api/stations')
    if (!list) return
    tell({ kind: 'stations', stations: list.stations })
  }

  async function loadTransactions(stationId: string) {
    const list = await ask<TransactionList>(
      `api/transactions?stationId=${encodeURIComponent(stationId)}&limit=100`,
    )
    if (list) tell({ kind: 'transactions', stationId, transactions: list.transactions })
  }

  async function loadEnergy(stationId: string) {
    const checks = await ask<{ meters: readonly EnergyCheck[] }>(
      `api/stations/${encodeURIComponent(stationId)}/energy`,
    )
    if (checks) tell({ kind: 'energy', stationId, meters: checks.meters })
  }

  async function loadSeries(stationId: string, spanMs: number) {
    const to = now()
    const span = to === null ? '' : `from=${Math.round(to - spanMs)}&`
    const series = await ask<PowerSeries>(
      `api/stations/${encodeURIComponent(stationId)}/series?${span}points=${POINTS}`,
    )
    if (series && looking?.stationId === stationId) tell({ kind: 'series', series })
  }

  function reload() {
    const loads = [loadStations()]
    if (looking) {
      const { stationId, spanMs } = looking
      loads.push(loadTransactions(stationId), loadEnergy(stationId), loadSeries(stationId, spanMs))
    }
    run(...loads)
  }

  /** A load tells its own trouble; what is left is a mistake of ours. */
  function run(...loads: readonly Promise<void>[]) {
    Promise.all(loads).catch((error: unknown) => console.error(error))
  }

  function openStream(): EventSource {
    const source = new EventSource('api/events')
    const on = <K extends EventKind>(kind: K, take: (data: EventData<K>) => void) =>
      source.addEventListener(kind, (event: MessageEvent<string>) => take(JSON.parse(event.data)))
    on('hello', ({ at }) => {
      clockOffset = at - elapsedMs()
      tell({ kind: 'line', line: { kind: 'live', since: at } })
      reload()
    })
    on('reset', () => reload())
    on('station', (station) => tell({ kind: 'station', station }))
    on('transaction', (transaction) => {
      tell({ kind: 'transaction', transaction })
      if (looking?.stationId !== transaction.stationId || newsDue) return
      newsDue = after(NEWS_AFTER_MS, () => {
        newsDue = null
        if (looking) run(loadEnergy(looking.stationId), loadSeries(looking.stationId, looking.spanMs))
      })
    })
    on('sample', (sample) => tell({ kind: 'sample', sample }))
    source.onerror = () => {
      lost()
      // The browser comes back by itself, but for an answer that is no stream: then it has closed.
      if (source.readyState !== EventSource.CLOSED || retry) return
      retry = after(RETRY_MS, () => {
        retry = null
        stream = openStream()
      })
    }
    return source
  }

  return {
    look: (stationId, spanMs) => {
      looking = stationId === null ? null : { stationId, spanMs }
      if (clockOffset !== null) reload()
    },
    now,
    close: () => {
      refresh.cancel()
      retry?.cancel()
      newsDue?.cancel()
      stream.close()
    },
  }
}

const isApiError = (body: unknown): body is ApiError =>
  typeof body === 'object' && body !== null && 'message' in body && 'do' in body
