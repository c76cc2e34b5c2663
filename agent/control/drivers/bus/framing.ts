// How frames lie on a serial line. Above it a frame is what modbus-serial makes and reads: RTU, with its CRC.
import type { UnitLine } from '../../ports/bus.ts'
import { type ExpectedReply, mayBecomeReply, replyAtStart, searchReply } from './reply.ts'

/** A reply as an RTU frame, and where it lay within what came in. */
export interface Found {
  readonly frame: Uint8Array
  readonly from: number
  readonly to: number
}

export type Look =
  | { readonly kind: 'reply'; readonly found: Found }
  /** More bytes are waited for. */
  | { readonly kind: 'wait' }
  /** It cannot become the reply as it is; to be searched when the line is quiet. */
  | { readonly kind: 'noise' }

export type Searched =
  | { readonly kind: 'reply'; readonly found: Found }
  /** It was the reply, whole, and its check sum is wrong: it is lost, and nothing more of it will come. */
  | { readonly kind: 'damaged' }
  | { readonly kind: 'none' }

export interface Framing {
  /** What goes out for an RTU frame. */
  encode(frame: Buffer): Buffer
  /** Judges what came in since the request, after each lump. */
  look(bytes: Uint8Array, expected: ExpectedReply, unit: UnitLine): Look
  /** Judges all of it. `stale`: replies to requests that were given up; none of them, nor a part of one, is the reply. */
  search(
    bytes: Uint8Array,
    expected: ExpectedReply,
    unit: UnitLine,
    stale: readonly ExpectedReply[],
  ): Searched
  /** The unit id that the bytes begin with, as a frame; null where they do not begin as one. */
  unitOf(bytes: Uint8Array): number | null
  readonly checkName: 'CRC' | 'LRC'
}

export const rtuFraming: Framing = {
  encode: (frame) => frame,
  look(bytes, expected) {
    const frame = replyAtStart(bytes, expected)
    if (frame !== null) return { kind: 'reply', found: within(bytes, frame) }
    return { kind: mayBecomeReply(bytes, expected) ? 'wait' : 'noise' }
  },
  search(bytes, expected, _unit, stale) {
    const search = searchReply(bytes, expected, stale)
    return search.kind === 'reply' ? { kind: 'reply', found: within(bytes, search.frame) } : search
  },
  unitOf: (bytes) => bytes[0] ?? null,
  checkName: 'CRC',
}

function within(bytes: Uint8Array, frame: Uint8Array): Found {
  const from = frame.byteOffset - bytes.byteOffset
  return { frame, from, to: from + frame.length }
}
