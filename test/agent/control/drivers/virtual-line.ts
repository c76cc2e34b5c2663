// A serial line in virtual time: bytes take their line time, and a test says what the units answer.

import type { BusConfig } from '../../../../agent/control/config.ts'
import { lineMicros } from '../../../../agent/control/drivers/bus/line-time.ts'
import type { OpenLine } from '../../../../agent/control/drivers/bus/serial-line.ts'
import { withCrc } from '../../../../shared/modbus/crc.ts'
import type { VirtualClock } from './virtual-clock.ts'

export const BUS_19200: BusConfig = {
  name: 'main',
  port: '/dev/virtual',
  baud: 19_200,
  parity: 'none',
  stopBits: 1,
}

/** Bytes, and after how many ms from the end of the request their last one is in. */
export interface Said {
  readonly bytes: Uint8Array
  readonly afterMs: number
}

export interface VirtualLine {
  readonly open: OpenLine
  /** Requests that have arrived whole, with the time of their first bit. */
  readonly requests: { readonly atMicros: number; readonly hex: string }[]
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
        write(frame) {
          const atMicros = clock.monotonicMicros()
          line.requests.push({ atMicros, hex: frame.toString('hex') })
          const mine = events
          clock.after('request', lineMicros(config, frame.length) / 1000, () => {
            for (const { bytes, afterMs } of line.answer(frame)) {
              clock.after('reply', afterMs, () => {
                if (events === mine) line.say(bytes)
              })
            }
          })
        },
        async close() {
          events = null
        },
      }
    },
  }
  return line
}

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
