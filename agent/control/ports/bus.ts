// The bus port: one queue a bus, requests in, outcomes out. Expected trouble is a value; no method here ever throws or
// rejects for what happens on the line.
import type { Result } from '../../../shared/result.ts'
import type { MonotonicMs } from '../../../shared/units.ts'

/**
 * Why a request has no value. After `timedOut` the unit of a serial line is quarantined for its declared worst lateness;
 * on TCP a late reply is told by its transaction id, and the unit may be asked again at once.
 */
export type BusFailure =
  | { readonly kind: 'timedOut' }
  /** The unit is in quarantine after a time-out; nothing was sent. */
  | { readonly kind: 'quarantined'; readonly untilMonotonicMs: MonotonicMs }
  /** Bytes came that are not the reply. Where the rest may still come, the unit is quarantined as after a time-out. */
  | { readonly kind: 'badReply'; readonly detail: string }
  /** Modbus exception; the device is there and refuses. */
  | { readonly kind: 'exception'; readonly code: number }
  | { readonly kind: 'portClosed'; readonly detail: string }
  /** A pause for the same unit came in while this offer was waiting: it was dropped, nothing was sent. */
  | { readonly kind: 'overtaken' }

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

/** Who goes first, from the most urgent down. Within one priority the queue is served in order. */
export const PRIORITIES = ['withdraw', 'hold', 'board', 'offer', 'meter', 'identity'] as const
export type Priority = (typeof PRIORITIES)[number]

/** What a unit needs of its bus and owes to it. Declared by its driver; the reaction bound is computed from it. */
export interface UnitLine {
  /** The unit asks for this much silence after its own last reply before it is asked again. */
  readonly silenceMs: number
  /** The unit asks for this much silence of the whole bus before each request, whoever it is for; 0 for almost all. */
  readonly busSilenceMs: number
  /** From the end of a request to the first byte of its reply, at worst; later is a time-out. */
  readonly turnaroundWorstMs: number
  /** From the end of a request to the first byte of a reply that was given up, at worst: the length of the quarantine. */
  readonly latenessWorstMs: number
  /** On an ASCII line: the character that the unit's replies begin with. `:` as the standard has it, where not given. */
  readonly asciiReplyStart?: ':' | '>'
}

/** A reply's value, and when its last byte came in. */
export interface Taken<T> {
  readonly value: T
  readonly takenAtMonotonicMs: MonotonicMs
}

export type Outcome<T> = Result<Taken<T>, BusFailure>

/** 3: holding registers, 4: input registers. */
export type WordsFc = 3 | 4
/** 1: coils, 2: discrete inputs. */
export type BitsFc = 1 | 2

/**
 * One unit on a bus. Each method is one request and one reply; none retries. Addresses are those of the PDU (0-based),
 * 0-65535; counts 1-125 words (1-123 to write) or 1-2000 bits.
 */
export interface BusUnit {
  readonly name: string
  readonly unitId: number
  readWords(
    fc: WordsFc,
    address: number,
    count: number,
    priority: Priority,
  ): Promise<Outcome<readonly number[]>>
  readBits(
    fc: BitsFc,
    address: number,
    count: number,
    priority: Priority,
  ): Promise<Outcome<readonly boolean[]>>
  /** Function code 6. With priority `withdraw` as for `writeCoil`. */
  writeWord(address: number, value: number, priority: Priority): Promise<Outcome<null>>
  /**
   * Function code 16. With priority `withdraw` it drops the waiting offers too. Its reply repeats the address and the count
   * only: it is sent in quarantine unless a write of the same place may still be answered late.
   */
  writeWords(address: number, values: readonly number[], priority: Priority): Promise<Outcome<null>>
  /**
   * Function code 5. A number is sent as it is (some devices take more than 0xFF00 and 0x0000). With priority
   * `withdraw` it drops the offers that wait for this unit, and is sent even while the unit is in quarantine: its
   * reply repeats the request, so that no late reply of another request can be taken for it.
   */
  writeCoil(address: number, value: boolean | number, priority: Priority): Promise<Outcome<null>>
  statistics(): BusStatistics
}

export type BusState =
  | { readonly kind: 'opening' }
  | { readonly kind: 'open' }
  /** The port is missing or vanished; opened again with back-off, for ever. */
  | { readonly kind: 'lost'; readonly detail: string }
  | { readonly kind: 'closed' }

export interface BusStatus {
  readonly name: string
  readonly state: BusState
  /** Sum over the units, with bytes that belong to none. */
  readonly total: BusStatistics
  /** Share of the last 10 s in which a request or its reply held the line, 0-100. */
  readonly loadPercent: number
  /** How often the port was opened again after a loss. */
  readonly reopened: number
  readonly units: readonly {
    readonly name: string
    readonly unitId: number
    readonly statistics: BusStatistics
  }[]
}

/**
 * One bus, whatever carries it: Modbus RTU or ASCII on a serial port, or Modbus TCP. It opens its port or connection by
 * itself and opens it again after a loss; while it is not open each request ends as `portClosed` at once.
 */
export interface Bus {
  readonly name: string
  /** Declares a unit. Each unit id (1-247, TCP 1-255) once a bus; two declarations of one are our own mistake. */
  unit(declaration: { readonly name: string; readonly unitId: number; readonly line: UnitLine }): BusUnit
  status(): BusStatus
  /** Called on each change, and once with the present state. Returns the way to stop it. */
  onState(listener: (state: BusState) => void): () => void
  /** Ends the waiting requests as `portClosed` and closes the port. Idempotent. */
  close(): Promise<void>
}
