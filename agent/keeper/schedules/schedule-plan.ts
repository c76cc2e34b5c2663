// A time-of-use schedule as a plan: steps of the next eight days on the monotonic clock, and charging as usual when
// nobody renews it. Renewed daily and at each change of schedule, override or clock.
import type { Limit, LimitPlan, PlanStep } from '../../../shared/limits/plan.ts'
import { message } from '../../../shared/message.ts'
import type { Schedule } from '../../../shared/tariff/schedule.ts'
import { scheduleSpans } from '../../../shared/tariff/schedule-time.ts'
import { type EpochMs, epochMs, type MonotonicMs, monotonicMs } from '../../../shared/units.ts'
import type { Override } from '../memory.ts'

export const HORIZON_MS = 8 * 24 * 3_600_000
const UNLIMITED: Limit = { kind: 'unlimited' }

/**
 * The plan of source `schedule`. While the wall time is unknown (`offsetMs` null) the schedule is not applied, and the
 * plan's reason says so. An override lifts it until its end.
 */
export function schedulePlan(
  schedule: Schedule,
  override: Override | null,
  clock: { readonly now: MonotonicMs; readonly offsetMs: number | null },
): LimitPlan {
  const { offsetMs } = clock
  if (offsetMs === null)
    return {
      source: 'schedule',
      reason: message('limit.scheduleTimeUnknown'),
      steps: [],
      afterwards: UNLIMITED,
    }
  const reason = message('limit.schedule', { timeZone: schedule.timeZone })
  if (override && override.until === null)
    return { source: 'schedule', reason, steps: [], afterwards: UNLIMITED }
  const from = epochMs(clock.now + offsetMs)
  const outside: Limit = { kind: 'perPhase', currentMilliamps: schedule.outsideMilliamps }
  const steps: PlanStep[] = []
  const add = (to: EpochMs, limit: Limit) =>
    steps.push({ untilMonotonicMs: monotonicMs(to - offsetMs), limit })
  const lifted = override?.until ?? null
  const appliesFrom = lifted !== null && lifted > from ? lifted : from
  if (appliesFrom > from) add(appliesFrom, UNLIMITED)
  for (const span of scheduleSpans(schedule, appliesFrom, epochMs(from + HORIZON_MS)))
    add(span.to, span.isInside ? UNLIMITED : outside)
  return { source: 'schedule', reason, steps, afterwards: UNLIMITED }
}
