// Mutants that no test can notice, because nothing that anybody can see changes, each with the reason. A row is its file,
// its line as it stands, and the change as the trial prints it; a row that fits no mutant any more is told.

export interface Equivalent {
  readonly file: string
  readonly at: string
  readonly change: string
  readonly because: string
}

export const EQUIVALENT: readonly Equivalent[] = []
