// The meter port. A reading is as the device told it and when it told it; judgement (frozen, stepped back, replaced) is
// made in safety/meter-judge.ts from readings and their ages.
import type { Result } from '../../../shared/result.ts'
import type { MilliAmps, MilliVolts, MonotonicMs, PerPhase, WattHours, Watts } from '../../../shared/units.ts'
import type { BusFailure } from './bus.ts'

export interface RawMeterReading {
  readonly takenAtMonotonicMs: MonotonicMs
  readonly registerWh: WattHours
  readonly powerWatts: Watts
  readonly currentsMilliamps: PerPhase<MilliAmps>
  readonly voltagesMillivolts: PerPhase<MilliVolts>
}

/** A value that the device told but that is none: NaN, all ones, out of its range. */
export interface ImplausibleValue {
  readonly kind: 'implausible'
  readonly quantity: string
  readonly detail: string
}

export interface Meter {
  readonly name: string
  /** Smallest step of the register at its present value, Wh; for float32 registers it grows with the value. */
  resolutionWh(registerWh: WattHours): number
  /** Serial number, read at start and again every minute; null where no such register is known. */
  readSerial(): Promise<Result<string | null, BusFailure>>
  /**
   * One block of the reading; a whole reading needs `blocks` calls, with other devices served between them. Returns null
   * until the last block is in. Values of one reading come from one pass; a failed block drops the pass.
   */
  readonly blocks: number
  readNext(): Promise<Result<RawMeterReading | null, BusFailure | ImplausibleValue>>
}
