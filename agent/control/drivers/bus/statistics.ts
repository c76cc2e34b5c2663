// What a unit and a bus have been through: counters since the start, and the line's load over the last seconds.
import type { MonotonicMs } from '../../../../shared/units.ts'
import type { BusStatistics } from '../../ports/bus.ts'

export type Counters = { -readonly [K in keyof BusStatistics]: BusStatistics[K] }

export const noCounts = (): Counters => ({
  requests: 0,
  timeOuts: 0,
  badCrc: 0,
  discardedBytes: 0,
  exceptions: 0,
  roundTripMs: null,
  lastReplyAtMonotonicMs: null,
})

/** Sums the counts; the newest reply gives round trip and time. */
export function totalOf(parts: readonly BusStatistics[]): BusStatistics {
  const at = (part: BusStatistics): MonotonicMs | -1 => part.lastReplyAtMonotonicMs ?? -1
  return parts.reduce<BusStatistics>((sum, part) => {
    const newest = at(part) > at(sum) ? part : sum
    return {
      requests: sum.requests + part.requests,
      timeOuts: sum.timeOuts + part.timeOuts,
      badCrc: sum.badCrc + part.badCrc,
      discardedBytes: sum.discardedBytes + part.discardedBytes,
      exceptions: sum.exceptions + part.exceptions,
      roundTripMs: newest.roundTripMs,
      lastReplyAtMonotonicMs: newest.lastReplyAtMonotonicMs,
    }
  }, noCounts())
}

const SECONDS = 10

export interface LoadMeter {
  /** The line was held from `fromMicros` to `toMicros`. */
  add(fromMicros: number, toMicros: number): void
  /** Share of the last 10 whole seconds, 0-100. */
  percent(nowMicros: number): number
}

/** Busy time by second; an exchange counts in the second in which it ends. */
export function loadMeter(): LoadMeter {
  const busyMicros = new Map<number, number>()
  const forget = (second: number) => {
    for (const old of busyMicros.keys()) if (old < second - SECONDS) busyMicros.delete(old)
  }
  return {
    add(fromMicros, toMicros) {
      const second = Math.floor(toMicros / 1_000_000)
      forget(second)
      busyMicros.set(second, (busyMicros.get(second) ?? 0) + toMicros - fromMicros)
    },
    percent(nowMicros) {
      const second = Math.floor(nowMicros / 1_000_000)
      forget(second)
      let sum = 0
      for (const [at, micros] of busyMicros) if (at < second) sum += micros
      return Math.min(100, Math.round(sum / (SECONDS * 10_000)))
    },
  }
}
