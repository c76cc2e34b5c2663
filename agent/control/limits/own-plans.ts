// The plans that control makes itself from the hardware, and what it keeps of keeper's when time or boot is in doubt.
import type { Limit, LimitPlan, PlanSet } from '../../../shared/limits/plan.ts'
import { message } from '../../../shared/message.ts'
import { CURRENT_MIN, type MilliAmps, milliAmps } from '../../../shared/units.ts'
import { floorToStep, type Plans, perPhaseMilliamps } from './minimum.ts'

const constant = (
  source: LimitPlan['source'],
  reason: LimitPlan['reason'],
  currentMilliamps: MilliAmps,
): LimitPlan => ({ source, reason, steps: [], afterwards: { kind: 'perPhase', currentMilliamps } })

export interface OwnLimits {
  readonly boardMaxMilliamps: MilliAmps
  /** The fixed cable's rating, or the lower one that the proximity contact tells now. */
  readonly cableMilliamps: MilliAmps
  /** Lower one of the maker's wiring and the installation record's copy; null where no valid copy was found. */
  readonly installationMilliamps: MilliAmps | null
  readonly wireRatingMilliamps: MilliAmps
}

/**
 * Board, cable, the maker's wiring, and the installation record's copy until keeper's set brings the record itself: the
 * copy is read once at start, so it may be older than the set, never newer.
 */
export function ownPlans(limits: OwnLimits, set: PlanSet | null): LimitPlan[] {
  const plans = [
    constant(
      'board',
      message('limit.board', { milliamps: limits.boardMaxMilliamps }),
      milliAmps(Math.min(limits.boardMaxMilliamps, limits.wireRatingMilliamps)),
    ),
    constant('cable', message('limit.cable', { milliamps: limits.cableMilliamps }), limits.cableMilliamps),
  ]
  const told = set?.plans.some((plan) => plan.source === 'installation') ?? false
  if (told || limits.installationMilliamps === null) return plans
  const reason = message('limit.installation', { milliamps: limits.installationMilliamps })
  return [...plans, constant('installation', reason, limits.installationMilliamps)]
}

/**
 * A set of another kernel boot is not used at all: its steps are told in a clock that is gone, and keeper, which makes
 * sets anew at each start, sends one of this boot with its first breath.
 */
export const ofThisBoot = (set: PlanSet | null, bootId: string): PlanSet | null =>
  set !== null && set.bootId === bootId ? set : null

/**
 * After a gap in time (control stood still, the box was suspended, the mirror is old) a group's lease may have been
 * given to others: its steps count as over, its share holds. Limits of other sources are told in a clock that went on.
 */
export const withoutLeases = (set: PlanSet): PlanSet => ({
  ...set,
  plans: set.plans.map((plan) => (plan.source === 'group' ? { ...plan, steps: [] } : plan)),
})

/**
 * What holds while the mirror still has `kept` and not yet `next`: no limit above either. Without a set in the mirror
 * nothing is offered by a new one yet.
 */
export function lowerOf(next: PlanSet | null, kept: PlanSet | null): PlanSet | null {
  if (next === kept || next === null || kept === null) return kept
  return {
    ...next,
    // A total power is spread over them: more phases give less each.
    phasesWired: next.phasesWired > kept.phasesWired ? next.phasesWired : kept.phasesWired,
    mandatory: [...next.mandatory, ...kept.mandatory],
    plans: [...next.plans, ...kept.plans],
  }
}

/**
 * The lowest of the fixed limits: installation, board, cable, a group's failsafe share and the grid's failsafe. What the
 * board offers when nobody talks to it must not be above this. 0 where one of the always mandatory is missing.
 */
export function lowestFixed(plans: Plans): MilliAmps {
  const fixed = fixedTerms(plans)
  if (!fixed.some((term) => term.source === 'installation')) return milliAmps(0)
  const lowestRaw = Math.min(...fixed.map((term) => term.rawMilliamps))
  return Number.isFinite(lowestRaw) ? milliAmps(lowestRaw) : milliAmps(0)
}

/** The same in words, each term with its source, for people who look at a fault. */
export function fixedArithmetic(plans: Plans): string {
  const terms = fixedTerms(plans).filter((term) => Number.isFinite(term.rawMilliamps))
  const known = terms.some((term) => term.source === 'installation')
  const told = terms.map((term) => `${term.source} ${term.rawMilliamps} mA`)
  return `lowest of ${[...told, ...(known ? [] : ['installation not commissioned: 0 mA'])].join(', ')}`
}

function fixedTerms(plans: Plans) {
  const phases = plans.set?.phasesWired ?? plans.phasesWired
  return [...plans.own, ...(plans.set?.plans ?? [])].flatMap((plan) =>
    fixedLimits(plan).map((limit) => ({
      source: plan.source,
      rawMilliamps: perPhaseMilliamps(limit, phases),
    })),
  )
}

function fixedLimits(plan: LimitPlan): Limit[] {
  switch (plan.source) {
    case 'installation':
    case 'board':
    case 'cable':
    case 'group':
      return [plan.afterwards]
    case 'grid': {
      // The last step of a heartbeat source is its failsafe; afterwards it is unlimited again.
      const failsafe = plan.steps.at(-1)?.limit
      return failsafe === undefined ? [plan.afterwards] : [failsafe, plan.afterwards]
    }
    default:
      return []
  }
}

/** Lowest current above 6 A at which a pause by a computed limit may end: 6.5 A, or the next whole step above. */
export const resumeAt = (stepMilliamps: MilliAmps): MilliAmps => {
  const half = milliAmps(CURRENT_MIN + 500)
  const whole = floorToStep(half, stepMilliamps)
  return whole >= half ? whole : milliAmps(whole + stepMilliamps)
}
