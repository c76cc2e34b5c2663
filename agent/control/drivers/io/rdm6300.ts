// RDM6300: an RFID reader that sends the number of each 125 kHz tag that is held to it over a serial line of its own, 9600
// 8N1, and goes on sending while the tag stays. A frame is 14 bytes: 02, ten ASCII hex digits (a version byte and a tag of
// four bytes), two more that are the XOR of those five bytes, 03. Nothing is ever sent to it. It does not tell when a tag
// is taken away: a silence does.
import type { Clock } from '../../../../shared/time/clock.ts'
import type { SerialBusConfig } from '../../config.ts'
import type { BusState } from '../../ports/bus.ts'
import type { TokenReader, TokenTouch } from '../../ports/io.ts'
import type { OpenLine } from '../bus/line.ts'
import { reopeningLine } from '../bus/reopening-line.ts'
import { serialOpener } from '../bus/serial-line.ts'

export const RDM6300_LINE = { kind: 'rtu', baud: 9600, dataBits: 8, parity: 'none', stopBits: 1 } as const

const START = 0x02
const END = 0x03
const DIGITS = 12
const FRAME_BYTES = DIGITS + 2
/** A tag that was not heard for so long was taken away: the same one is a new touch then. */
const GONE_MS = 500

export interface ReaderOptions {
  readonly name: string
  /** Path of the serial port. */
  readonly port: string
  readonly clock: Clock
  readonly log: { info(fields: object, text: string): void; warn(fields: object, text: string): void }
  readonly openLine?: OpenLine
}

/** Opens the port, and opens it again whenever it is lost. */
export function openRdm6300(options: ReaderOptions): TokenReader {
  const { name, port, clock, log } = options
  const config: SerialBusConfig = { ...RDM6300_LINE, name, port }
  const listeners = new Set<(touch: TokenTouch) => void>()
  let state: BusState = { kind: 'opening' }
  let came: readonly number[] = []
  let last: TokenTouch | null = null

  function enter(next: BusState) {
    const isNew = next.kind !== state.kind
    state = next
    if (!isNew) return
    if (next.kind === 'lost') log.warn({ reader: name, port, detail: next.detail }, 'reader lost')
    else log.info({ reader: name, port }, `reader ${next.kind}`)
  }

  function received(bytes: Buffer) {
    for (const byte of bytes) {
      // A start byte is no hex digit: whatever came before it is a frame that was cut.
      came = byte === START ? [byte] : [...came, byte].slice(-FRAME_BYTES)
      const token = byte === END ? tokenOf(came) : null
      if (byte === END) came = []
      if (token !== null) heard(token)
    }
  }

  function heard(token: string) {
    const atMonotonicMs = clock.monotonic()
    const isHeldOn = last?.token === token && atMonotonicMs - last.atMonotonicMs < GONE_MS
    last = { token, atMonotonicMs }
    if (isHeldOn) return
    for (const listener of listeners) listener(last)
  }

  const line = reopeningLine(config, clock, options.openLine ?? serialOpener(), {
    opened: () => enter({ kind: 'open' }),
    received,
    lost(detail) {
      came = []
      enter({ kind: 'lost', detail })
    },
  })
  return {
    name,
    onTouch(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    state: () => state,
    async close() {
      if (state.kind === 'closed') return
      enter({ kind: 'closed' })
      await line.close()
    },
  }
}

/** The ten digits of a whole frame whose checksum holds; null for anything else. */
export function tokenOf(frame: readonly number[]): string | null {
  if (frame.length !== FRAME_BYTES || frame[0] !== START || frame.at(-1) !== END) return null
  const digits = String.fromCharCode(...frame.slice(1, -1)).toUpperCase()
  if (!/^[0-9A-F]{12}$/.test(digits)) return null
  const bytes = Buffer.from(digits, 'hex')
  return bytes.reduce((sum, byte) => sum ^ byte, 0) === 0 ? digits.slice(0, 10) : null
}
