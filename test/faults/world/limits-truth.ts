// What the plans allow, worked out a second time and in another way than agent/control/limits does: per plan the step that
// holds, as a current, and the lowest of them. Held against what the world shows.
import type { Limit, LimitPlan, PlanSet } from '../../../shared/limits/plan.ts'

export interface FixedLimits {
  readonly boardMilliamps: number
  readonly cableMilliamps: number
  readonly wireMilliamps: number
  /** By the record that was commissioned. */
  readonly installationMilliamps: number
}

const NOMINAL_VOLTS = 230

function milliampsOf(limit: Limit, phases: number): number {
  if (limit.kind === 'unlimited') return Number.POSITIVE_INFINITY
  if (limit.kind === 'perPhase') return limit.currentMilliamps
  return Math.floor((limit.powerWatts * 1000) / (phases * NOMINAL_VOLTS))
}

function limitOf(plan: LimitPlan, nowMs: number): Limit {
  for (const step of plan.steps) if (step.untilMonotonicMs > nowMs) return step.limit
  return plan.afterwards
}

/** The lowest limit now, mA, not rounded. `leases: false`: what holds where a group's lease counts as over. */
export function allowedMilliamps(
  fixed: FixedLimits,
  set: PlanSet | null,
  nowMs: number,
  leases: boolean,
): number {
  let lowest = Math.min(
    fixed.boardMilliamps,
    fixed.cableMilliamps,
    fixed.wireMilliamps,
    fixed.installationMilliamps,
  )
  for (const plan of set?.plans ?? []) {
    const limit = plan.source === 'group' && !leases ? plan.afterwards : limitOf(plan, nowMs)
    lowest = Math.min(lowest, milliampsOf(limit, set?.phasesWired ?? 1))
  }
  return lowest
}
