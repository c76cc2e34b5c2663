// One exchange on the line: a frame out, its reply in, and an end in any case. Everything that comes in and is not the
// reply is counted and thrown away: late replies of requests given up, repeated ones, cut ones, noise.
import { invariant } from '../../../../shared/invariant.ts'
import type { Clock, Timer } from '../../../../shared/time/clock.ts'
import type { UnitLine } from '../../ports/bus.ts'
import { frameGapMicros, type LineSettings, lineMicros } from './line-time.ts'
import { type ExpectedReply, mayBecomeReply, replyAtStart, searchReply } from './reply.ts'

/**
 * Added to each deadline: the operating system's and a USB adapter's own delay (an FTDI chip holds bytes back for up to
 * 16 ms as it is delivered), and a timer's lateness.
 */
export const DEADLINE_MARGIN_MS = 15
/** A deadline that fires this late means that the process itself was held up: what came in meanwhile is read first. */
const HELD_UP_MS = 4
/** Added to t3.5 before a burst with something wrong in it is searched: bytes reach us in lumps. */
const SEARCH_AFTER_MS = 2

/** From the first bit of the request to the moment at which the reply is given up, ms. */
export function deadlineMs(
  line: LineSettings,
  unit: UnitLine,
  bytes: { readonly request: number; readonly reply: number },
): number {
  const onLine = lineMicros(line, bytes.request) + lineMicros(line, bytes.reply)
  return Math.ceil(onLine / 1000) + unit.turnaroundWorstMs + DEADLINE_MARGIN_MS
}

/** From the first bit of the request to the moment from which no reply to it can come any more, µs. */
function latenessMicros(
  line: LineSettings,
  unit: UnitLine,
  requestBytes: number,
  replyBytes: number,
): number {
  const onLine = lineMicros(line, requestBytes) + lineMicros(line, replyBytes)
  return onLine + (unit.latenessWorstMs + DEADLINE_MARGIN_MS) * 1000
}

export type WireOutcome =
  /** The reply or the exception, judged by head, length and CRC. */
  | { readonly kind: 'reply'; readonly frame: Buffer; readonly roundTripMs: number }
  | { readonly kind: 'timedOut'; readonly replyUntilMicros: number }
  /** A reply came and is lost. `replyUntilMicros`: until when its rest may still come; null when all of it came. */
  | {
      readonly kind: 'damaged'
      readonly detail: string
      readonly badCrc: boolean
      readonly replyUntilMicros: number | null
    }

export interface FrameSeen {
  readonly atMicros: number
  readonly kind: 'request' | 'reply' | 'discarded'
  /** The unit asked, or whose reply is awaited; null while none is. */
  readonly unitId: number | null
  readonly bytes: Uint8Array
}

export interface WireParts {
  readonly line: LineSettings
  readonly clock: Clock
  readonly send: (frame: Buffer) => void
  readonly onFrame: (seen: FrameSeen) => void
  /** Late replies that may still come. */
  readonly stale: () => readonly ExpectedReply[]
}

export interface Wire {
  /** Sends the frame now. `done` runs once, unless the exchange is abandoned. One exchange at a time. */
  exchange(frame: Buffer, expected: ExpectedReply, unit: UnitLine, done: (outcome: WireOutcome) => void): void
  receive(bytes: Buffer): void
  /** The port is gone: forgets the exchange without an outcome. */
  abandon(): void
  /** The line's last byte, as far as we know: sent (computed) or received. */
  lastByteMicros(): number
}

interface Exchange {
  readonly expected: ExpectedReply
  readonly sentMicros: number
  readonly requestBytes: number
  readonly unit: UnitLine
  readonly done: (outcome: WireOutcome) => void
  deadline: Timer
  search: Timer | null
}

