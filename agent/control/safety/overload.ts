// Does the car keep to what it is told? Two questions: whether it has come down to an offer within 7 s of being told, and
// whether, once it has, it draws more for longer than wires bear. Sources: the car has 5 s to follow (registers.md §5, row
// `PWM change`) and the meter 2 s to show it; the curve is ABL's 0x06 (registers.md §5, row `over-current by EV`).
import type { MilliAmps, MonotonicMs } from '../../../shared/units.ts'

/** The car has 5 s to follow a new offer; 2 s for the meter. */
export const FOLLOW_MS = 7000

/** What was told to the car and since when. */
export interface Told {
  readonly currentMilliamps: MilliAmps
  readonly sinceMonotonicMs: MonotonicMs
}

/** More than this share of the offer, for this long, highest first. */
export const OVERLOAD_CURVE = [
  { percent: 120, forMs: 10_000 },
  { percent: 110, forMs: 100_000 },
  { percent: 105, forMs: 1_000_000 },
] as const

export interface OverloadState {
  /** Since when an offer, the first or a lower one, has not been kept to; null where it was. */
  readonly unfollowedSinceMonotonicMs: MonotonicMs | null
  /** For each row of the curve, since which sample all were above it; null where the newest was not. */
  readonly aboveSinceMonotonicMs: readonly (MonotonicMs | null)[]
  readonly judgedSampleAtMonotonicMs: MonotonicMs | null
}

export const NO_OVERLOAD: OverloadState = {
  unfollowedSinceMonotonicMs: null,
  aboveSinceMonotonicMs: OVERLOAD_CURVE.map(() => null),
  judgedSampleAtMonotonicMs: null,
}

/** A sample of the meter: the highest of the phases. */
export interface Sample {
  readonly drawnMilliamps: number
  readonly takenAtMonotonicMs: MonotonicMs
}

/** What meter and board may differ by: half an ampere or 5 %, whichever is more. */
const tolerance = (offeredMilliamps: number) => Math.max(500, Math.ceil(offeredMilliamps / 20))

/**
 * @param toldBefore the history one step ago
 * @param told the history now, the newest last
 * @param fresh null while the meter tells nothing about now
 */
export function stepOverload(
  state: OverloadState,
  toldBefore: readonly Told[],
  told: readonly Told[],
  fresh: Sample | null,
): OverloadState {
  const newest = told.at(-1)
  // What flows after a pause is judged by its own rule: 6 s, then it is opened.
  if (newest === undefined || newest.currentMilliamps === 0) return NO_OVERLOAD
  const before = toldBefore.at(-1)?.currentMilliamps ?? 0
  const lowered = newest.currentMilliamps < before || before === 0
  const unfollowed = state.unfollowedSinceMonotonicMs ?? (lowered ? newest.sinceMonotonicMs : null)
  const isNew = fresh !== null && fresh.takenAtMonotonicMs !== state.judgedSampleAtMonotonicMs
  if (!isNew || fresh.takenAtMonotonicMs < newest.sinceMonotonicMs)
    return { ...state, unfollowedSinceMonotonicMs: unfollowed }
  const offered = highestLately(told, fresh.takenAtMonotonicMs)
  const above = fresh.drawnMilliamps > offered + tolerance(offered)
  const kept = fresh.drawnMilliamps <= newest.currentMilliamps + tolerance(newest.currentMilliamps)
  return {
    unfollowedSinceMonotonicMs: kept ? null : unfollowed,
    aboveSinceMonotonicMs: OVERLOAD_CURVE.map(({ percent }, row) => {
      if (!above || fresh.drawnMilliamps * 100 <= offered * percent) return null
      return state.aboveSinceMonotonicMs[row] ?? fresh.takenAtMonotonicMs
    }),
    judgedSampleAtMonotonicMs: fresh.takenAtMonotonicMs,
  }
}

/** The highest offer of the 7 s before a moment, with the one that held when they began; endless where none is known. */
function highestLately(told: readonly Told[], at: MonotonicMs): number {
  const from = told.findLastIndex((one) => one.sinceMonotonicMs <= at - FOLLOW_MS)
  if (from < 0) return Number.POSITIVE_INFINITY
  return Math.max(...told.slice(from).map((one) => one.currentMilliamps))
}

/** In words what the car does against the offer; null where it keeps to it. */
export function takesMore(state: OverloadState, told: readonly Told[], fresh: Sample | null): string | null {
  if (fresh === null) return null
  const offered = highestLately(told, fresh.takenAtMonotonicMs)
  const { unfollowedSinceMonotonicMs: unfollowed } = state
  const late = unfollowed !== null && fresh.takenAtMonotonicMs - unfollowed >= FOLLOW_MS
  if (late && fresh.drawnMilliamps > offered + tolerance(offered))
    return `${fresh.drawnMilliamps} mA drawn, ${offered} mA offered`
  const row = OVERLOAD_CURVE.find(({ forMs }, index) => {
    const since = state.aboveSinceMonotonicMs[index] ?? null
    return since !== null && fresh.takenAtMonotonicMs - since >= forMs
  })
  if (row === undefined) return null
  return `${fresh.drawnMilliamps} mA drawn, ${offered} mA offered: above ${row.percent} % for ${row.forMs / 1000} s`
}
