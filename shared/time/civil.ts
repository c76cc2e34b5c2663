// Civil time: what a clock on the wall of a place shows. Instants are exact and zones are names; the lost hour of
// spring and the repeated hour of autumn are answered here, and nowhere by adding 24 hours.
import { Temporal } from 'temporal-polyfill'
import { invariant } from '../invariant.ts'
import type { Weekday } from '../tariff/schedule.ts'
import { type EpochMs, epochMs } from '../units.ts'

/** What the clock on the wall shows. */
export interface CivilTime {
  /** `YYYY-MM-DD`. */
  readonly date: string
  readonly weekday: Weekday
  /** Whole minutes since midnight by the clock, 0 to 1439. */
  readonly minuteOfDay: number
}

const WEEKDAYS: readonly Weekday[] = [1, 2, 3, 4, 5, 6, 7]
const zoned = (at: EpochMs, timeZone: string) =>
  Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(timeZone)

/** The civil time of an instant. Total for a known zone; an unknown one is our mistake (`isTimeZone` first). */
export function civilTime(at: EpochMs, timeZone: string): CivilTime {
  const local = zoned(at, timeZone)
  const weekday = WEEKDAYS[local.dayOfWeek - 1]
  invariant(weekday, `${local.dayOfWeek} is no ISO weekday`)
  return { date: local.toPlainDate().toString(), weekday, minuteOfDay: local.hour * 60 + local.minute }
}

/**
 * The instants at which a clock that shows `minuteOfDay` (0 to 1440) on `date` begins to show it: one, two in the
 * repeated hour, and in the lost hour the two readings that lie an hour around it (neither shows that time).
 */
export function instantsOf(date: string, minuteOfDay: number, timeZone: string): readonly EpochMs[] {
  const civil = Temporal.PlainDate.from(date).toPlainDateTime().add({ minutes: minuteOfDay })
  const earlier = civil.toZonedDateTime(timeZone, { disambiguation: 'earlier' }).epochMilliseconds
  const later = civil.toZonedDateTime(timeZone, { disambiguation: 'later' }).epochMilliseconds
  return earlier === later ? [epochMs(earlier)] : [epochMs(earlier), epochMs(later)]
}

/** The civil date so many days later; negative is earlier. */
export const dateAfter = (date: string, days: number): string =>
  Temporal.PlainDate.from(date).add({ days }).toString()

/** When the clocks of a zone are set next, after `at`; null where they never are again. */
export function nextClockChange(at: EpochMs, timeZone: string): EpochMs | null {
  const next = zoned(at, timeZone).getTimeZoneTransition('next')
  return next ? epochMs(next.epochMilliseconds) : null
}

/** True for an IANA name that this machine knows. */
export function isTimeZone(name: string): boolean {
  try {
    zoned(epochMs(0), name)
    return true
  } catch (thrown) {
    if (thrown instanceof RangeError) return false
    throw thrown
  }
}
