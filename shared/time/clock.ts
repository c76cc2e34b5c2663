// The clock port. A pure core gets `now` as an argument; loops, links and buses get a Clock, so that tests move time.
import type { EpochMs, MonotonicMs } from '../units.ts'

/** A timer that was started under a name, for dumps and for tests. */
export interface Timer {
  /** Stops it; idempotent. */
  cancel(): void
}

/** Wall time and elapsed time, apart. Everything that waits goes through here. */
export interface Clock {
  /** Elapsed time since the kernel's boot; steps of the wall clock never move it. */
  monotonic(): MonotonicMs
  /** Elapsed time with microseconds behind the point, for measurements only. */
  monotonicMicros(): number
  /** Wall time; may step forward and back. */
  wall(): EpochMs
  /** Runs `action` once after `afterMs`. */
  after(name: string, afterMs: number, action: () => void): Timer
  /** Runs `action` every `everyMs`, the first time after one period. Late runs are not made up for. */
  every(name: string, everyMs: number, action: () => void): Timer
  /** Resolves after `ms`. */
  sleep(name: string, ms: number): Promise<void>
}
