// The one shape of every limit: steps over time and what holds afterwards. Control takes the minimum of all plans each
// tick and knows which source binds, so every ampere explains itself and every outage is already decided.
import type { Message } from '../message.ts'
import type { MilliAmps, MonotonicMs, PhasesWired, Watts } from '../units.ts'

/** Where a limit comes from, hardest to lift first: ties go to the earlier one. */
export const LIMIT_SOURCES = [
  'installation',
  'board',
  'cable',
  'temperature',
  'group',
  'grid',
  'profile',
  'schedule',
  'user',
] as const
export type LimitSource = (typeof LIMIT_SOURCES)[number]

export type Limit =
  | { readonly kind: 'perPhase'; readonly currentMilliamps: MilliAmps }
  /** Total over the phases wired, until the phases in use are measured. */
  | { readonly kind: 'total'; readonly powerWatts: Watts }
  | { readonly kind: 'unlimited' }

export interface PlanStep {
  /** This step holds before this moment; steps rise strictly. */
  readonly untilMonotonicMs: MonotonicMs
  readonly limit: Limit
}

export interface LimitPlan {
  readonly source: LimitSource
  readonly reason: Message
  readonly steps: readonly PlanStep[]
  /** What holds when nobody speaks any more. This one field is the whole outage behaviour. */
  readonly afterwards: Limit
}

/** All of keeper's plans at once. A later version replaces an earlier one whole; control never merges two. */
export interface PlanSet {
  /** Rises with every set that keeper makes, also over keeper's restarts. */
  readonly version: number
  /** Kernel boot whose monotonic clock the steps are told in. */
  readonly bootId: string
  readonly phasesWired: PhasesWired
  /** Sources that must be present; an absent one counts as 0 A. */
  readonly mandatory: readonly LimitSource[]
  readonly plans: readonly LimitPlan[]
}

/** The lowest limit now, in whole steps of the board, and whose it is. */
export interface BindingLimit {
  /** 0 means pause; never between 1 mA and 5,999 mA. */
  readonly currentMilliamps: MilliAmps
  readonly source: LimitSource
  readonly reason: Message
  /** When the binding plan changes next by itself; null where it does not. */
  readonly untilMonotonicMs: MonotonicMs | null
}
