// All of keeper's plans as one complete set. Control takes the lowest; a mandatory source that is absent counts as
// 0 A, so a box without an installation record says why it does not charge instead of being silent.
import type { LimitPlan, LimitSource, PlanSet } from '../../../shared/limits/plan.ts'
import { message } from '../../../shared/message.ts'
import type { Schedule } from '../../../shared/tariff/schedule.ts'
import { type MilliAmps, type MonotonicMs, milliAmps, type PhasesWired } from '../../../shared/units.ts'
import type { Override } from '../memory.ts'
import type { InstallationRecord } from '../ports.ts'
import { schedulePlan } from '../schedules/schedule-plan.ts'

/** What plans are made of. A change of any of them makes a new set. */
export interface PlanParts {
  readonly installation: InstallationRecord | null
  readonly phasesWired: PhasesWired
  readonly schedule: Schedule | null
  readonly override: Override | null
  readonly userLimitMilliamps: MilliAmps | null
}

const MANDATORY: readonly LimitSource[] = ['installation', 'board', 'cable']

/** The set of this version, with its steps on the monotonic clock of this boot. */
export function planSet(
  parts: PlanParts,
  version: number,
  clock: { readonly bootId: string; readonly now: MonotonicMs; readonly offsetMs: number | null },
): PlanSet {
  const plans: LimitPlan[] = [installationPlan(parts.installation)]
  if (parts.schedule) plans.push(schedulePlan(parts.schedule, parts.override, clock))
  if (parts.userLimitMilliamps !== null) plans.push(constant('user', 'limit.user', parts.userLimitMilliamps))
  return {
    version,
    bootId: clock.bootId,
    phasesWired: parts.installation?.phasesWired ?? parts.phasesWired,
    mandatory: parts.installation?.mandatory ?? MANDATORY,
    plans,
  }
}

const installationPlan = (installation: InstallationRecord | null): LimitPlan =>
  installation
    ? constant('installation', 'limit.installation', installation.limitMilliamps)
    : constant('installation', 'limit.installationMissing', milliAmps(0))

const constant = (
  source: LimitSource,
  reason: 'limit.installation' | 'limit.installationMissing' | 'limit.user',
  currentMilliamps: MilliAmps,
): LimitPlan => ({
  source,
  reason: message(reason),
  steps: [],
  afterwards: { kind: 'perPhase', currentMilliamps },
})
