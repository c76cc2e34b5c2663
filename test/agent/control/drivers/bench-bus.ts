// A driver on a bus in virtual time, with registers behind it that a test sets.

import type { BusConfig } from '../../../../agent/control/config.ts'
import { openBus } from '../../../../agent/control/drivers/bus/bus.ts'
import type { Bus } from '../../../../agent/control/ports/bus.ts'
import { type VirtualClock, virtualClock } from './virtual-clock.ts'
import { type Bank, BUS_19200, bankReply, type VirtualLine, virtualLine } from './virtual-line.ts'

export interface BenchBus {
  readonly clock: VirtualClock
  readonly line: VirtualLine
  readonly bus: Bus
  readonly bank: Bank
  /** Runs until the promise is settled, at most 5 s of virtual time. */
  run<T>(promise: Promise<T>): Promise<T>
  /** The frames sent since the last call, as RTU, without their CRC. */
  sent(): readonly string[]
}

/** @param config BUS_19200, ASCII_38400 or TCP of virtual-line.ts, or one like it */
export async function benchBus(config: BusConfig = BUS_19200): Promise<BenchBus> {
  const clock = virtualClock()
  const line = virtualLine(clock)
  const bank: Bank = { words: new Map(), coils: new Map() }
  line.answer = (request) => [{ bytes: bankReply(bank, request), afterMs: 10 }]
  const bus = openBus({
    config,
    clock,
    log: { info: () => undefined, warn: () => undefined },
    openLine: line.open,
  })
  await clock.advance(10)
  return {
    clock,
    line,
    bus,
    bank,
    async run(promise) {
      let over = false
      const watched = promise.finally(() => {
        over = true
      })
      for (let ms = 0; ms < 5000 && !over; ms++) await clock.advance(1)
      if (!over) throw new Error('nothing came of it within 5 s')
      return watched
    },
    sent: () => line.requests.splice(0).map(({ hex }) => hex.slice(0, -4)),
  }
}

/** Words of a float32, high word first. */
export function floatWords(value: number): readonly [number, number] {
  const bytes = Buffer.alloc(4)
  bytes.writeFloatBE(value)
  return [bytes.readUInt16BE(0), bytes.readUInt16BE(2)]
}
