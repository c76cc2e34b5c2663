// Which bytes are the reply to a request. An RTU reply carries unit and function code, but neither the register's
// address nor a number of the request; so whatever can be compared is compared: unit, function code, length, CRC, and
// for writes the whole request. Pure.
import { crcHolds } from '../../../../shared/modbus/crc.ts'

/** What the reply to one request must look like. */
export interface ExpectedReply {
  readonly unitId: number
  readonly fc: number
  /** Its first bytes: unit, function code, and the byte count (reads) or address and value or quantity (writes). */
  readonly head: Uint8Array
  /** Whole length in bytes, CRC included. */
  readonly bytes: number
}

const EXCEPTION_BYTES = 5

/** The reply that the frame of a request of function codes 1-6, 15 or 16 asks for. */
export function expectedReply(request: Uint8Array): ExpectedReply {
  const [unitId = 0, fc = 0] = request
  const quantity = ((request[4] ?? 0) << 8) | (request[5] ?? 0)
  if (fc > 4) return { unitId, fc, head: request.slice(0, 6), bytes: 8 }
  const dataBytes = fc <= 2 ? Math.ceil(quantity / 8) : 2 * quantity
  return { unitId, fc, head: Uint8Array.of(unitId, fc, dataBytes), bytes: 5 + dataBytes }
}

/** One and the same frame could be the reply to either. */
export const looksLike = (one: ExpectedReply, other: ExpectedReply): boolean =>
  one.bytes === other.bytes && Buffer.compare(one.head, other.head) === 0

/** The first bytes of `bytes` are a complete reply or exception with its CRC; its length, else 0. */
function completeAt(bytes: Uint8Array, at: number, expected: ExpectedReply): number {
  if (bytes[at] !== expected.unitId) return 0
  const exception = bytes[at + 1] === (expected.fc | 0x80)
  const length = exception ? EXCEPTION_BYTES : expected.bytes
  if (!exception && !headMatches(bytes, at, expected)) return 0
  return at + length <= bytes.length && crcHolds(bytes.subarray(at, at + length)) ? length : 0
}

/** As many bytes of the head as are there are right, and at least one is there. */
function headMatches(bytes: Uint8Array, at: number, expected: ExpectedReply): boolean {
  if (at >= bytes.length) return false
  return expected.head.every((byte, index) => at + index >= bytes.length || bytes[at + index] === byte)
}

/** The whole reply, at the very start of what came in: the ordinary case, judged as each byte comes. */
export function replyAtStart(bytes: Uint8Array, expected: ExpectedReply): Uint8Array | null {
  const length = completeAt(bytes, 0, expected)
  return length > 0 ? bytes.subarray(0, length) : null
}

/** What came in may still become the reply when more bytes follow. */
export function mayBecomeReply(bytes: Uint8Array, expected: ExpectedReply): boolean {
  if (bytes.length >= expected.bytes) return false
  if (headMatches(bytes, 0, expected)) return true
  return bytes.length < EXCEPTION_BYTES && bytes[0] === expected.unitId && bytes[1] === (expected.fc | 0x80)
}

export type Search =
  | { readonly kind: 'reply'; readonly frame: Uint8Array; readonly discardedBytes: number }
  /** A frame of the right head and length whose CRC is wrong: it was the reply, and it is lost. */
  | { readonly kind: 'damaged' }
  | { readonly kind: 'none' }

/**
 * Looks for the reply in a burst with something else in it, once the line is quiet. Whole late replies to requests that
 * were given up (`stale`) are stepped over, so that nothing inside them can pass for a frame.
 */
export function searchReply(
  bytes: Uint8Array,
  expected: ExpectedReply,
  stale: readonly ExpectedReply[],
): Search {
  let damaged = false
  let at = 0
  while (at < bytes.length) {
    const length = completeAt(bytes, at, expected)
    if (length > 0) {
      const frame = bytes.subarray(at, at + length)
      return { kind: 'reply', frame, discardedBytes: bytes.length - length }
    }
    damaged ||= at + expected.bytes <= bytes.length && headMatches(bytes, at, expected)
    at += Math.max(1, ...stale.map((late) => completeAt(bytes, at, late)))
  }
  return damaged ? { kind: 'damaged' } : { kind: 'none' }
}
