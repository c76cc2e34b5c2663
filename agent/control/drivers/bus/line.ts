// A line as bytes in and out: a serial port, or a TCP connection. One object for each opening.

import type { Clock } from '../../../../shared/time/clock.ts'
import type { BusConfig } from '../../config.ts'

export interface LineEvents {
  opened(): void
  received(bytes: Buffer): void
  /** It could not be opened, or is gone. Said once, and the last event of this line. */
  lost(detail: string): void
}

export interface Line {
  /** Drops what was received but not read; `done` runs when that is so, or never after `lost`. */
  flush(done: () => void): void
  write(frame: Buffer): void
  /** Gives it up as if it had gone by itself: `lost` is told with this reason. */
  giveUp(detail: string): void
  /** Idempotent; no event comes after it. */
  close(): Promise<void>
}

/** Begins to open a line; tells by `events` how it goes. */
export type OpenLine = (config: BusConfig, clock: Clock, events: LineEvents) => Line
