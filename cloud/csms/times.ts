// Times in a station's messages.
import { refuseCall } from '../../shared/io/ocpp-link-types.ts'
import { epochOfIso } from '../../shared/time/iso.ts'
import type { EpochMs } from '../../shared/units.ts'

const DAY_MS = 86_400_000

/** Can a station have told this time, heard at `now`? A box may keep events for a year, and may be a day ahead. */
export const isPlausible = (at: EpochMs, now: EpochMs): boolean =>
  at >= now - 365 * DAY_MS && at <= now + DAY_MS

/** The time that was told, or that of its hearing where it cannot be: one far ahead would be the newest for ever. */
export const plausibleOr = (at: EpochMs, now: EpochMs): EpochMs => (isPlausible(at, now) ? at : now)

/** The instant of a date-time field; one that names none is refused as OCPP 2.0.1 part 4 spells it. */
export function timeOf(text: string, field: string): EpochMs {
  const at = epochOfIso(text)
  if (at === null)
    throw refuseCall('PropertyConstraintViolation', `${field} is no RFC 3339 date-time with offset`)
  return at
}
