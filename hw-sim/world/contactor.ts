// The contactor: its contacts follow the coil after their own time; welded contacts stay closed. Pure.

export interface Contactor {
  readonly closed: boolean
  readonly coil: boolean
  readonly movesAtMicros: number | null
}

export interface ContactorFacts {
  readonly openingMs: number
  readonly closingMs: number
}

export const openContactor: Contactor = { closed: false, coil: false, movesAtMicros: null }

export function stepContactor(
  contactor: Contactor,
  facts: ContactorFacts,
  inputs: { readonly coil: boolean; readonly welded: boolean },
  nowMicros: number,
): Contactor {
  // Welded: contacts that are closed, or that close, part no more.
  const wanted = inputs.coil || (inputs.welded && contactor.closed)
  if (wanted === contactor.closed) {
    return contactor.movesAtMicros === null && contactor.coil === inputs.coil
      ? contactor
      : { ...contactor, coil: inputs.coil, movesAtMicros: null }
  }
  const takesMs = wanted ? facts.closingMs : facts.openingMs
  const movesAtMicros = contactor.movesAtMicros ?? nowMicros + takesMs * 1000
  if (nowMicros < movesAtMicros) return { ...contactor, coil: inputs.coil, movesAtMicros }
  return { closed: wanted, coil: inputs.coil, movesAtMicros: null }
}
