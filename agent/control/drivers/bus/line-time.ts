// What a frame costs on the line. Everything that waits for the line computes from here; nothing is guessed.
import type { BusConfig, SerialBusConfig } from '../../config.ts'

export type SerialSettings = Pick<SerialBusConfig, 'baud' | 'dataBits' | 'parity' | 'stopBits'>
export type LineSettings =
  | (SerialSettings & { readonly kind: SerialBusConfig['kind'] })
  | { readonly kind: 'tcp' }

/** Start bit, data bits, parity bit, stop bits. */
export const bitsPerCharacter = (line: SerialSettings): number =>
  1 + line.dataBits + (line.parity === 'none' ? 0 : 1) + line.stopBits

/** Time that so many characters hold a serial line, in microseconds, rounded up. */
export const lineMicros = (line: SerialSettings, characters: number): number =>
  Math.ceil((characters * bitsPerCharacter(line) * 1_000_000) / line.baud)

/**
 * Characters on the line for a frame that is so many bytes long as RTU, CRC included. ASCII: a start character, two
 * for each byte, LRC in place of the CRC, CR and LF.
 */
export const charactersOf = (kind: SerialBusConfig['kind'], rtuBytes: number): number =>
  kind === 'ascii' ? 2 * rtuBytes + 1 : rtuBytes

/** Time that a frame of so many bytes (as RTU, CRC included) holds the line, in microseconds; nothing on TCP. */
export const frameMicros = (line: LineSettings, rtuBytes: number): number =>
  line.kind === 'tcp' ? 0 : lineMicros(line, charactersOf(line.kind, rtuBytes))

/**
 * The silence between two frames (t3.5), in microseconds. Modbus over Serial Line V1.02, 2.5.1.1: 3.5 characters, and
 * a fixed 1.75 ms above 19200 baud. ASCII frames need none; it is kept there for the transceivers' change of direction.
 */
export function frameGapMicros(line: LineSettings): number {
  if (line.kind === 'tcp') return 0
  return line.baud > 19_200 ? 1750 : Math.ceil((3.5 * bitsPerCharacter(line) * 1_000_000) / line.baud)
}

/** Where a bus is, in words: a serial port, or host and port. */
export const placeOf = (bus: BusConfig): string => (bus.kind === 'tcp' ? `${bus.host}:${bus.port}` : bus.port)

/** A read request, and every request or reply of function codes 5 and 6, and every reply of 15 and 16. */
export const SHORT_FRAME_BYTES = 8
/** A reply with `words` registers: unit, function code, byte count, words, CRC. */
export const wordsReplyBytes = (words: number): number => 5 + 2 * words
/** A request of function code 16 with `words` registers. */
export const writeWordsRequestBytes = (words: number): number => 9 + 2 * words
/** A reply with `bits` coils or discrete inputs. */
export const bitsReplyBytes = (bits: number): number => 5 + Math.ceil(bits / 8)
