// What is wired to the box besides board and meter: inputs, relays, and a reader of RFID tokens. These ports only tell and
// do; what an input means and when a relay moves is decided in safety/.
import type { Result } from '../../../shared/result.ts'
import type { MonotonicMs } from '../../../shared/units.ts'
import type { BusFailure, BusState } from './bus.ts'

/** A value with the moment at which it was read. It keeps that moment however old it grows. */
export interface Sighted<T> {
  readonly value: T
  readonly takenAtMonotonicMs: MonotonicMs
}

export interface InputReading {
  readonly takenAtMonotonicMs: MonotonicMs
  /** One a channel, channel 1 first: its contact is closed. */
  readonly closed: readonly boolean[]
}

export interface InputModule {
  readonly name: string
  readonly channels: number
  /** All channels in one request. */
  read(): Promise<Result<InputReading, BusFailure>>
}

export interface RelayModule {
  readonly name: string
  readonly channels: number
  /** @param channel from 1 */
  set(channel: number, closed: boolean): Promise<Result<null, BusFailure>>
  /** Closes for a time that the module itself ends, whatever becomes of us. @param ms a multiple of 100 */
  pulse(channel: number, ms: number): Promise<Result<null, BusFailure>>
}

/** A token held to the reader; each touch is told once, however often the reader repeats it. */
export interface TokenTouch {
  /** Upper-case hexadecimal digits, as OCPP idTokens of type ISO14443 are written. */
  readonly token: string
  readonly atMonotonicMs: MonotonicMs
}

export interface TokenReader {
  readonly name: string
  onTouch(listener: (touch: TokenTouch) => void): () => void
  state(): BusState
  close(): Promise<void>
}
