// Cuts the bytes of a master into frames. With line times a frame ends by silence on the line, as the bytes would have
// crossed it; without, by its length.

import { crcHolds } from '../../shared/modbus/crc.ts'
import type { Clock, Timer } from '../../shared/time/clock.ts'
import { type LineTime, requestLength } from './line-time.ts'

export interface FrameOnLine {
  /** Start of its first byte. */
  readonly startMicros: number
  /** End of its last byte. */
  readonly endMicros: number
  /** Why nobody could have heard it as a frame, or null. */
  readonly spoilt: string | null
}

/** The line's state that both directions share; half duplex. */
export interface SharedLine {
  /** End of the last byte that was, or is being, carried. */
  freeAtMicros: number
}

export interface Receiver {
  bytes(chunk: Uint8Array): void
  stop(): void
}

export interface ReceiverOptions {
  readonly clock: Clock
  readonly time: LineTime
  readonly line: SharedLine
  readonly pacing: 'line' | 'none'
  onFrame(frame: Uint8Array, at: FrameOnLine): void
}

/** Longest frame of Modbus RTU. */
const FRAME_BYTES_MAX = 256
/** Without line times: a piece of a frame that is not continued within this was no frame. */
const ORPHAN_MS = 20

export function receiver(options: ReceiverOptions): Receiver {
  return options.pacing === 'line' ? bySilence(options) : byLength(options)
}

function bySilence({ clock, time, line, onFrame }: ReceiverOptions): Receiver {
  let pending: { bytes: number[]; startMicros: number; endMicros: number; spoilt: string | null } | null =
    null
  let timer: Timer | null = null

  const check = () => {
    timer = null
    if (!pending) return
    const restMicros = pending.endMicros + time.endGapMicros - clock.monotonicMicros()
    if (restMicros > 0) {
      timer = clock.after('frame end', Math.max(1, Math.ceil(restMicros / 1000)), check)
      return
    }
    const { bytes, ...at } = pending
    pending = null
    onFrame(Uint8Array.from(bytes), at)
  }

  return {
    bytes: (chunk) => {
      const nowMicros = clock.monotonicMicros()
      if (pending && nowMicros > pending.endMicros + time.endGapMicros) {
        timer?.cancel()
        check()
      }
      if (!pending) {
        const gapMicros = nowMicros - line.freeAtMicros
        const spoilt =
          gapMicros >= time.startGapMicros
            ? null
            : `the line was not silent: ${gapMicros} us instead of ${time.startGapMicros} us before it`
        pending = { bytes: [], startMicros: nowMicros, endMicros: nowMicros, spoilt }
      }
      pending.bytes.push(...chunk)
      pending.endMicros = Math.max(pending.endMicros, nowMicros) + time.bytesMicros(chunk.length)
      if (pending.bytes.length > FRAME_BYTES_MAX) pending.spoilt = 'it is longer than 256 bytes'
      line.freeAtMicros = Math.max(line.freeAtMicros, pending.endMicros)
      if (!timer) check()
    },
    stop: () => {
      timer?.cancel()
      pending = null
    },
  }
}

function byLength({ clock, onFrame }: ReceiverOptions): Receiver {
  let buffer: Uint8Array = new Uint8Array(0)
  let timer: Timer | null = null

  const give = (frame: Uint8Array) => {
    const nowMicros = clock.monotonicMicros()
    onFrame(frame, { startMicros: nowMicros, endMicros: nowMicros, spoilt: null })
  }
  const orphan = () => {
    timer = null
    const frame = buffer
    buffer = new Uint8Array(0)
    if (frame.length > 0) give(frame)
  }

  return {
    bytes: (chunk) => {
      timer?.cancel()
      timer = null
      buffer = Uint8Array.from([...buffer, ...chunk])
      for (;;) {
        const length = requestLength(buffer)
        if (length === null || buffer.length < length) break
        // Out of step: what is there is no frame, and the next request starts afresh.
        const whole = crcHolds(buffer.subarray(0, length)) ? length : buffer.length
        const frame = buffer.slice(0, whole)
        buffer = buffer.slice(whole)
        give(frame)
      }
      if (buffer.length > 0) timer = clock.after('orphaned bytes', ORPHAN_MS, orphan)
    },
    stop: () => {
      timer?.cancel()
      buffer = new Uint8Array(0)
    },
  }
}
