// A warm box offers less, and a hot one nothing. The curve is the maker's; a lost sensor takes the curve's own fallback.
import type { MilliAmps } from '../../../shared/units.ts'
import type { Sighted } from '../ports/io.ts'

export interface TemperatureCurve {
  /** From this temperature on no more than this current; rising temperatures, falling currents. Below the first: no limit. */
  readonly points: readonly { readonly fromMilliCelsius: number; readonly currentMilliamps: MilliAmps }[]
  /** From here on no current at all, and a fault. */
  readonly stopMilliCelsius: number
  /** A stopped box may charge again below this; a derated one gets more only this far below the point it passed. */
  readonly hysteresisMilliCelsius: number
  /** What holds while no sensor is heard. */
  readonly lostMilliamps: MilliAmps
}

export interface TemperatureInput {
  readonly curve: TemperatureCurve
  /** One for each sensor that the configuration names beside the board's own; null before its first reading. */
  readonly sensors: readonly (Sighted<number> | null)[]
}