export function createWire({ line, clock, send, onFrame, stale }: WireParts): Wire {
  const searchAfterMs = Math.ceil(frameGapMicros(line) / 1000) + SEARCH_AFTER_MS
  let current: Exchange | null = null
  let came = Buffer.alloc(0)
  let lastByteMicros = 0

  const see = (kind: FrameSeen['kind'], bytes: Uint8Array) => {
    if (bytes.length === 0) return
    onFrame({ atMicros: clock.monotonicMicros(), kind, unitId: current?.expected.unitId ?? null, bytes })
  }

  function end(exchange: Exchange, outcome: WireOutcome) {
    exchange.deadline.cancel()
    exchange.search?.cancel()
    current = null
    came = Buffer.alloc(0)
    exchange.done(outcome)
  }

  /** `frame` lies within what came in; what lies around it is discarded. */
  function accept(exchange: Exchange, frame: Uint8Array) {
    const start = frame.byteOffset - came.byteOffset
    see('discarded', came.subarray(0, start))
    see('reply', frame)
    see('discarded', came.subarray(start + frame.length))
    const onLineMicros = lineMicros(line, exchange.requestBytes + frame.length)
    const tookMicros = clock.monotonicMicros() - exchange.sentMicros
    const roundTripMs = Math.max(0, Math.round((tookMicros - onLineMicros) / 1000))
    end(exchange, { kind: 'reply', frame: Buffer.from(frame), roundTripMs })
  }

  function search(exchange: Exchange) {
    const found = searchReply(came, exchange.expected, stale())
    if (found.kind === 'reply') accept(exchange, found.frame)
    return found.kind
  }

  function giveUp(exchange: Exchange) {
    const found = search(exchange)
    if (found === 'reply') return
    const { requestBytes, unit, sentMicros, expected } = exchange
    const replyUntilMicros = sentMicros + latenessMicros(line, unit, requestBytes, expected.bytes)
    see('discarded', came)
    if (came.length === 0) return end(exchange, { kind: 'timedOut', replyUntilMicros })
    const detail = `${came.length} bytes in place of a reply of ${expected.bytes}: ${came.toString('hex')}`
    end(
      exchange,
      found === 'damaged'
        ? { kind: 'damaged', badCrc: true, replyUntilMicros: null, detail: `CRC wrong, ${detail}` }
        : { kind: 'damaged', badCrc: false, replyUntilMicros, detail },
    )
  }

  function armDeadline(exchange: Exchange, afterMs: number, isGrace: boolean): Timer {
    const dueMicros = clock.monotonicMicros() + afterMs * 1000
    return clock.after('reply deadline', afterMs, () => {
      const heldUp = clock.monotonicMicros() - dueMicros > HELD_UP_MS * 1000
      if (heldUp && !isGrace) exchange.deadline = armDeadline(exchange, HELD_UP_MS, true)
      else giveUp(exchange)
    })
  }

  return {
    exchange(frame, expected, unit, done) {
      invariant(current === null, 'one exchange at a time')
      const exchange: Exchange = {
        expected,
        sentMicros: clock.monotonicMicros(),
        requestBytes: frame.length,
        unit,
        done,
        deadline: { cancel: () => undefined },
        search: null,
      }
      came = Buffer.alloc(0)
      current = exchange
      see('request', frame)
      lastByteMicros = exchange.sentMicros + lineMicros(line, frame.length)
      const bytes = { request: frame.length, reply: expected.bytes }
      exchange.deadline = armDeadline(exchange, deadlineMs(line, unit, bytes), false)
      send(frame)
    },
    receive(bytes) {
      lastByteMicros = clock.monotonicMicros()
      const exchange = current
      if (exchange === null) return see('discarded', bytes)
      came = Buffer.concat([came, bytes])
      exchange.search?.cancel()
      exchange.search = null
      const frame = replyAtStart(came, exchange.expected)
      if (frame !== null) accept(exchange, frame)
      else if (!mayBecomeReply(came, exchange.expected)) {
        exchange.search = clock.after('reply search', searchAfterMs, () => search(exchange))
      }
    },
    abandon() {
      current?.deadline.cancel()
      current?.search?.cancel()
      current = null
      came = Buffer.alloc(0)
    },
    lastByteMicros: () => lastByteMicros,
  }
}
