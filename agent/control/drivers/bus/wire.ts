// One exchange on the line: a frame out, its reply in, and an end in any case. Everything that comes in and is not the
// reply is counted and thrown away: late replies of requests given up, repeated ones, cut ones, noise.
import { invariant } from '../../../../shared/invariant.ts'
import type { Clock, Timer } from '../../../../shared/time/clock.ts'
import type { UnitLine } from '../../ports/bus.ts'
import type { Found, Framing } from './framing.ts'
import { frameGapMicros, frameMicros, type LineSettings } from './line-time.ts'
import type { ExpectedReply } from './reply.ts'

/**
 * Added to each deadline: the operating system's and a USB adapter's own delay (an FTDI chip holds bytes back for up to
 * 16 ms as it is delivered), and a timer's lateness.
 */
export const DEADLINE_MARGIN_MS = 15
/** Added on TCP in its place: the way there and back on the site's own network, and a timer's lateness. */
export const NETWORK_MS = 30
/** A deadline that fires this late means that the process itself was held up: what came in meanwhile is read first. */
const HELD_UP_MS = 4
/** Added to t3.5 before a burst with something wrong in it is searched: bytes reach us in lumps. */
const SEARCH_AFTER_MS = 2

/**
 * From the first bit of the request to the moment at which the reply is given up, ms.
 * @param bytes as RTU, CRC included, whatever the line carries
 */
export function deadlineMs(
  line: LineSettings,
  unit: UnitLine,
  bytes: { readonly request: number; readonly reply: number },
): number {
  const onLine = frameMicros(line, bytes.request) + frameMicros(line, bytes.reply)
  const marginMs = line.kind === 'tcp' ? NETWORK_MS : DEADLINE_MARGIN_MS
  return Math.ceil(onLine / 1000) + unit.turnaroundWorstMs + marginMs
}

/** From the first bit of the request to the moment from which no reply to it can come any more, µs. */
function latenessMicros(
  line: LineSettings,
  unit: UnitLine,
  requestBytes: number,
  replyBytes: number,
): number {
  const onLine = frameMicros(line, requestBytes) + frameMicros(line, replyBytes)
  return onLine + (unit.latenessWorstMs + DEADLINE_MARGIN_MS) * 1000
}

export type WireOutcome =
  /** The reply or the exception as an RTU frame, judged by head, length and check sum, on TCP by its transaction id. */
  | { readonly kind: 'reply'; readonly frame: Buffer; readonly roundTripMs: number }
  /** `replyUntilMicros`: until when it may still come; null where a late one is known as such. */
  | { readonly kind: 'timedOut'; readonly replyUntilMicros: number | null }
  /** A reply came and is lost. `replyUntilMicros`: until when its rest may still come; null when all of it came. */
  | {
      readonly kind: 'damaged'
      readonly detail: string
      readonly badCheck: boolean
      readonly replyUntilMicros: number | null
    }

export interface FrameSeen {
  readonly atMicros: number
  readonly kind: 'request' | 'reply' | 'discarded'
  /** The unit asked, or whose reply is awaited; null while none is. */
  readonly unitId: number | null
  /** The unit id that the bytes themselves tell; null where they tell none. */
  readonly from: number | null
  /** As they were on the line. */
  readonly bytes: Uint8Array
}

