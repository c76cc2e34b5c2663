// The bus port: one queue a bus, requests in, outcomes out. Expected trouble is a value.
import type { MonotonicMs } from '../../../shared/units.ts'

/** Why a request has no value. After `timedOut` the unit is quarantined for its declared worst lateness. */
export type BusFailure =
  | { readonly kind: 'timedOut' }
  /** The unit is in quarantine after a time-out; nothing was sent. */
  | { readonly kind: 'quarantined'; readonly untilMonotonicMs: MonotonicMs }
  | { readonly kind: 'badReply'; readonly detail: string }
  /** Modbus exception; the device is there and refuses. */
  | { readonly kind: 'exception'; readonly code: number }
  | { readonly kind: 'portClosed'; readonly detail: string }

export interface BusStatistics {
  readonly requests: number
  readonly timeOuts: number
  readonly badCrc: number
  readonly discardedBytes: number
  readonly exceptions: number
  /** Round trip less line time, newest good request, ms. */
  readonly roundTripMs: number | null
  readonly lastReplyAtMonotonicMs: MonotonicMs | null
}
