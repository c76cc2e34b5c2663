// A line in virtual time, of any kind of bus: bytes take their line time (none on TCP), and a test says what the units
// answer. A test always speaks RTU; the line says it as ASCII or TCP has it, by code of its own.
import type { BusConfig, SerialBusConfig, TcpBusConfig } from '../../../../agent/control/config.ts'
import type { OpenLine } from '../../../../agent/control/drivers/bus/line.ts'
import { lineMicros } from '../../../../agent/control/drivers/bus/line-time.ts'
import { crcHolds, withCrc } from '../../../../shared/modbus/crc.ts'
import type { VirtualClock } from './virtual-clock.ts'

export const BUS_19200: SerialBusConfig = {
  kind: 'rtu',
  name: 'main',
  port: '/dev/virtual',
  baud: 19_200,
  dataBits: 8,
  parity: 'none',
  stopBits: 1,
}

export const ASCII_38400: SerialBusConfig = { ...BUS_19200, kind: 'ascii', baud: 38_400, parity: 'even' }
export const TCP: TcpBusConfig = { kind: 'tcp', name: 'main', host: '192.0.2.1', port: 502 }

/** A whole RTU frame is said in the line's own way; other bytes as they are. Bytes, and after how many ms from the end of the request their last one is in. */
export interface Said {
  readonly bytes: Uint8Array
  readonly afterMs: number
}

export interface VirtualLine {
  readonly open: OpenLine
  /** Requests that have arrived whole, as RTU, with the time of their first bit. */
  readonly requests: { readonly atMicros: number; readonly hex: string }[]
  /** ASCII: what replies begin with. */
  replyStart: ':' | '>'
  /** What the units say to a request. */
  answer: (request: Buffer) => readonly Said[]
  /** Bytes that come by themselves, now. */
  say(bytes: Uint8Array): void
  /** The port vanishes. */
  vanish(detail: string): void
  /** Whether the port can be opened. */
  present: boolean
  /** How often somebody tried to open it. */
  attempts: number
}

export function virtualLine(clock: VirtualClock): VirtualLine {
  let events: Parameters<OpenLine>[2] | null = null
  const line: VirtualLine = {
    requests: [],
    replyStart: ':',
    present: true,
    attempts: 0,
    answer: () => [],
    say: (bytes) => events?.received(Buffer.from(bytes)),
    vanish(detail) {
      line.present = false
      const gone = events
      events = null
      gone?.lost(detail)
    },
    open: (config, _clock, opener) => {
      line.attempts++
      clock.after('open', 1, () => {
        if (!line.present) return opener.lost('No such file or directory')
        events = opener
        opener.opened()
      })
      return {
        flush: (done) => done(),
        write(written) {
          const atMicros = clock.monotonicMicros()
          const frame = rtuOf(config.kind, written)
          line.requests.push({ atMicros, hex: frame.toString('hex') })
          const mine = events
          const afterMs = config.kind === 'tcp' ? 0 : lineMicros(config, written.length) / 1000
          clock.after('request', afterMs, () => {
            for (const { bytes, afterMs } of line.answer(frame)) {
              clock.after('reply', afterMs, () => {
                if (events === mine) line.say(asSaid(config.kind, bytes, line.replyStart, written))
              })
            }
          })
        },
        giveUp: (detail) => line.vanish(detail),
        async close() {
          events = null
        },
      }
    },
  }
  return line
}

function rtuOf(kind: BusConfig['kind'], written: Buffer): Buffer {
  if (kind === 'rtu') return written
  if (kind === 'tcp') return withCrc(written.subarray(6))
  const text = written.toString('latin1')
  if (!/^:([0-9A-F]{2})+\r\n$/.test(text)) throw new Error(`no ASCII request: ${text}`)
  const bytes = Buffer.from(text.slice(1, -2), 'hex')
  if (bytes.reduce((sum, byte) => sum + byte, 0) % 256 !== 0) throw new Error(`LRC of ${text}`)
  return withCrc(bytes.subarray(0, -1))
}

function asSaid(kind: BusConfig['kind'], bytes: Uint8Array, start: string, request: Buffer): Uint8Array {
  if (kind === 'rtu' || !crcHolds(bytes)) return bytes
  return kind === 'tcp' ? mbap(request.readUInt16BE(0), bytes) : asciiText(bytes, start)
}

/** An RTU frame as Modbus ASCII. */
export function asciiText(rtu: Uint8Array, start = ':'): Buffer {
  const body = [...rtu.subarray(0, -2)]
  const sum = body.reduce((all, byte) => all + byte, 0)
  const digits = [...body, (256 - (sum % 256)) % 256].map((byte) => byte.toString(16).padStart(2, '0'))
  return Buffer.from(`${start}${digits.join('').toUpperCase()}\r\n`)
}

/** An RTU frame as Modbus TCP. */
export const mbap = (transactionId: number, rtu: Uint8Array): Buffer =>
  Buffer.from([transactionId >> 8, transactionId & 0xff, 0, 0, 0, rtu.length - 2, ...rtu.subarray(0, -2)])

/** The registers and coils of units, for drivers' own tests: answers function codes 1, 3, 4, 5 and 6. */
export interface Bank {
  readonly words: Map<number, number>
  readonly coils: Map<number, number>
}

/** The reply of a unit with these registers; exception 2 where one is not there. */
export function bankReply(bank: Bank, request: Buffer): Buffer {
  const [unitId = 0, fc = 0] = request
  const address = request.readUInt16BE(2)
  const count = request.readUInt16BE(4)
  if (fc === 5 || fc === 6) {
    const table = fc === 5 ? bank.coils : bank.words
    if (!table.has(address)) return withCrc(Uint8Array.of(unitId, fc | 0x80, 2))
    table.set(address, count)
    return request
  }
  if (fc === 16) {
    for (let index = 0; index < count; index++) {
      if (!bank.words.has(address + index)) return withCrc(Uint8Array.of(unitId, fc | 0x80, 2))
      bank.words.set(address + index, request.readUInt16BE(7 + 2 * index))
    }
    return withCrc(request.subarray(0, 6))
  }
  const table = fc === 1 ? bank.coils : bank.words
  const values = Array.from({ length: count }, (_, index) => table.get(address + index))
  if (values.some((value) => value === undefined)) return withCrc(Uint8Array.of(unitId, fc | 0x80, 2))
  if (fc === 1) {
    const bits = values.reduce<number>((all, value, index) => all | (value === 0xff00 ? 1 << index : 0), 0)
    return withCrc(Uint8Array.of(unitId, fc, 1, bits))
  }
  const data = values.flatMap((value = 0) => [value >> 8, value & 0xff])
  return withCrc(Uint8Array.of(unitId, fc, data.length, ...data))
}
