// The one file that reads the machine's clocks and starts its timers.
import { setTimeout as sleepTimer } from 'node:timers/promises'
import type { Clock } from '../time/clock.ts'
import { epochMs, monotonicMs } from '../units.ts'

/**
 * The machine's clock.
 * @param wallOffsetMs added to the wall clock; the demo's `--clock` gives all processes the same offset. Elapsed time is never changed.
 */
export function systemClock(wallOffsetMs = 0): Clock {
  return {
    // hrtime is CLOCK_MONOTONIC: one origin for all processes. performance.now() has an origin in each process.
    monotonic: () => monotonicMs(Number(process.hrtime.bigint() / 1_000_000n)),
    monotonicMicros: () => Number(process.hrtime.bigint() / 1000n),
    wall: () => epochMs(Date.now() + wallOffsetMs),
    after: (_name, afterMs, action) => {
      const handle = setTimeout(action, afterMs)
      return { cancel: () => clearTimeout(handle) }
    },
    every: (_name, everyMs, action) => {
      const handle = setInterval(action, everyMs)
      return { cancel: () => clearInterval(handle) }
    },
    sleep: (_name, ms) => sleepTimer(ms),
  }
}
