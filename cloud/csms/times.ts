// Times in a station's messages.
import { refuseCall } from '../../shared/io/ocpp-link-types.ts'
import { epochOfIso } from '../../shared/time/iso.ts'
import type { EpochMs } from '../../shared/units.ts'

/** The instant of a date-time field; one that names none is refused as OCPP 2.0.1 part 4 spells it. */
export function timeOf(text: string, field: string): EpochMs {
  const at = epochOfIso(text)
  if (at === null)
    throw refuseCall('PropertyConstraintViolation', `${field} is no RFC 3339 date-time with offset`)
  return at
}
