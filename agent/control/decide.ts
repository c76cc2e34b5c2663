// One decision of control: the lowest plan, the resume rule, then the safety step. Pure; the loop performs it.
import type { BindingLimit, PlanSet } from '../../shared/limits/plan.ts'
import { type MonotonicMs, milliAmps, type PhasesWired } from '../../shared/units.ts'
import { lowest, type Plans } from './limits/minimum.ts'
import { lowestFixed, type OwnLimits, ownPlans } from './limits/own-plans.ts'
import { RESUME_FREE, type ResumeState, stepResume } from './limits/resume.ts'
import type { BoardFacts, Fallback } from './ports/board.ts'
import type { SafetyInput, SafetyState, SafetyStep } from './safety/state.ts'
import { stepSafety } from './safety/step.ts'

export interface DecisionState {
  readonly safety: SafetyState
  readonly resume: ResumeState
}

export interface DecisionInput extends Omit<SafetyInput, 'limitMilliamps' | 'deadman'> {
  readonly deadman: Omit<SafetyInput['deadman'], 'currentMilliamps' | 'lowestFixedMilliamps'>
  readonly set: PlanSet | null
  /** Cable rating by configuration; a lower one that the proximity contact tells now counts instead. */
  readonly own: OwnLimits
  readonly phasesWired: PhasesWired
  readonly facts: BoardFacts
  /** What the board offers when nobody talks to it; null before it was prepared. */
  readonly fallback: Fallback | null
}

export interface Decision extends Omit<SafetyStep, 'state'> {
  readonly state: DecisionState
  readonly binding: BindingLimit
}

export const initialDecision = (safety: SafetyState): DecisionState => ({ safety, resume: RESUME_FREE })

export function decide(state: DecisionState, input: DecisionInput, now: MonotonicMs): Decision {
  const proximity = input.board?.proximity
  const cableMilliamps =
    proximity?.kind === 'rating'
      ? milliAmps(Math.min(proximity.currentMilliamps, input.own.cableMilliamps))
      : input.own.cableMilliamps
  const plans: Plans = {
    set: input.set,
    own: ownPlans({ ...input.own, cableMilliamps }, input.set),
    phasesWired: input.phasesWired,
    stepMilliamps: input.facts.stepMilliamps,
  }
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
  const step = stepSafety(
    state.safety,
    {
      ...input,
      limitMilliamps: binding.currentMilliamps,
      deadman: {
        ...input.deadman,
        // Not told yet: nothing is offered before the board is prepared, which tells it.
        currentMilliamps: input.fallback?.currentMilliamps ?? milliAmps(0),
        lowestFixedMilliamps: lowestFixed(plans),
      },
    },
    now,
  )
  return {
    state: { safety: step.state, resume: resumed.state },
    binding,
    commands: step.commands,
    facts: step.facts,
  }
}
