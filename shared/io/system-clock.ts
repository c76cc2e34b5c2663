// The one file that reads the machine's clocks and starts its timers.
import { setTimeout as sleepTimer } from 'node:timers/promises'
import type { Clock } from '../time/clock.ts'
import { epochMs, monotonicMs } from '../units.ts'

/** A timer of Node with a longer delay fires after 1 ms, so longer ones are waited for in pieces. */
const DELAY_MAX_MS = 2 ** 31 - 1

function startTimer(delayMs: number, action: () => void): { readonly cancel: () => void } {
  const piece = Math.min(delayMs, DELAY_MAX_MS)
  let next: { readonly cancel: () => void } | null = null
  const handle = setTimeout(() => {
    if (delayMs > piece) next = startTimer(delayMs - piece, action)
    else action()
  }, piece)
  return {
    cancel: () => {
      clearTimeout(handle)
      next?.cancel()
    },
  }
}

function startLongPeriod(everyMs: number, action: () => void): { readonly cancel: () => void } {
  let timer = startTimer(everyMs, run)
  let isCancelled = false
  function run() {
    action()
    if (!isCancelled) timer = startTimer(everyMs, run)
  }
  return {
    cancel: () => {
      isCancelled = true
      timer.cancel()
    },
  }
}

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
    after: (_name, afterMs, action) => startTimer(afterMs, action),
    every: (_name, everyMs, action) => {
      if (everyMs > DELAY_MAX_MS) return startLongPeriod(everyMs, action)
      const handle = setInterval(action, everyMs)
      return { cancel: () => clearInterval(handle) }
    },
    sleep: (_name, ms) => sleepTimer(ms),
  }
}
