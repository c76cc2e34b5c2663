// Modbus ASCII (Modbus over Serial Line V1.02, 2.5.2): a start character, each byte as two hexadecimal digits, an LRC,
// CR and LF. A frame tells where it begins and ends, so that noise around it, and pauses within it, cost nothing; and its
// text holds no start character, so that nothing within a frame can pass for another.
import { withCrc } from '../../../../shared/modbus/crc.ts'
import type { UnitLine } from '../../ports/bus.ts'
import type { Found, Framing } from './framing.ts'
import { type ExpectedReply, replyAtStart } from './reply.ts'

const COLON = 0x3a
/** ABL's boards begin their replies with it (vendor's document 05 0015 20, 3). */
const GREATER = 0x3e
const CR = 0x0d
const LF = 0x0a

/** The number that makes the sum of all bytes of a frame 0, modulo 256. */
const lrc = (body: Uint8Array): number => -body.reduce((sum, byte) => sum + byte, 0) & 0xff

/** A whole frame among what came in: from its start character to behind its LF. */
interface Span {
  readonly start: number
  readonly from: number
  readonly to: number
  /** The bytes with the LRC behind them; null where the text is no hexadecimal digits in pairs. */
  readonly bytes: Uint8Array | null
}

function* frames(bytes: Uint8Array): Generator<Span> {
  let from = -1
  for (const [index, byte] of bytes.entries()) {
    // A new start begins a new frame, whatever was there of the last one.
    if (byte === COLON || byte === GREATER) from = index
    else if (byte === LF && bytes[index - 1] === CR && from >= 0) {
      const digits = bytes.subarray(from + 1, index - 1)
      yield { start: bytes[from] ?? 0, from, to: index + 1, bytes: fromHex(digits) }
      from = -1
    }
  }
}

function fromHex(digits: Uint8Array): Uint8Array | null {
  const text = Buffer.from(digits).toString('latin1')
  return /^(?:[0-9A-Fa-f]{2})+$/.test(text) ? Buffer.from(text, 'hex') : null
}

const startOf = (unit: UnitLine): number => (unit.asciiReplyStart === '>' ? GREATER : COLON)

/** The frame of a span whose LRC holds, as RTU. */
function rtuOf({ bytes }: Span): Buffer | null {
  if (bytes === null || bytes.length < 3) return null
  const body = bytes.subarray(0, -1)
  return lrc(body) === bytes.at(-1) ? withCrc(body) : null
}

function replyIn(bytes: Uint8Array, expected: ExpectedReply, unit: UnitLine): Found | null {
  for (const span of frames(bytes)) {
    if (span.start !== startOf(unit)) continue
    const frame = rtuOf(span)
    if (frame !== null && replyAtStart(frame, expected)?.length === frame.length) {
      return { frame, from: span.from, to: span.to }
    }
  }
  return null
}

/** As long as the reply and with its head, but the LRC does not hold. */
function damagedIn(bytes: Uint8Array, expected: ExpectedReply, unit: UnitLine): boolean {
  for (const span of frames(bytes)) {
    if (span.start !== startOf(unit) || span.bytes?.length !== expected.bytes - 1) continue
    const { bytes: told } = span
    if (rtuOf(span) === null && expected.head.every((byte, index) => told[index] === byte)) return true
  }
  return false
}

export const asciiFraming: Framing = {
  encode: (frame) => asciiFrame(frame.subarray(0, -2), ':'),
  look(bytes, expected, unit) {
    const found = replyIn(bytes, expected, unit)
    return found === null ? { kind: 'wait' } : { kind: 'reply', found }
  },
  search(bytes, expected, unit) {
    const found = replyIn(bytes, expected, unit)
    if (found !== null) return { kind: 'reply', found }
    return { kind: damagedIn(bytes, expected, unit) ? 'damaged' : 'none' }
  },
  unitOf(bytes) {
    if (bytes[0] !== COLON && bytes[0] !== GREATER) return null
    return fromHex(bytes.subarray(1, 3))?.[0] ?? null
  },
  checkName: 'LRC',
}

/** The frame of a unit id, function code and data. */
export function asciiFrame(body: Uint8Array, start: ':' | '>'): Buffer {
  const hex = Buffer.from([...body, lrc(body)])
    .toString('hex')
    .toUpperCase()
  return Buffer.from(`${start}${hex}\r\n`, 'latin1')
}

/** Each whole frame of a line, in order, as RTU; null where its LRC does not hold. For who only listens. */
export const asciiFrames = (bytes: Uint8Array): readonly (Span & { readonly rtu: Buffer | null })[] =>
  [...frames(bytes)].map((span) => ({ ...span, rtu: rtuOf(span) }))
