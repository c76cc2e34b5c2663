// A Modbus slave as a table: one row a quantity, and what the protocol itself says about everything else (which exception
// answers what). Pure: a request and a state in, a reply and a state out. Addresses are 0-based, as in the PDU.
// Source: Modbus Application Protocol V1.1b3, clauses 6.1-6.12 and 7.

/** A run of bits or 16-bit words under one name. */
export interface Row<S> {
  readonly name: string
  readonly address: number
  /** Words or bits; 1 where not given. */
  readonly count?: number
  /** Function codes that read it. Coils: 1; discrete inputs: 2; registers: 3, 4 or both. A write-only row has none. */
  readonly reads: readonly number[]
  /** Words, 0-65535, or bits, 0 or 1; exactly `count`. */
  readonly read: (state: S) => readonly number[]
  /** The new state, or null where the value is out of range (exception 3). Absent: read only (exception 2). */
  readonly write?: (state: S, values: readonly number[]) => S | null
  /** FC05 brings its raw value instead of 0 or 1: for devices that bend it. */
  readonly rawCoil?: true
}

export interface RegisterTable<S> {
  /** Where the rows come from. */
  readonly source: string
  /** Function codes that the device knows; others are answered with exception 1. */
  readonly functions: readonly number[]
  /** The most registers that one read may ask for; above it exception 3. */
  readonly maxWords: number
  /** Registers that are two words each: reads start and end at whole ones (exception 2). */
  readonly wordPairs?: true
  /** Input registers between rows that read as 0 instead of exception 2. */
  readonly gapsReadZero?: (functionCode: number, address: number) => boolean
  readonly rows: readonly Row<S>[]
}

export interface Answer<S> {
  readonly state: S
  /** Function code and data, without unit id and CRC. */
  readonly pdu: Uint8Array
}

/** Modbus exception codes, MODBUS Application Protocol V1.1b3, clause 7. */
const EXCEPTION = { illegalFunction: 1, illegalAddress: 2, illegalValue: 3 } as const

const READ_COILS = 1
const READ_DISCRETE = 2
const READ_HOLDING = 3
const READ_INPUT = 4
const WRITE_COIL = 5
const WRITE_REGISTER = 6
const WRITE_COILS = 15
const WRITE_REGISTERS = 16
/** Clause 6.1: at most 2,000 bits in one read. */
const MAX_BITS = 2000

/** Answers one request PDU (function code and data). Total: whatever comes is answered or refused with an exception. */
export function answerRequest<S>(table: RegisterTable<S>, state: S, pdu: Uint8Array): Answer<S> {
  const request = Buffer.from(pdu.buffer, pdu.byteOffset, pdu.byteLength)
  const functionCode = request[0] ?? 0
  const refuse = (exception: number) => ({ state, pdu: Uint8Array.of(functionCode | 0x80, exception) })
  if (!table.functions.includes(functionCode)) return refuse(EXCEPTION.illegalFunction)
  if (request.length < 5) return refuse(EXCEPTION.illegalValue)
  const address = request.readUInt16BE(1)
  const argument = request.readUInt16BE(3)
  switch (functionCode) {
    case READ_COILS:
    case READ_DISCRETE:
    case READ_HOLDING:
    case READ_INPUT: {
      if (request.length !== 5) return refuse(EXCEPTION.illegalValue)
      const outcome = readRange(table, state, { functionCode, address, count: argument })
      return typeof outcome === 'number' ? refuse(outcome) : { state, pdu: outcome }
    }
    case WRITE_COIL:
    case WRITE_REGISTER: {
      if (request.length !== 5) return refuse(EXCEPTION.illegalValue)
      const outcome = writeOne(table, state, { functionCode, address, value: argument })
      return typeof outcome === 'number'
        ? refuse(outcome)
        : { state: outcome.state, pdu: Uint8Array.from(pdu) }
    }
    case WRITE_COILS:
    case WRITE_REGISTERS: {
      const values = valuesOf(request, functionCode, argument)
      if (!values) return refuse(EXCEPTION.illegalValue)
      const outcome = writeRange(table, state, { functionCode, address, values })
      if (typeof outcome === 'number') return refuse(outcome)
      return { state: outcome.state, pdu: Uint8Array.from(pdu.subarray(0, 5)) }
    }
    default:
      return refuse(EXCEPTION.illegalFunction)
  }
}

function readRange<S>(
  table: RegisterTable<S>,
  state: S,
  at: { functionCode: number; address: number; count: number },
): Uint8Array | number {
  const bits = at.functionCode === READ_COILS || at.functionCode === READ_DISCRETE
  if (at.count < 1 || at.count > (bits ? MAX_BITS : table.maxWords)) return EXCEPTION.illegalValue
  if (table.wordPairs && !bits && (at.address % 2 !== 0 || at.count % 2 !== 0))
    return EXCEPTION.illegalAddress
  const values: number[] = []
  while (values.length < at.count) {
    const address = at.address + values.length
    const row = table.rows.find((candidate) => reads(candidate, at.functionCode, address))
    if (row) values.push(row.read(state)[address - row.address] ?? 0)
    else if (table.gapsReadZero?.(at.functionCode, address)) values.push(0)
    else return EXCEPTION.illegalAddress
  }
  return bits ? packBits(at.functionCode, values) : packWords(at.functionCode, values)
}

