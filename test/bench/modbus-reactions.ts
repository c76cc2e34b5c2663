// The trials of the soak: the pilot of unit 1 changes at a random time, and the pause that answers it is timed on the line.
// Trials that a spoilt exchange of the board itself or a standstill of this process lengthened are kept apart, and told.
import { systemClock } from '../../shared/io/system-clock.ts'
import type { Prng } from '../../shared/prng.ts'
import type { Slaves } from './modbus-slaves.ts'

const clock = systemClock()

/** A trial in which this process stood still for longer says nothing about the bus. */
export const STALL_MS = 20

interface StallMeter {
  /** The longest time since then for which this process ran nothing, beyond its timer's 10 ms. */
  longestMsSince(micros: number): number
  stop(): void
}

/** How late the process's own timers run: a busy machine, not the bus. */
export function stallMeter(): StallMeter {
  const EVERY_MS = 10
  let lastMicros = clock.monotonicMicros()
  let stalls: readonly { readonly endMicros: number; readonly ms: number }[] = []
  const look = () => {
    const endMicros = clock.monotonicMicros()
    const ms = Math.round((endMicros - lastMicros) / 1000) - EVERY_MS
    if (ms > STALL_MS) stalls = [...stalls, { endMicros, ms }]
    lastMicros = endMicros
  }
  const timer = clock.every('stall', EVERY_MS, look)
  return {
    longestMsSince(micros) {
      look()
      return Math.max(0, ...stalls.filter(({ endMicros }) => endMicros >= micros).map(({ ms }) => ms))
    },
    stop: () => timer.cancel(),
  }
}

interface Reactions {
  /** From the pilot's change to the end of the pause on the line, ms, where the board's own exchanges were sound. */
  readonly sound: number[]
  readonly spoilt: number[]
  /** Trials in which this process stood still. */
  readonly stalled: number[]
  /** After each turn of the loop: sets the pilot at a random time. */
  tick(): void
  paused(): void
  boardFailed(): void
}

export function newReactions(slaves: Slaves, stalls: StallMeter, random: Prng): Reactions {
  const sound: number[] = []
  const spoilt: number[] = []
  const stalled: number[] = []
  let trial: { setMicros: number; frame: number; spoilt: boolean } | null = null
  let isArmed = false
  const set = () => {
    trial = { setMicros: clock.monotonicMicros(), frame: slaves.frames.after(0).next, spoilt: false }
    slaves.setPilot(true)
  }
  return {
    sound,
    spoilt,
    stalled,
    tick() {
      if (isArmed || trial !== null) return
      isArmed = true
      clock.after('pilot', random.integer(100, 400), () => {
        isArmed = false
        set()
      })
    },
    paused() {
      if (trial === null) return
      const { setMicros, frame, spoilt: isSpoilt } = trial
      const pause = slaves.frames
        .after(frame)
        .entries.find(({ direction, hex }) => direction === 'request' && hex.startsWith('01054e20'))
      if (pause === undefined) return
      const isStalled = stalls.longestMsSince(setMicros) > 0
      ;(isSpoilt ? spoilt : isStalled ? stalled : sound).push((pause.endMicros - setMicros) / 1000)
      trial = null
      slaves.setPilot(false)
    },
    boardFailed() {
      if (trial !== null) trial = { ...trial, spoilt: true }
    },
  }
}
