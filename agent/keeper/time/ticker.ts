// The one file that knows node-cron, used only as a ticker of UTC seconds: its time zone option misses or repeats runs
// on the nights of clock changes, and even with UTC it misses them when the process has another zone. Which quarter
// hour or day a second belongs to is arithmetic on the box's own wall time, which may differ from the system's.
import cron from 'node-cron'
import { invariant } from '../../../shared/invariant.ts'
import type { EpochMs } from '../../../shared/units.ts'

const QUARTER_MS = 15 * 60_000
const DAY_MS = 24 * 3_600_000

/** Calls `onSecond` at each second of UTC, until the returned function is called. */
export function startTicker(onSecond: () => void): () => Promise<void> {
  invariant(
    process.env['TZ'] === 'UTC',
    `keeper must run with TZ=UTC, got TZ=${process.env['TZ'] ?? '(nothing)'}: start it with voltkeep agent, or set TZ=UTC`,
  )
  const task = cron.schedule('* * * * * *', onSecond, {
    timezone: 'UTC',
    name: 'seconds',
    suppressMissedWarning: true,
  })
  return async () => {
    await task.destroy()
  }
}

/** What has begun since the last look, by the box's wall time. A step back begins nothing. */
export function beganBetween(
  before: EpochMs | null,
  now: EpochMs,
): { readonly quarterHour: boolean; readonly day: boolean } {
  if (before === null || now <= before) return { quarterHour: false, day: false }
  const began = (period: number) => Math.floor(now / period) > Math.floor(before / period)
  return { quarterHour: began(QUARTER_MS), day: began(DAY_MS) }
}