function writeOne<S>(
  table: RegisterTable<S>,
  state: S,
  at: { functionCode: number; address: number; value: number },
): { readonly state: S } | number {
  const coil = at.functionCode === WRITE_COIL
  const row = table.rows.find((candidate) => writes(candidate, coil, at.address))
  // FC06 cannot write a quantity of two words whole.
  if (!row?.write || (!coil && (row.count ?? 1) !== 1)) return EXCEPTION.illegalAddress
  if (!coil || row.rawCoil) {
    const next = row.write(state, [at.value])
    return next === null ? EXCEPTION.illegalValue : { state: next }
  }
  if (at.value !== 0 && at.value !== 0xff00) return EXCEPTION.illegalValue
  const bits = [...row.read(state)]
  bits[at.address - row.address] = at.value === 0 ? 0 : 1
  const next = row.write(state, bits)
  return next === null ? EXCEPTION.illegalValue : { state: next }
}

/** All of the values or none: a refused value leaves the device as it was. */
function writeRange<S>(
  table: RegisterTable<S>,
  state: S,
  at: { functionCode: number; address: number; values: readonly number[] },
): { readonly state: S } | number {
  const coil = at.functionCode === WRITE_COILS
  let next = state
  let done = 0
  while (done < at.values.length) {
    const address = at.address + done
    const row = table.rows.find((candidate) => writes(candidate, coil, address) && !candidate.rawCoil)
    if (!row?.write) return EXCEPTION.illegalAddress
    const count = row.count ?? 1
    const from = address - row.address
    const part = at.values.slice(done, done + count - from)
    if (!coil && (from !== 0 || part.length !== count)) return EXCEPTION.illegalAddress
    const values = coil ? [...row.read(next)] : [...part]
    if (coil) for (const [index, value] of part.entries()) values[from + index] = value
    const written = row.write(next, values)
    if (written === null) return EXCEPTION.illegalValue
    next = written
    done += part.length
  }
  return { state: next }
}

const covers = <S>(row: Row<S>, address: number) =>
  address >= row.address && address < row.address + (row.count ?? 1)

const reads = <S>(row: Row<S>, functionCode: number, address: number) =>
  row.reads.includes(functionCode) && covers(row, address)

/**
 * Writes go to what FC01 reads (or takes FC05's raw value) and to what FC03 reads, or nothing; input registers share their
 * addresses.
 */
const writes = <S>(row: Row<S>, coil: boolean, address: number) =>
  covers(row, address) &&
  (coil
    ? row.reads.includes(READ_COILS) || row.rawCoil === true
    : row.reads.includes(READ_HOLDING) || (row.reads.length === 0 && row.rawCoil !== true))

/** The values of FC15 or FC16, or null where the counts do not fit together. */
function valuesOf(request: Buffer, functionCode: number, count: number): readonly number[] | null {
  const coil = functionCode === WRITE_COILS
  const bytes = request[5] ?? -1
  const wanted = coil ? Math.ceil(count / 8) : count * 2
  if (count < 1 || count > (coil ? 1968 : 123) || bytes !== wanted || request.length !== 6 + bytes)
    return null
  return Array.from({ length: count }, (_, index) =>
    coil ? ((request[6 + (index >> 3)] ?? 0) >> (index & 7)) & 1 : request.readUInt16BE(6 + index * 2),
  )
}

function packBits(functionCode: number, bits: readonly number[]): Uint8Array {
  const bytes = Buffer.alloc(2 + Math.ceil(bits.length / 8))
  bytes[0] = functionCode
  bytes[1] = bytes.length - 2
  for (const [index, bit] of bits.entries()) {
    const at = 2 + (index >> 3)
    bytes[at] = (bytes[at] ?? 0) | ((bit & 1) << (index & 7))
  }
  return bytes
}

function packWords(functionCode: number, words: readonly number[]): Uint8Array {
  const bytes = Buffer.alloc(2 + words.length * 2)
  bytes[0] = functionCode
  bytes[1] = words.length * 2
  for (const [index, word] of words.entries()) bytes.writeUInt16BE(word, 2 + index * 2)
  return bytes
}

/** IEEE 754 single, high word first. */
export function float32Words(value: number): readonly [number, number] {
  const bytes = Buffer.alloc(4)
  bytes.writeFloatBE(value)
  return [bytes.readUInt16BE(0), bytes.readUInt16BE(2)]
}

/** Two words, high word first, as an IEEE 754 single. */
export function wordsFloat32(words: readonly number[]): number {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt16BE(words[0] ?? 0, 0)
  bytes.writeUInt16BE(words[1] ?? 0, 2)
  return bytes.readFloatBE(0)
}

/** ASCII, two characters a word, the first in the high byte, filled up with NUL. */
export function asciiWords(text: string, words: number): readonly number[] {
  const bytes = Buffer.alloc(words * 2)
  bytes.write(text, 'latin1')
  return Array.from({ length: words }, (_, index) => bytes.readUInt16BE(index * 2))
}
