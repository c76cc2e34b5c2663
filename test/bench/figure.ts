// One measured figure: a line of `npm run bench`, an object with --json.

export interface Figure {
  /** Dotted, from the general to the particular: `reaction.p99`. */
  readonly name: string
  readonly value: number
  readonly unit: string
  /** The goal in words, such as `<= 150 ms`; empty where it is only reported. */
  readonly goal: string
  readonly met: boolean
  /** How it was measured: rounds, seed, load. */
  readonly how: string
}

/** A figure with a goal of the form "at most". */
export const atMost = (name: string, value: number, limit: number, unit: string, how: string): Figure => ({
  name,
  value,
  unit,
  goal: `<= ${limit} ${unit}`,
  met: value <= limit,
  how,
})

/** A figure that is reported, without a goal. */
export const reported = (name: string, value: number, unit: string, how: string): Figure => ({
  name,
  value,
  unit,
  goal: '',
  met: true,
  how,
})

/** The value below which the given share of the sorted samples lies (nearest rank); 0 for none. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0
}
