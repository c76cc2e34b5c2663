// Modbus frames in words: raw hex, whether the check sum holds, and what they say. Pure.
import { crcHolds, withCrc } from '../../shared/modbus/crc.ts'
import type { BusConfig } from '../control/config.ts'
import { asciiFrames } from '../control/drivers/bus/ascii.ts'

/** `01 03 5d c0 00 05 …` */
export const hexOf = (bytes: Uint8Array): string =>
  [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ')

/** What is on the line: hex, or of an ASCII line its text. */
export const rawOf = (kind: BusConfig['kind'], bytes: Uint8Array): string =>
  kind === 'ascii' ? JSON.stringify(Buffer.from(bytes).toString('latin1')) : hexOf(bytes)

/** The frame in its RTU form, where its check sum holds (TCP has none); null where not. */
export function rtuOf(kind: BusConfig['kind'], bytes: Uint8Array): Buffer | null {
  if (kind === 'rtu') return crcHolds(bytes) ? Buffer.from(bytes) : null
  if (kind === 'tcp') return bytes.length > 8 ? withCrc(bytes.subarray(6)) : null
  return asciiFrames(bytes)[0]?.rtu ?? null
}

export function checkInWords(kind: BusConfig['kind'], bytes: Uint8Array): string {
  if (kind === 'tcp') return `transaction ${((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0)}`
  const name = kind === 'rtu' ? 'CRC' : 'LRC'
  return rtuOf(kind, bytes) === null ? `${name} WRONG` : `${name} right`
}

const FUNCTIONS: Readonly<Record<number, string>> = {
  1: 'read coils',
  2: 'read discrete inputs',
  3: 'read holding registers',
  4: 'read input registers',
  5: 'write coil',
  6: 'write register',
  15: 'write coils',
  16: 'write registers',
}

/** Modbus Application Protocol V1.1b3, 7. */
const EXCEPTIONS: Readonly<Record<number, string>> = {
  1: 'illegal function',
  2: 'illegal address',
  3: 'illegal value',
  4: 'device failure',
  5: 'acknowledge',
  6: 'busy',
  8: 'memory parity error',
  10: 'gateway has no way',
  11: 'the device behind the gateway does not answer',
}
export const exceptionInWords = (code: number): string =>
  `exception ${code}${EXCEPTIONS[code] ? `, ${EXCEPTIONS[code]}` : ''}`

const functionInWords = (code: number): string => FUNCTIONS[code] ?? `function code ${code}`

/** Words as decimal numbers and, where they are printable, as text. */
export function wordsInWords(words: readonly number[]): string {
  const text = String.fromCharCode(...words.flatMap((word) => [word >> 8, word & 0xff])).replace(/\0+$/, '')
  const isText = /^[\x20-\x7e]{2,}$/.test(text)
  return `${words.join(' ')}${isText ? ` "${text}"` : ''}`
}

export interface Described {
  readonly unitId: number
  readonly says: string
}

/** An RTU frame whose CRC holds, as the request that it may be; null where it can be none. */
export function requestInWords(frame: Buffer): Described | null {
  const [unitId = 0, code = 0] = frame
  if (!(code in FUNCTIONS) || frame.length < 8) return null
  const address = frame.readUInt16BE(2)
  const count = frame.readUInt16BE(4)
  const what = `${functionInWords(code)} ${address}`
  if (code <= 4) return frame.length === 8 ? { unitId, says: `${what}, count ${count}` } : null
  if (code <= 6) return frame.length === 8 ? { unitId, says: `${what}: ${count}` } : null
  if (frame.length !== 9 + (frame[6] ?? 0)) return null
  return { unitId, says: `${what}, count ${count}: ${hexOf(frame.subarray(7, -2))}` }
}

/** An RTU frame whose CRC holds, as the reply that it may be; null where it can be none. */
export function replyInWords(frame: Buffer): Described | null {
  const [unitId = 0, code = 0, third = 0] = frame
  if (code & 0x80 && code & 0x7f && frame.length === 5) {
    return { unitId, says: `${functionInWords(code & 0x7f)}: ${exceptionInWords(third)}` }
  }
  if (code >= 1 && code <= 4 && frame.length === 5 + third) {
    const data = frame.subarray(3, -2)
    if (code <= 2) return { unitId, says: `bits ${hexOf(data)}` }
    const words = Array.from({ length: data.length >> 1 }, (_, index) => data.readUInt16BE(2 * index))
    return { unitId, says: wordsInWords(words) }
  }
  if ([5, 6, 15, 16].includes(code) && frame.length === 8) {
    return { unitId, says: `${functionInWords(code)} ${frame.readUInt16BE(2)}: done` }
  }
  return null
}
