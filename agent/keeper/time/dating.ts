// Wall times for facts that had none. Those of the running boot are exact, backwards; those of a boot that ended
// without ever knowing the time lie as late as possible before the next known moment, in order, marked as estimated.
import { type EpochMs, epochMs, type MonotonicMs } from '../../../shared/units.ts'
import type { BootRecord, Stamp } from '../memory.ts'
import type { TimeState } from './quality.ts'

const APART_MS = 1000

export interface Dated {
  readonly at: EpochMs
  readonly isEstimated: boolean
}

/**
 * A date for every moment that can have one now. Nothing is dated while the time is unknown. `boots` are oldest
 * first; the running boot is among them.
 */
export function dateMoments(
  moments: readonly Stamp[],
  boots: readonly BootRecord[],
  time: TimeState,
): (moment: Stamp) => Dated | null {
  if (time.offsetMs === null) return () => null
  const estimated = new Map<string, ReadonlyMap<MonotonicMs, EpochMs>>()
  let before: EpochMs | null = null
  for (const boot of boots.toReversed()) {
    const offsetMs = boot.bootId === time.bootId ? time.offsetMs : boot.offsetMs
    if (offsetMs !== null) {
      before = epochMs(boot.firstSeenMonotonicMs + offsetMs)
      continue
    }
    if (before === null) continue
    const own = moments
      .filter((moment) => moment.bootId === boot.bootId)
      .map((moment) => moment.atMonotonicMs)
    const dates = dateEndedBoot(own, { before, notBefore: boot.notBefore })
    estimated.set(boot.bootId, dates)
    const first = Math.min(...dates.values())
    if (Number.isFinite(first)) before = epochMs(first)
  }
  return ({ bootId, atMonotonicMs }) => {
    if (bootId === time.bootId && time.offsetMs !== null)
      return { at: epochMs(atMonotonicMs + time.offsetMs), isEstimated: false }
    const known = boots.find((boot) => boot.bootId === bootId)?.offsetMs ?? null
    if (known !== null) return { at: epochMs(atMonotonicMs + known), isEstimated: false }
    const at = estimated.get(bootId)?.get(atMonotonicMs)
    if (at !== undefined) return { at, isEstimated: true }
    // A boot that no record names any more: all that is known is that it was before the oldest one.
    return before === null ? null : { at: epochMs(before - APART_MS), isEstimated: true }
  }
}

/**
 * Dates for moments of one ended boot: the last one lies 1 s before `before`, the distances are those of the
 * monotonic clock but at least 1 s. Where that would be earlier than `notBefore`, they begin there, 1 s apart or more.
 */
export function dateEndedBoot(
  moments: readonly MonotonicMs[],
  bounds: { readonly before: EpochMs; readonly notBefore: EpochMs | null },
): ReadonlyMap<MonotonicMs, EpochMs> {
  const rising = [...new Set(moments)].sort((a, b) => a - b)
  const dates = new Map<MonotonicMs, EpochMs>()
  let later: { readonly moment: MonotonicMs; readonly at: EpochMs } | null = null
  for (const moment of rising.toReversed()) {
    const at: EpochMs = later
      ? epochMs(later.at - Math.max(APART_MS, later.moment - moment))
      : epochMs(bounds.before - APART_MS)
    dates.set(moment, at)
    later = { moment, at }
  }
  let earliest = bounds.notBefore === null ? Number.NEGATIVE_INFINITY : bounds.notBefore
  for (const moment of rising) {
    const at = dates.get(moment)
    if (at !== undefined && at < earliest) dates.set(moment, epochMs(earliest))
    earliest = (dates.get(moment) ?? earliest) + APART_MS
  }
  return dates
}
