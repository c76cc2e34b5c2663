// A line that is opened again, with back-off and for ever, whenever it is missing or vanishes.
import type { Clock, Timer } from '../../../../shared/time/clock.ts'
import type { BusConfig } from '../../config.ts'
import type { Line, LineEvents, OpenLine } from './line.ts'

const REOPEN_FIRST_MS = 100
const REOPEN_MAX_MS = 2000

export interface ReopeningLine {
  /** Drops what was received but not read, then runs `done`; never where the line is not open, or is lost meanwhile. */
  flush(done: () => void): void
  /** Bytes for a line that is not open go nowhere. */
  write(frame: Buffer): void
  /** The open line is of no use: it is lost, for this reason. */
  giveUp(detail: string): void
  /** How often it was opened again. */
  reopened(): number
  /** No event comes after it. */
  close(): Promise<void>
}

/** `events.lost` may come again and again, once for each attempt that failed. */
export function reopeningLine(
  config: BusConfig,
  clock: Clock,
  openLine: OpenLine,
  events: LineEvents,
): ReopeningLine {
  let line: Line | null = null
  let waitMs = REOPEN_FIRST_MS
  let timer: Timer | null = null
  let openings = 0

  function open() {
    line = openLine(config, clock, {
      opened() {
        openings++
        events.opened()
      },
      received(bytes) {
        // Only who answers is there: a peer that takes each connection and ends it is asked ever more slowly.
        waitMs = REOPEN_FIRST_MS
        events.received(bytes)
      },
      lost(detail) {
        line = null
        timer = clock.after(`${config.name} reopen`, waitMs, open)
        waitMs = Math.min(2 * waitMs, REOPEN_MAX_MS)
        events.lost(detail)
      },
    })
  }

  open()
  return {
    flush: (done) => line?.flush(done),
    write: (frame) => line?.write(frame),
    giveUp: (detail) => line?.giveUp(detail),
    reopened: () => Math.max(0, openings - 1),
    async close() {
      timer?.cancel()
      const last = line
      line = null
      await last?.close()
    },
  }
}
