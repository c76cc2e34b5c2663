// A master of hand-made frames on a real serial port: it knows nothing of the protocol but the CRC.
import { SerialPort } from 'serialport'
import { crcHolds, withCrc } from '../../../shared/modbus/crc.ts'
import type { Clock } from '../../../shared/time/clock.ts'

export interface Heard {
  readonly bytes: Buffer
  /** From the write of the request to the last byte that came, ms. */
  readonly tookMs: number
}

const TICK_MS = 2

/** Several times what a reply takes at 19200 baud. */
export const NO_REPLY = { deadlineMs: 90 }

export interface Master {
  /**
   * Sends raw bytes and collects what comes: until `silentMs` of silence behind bytes whose CRC holds, else until
   * `deadlineMs` of silence. The defaults suit a sound reply that must come; where none comes, NO_REPLY saves time.
   * `sound` says when a reply is whole; without it: its CRC holds.
   */
  exchange(
    bytes: Uint8Array,
    wait?: { deadlineMs?: number; silentMs?: number; sound?: (heard: Buffer) => boolean },
  ): Promise<Heard>
  close(): Promise<void>
}

/** A frame from a unit id and a PDU in hex, CRC behind it. */
export const frame = (unitId: number, pduHex: string): Buffer =>
  withCrc(Uint8Array.of(unitId, ...Buffer.from(pduHex.replaceAll(' ', ''), 'hex')))

export async function openMaster(path: string, clock: Clock, baudRate = 19_200): Promise<Master> {
  const port = new SerialPort({ path, baudRate, autoOpen: false })
  await new Promise<void>((resolve, reject) => port.open((error) => (error ? reject(error) : resolve())))
  port.on('error', () => undefined)
  return {
    exchange: async (bytes, { deadlineMs = 2000, silentMs = 30, sound = crcHolds } = {}) => {
      let heard = Buffer.alloc(0)
      const startMicros = clock.monotonicMicros()
      let lastMicros = startMicros
      let quietTicks = 0
      const hear = (chunk: Buffer) => {
        heard = Buffer.concat([heard, chunk])
        lastMicros = clock.monotonicMicros()
        quietTicks = 0
      }
      port.on('data', hear)
      port.write(bytes)
      // Silence is counted in ticks, not on the clock: a process that was kept from running has not listened.
      while (quietTicks * TICK_MS < (sound(heard) ? silentMs : deadlineMs)) {
        await clock.sleep('listen', TICK_MS)
        quietTicks += 1
      }
      port.off('data', hear)
      return { bytes: heard, tookMs: (lastMicros - startMicros) / 1000 }
    },
    close: () => new Promise((resolve) => (port.isOpen ? port.close(() => resolve()) : resolve())),
  }
}
