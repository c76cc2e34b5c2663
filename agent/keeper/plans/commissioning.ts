// Who may set which installation limit. The wiring is the floor of everything else, so it can be lowered from afar and
// raised only by somebody who stands at the box.

import { CURRENT_MIN, type MilliAmps, type PhasesWired } from '../../../shared/units.ts'
import type { InstallationRecord, Refusal } from '../ports.ts'

export interface CommissionOrder {
  readonly limitMilliamps: MilliAmps
  readonly phasesWired: PhasesWired
  readonly by: string
}

/** Why this commissioning is refused; null when it may be stored. `wiring` is what the configuration says of the box. */
export function commissionRefusal(
  order: CommissionOrder,
  before: InstallationRecord | null,
  wiring: { readonly wireRatingMilliamps: MilliAmps; readonly phasesWired: PhasesWired },
): Refusal | null {
  const amps = (value: MilliAmps) => `${value / 1000} A`
  if (order.limitMilliamps < CURRENT_MIN)
    return {
      code: 'CURRENT_TOO_LOW',
      message: `The installation limit is at least 6 A, got ${amps(order.limitMilliamps)}.`,
      do: 'Enter the lowest of wire, breaker and phase limits; below 6 A no car can charge.',
    }
  if (order.limitMilliamps > wiring.wireRatingMilliamps)
    return {
      code: 'ABOVE_WIRE_RATING',
      message: `Expected at most ${amps(wiring.wireRatingMilliamps)}, the wire rating of this box, got ${amps(order.limitMilliamps)}.`,
      do: 'Enter a lower limit, or have the wiring changed and installation.wireRating in agent.yaml with it.',
    }
  if (order.phasesWired > wiring.phasesWired)
    return {
      code: 'PHASES_NOT_WIRED',
      message: `Expected at most ${wiring.phasesWired} phase, as the box is wired, got ${order.phasesWired}.`,
      do: 'Enter the phases that are wired to the box (installation.phases in agent.yaml).',
    }
  if (order.by.trim() === '')
    return {
      code: 'NAME_MISSING',
      message: 'The person who commissions is not named.',
      do: 'Enter the name of the qualified person.',
    }
  const raises =
    before && (order.limitMilliamps > before.limitMilliamps || order.phasesWired !== before.phasesWired)
  if (raises)
    return {
      code: 'PRESENCE_NEEDED',
      message: `Raising the installation limit or changing its phases (now ${amps(before.limitMilliamps)}, ${before.phasesWired} phase) needs presence at the box.`,
      do: 'Keep the phases and keep or lower the limit from here. This version has no presence code yet, with which somebody at the box could raise it.',
    }
  return null
}
