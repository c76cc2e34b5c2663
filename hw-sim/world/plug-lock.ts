// The lock of a socket's plug: a reversible motor that needs its time, and a feedback contact. Pure.
// Source: motor pulses of 0.6-2 s and a feedback after about 200 ms are what SmartEVSE and openWB count on.

export type LockOrder = 'locked' | 'unlocked' | null

export interface PlugLock {
  readonly position: 'locked' | 'unlocked'
  /** Where the motor runs to, and when it will be there; null while it stands. */
  readonly moving: { readonly to: 'locked' | 'unlocked'; readonly thereAtMicros: number } | null
  /** What the feedback contact says. */
  readonly feedback: 'locked' | 'unlocked'
  /** How often the motor was started. */
  readonly moves: number
}

export interface LockFacts {
  readonly travelMs: number
  readonly atPowerLoss: 'stays' | 'unlocks'
}

export interface LockInputs {
  readonly supplied: boolean
  /** The direction in which the motor is driven now. */
  readonly order: LockOrder
  readonly hurt: { readonly jammed: boolean; readonly slow: boolean; readonly feedbackStuck: boolean }
}

export const openLock: PlugLock = { position: 'unlocked', moving: null, feedback: 'unlocked', moves: 0 }

/** A slow lock takes so many times its travel. */
const SLOW_FACTOR = 10

export function stepLock(lock: PlugLock, facts: LockFacts, inputs: LockInputs, nowMicros: number): PlugLock {
  const moved = move(lock, facts, inputs, nowMicros)
  const feedback = inputs.hurt.feedbackStuck ? lock.feedback : moved.position
  return feedback === moved.feedback ? moved : { ...moved, feedback }
}

function move(lock: PlugLock, facts: LockFacts, inputs: LockInputs, nowMicros: number): PlugLock {
  // A charged capacitor turns the motor back when the supply goes.
  const order = inputs.supplied ? inputs.order : facts.atPowerLoss === 'unlocks' ? 'unlocked' : null
  if (order === null) return lock.moving === null ? lock : { ...lock, moving: null }
  if (lock.moving?.to !== order) {
    if (lock.position === order) return lock.moving === null ? lock : { ...lock, moving: null }
    const travelMs = facts.travelMs * (inputs.hurt.slow ? SLOW_FACTOR : 1)
    return {
      ...lock,
      moving: { to: order, thereAtMicros: nowMicros + travelMs * 1000 },
      moves: lock.moves + 1,
    }
  }
  // Jammed: the motor hums and nothing moves.
  if (inputs.hurt.jammed || nowMicros < lock.moving.thereAtMicros) return lock
  return { ...lock, position: order, moving: null }
}
