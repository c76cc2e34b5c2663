// Sends replies at the line's speed: each byte is written when it would have crossed the line, never before. Replies go
// out one after the other, in the order in which they fall due, and wait while a request is on the line.
import type { Clock, Timer } from '../../shared/time/clock.ts'
import type { LineTime } from './line-time.ts'
import type { SharedLine } from './receiver.ts'

export interface Transmitter {
  /** `onSent` is told the end of the last byte on the line. */
  queue(bytes: Uint8Array, dueMicros: number, onSent: (endMicros: number) => void): void
  stop(): void
}

export interface TransmitterOptions {
  readonly clock: Clock
  readonly time: LineTime
  readonly line: SharedLine
  readonly pacing: 'line' | 'none'
  write(bytes: Uint8Array): boolean
}

interface Waiting {
  readonly bytes: Uint8Array
  readonly dueMicros: number
  readonly onSent: (endMicros: number) => void
}

interface Running extends Waiting {
  readonly startMicros: number
  sentBytes: number
}

/** Bytes go to the terminal in pieces of about this long. */
const PIECE_MICROS = 3000

export function transmitter(options: TransmitterOptions): Transmitter {
  const { clock, time, line, pacing, write } = options
  let waiting: Waiting[] = []
  let running: Running | null = null
  let timer: Timer | null = null

  const wakeAt = (atMicros: number) => {
    timer?.cancel()
    const restMicros = atMicros - clock.monotonicMicros()
    timer = clock.after('line', Math.max(1, Math.ceil(restMicros / 1000)), pump)
  }

  const pump = () => {
    timer = null
    for (;;) {
      if (!running) {
        const next = waiting[0]
        if (!next) return
        const startMicros = startOf(next)
        if (startMicros > clock.monotonicMicros()) return wakeAt(startMicros)
        waiting = waiting.slice(1)
        running = { ...next, startMicros, sentBytes: 0 }
        line.freeAtMicros = startMicros + time.bytesMicros(next.bytes.length)
      }
      if (!advance(running)) return
    }
  }

  /** After what is on the line and a frame's gap; at once where the line has no times. */
  const startOf = (next: Waiting) =>
    pacing === 'none' ? next.dueMicros : Math.max(next.dueMicros, line.freeAtMicros + time.endGapMicros)

  /** Writes what has crossed the line by now; true when the frame is over. */
  const advance = (frame: Running): boolean => {
    const total = frame.bytes.length
    const nowMicros = clock.monotonicMicros()
    const crossed = pacing === 'none' ? total : crossedBytes(frame, nowMicros)
    if (crossed > frame.sentBytes) {
      write(frame.bytes.subarray(frame.sentBytes, crossed))
      frame.sentBytes = crossed
    }
    const endMicros = frame.startMicros + (pacing === 'none' ? 0 : time.bytesMicros(total))
    if (frame.sentBytes < total) {
      wakeAt(Math.min(endMicros, nowMicros + PIECE_MICROS))
      return false
    }
    running = null
    // A timer may have been late: then so was the last byte.
    const sentMicros = Math.max(endMicros, nowMicros)
    line.freeAtMicros = Math.max(line.freeAtMicros, sentMicros)
    frame.onSent(sentMicros)
    return true
  }

  const crossedBytes = (frame: Running, nowMicros: number): number => {
    let count = frame.sentBytes
    while (count < frame.bytes.length && frame.startMicros + time.bytesMicros(count + 1) <= nowMicros) count++
    return count
  }

  return {
    queue: (bytes, dueMicros, onSent) => {
      waiting = [...waiting, { bytes, dueMicros, onSent }].sort((a, b) => a.dueMicros - b.dueMicros)
      if (!running) pump()
    },
    stop: () => {
      timer?.cancel()
      waiting = []
      running = null
    },
  }
}
