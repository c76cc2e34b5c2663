// Reads the meter once a second, a block at a time, and its serial number at the start, each minute, after a silence and
// when the judge asks. What a reading is worth is the judge's business.
import type { Clock, Timer } from '../../shared/time/clock.ts'
import type { MonotonicMs } from '../../shared/units.ts'
import type { Meter } from './ports/meter.ts'
import { METER_PERIOD_MS, METER_STALE_MS, type MeterInput } from './safety/meter-judge.ts'

const SERIAL_PERIOD_MS = 60_000

export interface MeterReader {
  /** Begins a reading now, unless one is under way. */
  readSoon(): void
  stop(): void
}

export function openMeterReader(options: {
  readonly clock: Clock
  readonly meter: Meter
  readonly onInput: (input: MeterInput) => void
  readonly asksForSerial: () => boolean
}): MeterReader {
  const { clock, meter } = options
  let busy = false
  let serialReadAt: MonotonicMs | null = null
  let repliedAt = clock.monotonic()
  let stopped = false

  async function turn() {
    if (busy || stopped) return
    busy = true
    if (serialDue()) await readSerial()
    await readAll()
    busy = false
  }

  function serialDue() {
    const now = clock.monotonic()
    if (now - repliedAt > METER_STALE_MS) serialReadAt = null
    return serialReadAt === null || now - serialReadAt >= SERIAL_PERIOD_MS || options.asksForSerial()
  }

  async function readSerial() {
    const serial = await meter.readSerial()
    if (!serial.ok || stopped) return
    serialReadAt = clock.monotonic()
    repliedAt = serialReadAt
    // Where no such register is known, the place in the configuration is all the identity there is.
    options.onInput({ kind: 'serial', serial: serial.value ?? `of ${meter.name}` })
  }

  async function readAll() {
    const begunAtMonotonicMs = clock.monotonic()
    for (let block = 0; block < meter.blocks && !stopped; block++) {
      const read = await meter.readNext()
      if (stopped) return
      if (read.ok || read.error.kind === 'implausible') repliedAt = clock.monotonic()
      if (!read.ok) {
        if (read.error.kind === 'implausible')
          options.onInput({ kind: 'implausible', detail: `${read.error.quantity} is ${read.error.detail}` })
        return
      }
      if (read.value === null) continue
      const resolutionWh = meter.resolutionWh(read.value.registerWh)
      options.onInput({ kind: 'reading', raw: read.value, begunAtMonotonicMs, resolutionWh })
    }
  }

  const timer: Timer = clock.every('meter', METER_PERIOD_MS, () => void turn())
  void turn()
  return {
    readSoon: () => void turn(),
    stop() {
      stopped = true
      timer.cancel()
    },
  }
}
