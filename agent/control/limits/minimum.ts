// The lowest of all plans now, and whose it is. Total and pure. What must hold: the result is never above any plan, an
// absent mandatory source counts as 0 A, and the result is a whole step of the board of at least 6 A, or 0, which is pause.
import {
  type BindingLimit,
  LIMIT_SOURCES,
  type Limit,
  type LimitPlan,
  type LimitSource,
  type PlanSet,
} from '../../../shared/limits/plan.ts'
import { type Message, message } from '../../../shared/message.ts'
import {
  CURRENT_MIN,
  type MilliAmps,
  type MonotonicMs,
  milliAmps,
  type PhasesWired,
  VOLTAGE_NOMINAL,
} from '../../../shared/units.ts'

/** Sources that no box may be without, whatever a set says. */
const ALWAYS_MANDATORY: readonly LimitSource[] = ['installation', 'board', 'cable']

export interface Plans {
  /** Keeper's newest set of this boot, or null. The steps of another boot's set mean nothing: see `ofThisBoot`. */
  readonly set: PlanSet | null
  /** What control knows from the hardware and from its copy of the installation record. */
  readonly own: readonly LimitPlan[]
  /** Holds until a set tells what was commissioned. */
  readonly phasesWired: PhasesWired
  /** The board's step; offers are floored to it. */
  readonly stepMilliamps: MilliAmps
}

/** The binding limit with what the resume rule needs to know of it. */
export interface Lowest {
  readonly binding: BindingLimit
  /** Before flooring; infinite only where nothing limits, which `binding` answers with a pause. */
  readonly rawMilliamps: number
  /** The binding plan still speaks: a step of it holds, not its `afterwards`. */
  readonly heard: boolean
}

interface Candidate {
  readonly source: LimitSource
  readonly reason: Message
  readonly rawMilliamps: number
  readonly untilMonotonicMs: MonotonicMs | null
  readonly heard: boolean
}

export const minimum = (plans: Plans, now: MonotonicMs): BindingLimit => lowest(plans, now).binding

export function lowest(plans: Plans, now: MonotonicMs): Lowest {
  const all = [...plans.own, ...(plans.set?.plans ?? [])]
  const phases = plans.set?.phasesWired ?? plans.phasesWired
  const candidates = all.map((plan) => candidateOf(plan, phases, now))
  const binding = [...missing(plans, all), ...candidates].reduce(lower, NOTHING)
  return {
    binding: floored(binding, plans.stepMilliamps),
    rawMilliamps: binding.rawMilliamps,
    heard: binding.heard,
  }
}

/** Where nothing limits, something that must is missing: pause. */
const NOTHING: Candidate = {
  source: 'user',
  reason: message('limit.missing', { source: 'board' }),
  rawMilliamps: Number.POSITIVE_INFINITY,
  untilMonotonicMs: null,
  heard: false,
}

const rank = (source: LimitSource) => LIMIT_SOURCES.indexOf(source)

function lower(best: Candidate, next: Candidate): Candidate {
  if (next.rawMilliamps !== best.rawMilliamps) return next.rawMilliamps < best.rawMilliamps ? next : best
  return rank(next.source) < rank(best.source) ? next : best
}

function missing(plans: Plans, present: readonly LimitPlan[]): Candidate[] {
  const must = new Set([...ALWAYS_MANDATORY, ...(plans.set?.mandatory ?? [])])
  for (const plan of present) must.delete(plan.source)
  return [...must].map((source) => ({
    source,
    reason:
      source === 'installation' ? message('limit.installationMissing') : message('limit.missing', { source }),
    rawMilliamps: 0,
    untilMonotonicMs: null,
    heard: false,
  }))
}

function candidateOf(plan: LimitPlan, phases: PhasesWired, now: MonotonicMs): Candidate {
  const current = plan.steps.findIndex((step) => now < step.untilMonotonicMs)
  const limit = (current < 0 ? undefined : plan.steps[current]?.limit) ?? plan.afterwards
  const raw = perPhaseMilliamps(limit, phases)
  return {
    source: plan.source,
    reason: plan.reason,
    rawMilliamps: raw,
    untilMonotonicMs: current < 0 ? null : changesAt(plan, current, raw, phases),
    heard: current >= 0,
  }
}

/** End of the last step that still says the same; null where all that follows says the same too. */
function changesAt(plan: LimitPlan, from: number, raw: number, phases: PhasesWired): MonotonicMs | null {
  for (let index = from; index < plan.steps.length; index++) {
    const after = plan.steps[index + 1]?.limit ?? plan.afterwards
    if (perPhaseMilliamps(after, phases) !== raw) return plan.steps[index]?.untilMonotonicMs ?? null
  }
  return null
}

/** A limit as a current per phase, mA, not rounded up; a total power is spread evenly over the phases at 230 V. */
export function perPhaseMilliamps(limit: Limit, phases: PhasesWired): number {
  switch (limit.kind) {
    case 'perPhase':
      return Math.max(0, limit.currentMilliamps)
    case 'total':
      return Math.max(0, Math.floor((limit.powerWatts * 1_000_000) / (phases * VOLTAGE_NOMINAL)))
    case 'unlimited':
      return Number.POSITIVE_INFINITY
  }
}

/** Whole steps of the board; below 6 A nothing may be offered (IEC 61851-1 Annex A), so that is a pause. */
export function floorToStep(rawMilliamps: number, stepMilliamps: MilliAmps): MilliAmps {
  if (!Number.isFinite(rawMilliamps)) return milliAmps(0)
  const whole = Math.floor(rawMilliamps / stepMilliamps) * stepMilliamps
  return milliAmps(whole < CURRENT_MIN ? 0 : whole)
}

function floored(binding: Candidate, stepMilliamps: MilliAmps): BindingLimit {
  const currentMilliamps = floorToStep(binding.rawMilliamps, stepMilliamps)
  const tooLow = currentMilliamps === 0 && binding.rawMilliamps > 0 && Number.isFinite(binding.rawMilliamps)
  return {
    currentMilliamps,
    source: binding.rawMilliamps === Number.POSITIVE_INFINITY ? 'board' : binding.source,
    reason: tooLow
      ? message('limit.belowMinimum', { milliamps: binding.rawMilliamps, source: binding.source })
      : binding.reason,
    untilMonotonicMs: binding.untilMonotonicMs,
  }
}
