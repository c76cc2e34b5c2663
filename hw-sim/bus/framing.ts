// How unit id and PDU become bytes on a line, and back: Modbus RTU, Modbus ASCII and Modbus TCP (MBAP). Pure.
// Sources: Modbus over Serial Line V1.02, clauses 2.5.1 (RTU) and 2.5.2 (ASCII: a colon, two hex digits a byte, LRC, CR LF);
// Modbus Messaging on TCP/IP V1.0b, clause 3.1 (MBAP).
import { crcHolds, withCrc } from '../../shared/modbus/crc.ts'

/** A request or reply without its frame. */
export interface Message {
  readonly unitId: number
  readonly pdu: Uint8Array
}

export interface Framing {
  /** The message of a frame, or why it is none. */
  read(frame: Uint8Array): Message | string
  /** The unit id that the bytes claim, sound or not; 0 where there is none. */
  unitId(frame: Uint8Array): number
  /** `start`: a device's own first character, where it has one (ASCII only). */
  frame(message: Message, start?: string): Uint8Array
}

export const RTU: Framing = {
  read: (frame) => {
    if (!crcHolds(frame)) return 'its CRC does not hold'
    return { unitId: frame[0] ?? 0, pdu: frame.subarray(1, frame.length - 2) }
  },
  unitId: (frame) => frame[0] ?? 0,
  frame: ({ unitId, pdu }) => withCrc(Uint8Array.of(unitId, ...pdu)),
}

/** Sum of all bytes of the message and its LRC is 0 in eight bits. */
export const lrc = (bytes: Uint8Array): number => {
  let sum = 0
  for (const byte of bytes) sum += byte
  return -sum & 0xff
}

const ASCII_FRAME = /^[:>]((?:[0-9A-F]{2})+)\r\n$/

const asciiBytes = (frame: Uint8Array): Uint8Array | null => {
  const [, hex] = ASCII_FRAME.exec(Buffer.from(frame).toString('latin1')) ?? []
  return hex === undefined ? null : Uint8Array.from(Buffer.from(hex, 'hex'))
}

export const ASCII: Framing = {
  read: (frame) => {
    const bytes = asciiBytes(frame)
    if (!bytes) return 'it is no colon, pairs of 0-9 A-F, CR LF'
    if (bytes.length < 3) return 'it is shorter than unit, function code and LRC'
    if (lrc(bytes) !== 0) return 'its LRC does not hold'
    return { unitId: bytes[0] ?? 0, pdu: bytes.subarray(1, bytes.length - 1) }
  },
  unitId: (frame) => asciiBytes(frame)?.[0] ?? 0,
  frame: ({ unitId, pdu }, start = ':') => {
    const bytes = Uint8Array.of(unitId, ...pdu)
    const digits = Buffer.from([...bytes, lrc(bytes)])
      .toString('hex')
      .toUpperCase()
    return Uint8Array.from(Buffer.from(`${start}${digits}\r\n`, 'latin1'))
  },
}

/** Transaction, protocol (0), and how many bytes follow. */
const MBAP_BYTES = 6

export interface Mbap {
  readonly transaction: number
  readonly message: Message
  readonly bytes: Uint8Array
}

/** The first whole frame of a TCP stream; null: more must come. A string: the stream is no Modbus, and stays none. */
export function readMbap(stream: Uint8Array): Mbap | null | string {
  if (stream.length < MBAP_BYTES) return null
  const head = Buffer.from(stream.buffer, stream.byteOffset, MBAP_BYTES)
  const protocol = head.readUInt16BE(2)
  const length = head.readUInt16BE(4)
  if (protocol !== 0) return `its protocol is ${protocol}, not 0`
  if (length < 2 || length > 254) return `its length is ${length}, not 2-254`
  if (stream.length < MBAP_BYTES + length) return null
  const bytes = stream.slice(0, MBAP_BYTES + length)
  const message = { unitId: bytes[MBAP_BYTES] ?? 0, pdu: bytes.subarray(MBAP_BYTES + 1) }
  return { transaction: head.readUInt16BE(0), message, bytes }
}

export function mbapFrame(transaction: number, { unitId, pdu }: Message): Uint8Array {
  const bytes = Buffer.alloc(MBAP_BYTES + 1)
  bytes.writeUInt16BE(transaction, 0)
  bytes.writeUInt16BE(pdu.length + 1, 4)
  bytes[MBAP_BYTES] = unitId
  return Uint8Array.from([...bytes, ...pdu])
}