export interface WireParts {
  readonly line: LineSettings
  readonly framing: Framing
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

export interface Exchange {
  readonly expected: ExpectedReply
  readonly unit: UnitLine
  readonly done: (outcome: WireOutcome) => void
}

interface Asked extends Exchange {
  readonly sentMicros: number
  readonly requestBytes: number
  readonly deadline: Deadline
  search: Timer | null
}

export interface Deadline {
  cancel(): void
}

/** Runs `giveUp` then; a little later where the process itself was held up, so that what came in is read first. */
export function armDeadline(clock: Clock, afterMs: number, giveUp: () => void): Deadline {
  const arm = (ms: number, isGrace: boolean): Timer => {
    const dueMicros = clock.monotonicMicros() + ms * 1000
    return clock.after('reply deadline', ms, () => {
      const heldUp = clock.monotonicMicros() - dueMicros > HELD_UP_MS * 1000
      if (heldUp && !isGrace) timer = arm(HELD_UP_MS, true)
      else giveUp()
    })
  }
  let timer = arm(afterMs, false)
  return { cancel: () => timer.cancel() }
}

/** The wire of a serial line. */
export function createWire({ line, framing, clock, send, onFrame, stale }: WireParts): Wire {
  const searchAfterMs = Math.ceil(frameGapMicros(line) / 1000) + SEARCH_AFTER_MS
  let current: Asked | null = null
  let came = Buffer.alloc(0)
  let lastByteMicros = 0

  const see = (kind: FrameSeen['kind'], bytes: Uint8Array) => {
    if (bytes.length === 0) return
    const unitId = current?.expected.unitId ?? null
    onFrame({ atMicros: clock.monotonicMicros(), kind, unitId, from: framing.unitOf(bytes), bytes })
  }

  function end(exchange: Asked, outcome: WireOutcome) {
    exchange.deadline.cancel()
    exchange.search?.cancel()
    current = null
    came = Buffer.alloc(0)
    exchange.done(outcome)
  }

  /** What lies around the reply is discarded. */
  function accept(exchange: Asked, { frame, from, to }: Found) {
    see('discarded', came.subarray(0, from))
    see('reply', came.subarray(from, to))
    see('discarded', came.subarray(to))
    const onLineMicros = frameMicros(line, exchange.requestBytes) + frameMicros(line, frame.length)
    const tookMicros = clock.monotonicMicros() - exchange.sentMicros
    const roundTripMs = Math.max(0, Math.round((tookMicros - onLineMicros) / 1000))
    end(exchange, { kind: 'reply', frame: Buffer.from(frame), roundTripMs })
  }

  function search(exchange: Asked) {
    const searched = framing.search(came, exchange.expected, exchange.unit, stale())
    if (searched.kind === 'reply') accept(exchange, searched.found)
    return searched.kind
  }

  function giveUp(exchange: Asked) {
    const searched = search(exchange)
    if (searched === 'reply') return
    const { requestBytes, unit, sentMicros, expected } = exchange
    const replyUntilMicros = sentMicros + latenessMicros(line, unit, requestBytes, expected.bytes)
    see('discarded', came)
    if (came.length === 0) return end(exchange, { kind: 'timedOut', replyUntilMicros })
    const detail = `${came.length} bytes in place of a reply of ${expected.bytes}: ${came.toString('hex')}`
    end(
      exchange,
      searched === 'damaged'
        ? {
            kind: 'damaged',
            badCheck: true,
            replyUntilMicros: null,
            detail: `${framing.checkName} wrong, ${detail}`,
          }
        : { kind: 'damaged', badCheck: false, replyUntilMicros, detail },
    )
  }

  return {
    exchange(frame, expected, unit, done) {
      invariant(current === null, 'one exchange at a time')
      const bytes = { request: frame.length, reply: expected.bytes }
      const exchange: Asked = {
        expected,
        unit,
        done,
        sentMicros: clock.monotonicMicros(),
        requestBytes: frame.length,
        deadline: armDeadline(clock, deadlineMs(line, unit, bytes), () => giveUp(exchange)),
        search: null,
      }
      came = Buffer.alloc(0)
      current = exchange
      const out = framing.encode(frame)
      see('request', out)
      lastByteMicros = exchange.sentMicros + frameMicros(line, frame.length)
      send(out)
    },
    receive(bytes) {
      lastByteMicros = clock.monotonicMicros()
      const exchange = current
      if (exchange === null) return see('discarded', bytes)
      came = Buffer.concat([came, bytes])
      exchange.search?.cancel()
      exchange.search = null
      const look = framing.look(came, exchange.expected, exchange.unit)
      if (look.kind === 'reply') accept(exchange, look.found)
      else if (look.kind === 'noise') {
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
