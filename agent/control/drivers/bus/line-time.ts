// What a byte costs on the line. Everything that waits for the line computes from here; nothing is guessed.

export interface LineSettings {
  readonly baud: number
  readonly parity: 'none' | 'even' | 'odd'
  readonly stopBits: 1 | 2
}

/** Start bit, eight data bits, parity bit, stop bits. */
export const bitsPerCharacter = (line: LineSettings): number =>
  1 + 8 + (line.parity === 'none' ? 0 : 1) + line.stopBits

/** Time that `bytes` bytes hold the line, in microseconds, rounded up. */
export const lineMicros = (line: LineSettings, bytes: number): number =>
  Math.ceil((bytes * bitsPerCharacter(line) * 1_000_000) / line.baud)

/**
 * The silence between two frames (t3.5), in microseconds. Modbus over Serial Line V1.02, 2.5.1.1: 3.5 characters, and
 * a fixed 1.75 ms above 19200 baud.
 */
export const frameGapMicros = (line: LineSettings): number =>
  line.baud > 19_200 ? 1750 : Math.ceil((3.5 * bitsPerCharacter(line) * 1_000_000) / line.baud)

/** A read request, and every request or reply of function codes 5 and 6. */
export const SHORT_FRAME_BYTES = 8
/** A reply with `words` registers: unit, function code, byte count, words, CRC. */
export const wordsReplyBytes = (words: number): number => 5 + 2 * words
