// What changes, told to whoever watches: at most twice a second for each station and each transaction, however fast
// they speak. Nothing here is a record; a watcher that misses something asks the API.
import type { EventData, EventKind } from '../../shared/api/events.ts'
import type { StationView } from '../../shared/api/stations.ts'
import type { TransactionView } from '../../shared/api/transactions.ts'
import type { Clock, Timer } from '../../shared/time/clock.ts'
import type { Changes } from '../store/ingest.ts'
import type { TransactionKey } from '../store/transactions.ts'

export interface LiveEvent {
  readonly id: string
  readonly kind: EventKind
  readonly data: EventData<EventKind>
}

export interface Live {
  stored(changes: Changes): void
  stationChanged(stationId: string): void
  transactionChanged(key: TransactionKey): void
  /**
   * Starts with what came after `lastEventId` (or `reset` where that is not kept), then goes on until the returned
   * function is called.
   */
  watch(lastEventId: string | null, listener: (event: LiveEvent) => void): () => void
  stop(): void
}

export interface LiveOptions {
  readonly clock: Clock
  /** Different in each run of the cloud: event ids of an earlier run are told apart. */
  readonly streamId: string
  readonly viewStation: (stationId: string) => Promise<StationView | null>
  readonly viewTransaction: (key: TransactionKey) => Promise<TransactionView | null>
  readonly log: { error(fields: object, message: string): void }
}

const TELL_EVERY_MS = 500
/** Kept for watchers that come back. */
const KEPT_MAX = 1000

export function live(options: LiveOptions): Live {
  const { clock, streamId } = options
  const listeners = new Set<(event: LiveEvent) => void>()
  const dirty = { stations: new Set<string>(), transactions: new Map<string, TransactionKey>() }
  const samples = new Map<string, EventData<'sample'>>()
  const kept: { number: number; event: LiveEvent }[] = []
  let number = 0
  /** Behind this event changes were not made into events, as nobody watched. */
  let skippedAt = -1
  let timer: Timer | null = null
  let telling = false

  const publish = <K extends EventKind>(kind: K, data: EventData<K>) => {
    number++
    const event: LiveEvent = { id: `${streamId}-${number}`, kind, data }
    kept.push({ number, event })
    if (kept.length > KEPT_MAX) kept.shift()
    for (const listener of listeners) listener(event)
  }
  const schedule = () => {
    if (listeners.size === 0) {
      dirty.stations.clear()
      dirty.transactions.clear()
      samples.clear()
      skippedAt = number
      return
    }
    timer ??= clock.after('live events', TELL_EVERY_MS, () => {
      timer = null
      if (telling) return schedule()
      telling = true
      tell()
        .catch((error: unknown) => options.log.error({ why: String(error) }, 'live events'))
        .finally(() => {
          telling = false
        })
    })
  }
  const tell = async () => {
    const stations = [...dirty.stations]
    const transactions = [...dirty.transactions.values()]
    const readings = [...samples.values()]
    dirty.stations.clear()
    dirty.transactions.clear()
    samples.clear()
    for (const reading of readings) publish('sample', reading)
    for (const stationId of stations) {
      const view = await options.viewStation(stationId)
      if (view) publish('station', view)
    }
    for (const key of transactions) {
      const view = await options.viewTransaction(key)
      if (view) publish('transaction', view)
    }
  }
  const replayable = (lastEventId: string) => {
    const [stream, last] = [
      lastEventId.slice(0, streamId.length),
      Number(lastEventId.slice(streamId.length + 1)),
    ]
    if (stream !== streamId || !Number.isSafeInteger(last) || last < 0 || last > number) return null
    const oldest = kept[0]?.number ?? number + 1
    // Asked from before what is kept, or across a time in which nobody watched.
    if (last < oldest - 1 || last <= skippedAt) return null
    return kept.filter((entry) => entry.number > last)
  }
  return {
    stored: (changes) => {
      for (const stationId of changes.stations) dirty.stations.add(stationId)
      for (const key of changes.transactions) dirty.transactions.set(JSON.stringify(key), key)
      for (const { stationId, fact } of changes.samples) {
        const newest = samples.get(stationId)
        if (!newest || newest.at <= fact.sample.at) samples.set(stationId, { stationId, ...fact.sample })
      }
      schedule()
    },
    stationChanged: (stationId) => {
      dirty.stations.add(stationId)
      schedule()
    },
    transactionChanged: (key) => {
      dirty.transactions.set(JSON.stringify(key), key)
      schedule()
    },
    watch: (lastEventId, listener) => {
      const at = clock.wall()
      const missed = lastEventId === null ? null : replayable(lastEventId)
      const now = `${streamId}-${number}`
      // Who comes back keeps his place until he has what he missed.
      listener({ id: (missed && lastEventId) ?? now, kind: 'hello', data: { at, streamId } })
      if (missed) for (const { event } of missed) listener(event)
      else if (lastEventId !== null) listener({ id: now, kind: 'reset', data: { at } })
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    stop: () => {
      timer?.cancel()
      listeners.clear()
    },
  }
}
