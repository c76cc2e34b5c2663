// One exchange on a Modbus TCP connection (Modbus Messaging on TCP/IP V1.0b, 3.1.3): the reply is the frame that carries
// the request's transaction id, however late others come. One request at a time: no device that we know promises more.
import { invariant } from '../../../../shared/invariant.ts'
import { withCrc } from '../../../../shared/modbus/crc.ts'
import type { Clock } from '../../../../shared/time/clock.ts'
import { replyAtStart } from './reply.ts'
import { armDeadline, type Deadline, deadlineMs, type Exchange, type FrameSeen, type Wire } from './wire.ts'

const HEADER_BYTES = 6
/** Unit, function code and one byte; unit and the longest PDU. */
const LENGTH_MIN = 3
const LENGTH_MAX = 254
const TRANSACTION_ID_MAX = 0xffff

/**
 * A peer that lost its power or its cable says nothing of it: after so many requests in a row, and so long, without a
 * single byte the connection is made anew.
 */
const SILENT_REQUESTS = 3
const SILENT_MS = 3000

export interface TcpWireParts {
  readonly clock: Clock
  readonly send: (bytes: Buffer) => void
  readonly onFrame: (seen: FrameSeen) => void
  /** The connection is of no use any more. */
  readonly giveUpLine: (detail: string) => void
}

interface Asked extends Exchange {
  readonly transactionId: number
  readonly sentMicros: number
  readonly deadline: Deadline
}

export function createTcpWire({ clock, send, onFrame, giveUpLine }: TcpWireParts): Wire {
  let current: Asked | null = null
  /** What came in and is no whole frame yet; it outlives an exchange, else the stream would be out of step. */
  let came = Buffer.alloc(0)
  let lastByteMicros = 0
  let transactionId = 0
  let silence: { readonly sinceMicros: number; readonly requests: number } | null = null

  const see = (kind: FrameSeen['kind'], bytes: Uint8Array) =>
    onFrame({
      atMicros: clock.monotonicMicros(),
      kind,
      unitId: current?.expected.unitId ?? null,
      from: bytes[HEADER_BYTES] ?? null,
      bytes,
    })

  /** A whole frame. */
  function take(bytes: Buffer) {
    const exchange = current
    if (exchange === null || bytes.readUInt16BE(0) !== exchange.transactionId) return see('discarded', bytes)
    const frame = withCrc(bytes.subarray(HEADER_BYTES))
    exchange.deadline.cancel()
    if (replyAtStart(frame, exchange.expected)?.length === frame.length) {
      see('reply', bytes)
      current = null
      const tookMicros = clock.monotonicMicros() - exchange.sentMicros
      return exchange.done({ kind: 'reply', frame, roundTripMs: Math.round(tookMicros / 1000) })
    }
    see('discarded', bytes)
    current = null
    const detail = `${bytes.toString('hex')} carries the request's transaction id and is not its reply`
    exchange.done({ kind: 'damaged', detail, badCheck: false, replyUntilMicros: null })
  }

  function giveUp() {
    const exchange = current
    if (exchange === null) return
    current = null
    silence = {
      sinceMicros: silence?.sinceMicros ?? exchange.sentMicros,
      requests: (silence?.requests ?? 0) + 1,
    }
    const silentMs = Math.round((clock.monotonicMicros() - silence.sinceMicros) / 1000)
    const { requests } = silence
    exchange.done({ kind: 'timedOut', replyUntilMicros: null })
    if (requests >= SILENT_REQUESTS && silentMs >= SILENT_MS) {
      giveUpLine(`nothing came for ${silentMs} ms and ${requests} requests`)
    }
  }

  return {
    exchange(frame, expected, unit, done) {
      invariant(current === null, 'one exchange at a time')
      transactionId = (transactionId % TRANSACTION_ID_MAX) + 1
      const bytes = mbapFrame(transactionId, frame.subarray(0, -2))
      const afterMs = deadlineMs({ kind: 'tcp' }, unit, { request: frame.length, reply: expected.bytes })
      const sentMicros = clock.monotonicMicros()
      const deadline = armDeadline(clock, afterMs, giveUp)
      current = { expected, unit, done, transactionId, sentMicros, deadline }
      lastByteMicros = sentMicros
      see('request', bytes)
      send(bytes)
    },
    receive(bytes) {
      lastByteMicros = clock.monotonicMicros()
      silence = null
      came = Buffer.concat([came, bytes])
      while (came.length >= HEADER_BYTES) {
        const length = came.readUInt16BE(4)
        if (came.readUInt16BE(2) !== 0 || length < LENGTH_MIN || length > LENGTH_MAX) {
          see('discarded', came)
          const head = came.subarray(0, HEADER_BYTES).toString('hex')
          return giveUpLine(`what came is no Modbus TCP: a frame begins with ${head}`)
        }
        if (came.length < HEADER_BYTES + length) return
        const whole = came.subarray(0, HEADER_BYTES + length)
        came = Buffer.from(came.subarray(HEADER_BYTES + length))
        take(whole)
      }
    },
    abandon() {
      current?.deadline.cancel()
      current = null
      came = Buffer.alloc(0)
      silence = null
    },
    lastByteMicros: () => lastByteMicros,
  }
}

/** A frame of a unit id, function code and data. */
export function mbapFrame(transactionId: number, body: Uint8Array): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES + body.length)
  bytes.writeUInt16BE(transactionId, 0)
  bytes.writeUInt16BE(body.length, 4)
  bytes.set(body, HEADER_BYTES)
  return bytes
}
