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
  /** Another request followed before the reply could begin: this one is carried out, and its reply is not sent. */
  readonly givenUp: boolean
}

/** A frame that is still growing. */
interface Growing {
  readonly bytes: number[]
  readonly startMicros: number
  endMicros: number
  spoilt: string | null
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
  let pending: Growing | null = null
  let timer: Timer | null = null

  const check = () => {
    timer?.cancel()
    timer = null
    if (!pending) return
    const restMicros = pending.endMicros + time.endGapMicros - clock.monotonicMicros()
    if (restMicros > 0) {
      timer = clock.after('frame end', Math.max(1, Math.ceil(restMicros / 1000)), check)
      return
    }
    const { bytes, ...at } = pending
    pending = null
    onFrame(Uint8Array.from(bytes), { ...at, givenUp: false })
  }

  const begin = (spoilt: string | null, nowMicros: number): Growing => {
    timer?.cancel()
    timer = null
    return { bytes: [], startMicros: nowMicros, endMicros: nowMicros, spoilt }
  }

  return {
    bytes: (read) => {
      const nowMicros = clock.monotonicMicros()
      if (pending && nowMicros > pending.endMicros + time.endGapMicros) check()
      const { before, last } = requestsIn(Uint8Array.from([...(pending?.bytes ?? []), ...read]))
      for (const frame of before) {
        onFrame(frame, { startMicros: nowMicros, endMicros: nowMicros, spoilt: null, givenUp: true })
      }
      const fresh = before.length > 0 ? last : read
      const growing =
        before.length > 0 ? begin(null, nowMicros) : (pending ?? begin(tooEarly(nowMicros), nowMicros))
      growing.bytes.push(...fresh)
      growing.endMicros = Math.max(growing.endMicros, nowMicros) + time.bytesMicros(fresh.length)
      if (growing.bytes.length > FRAME_BYTES_MAX) growing.spoilt = 'it is longer than 256 bytes'
      line.freeAtMicros = Math.max(line.freeAtMicros, growing.endMicros)
      pending = growing
      if (!timer) check()
    },
    stop: () => {
      timer?.cancel()
      pending = null
    },
  }

  function tooEarly(nowMicros: number): string | null {
    const gapMicros = nowMicros - line.freeAtMicros
    if (gapMicros >= time.startGapMicros) return null
    return `the line was not silent: ${gapMicros} us instead of ${time.startGapMicros} us before it`
  }
}

/**
 * A terminal shows no gaps: where this process was kept from reading, it finds the request that its master gave up and the
 * one that it waits for now without a gap. Sound requests that fill what was read are taken apart.
 */
function requestsIn(read: Uint8Array): { before: readonly Uint8Array[]; last: Uint8Array } {
  const before: Uint8Array[] = []
  let last = read
  for (;;) {
    const length = requestLength(last)
    const sound = length !== null && crcHolds(last.subarray(0, length))
    if (!sound || last.length < length) return { before: [], last: read }
    if (last.length === length) return { before, last }
    before.push(last.subarray(0, length))
    last = last.subarray(length)
  }
}

function byLength({ clock, onFrame }: ReceiverOptions): Receiver {
  let buffer: Uint8Array = new Uint8Array(0)
  let timer: Timer | null = null

  const give = (frame: Uint8Array) => {
    const nowMicros = clock.monotonicMicros()
    onFrame(frame, { startMicros: nowMicros, endMicros: nowMicros, spoilt: null, givenUp: false })
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
