// The one file of the page that reads the browser's clocks and starts its timers.
import type { Timer } from '../../shared/time/clock.ts'

/** Elapsed milliseconds since the page was opened; steps of the machine's wall clock do not move it. */
// biome-ignore lint/style/noRestrictedGlobals: a page has no other elapsed time, and no other process compares with it.
export const elapsedMs = (): number => performance.now()

export function every(everyMs: number, action: () => void): Timer {
  const handle = window.setInterval(action, everyMs)
  return { cancel: () => window.clearInterval(handle) }
}

export function after(afterMs: number, action: () => void): Timer {
  const handle = window.setTimeout(action, afterMs)
  return { cancel: () => window.clearTimeout(handle) }
}
