// Mutants that no test can notice, because nothing that anybody can see changes, each with the reason. A row is its file,
// its line as it stands, and the change as the trial prints it; a row that fits no mutant any more is told.

export interface Equivalent {
  readonly file: string
  readonly at: string
  readonly change: string
  readonly because: string
}

export const EQUIVALENT: readonly Equivalent[] = [
  {
    file: 'agent/control/limits/minimum.ts',
    at: 'if (next.rawMilliamps !== best.rawMilliamps) return next.rawMilliamps < best.rawMilliamps ? next : best',
    change: 'next.rawMilliamps < best.rawMilliamps: < -> <=',
    because: 'equal ones were told apart before',
  },
  {
    file: 'agent/control/limits/own-plans.ts',
    at: "const told = set?.plans.some((plan) => plan.source === 'installation') ?? false",
    change:
      "set?.plans.some((plan) => plan.source === 'installation') ?? false -> set?.plans.some((plan) => plan.source === 'installation')",
    because: 'no set is as false as false where it is asked',
  },
  {
    file: 'agent/control/limits/own-plans.ts',
    at: 'phasesWired: next.phasesWired > kept.phasesWired ? next.phasesWired : kept.phasesWired,',
    change: 'next.phasesWired > kept.phasesWired: > -> >=',
    because: 'equal ones are the same number',
  },
]
