// When a pause ends that a computed limit made. A group or a grid that hovers around 6 A must not switch a car on and
// off: such a pause lasts at least 60 s and ends at 6.5 A (the next whole step), or at 6 A that were stable for 60 s.
// First offers, adoption, the end of a silence, lapses and overrides are not bound: they follow no such pause.
import { message } from '../../../shared/message.ts'
import {
  CURRENT_MIN,
  type MilliAmps,
  type MonotonicMs,
  milliAmps,
  monotonicMs,
} from '../../../shared/units.ts'
import type { Lowest } from './minimum.ts'
import { resumeAt } from './own-plans.ts'

export const PAUSE_MIN_MS = 60_000
export const STABLE_MS = 60_000

export type ResumeState =
  /** Nothing is held back. `offering` tells whether the last limit allowed current: only then a fall is a pause. */
  | { readonly kind: 'free'; readonly offering: boolean }
  | {
      readonly kind: 'held'
      readonly source: 'group' | 'grid'
      readonly sinceMonotonicMs: MonotonicMs
      /** Since when the limit has been 6 A or more without a break; null while it is below. */
      readonly enoughSinceMonotonicMs: MonotonicMs | null
    }

export const RESUME_FREE: ResumeState = { kind: 'free', offering: false }

export interface ResumeInput {
  readonly lowest: Lowest
  /** The group's or grid's plan that made the pause still speaks (a step of it holds). */
  readonly heard: (source: 'group' | 'grid') => boolean
  /** A car holds a permission: without one nothing was offered, and the next offer is a first one. */
  readonly permitted: boolean
  readonly stepMilliamps: MilliAmps
}

/** Total. Gives the limit back, or a pause in its place. */
export function stepResume(
  state: ResumeState,
  input: ResumeInput,
  now: MonotonicMs,
): { readonly state: ResumeState; readonly lowest: Lowest } {
  const { lowest } = input
  const allowed = lowest.binding.currentMilliamps
  const free = {
    state: { kind: 'free', offering: input.permitted && allowed >= CURRENT_MIN } as const,
    lowest,
  }
  if (!input.permitted) return free
  if (state.kind === 'free') {
    const source = lowest.binding.source
    const fell = state.offering && allowed === 0 && lowest.heard
    if (!fell || (source !== 'group' && source !== 'grid')) return free
    return {
      state: { kind: 'held', source, sinceMonotonicMs: now, enoughSinceMonotonicMs: null },
      lowest,
    }
  }
  // The source fell silent: what holds now is its afterwards, and the end of a silence is not bound either.
  if (!input.heard(state.source)) return free
  const enoughSince = allowed >= CURRENT_MIN ? (state.enoughSinceMonotonicMs ?? now) : null
  const longEnough = now - state.sinceMonotonicMs >= PAUSE_MIN_MS
  const high = allowed >= resumeAt(input.stepMilliamps)
  const stable = enoughSince !== null && now - enoughSince >= STABLE_MS
  if (longEnough && (high || stable)) return free
  return {
    state: { ...state, enoughSinceMonotonicMs: enoughSince },
    lowest: allowed === 0 ? lowest : pausedBy(state, enoughSince ?? now, high, lowest),
  }
}

function pausedBy(
  state: ResumeState & { kind: 'held' },
  enoughSince: MonotonicMs,
  high: boolean,
  lowest: Lowest,
): Lowest {
  const earliest = state.sinceMonotonicMs + PAUSE_MIN_MS
  const until = monotonicMs(high ? earliest : Math.max(earliest, enoughSince + STABLE_MS))
  return {
    ...lowest,
    binding: {
      currentMilliamps: milliAmps(0),
      source: state.source,
      reason: message('limit.belowMinimum', { milliamps: lowest.rawMilliamps, source: state.source }),
      untilMonotonicMs: until,
    },
  }
}
