// One decision of control: the lowest plan, the resume rule, then the safety step. Pure; the loop performs it.
import type { BindingLimit, LimitPlan, PlanSet } from '../../shared/limits/plan.ts'
import { type MonotonicMs, milliAmps, type PhasesWired } from '../../shared/units.ts'
import { type GridRelayInput, gridFailsafe, gridRelay } from './limits/grid-relay.ts'
import { lowest, type Plans } from './limits/minimum.ts'
import { fixedArithmetic, lowestFixed, type OwnLimits, ownPlans } from './limits/own-plans.ts'
import { RESUME_FREE, type ResumeState, stepResume } from './limits/resume.ts'
import { COOL, stepTemperature, type TemperatureInput, type TemperatureState } from './limits/temperature.ts'
import type { Fallback } from './ports/board.ts'
import { NOTHING_WIRED, PLAIN_SITE, type Site, type Wired } from './safety/site.ts'
import type { DeadmanSight, SafetyInput, SafetyState, SafetyStep } from './safety/state.ts'
import { stepSafety } from './safety/step.ts'

export interface DecisionState {
  readonly safety: SafetyState
  readonly resume: ResumeState
  readonly temperature: TemperatureState
}

type Computed =
  | 'limitMilliamps'
  | 'deadman'
  | 'tooHot'
  | 'temperatureUnknown'
  | 'gridInputLost'
  | 'site'
  | 'wired'

export interface DecisionInput extends Omit<SafetyInput, Computed> {
  readonly deadman: DeadmanSight
  /** Absent: a tethered box with nothing else wired. */
  readonly site?: Site
  readonly wired?: Wired
  /** Absent: no temperature is told, and none limits. */
  readonly temperature?: TemperatureInput
  /** The grid operator's relay (§14a EnWG); absent where none is wired. */
  readonly gridRelay?: GridRelayInput
  readonly set: PlanSet | null
  /** Cable rating by configuration; a lower one that the proximity contact tells now counts instead. */
  readonly own: OwnLimits
  readonly phasesWired: PhasesWired
  /** What the board offers when nobody talks to it; null before it was prepared. */
  readonly fallback: Fallback | null
}

export interface Decision extends Omit<SafetyStep, 'state'> {
  readonly state: DecisionState
  readonly binding: BindingLimit
}

export const initialDecision = (safety: SafetyState): DecisionState => ({
  safety,
  resume: RESUME_FREE,
  temperature: COOL,
})

export function decide(state: DecisionState, input: DecisionInput, now: MonotonicMs): Decision {
  const heat = stepTemperature(state.temperature, input.temperature, input.board, now)
  const grid = gridRelay(input.gridRelay, state.safety.startedAtMonotonicMs, now)
  const plans = plansOf(input, [heat.plan, grid.plan])
  const resumed = stepResume(
    state.resume,
    {
      lowest: lowest(plans, now),
      heard: (source) =>
        input.set?.plans.some(
          (plan) => plan.source === source && plan.steps.some((step) => now < step.untilMonotonicMs),
        ) ?? false,
      permitted: input.permission !== null && input.permission.plugId === state.safety.plugId,
      stepMilliamps: input.facts.stepMilliamps,
    },
    now,
  )
  const { binding } = resumed.lowest
  const site = input.site ?? PLAIN_SITE
  const step = stepSafety(
    state.safety,
    {
      ...input,
      site,
      wired: input.wired ?? NOTHING_WIRED,
      limitMilliamps: binding.currentMilliamps,
      tooHot: heat.tooHot,
      temperatureUnknown: heat.unknown,
      gridInputLost: grid.lost,
      deadman: { ...input.deadman, ...judgedFallback(input, site, plans) },
    },
    now,
  )
  return {
    state: { safety: step.state, resume: resumed.state, temperature: heat.state },
    binding,
    commands: step.commands,
    facts: step.facts,
  }
}

function plansOf(input: DecisionInput, measured: readonly (LimitPlan | null)[]): Plans {
  const proximity = input.board?.proximity
  const hasCar = input.board?.pilot === 'B' || input.board?.pilot === 'C' || input.board?.pilot === 'D'
  // A plug in a socket without a resistor is none of the standard: how much its cable bears is not known.
  const isUnknown = input.site?.connector.kind === 'socket' && hasCar && proximity?.kind !== 'rating'
  const cableMilliamps =
    proximity?.kind === 'rating'
      ? milliAmps(Math.min(proximity.currentMilliamps, input.own.cableMilliamps))
      : isUnknown
        ? milliAmps(0)
        : input.own.cableMilliamps
  return {
    set: input.set,
    own: [
      ...ownPlans({ ...input.own, cableMilliamps }, input.set),
      ...measured.filter((plan) => plan !== null),
    ],
    phasesWired: input.phasesWired,
    stepMilliamps: input.facts.stepMilliamps,
  }
}

/** I_deadman beside the limits that it must not be above. */
function judgedFallback({ fallback, facts, gridRelay: relay }: DecisionInput, site: Site, plans: Plans) {
  const fixed = relay === undefined ? plans : { ...plans, own: [...plans.own, gridFailsafe(relay)] }
  return {
    // Not told yet: nothing is offered before the board is prepared, which tells it.
    currentMilliamps: fallback?.currentMilliamps ?? milliAmps(0),
    // A relay of ours has its own time; only a board's own watchdog can be of unknown length.
    isUnproved: facts.deadman.kind === 'own' && fallback?.timeoutMs === null && site.silenceProved === null,
    lowestFixedMilliamps: lowestFixed(fixed),
    arithmetic: fixedArithmetic(fixed),
  }
}
