// How long bytes take on a serial line. Pure.
// Source: Modbus over Serial Line V1.02, 2.5.1.1: a frame ends with 3.5 characters of silence (1,750 us above 19,200
// baud); more than 1.5 characters of silence (750 us) within a frame, or less between frames, makes it no frame. An ASCII
// frame (2.5.2.1) ends with its last character.

export interface LineFormat {
  /** Absent: rtu. */
  readonly kind?: 'rtu' | 'ascii'
  readonly baud: number
  /** Absent: 8. */
  readonly dataBits?: 7 | 8
  readonly parity: 'none' | 'even' | 'odd'
  readonly stopBits: 1 | 2
}

export interface LineTime {
  /** Whole microseconds that so many bytes take. */
  bytesMicros(count: number): number
  /** Silence that ends a frame. */
  readonly endGapMicros: number
  /** The least silence before a request; a master that keeps less is not heard. */
  readonly startGapMicros: number
}

const FAST_BAUD = 19_200

export function lineTime(format: LineFormat): LineTime {
  const bits = 1 + (format.dataBits ?? 8) + (format.parity === 'none' ? 0 : 1) + format.stopBits
  const byteMicros = (bits * 1_000_000) / format.baud
  const fast = format.baud > FAST_BAUD
  const bytesMicros = (count: number) => Math.round(count * byteMicros)
  if (format.kind === 'ascii') return { bytesMicros, endGapMicros: 0, startGapMicros: 0 }
  return {
    bytesMicros,
    endGapMicros: fast ? 1750 : Math.round(3.5 * byteMicros),
    startGapMicros: fast ? 750 : Math.round(1.5 * byteMicros),
  }
}

/** The length of a request by its function code, CRC included; null where the function is not known or the count is missing. */
export function requestLength(bytes: Uint8Array): number | null {
  const functionCode = bytes[1]
  if (functionCode === undefined) return null
  if (functionCode >= 1 && functionCode <= 6) return 8
  if (functionCode !== 15 && functionCode !== 16) return null
  const count = bytes[6]
  return count === undefined ? null : 9 + count
}
