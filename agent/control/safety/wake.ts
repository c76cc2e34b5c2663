// A sleeping car: it is offered current and stays in B, because it went to sleep while it had to wait. Taking the PWM away
// for 5 s and giving it back wakes many; it is tried once an offer, and only where the board has no pulse of its own
// (a Phoenix goes to F for 3 s after 30 s in B2). Source: registers.md §5, row `wake-up`: X1 for at least 3 s.
import type { MonotonicMs } from '../../../shared/units.ts'
import type { Pilot } from '../../control-link/messages.ts'

export const WAKE_AFTER_MS = 30_000

export type WakeState =
  /** Nothing to wake: not offered, or the car has come to C since the offer began. */
  | { readonly kind: 'awake' }
  | { readonly kind: 'waiting'; readonly sinceMonotonicMs: MonotonicMs }
  | { readonly kind: 'pulse'; readonly sinceMonotonicMs: MonotonicMs }
  /** Tried; not again before the plug is out or the box has held the car back itself. */
  | { readonly kind: 'tried' }

export interface WakeInput {
  readonly pilot: Pilot | null
  /** Something may be offered now, and was told or is to be told. */
  readonly offering: boolean
  readonly isTold: boolean
  /** As long as the offer may not follow a pause anyway. */
  readonly pulseMs: number
}

/** Total. `pulse` means: pause in place of the offer. */
export function stepWake(state: WakeState, input: WakeInput, now: MonotonicMs): WakeState {
  if (!input.offering) return { kind: 'awake' }
  switch (state.kind) {
    case 'awake':
      // An offer that begins: the next pause of the box, or the next car, begins another one.
      return input.pilot === 'B' && !input.isTold ? { kind: 'waiting', sinceMonotonicMs: now } : state
    case 'waiting':
      if (input.pilot !== 'B') return { kind: 'tried' }
      if (now - state.sinceMonotonicMs < WAKE_AFTER_MS) return state
      return { kind: 'pulse', sinceMonotonicMs: now }
    case 'pulse':
      return input.pilot !== 'B' || now - state.sinceMonotonicMs >= input.pulseMs ? { kind: 'tried' } : state
    case 'tried':
      return state
  }
}
