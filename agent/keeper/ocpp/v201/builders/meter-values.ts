// OCPP 2.0.1 J01: what flows now, for whoever looks on. The register is of the open session, so that a running charge
// can be watched; what counts is told in TransactionEvent, which is stored and repeated. This is neither.
import type {
  MeterValuesRequest,
  SampledValueType,
} from '../../../../../shared/ocpp/generated/actions-201.ts'
import { VENDOR_ID } from '../../../../../shared/ocpp/voltkeep-data.ts'
import { isoOf } from '../../../../../shared/time/iso.ts'
import type { EpochMs, PhasesWired, WattHours } from '../../../../../shared/units.ts'
import type { ControlStatus, MeterReading } from '../../../../control-link/messages.ts'

const CONTEXT = 'Sample.Periodic'
const PHASES = ['L1', 'L2', 'L3'] as const

/** @param told `at` is the wall time of the reading. */
export function liveMeterValues(told: {
  readonly at: EpochMs
  readonly meter: Pick<MeterReading, 'powerWatts' | 'currentsMilliamps'>
  readonly register: { readonly registerWh: WattHours; readonly meterSerial: string } | null
  readonly offeredMilliamps: ControlStatus['offeredMilliamps']
  readonly phasesWired: PhasesWired
}): MeterValuesRequest {
  const { meter, register } = told
  const inAmps = (milliamps: number) => ({ value: milliamps / 1000, context: CONTEXT }) as const
  const unitOfMeasure = { unit: 'A' }
  return {
    evseId: 1,
    ...(register ? { customData: { vendorId: VENDOR_ID, meterSerial: register.meterSerial } } : {}),
    meterValue: [
      {
        timestamp: isoOf(told.at),
        sampledValue: [
          {
            value: meter.powerWatts,
            context: CONTEXT,
            measurand: 'Power.Active.Import',
            unitOfMeasure: { unit: 'W' },
          },
          ...PHASES.slice(0, told.phasesWired).map(
            (phase, index): SampledValueType => ({
              ...inAmps(meter.currentsMilliamps[index] ?? 0),
              measurand: 'Current.Import',
              phase,
              unitOfMeasure,
            }),
          ),
          { ...inAmps(told.offeredMilliamps), measurand: 'Current.Offered', unitOfMeasure },
          ...(register ? [registerValue(register.registerWh)] : []),
        ],
      },
    ],
  }
}

const registerValue = (registerWh: WattHours): SampledValueType => ({
  value: registerWh,
  context: CONTEXT,
  measurand: 'Energy.Active.Import.Register',
  unitOfMeasure: { unit: 'Wh' },
})
