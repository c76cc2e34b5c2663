// A driver is a table: one row a quantity, with the register's address, type and unit as the vendor's document tells
// them. Here are the kinds of rows, how rows are grouped into reads, and how words become values. Pure.

export type Fc = 1 | 2 | 3 | 4
/** What is only written: 5 as a coil, 6 and 16 as registers. */
export type WriteFc = 5 | 6 | 16
export type RowType =
  | 'f32'
  | 'u16'
  | 'i16'
  | 'u32'
  | 'ascii'
  | 'bits16'
  | 'bits32'
  | 'packed'
  | 'coil'
  | 'coilValue'

/** One quantity of a device. Its name is the facts' name of it in camelCase. */
export interface Row<N extends string = string> {
  readonly name: N
  /** The function code that reads it; of those that are only written, the one that writes it. */
  readonly fc: Fc | WriteFc
  /** PDU address, 0-based. */
  readonly address: number
  /** Words, or coils for `coil` rows. */
  readonly count: number
  readonly type: RowType
  /** The vendor's unit of the raw value times `scale`; empty where it has none. */
  readonly unit: string
  readonly scale: number
  /** What the quantity can be at all, in `unit`; anything else is no value. */
  readonly range: { readonly min: number; readonly max: number } | null
}

interface Extra {
  readonly fc?: Fc | WriteFc
  readonly range?: { readonly min: number; readonly max: number }
  readonly count?: number
  readonly scale?: number
}

const row =
  (type: RowType, fcDefault: Fc | WriteFc, countDefault: number) =>
  <N extends string>(address: number, name: N, unit = '', extra: Extra = {}): Row<N> => ({
    name,
    fc: extra.fc ?? fcDefault,
    address,
    count: extra.count ?? countDefault,
    type,
    unit,
    scale: extra.scale ?? 1,
    range: extra.range ?? null,
  })

/** IEEE 754 single precision in two input registers, high word first. */
export const f32 = row('f32', 4, 2)
/** A whole number in one holding register. */
export const u16 = row('u16', 3, 1)
/** A whole number with its sign (two's complement) in one holding register. */
export const i16 = row('i16', 3, 1)
/** A whole number in two holding registers, high word first. */
export const u32 = row('u32', 3, 2)
/** Sixteen flags in one holding register. */
export const bits16 = row('bits16', 3, 1)
/** Flags and small fields in two holding registers, high word first. */
export const bits32 = row('bits32', 3, 2)
/** Fields of several widths in some holding registers; the driver takes them apart. */
export const packed = row('packed', 3, 1)
/** Text, two characters a holding register, high byte first. */
export const ascii = row('ascii', 3, 1)
/** One or more coils. */
export const coil = row('coil', 1, 1)
/** Coils that take a number of the device's own in place of on and off; only written. */
export const coilValue = row('coilValue', 5, 1)

/** One read: neighbours of one function code. */
export interface Block<N extends string = string> {
  readonly fc: Fc | WriteFc
  readonly address: number
  readonly count: number
  readonly rows: readonly Row<N>[]
}

/** On a bus with an EVSE board a read is this long at most, so that the board's turn comes soon. */
export const SHARED_BUS_WORDS_MAX = 18

/** What a device's reads must keep to. */
export interface ReadLimits {
  /** The longest read that the device answers, or that the bus has time for. */
  readonly wordsMax: number
  /** Registers between two rows that nobody asked for are read along where there are at most this many of them. */
  readonly holeWordsMax: number
  /**
   * Registers that no read may touch but for a row of its own: they are refused, tell lies, or do something when they
   * are read.
   */
  readonly barriers?: readonly Barrier[]
  /** The device answers to the exact register and count of a row only. */
  readonly rowByRow?: boolean
}

/** PDU addresses, both ends among them. */
export interface Barrier {
  readonly fc: Fc
  readonly from: number
  readonly to: number
}

/** Groups rows into reads, in order of function code and address. No row is cut, and none is read twice. */
export function planBlocks<N extends string>(
  rows: readonly Row<N>[],
  limits: ReadLimits,
): readonly Block<N>[] {
  const blocks: Block<N>[] = []
  for (const next of [...rows].sort((a, b) => a.fc - b.fc || a.address - b.address)) {
    const last = blocks.at(-1)
    const joined = last === undefined ? null : join(last, next, limits)
    if (joined === null) blocks.push({ fc: next.fc, address: next.address, count: next.count, rows: [next] })
    else blocks[blocks.length - 1] = joined
  }
  return blocks
}

/** The read of a block and the row behind it; null where they must not be one. */
function join<N extends string>(block: Block<N>, next: Row<N>, limits: ReadLimits): Block<N> | null {
  const end = block.address + block.count
  const count = next.address + next.count - block.address
  if (limits.rowByRow || block.fc !== next.fc) return null
  if (next.address - end > limits.holeWordsMax || count > limits.wordsMax) return null
  const isBarred = (limits.barriers ?? []).some(
    ({ fc, from, to }) => fc === next.fc && from < next.address + next.count && to >= block.address,
  )
  return isBarred ? null : { ...block, count, rows: [...block.rows, next] }
}

/** The words of a row within the words of the read that holds it. */
export const wordsOf = (row: Row, block: { readonly address: number }, words: readonly number[]) =>
  words.slice(row.address - block.address, row.address - block.address + row.count)

/** IEEE 754 single precision from two words, high word first. */
export function float32(words: readonly number[]): number {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt16BE(words[0] ?? 0, 0)
  bytes.writeUInt16BE(words[1] ?? 0, 2)
  return bytes.readFloatBE(0)
}

/** An unsigned whole number from words, high word first. */
export const unsigned = (words: readonly number[]): number =>
  words.reduce((value, word) => value * 65_536 + word, 0)

/** Text from words, high byte first, without what fills it up; null where it is no printable text. */
export function text(words: readonly number[]): string | null {
  const all = String.fromCharCode(...words.flatMap((word) => [word >> 8, word & 0xff]))
  const trimmed = all.replace(/[\0 ]+$/, '')
  return /^[\x20-\x7e]+$/.test(trimmed) ? trimmed : null
}

function rawOf(row: Row, words: readonly number[]): number {
  if (row.type === 'f32') return float32(words)
  const whole = unsigned(words)
  return row.type === 'i16' && whole >= 0x8000 ? whole - 0x1_0000 : whole
}

/** The number in a row's words, in the row's unit; a sentence where it is none: NaN, infinite, out of its range. */
export function numberOf(row: Row, words: readonly number[]): number | { readonly implausible: string } {
  const raw = rawOf(row, words)
  const value = raw * row.scale
  const hex = words.map((word) => word.toString(16).padStart(4, '0')).join(' ')
  if (!Number.isFinite(value)) return { implausible: `${value}, raw ${hex}` }
  if (row.range !== null && (value < row.range.min || value > row.range.max)) {
    return { implausible: `${value} ${row.unit}, raw ${hex}, can be ${row.range.min} to ${row.range.max}` }
  }
  return value
}
