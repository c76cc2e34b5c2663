// The grid operator's relay (§14a EnWG): while its contact asks for it the box takes no more than a stated power. The last
// state that was read holds; losing the input while it limits never releases. Before the first reading it limits.
import type { LimitPlan } from '../../../shared/limits/plan.ts'
import { message } from '../../../shared/message.ts'
import type { MonotonicMs, Watts } from '../../../shared/units.ts'
import type { Sighted } from '../ports/io.ts'

export interface GridRelayInput {
  /** What is allowed while the relay limits: 4.2 kW. */
  readonly limitWatts: Watts
  /** The contact asks for the limit (polarity is the shell's); null before its first reading. */
  readonly limits: Sighted<boolean> | null
}

export const GRID_INPUT_LOST_MS = 2000

export interface GridRelayStep {
  readonly plan: LimitPlan | null
  /** In words for the fault; null while the input is heard. */
  readonly lost: string | null
}

/** @param since when control began: so long an input may be unread. */
export function gridRelay(
  input: GridRelayInput | undefined,
  since: MonotonicMs,
  now: MonotonicMs,
): GridRelayStep {
  if (input === undefined) return { plan: null, lost: null }
  const silentMs = now - (input.limits?.takenAtMonotonicMs ?? since)
  const limits = input.limits?.value ?? true
  return {
    plan: {
      ...gridFailsafe(input),
      ...(limits ? {} : { afterwards: { kind: 'unlimited' } as const }),
    },
    lost:
      silentMs < GRID_INPUT_LOST_MS
        ? null
        : `not heard for ${silentMs} ms: ${limits ? 'the limit holds' : 'no limit holds'}`,
  }
}

/** What the relay may ask for at any moment: what a board offers when nobody talks to it must not be above this either. */
export const gridFailsafe = ({ limitWatts }: GridRelayInput): LimitPlan => ({
  source: 'grid',
  reason: message('limit.gridRelay'),
  steps: [],
  afterwards: { kind: 'total', powerWatts: limitWatts },
})
