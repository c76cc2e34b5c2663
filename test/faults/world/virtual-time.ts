// Virtual time for a whole box in one process. Events run in order of their moment; each simulated program has a clock
// of its own, which dies with it or stands still while it is frozen. All promises are settled between two events, so the
// order of everything follows from the seed alone.
import type { Prng } from '../../../shared/prng.ts'
import type { Clock, Timer } from '../../../shared/time/clock.ts'
import { epochMs, monotonicMs } from '../../../shared/units.ts'

interface Owner {
  alive: boolean
  frozenUntilMicros: number
}

interface Due {
  atMicros: number
  readonly order: number
  /** null: the world's own, which nobody freezes. */
  readonly owner: Owner | null
  readonly everyMicros: number | null
  readonly action: () => void
  live: boolean
}

/** One program of the box: what is due for it, while it lives. */
export interface Program {
  readonly clock: Clock
  readonly alive: () => boolean
  /** Comes to it after so long: a reply, a message. Later while it is frozen, never when it is dead. */
  later(afterMicros: number, action: () => void): void
  /** It does nothing for so long; what falls due meanwhile runs afterwards, in its order. */
  freeze(ms: number): void
  frozen(): boolean
  kill(): void
}

export interface VirtualTime {
  nowMicros(): number
  /** Something that the world does by itself. */
  after(afterMicros: number, action: () => void): void
  /** @param bootMicros when the kernel's clock of this program was 0 */
  program(bootMicros: number): Program
  /** Runs what is due until `done` says so after an event. */
  runUntil(done: () => boolean): Promise<void>
}

/** 2026-06-01T12:00Z. */
const WALL_AT_START_MS = Date.UTC(2026, 5, 1, 12)
/** An event loop runs a timer up to so much late. */
const LATE_MICROS_MAX = 1200

const settled = () => new Promise<void>((resolve) => setImmediate(resolve))

export function virtualTime(random: Prng): VirtualTime {
  const heap: Due[] = []
  let nowMicros = 0
  let orders = 0

  const before = (a: Due, b: Due) =>
    a.atMicros < b.atMicros || (a.atMicros === b.atMicros && a.order < b.order)

  function push(due: Due) {
    heap.push(due)
    let at = heap.length - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = heap[parent]
      if (above === undefined || !before(due, above)) break
      heap[at] = above
      at = parent
    }
    heap[at] = due
  }

  function pop(): Due | undefined {
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined || heap.length === 0) return first
    let at = 0
    for (;;) {
      const left = 2 * at + 1
      const [a, b] = [heap[left], heap[left + 1]]
      if (a === undefined) break
      const child = b !== undefined && before(b, a) ? b : a
      if (!before(child, last)) break
      heap[at] = child
      at = child === a ? left : left + 1
    }
    heap[at] = last
    return first
  }

  function add(
    owner: Owner | null,
    afterMicros: number,
    everyMicros: number | null,
    action: () => void,
  ): Due {
    const due: Due = {
      atMicros: nowMicros + Math.max(0, Math.round(afterMicros)),
      order: orders++,
      owner,
      everyMicros,
      action,
      live: true,
    }
    push(due)
    return due
  }

  const lateness = () => random.integer(0, LATE_MICROS_MAX)

  function program(bootMicros: number): Program {
    const owner: Owner = { alive: true, frozenUntilMicros: 0 }
    const timer = (due: Due): Timer => ({
      cancel: () => {
        due.live = false
      },
    })
    const clock: Clock = {
      monotonic: () => monotonicMs(Math.floor((nowMicros - bootMicros) / 1000)),
      monotonicMicros: () => nowMicros - bootMicros,
      wall: () => epochMs(WALL_AT_START_MS + Math.floor(nowMicros / 1000)),
      after: (_name, ms, action) => timer(add(owner, ms * 1000 + lateness(), null, action)),
      every: (_name, ms, action) => timer(add(owner, ms * 1000 + lateness(), ms * 1000, action)),
      sleep: (_name, ms) => new Promise((resolve) => add(owner, ms * 1000 + lateness(), null, resolve)),
    }
    return {
      clock,
      alive: () => owner.alive,
      later: (afterMicros, action) => void add(owner, afterMicros, null, action),
      freeze: (ms) => {
        owner.frozenUntilMicros = Math.max(owner.frozenUntilMicros, nowMicros + ms * 1000)
      },
      frozen: () => nowMicros < owner.frozenUntilMicros,
      kill: () => {
        owner.alive = false
      },
    }
  }

  return {
    nowMicros: () => nowMicros,
    after: (afterMicros, action) => void add(null, afterMicros, null, action),
    program,
    async runUntil(done) {
      while (!done()) {
        const due = pop()
        if (due === undefined) return
        if (!due.live || due.owner?.alive === false) continue
        nowMicros = Math.max(nowMicros, due.atMicros)
        const { owner } = due
        if (owner !== null && owner.frozenUntilMicros > nowMicros) {
          due.atMicros = owner.frozenUntilMicros
          push(due)
          continue
        }
        if (due.everyMicros !== null) {
          due.atMicros = nowMicros + due.everyMicros + lateness()
          push(due)
        }
        due.action()
        if (owner !== null) await settled()
      }
    },
  }
}
