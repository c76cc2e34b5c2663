// What a trial has seen, added up over its episodes.
import type { EpisodeResult } from './episode.ts'

export interface Sum {
  ticks: number
  virtualMs: number
  requests: number
  readonly counts: Map<string, number>
  readonly worst: Map<string, number>
}

export const emptySum = (): Sum => ({
  ticks: 0,
  virtualMs: 0,
  requests: 0,
  counts: new Map(),
  worst: new Map(),
})

export function addUp(sum: Sum, result: EpisodeResult): void {
  sum.ticks += result.ticks
  sum.virtualMs += result.virtualMs
  sum.requests += result.requests
  for (const [name, value] of result.counts) sum.counts.set(name, (sum.counts.get(name) ?? 0) + value)
  for (const [name, value] of result.worst) sum.worst.set(name, Math.max(sum.worst.get(name) ?? 0, value))
}

export function report(sum: Sum): readonly string[] {
  const rows = (map: ReadonlyMap<string, number>) =>
    [...map].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => `  ${name}: ${Math.round(value)}`)
  return [
    `requests on the bus: ${sum.requests}`,
    'how often',
    ...rows(sum.counts),
    'the longest that was seen, ms where nothing else is said',
    ...rows(sum.worst),
  ]
}
