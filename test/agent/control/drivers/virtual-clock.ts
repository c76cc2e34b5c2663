// A clock that stands still until a test moves it. Timers run in order of their time, with all promises settled between.
import type { Clock } from '../../../../shared/time/clock.ts'
import { epochMs, monotonicMs } from '../../../../shared/units.ts'

export interface VirtualClock extends Clock {
  /** Moves time on, running what falls due. */
  advance(ms: number): Promise<void>
  /** Moves time without running anything: the process was held up. What fell due runs with the next `advance`. */
  holdUp(ms: number): void
}

interface Due {
  readonly atMicros: number
  readonly everyMs: number | null
  readonly action: () => void
}

/** Lets everything that was promised happen. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve))

export function virtualClock(): VirtualClock {
  let nowMicros = 1_000_000_000
  let timers: readonly Due[] = []
  const start = (ms: number, everyMs: number | null, action: () => void) => {
    const due: Due = { atMicros: nowMicros + Math.max(0, ms) * 1000, everyMs, action }
    timers = [...timers, due]
    return {
      cancel: () => {
        timers = timers.filter((timer) => timer.action !== action)
      },
    }
  }
  const clock: VirtualClock = {
    monotonic: () => monotonicMs(Math.floor(nowMicros / 1000)),
    monotonicMicros: () => nowMicros,
    wall: () => epochMs(Math.floor(nowMicros / 1000)),
    // A function of its own for each timer, so that cancelling one finds only it.
    after: (_name, ms, action) => start(ms, null, () => action()),
    every: (_name, ms, action) => start(ms, ms, () => action()),
    sleep: (name, ms) => new Promise((resolve) => clock.after(name, ms, resolve)),
    async advance(ms) {
      const endMicros = nowMicros + ms * 1000
      for (;;) {
        await settled()
        const next = [...timers].sort((a, b) => a.atMicros - b.atMicros)[0]
        if (next === undefined || next.atMicros > endMicros) break
        nowMicros = Math.max(nowMicros, next.atMicros)
        timers = timers.filter((timer) => timer !== next)
        if (next.everyMs !== null) {
          timers = [...timers, { ...next, atMicros: nowMicros + next.everyMs * 1000 }]
        }
        next.action()
      }
      nowMicros = Math.max(nowMicros, endMicros)
    },
    holdUp(ms) {
      nowMicros += ms * 1000
    },
  }
  return clock
}
