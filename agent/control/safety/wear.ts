// What a contactor wears out by: how often it closed, and how often it had to open a current. No public board counts it
// (registers.md §5, row `wear counters`), so the agent does, as far as it sees the contactor.
import type { MonotonicMs } from '../../../shared/units.ts'
import { flows, type GoodReading } from './meter-judge.ts'

export interface Wear {
  readonly closings: number
  /** A car that was still taking current 6 s after the PWM was gone (IEC 61851-1 Table A.6 seq. 10.2). */
  readonly c1Overruns: number
  /** Found closed though told open. */
  readonly welds: number
}

export const NO_WEAR: Wear = { closings: 0, c1Overruns: 0, welds: 0 }

/** What a step looks like to a contactor; the step before is compared with this one. */
export interface WearSight {
  readonly relay: 'open' | 'closed' | 'unknown'
  readonly welded: boolean
  /** The car overran its time; see `overruns`. */
  readonly overran: boolean
}

/** The car has 3 s to react (registers.md §5): what was measured sooner is no overrun. */
const CAR_REACTS_MS = 3000

export function stepWear(wear: Wear, before: WearSight, after: WearSight): Wear {
  const closed = before.relay === 'open' && after.relay === 'closed'
  const welded = after.welded && !before.welded
  const overran = after.overran && !before.overran
  if (!closed && !welded && !overran) return wear
  return {
    closings: wear.closings + (closed ? 1 : 0),
    c1Overruns: wear.c1Overruns + (overran ? 1 : 0),
    welds: wear.welds + (welded ? 1 : 0),
  }
}

/** The car takes current in C1 for longer than it may; a withdrawal that it overran stays so until its end. */
export const overruns = (
  withdrawnSince: MonotonicMs | null,
  fresh: GoodReading | null,
  overrunMs: number,
  now: MonotonicMs,
): boolean =>
  withdrawnSince !== null &&
  now - withdrawnSince >= overrunMs &&
  fresh !== null &&
  flows(fresh.reading) &&
  fresh.begunAtMonotonicMs >= withdrawnSince + CAR_REACTS_MS
