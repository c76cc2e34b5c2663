// OCPP 2.0.1 E02, E06, E07: a fact of a charge as a TransactionEvent request. Pure: the payload is frozen when it is
// made, so the same fact always gives the same bytes.
import type {
  ChargingStateEnumType,
  MeterValueType,
  PhaseEnumType,
  ReadingContextEnumType,
  SampledValueType,
  TransactionEventRequest,
} from '../../../../../shared/ocpp/generated/actions-201.ts'
import { VENDOR_ID } from '../../../../../shared/ocpp/voltkeep-data.ts'
import { isoOf } from '../../../../../shared/time/iso.ts'
import type { MilliAmps, PhasesWired } from '../../../../../shared/units.ts'
import type { ChargingState } from '../../../../control-link/messages.ts'
import type { OutboxFact, Sample } from '../../../ports.ts'

type TransactionFact = Extract<OutboxFact, { kind: 'transaction' }>

const CHARGING_STATE: Readonly<Record<ChargingState, ChargingStateEnumType>> = {
  idle: 'Idle',
  occupied: 'EVConnected',
  suspendedEvse: 'SuspendedEVSE',
  suspendedEv: 'SuspendedEV',
  charging: 'Charging',
  // The standard has no word for it; the station holds the current back, and NotifyEvent says why.
  faulted: 'SuspendedEVSE',
}

const CONTEXT: Readonly<Record<Sample['context'], ReadingContextEnumType>> = {
  begin: 'Transaction.Begin',
  end: 'Transaction.End',
  clock: 'Sample.Clock',
  periodic: 'Sample.Periodic',
  trigger: 'Trigger',
}

const PHASES: readonly PhaseEnumType[] = ['L1', 'L2', 'L3']

export function transactionEvent(fact: TransactionFact, phasesWired: PhasesWired): TransactionEventRequest {
  return {
    eventType: fact.event,
    timestamp: isoOf(fact.at),
    triggerReason: fact.trigger,
    seqNo: fact.seqNo,
    ...(fact.offline ? { offline: true } : {}),
    transactionInfo: {
      transactionId: fact.uuid,
      chargingState: CHARGING_STATE[fact.chargingState],
      ...(fact.stoppedReason === null ? {} : { stoppedReason: fact.stoppedReason }),
      ...(fact.remoteStartId === null ? {} : { remoteStartId: fact.remoteStartId }),
    },
    evse: { id: 1, connectorId: 1 },
    // The token is one that the server knows: the configured one of free-vend, or that of a remote start.
    ...(fact.idToken === null ? {} : { idToken: { idToken: fact.idToken, type: 'Central' } }),
    ...(fact.samples.length === 0
      ? {}
      : { meterValue: fact.samples.map((one) => meterValue(one, phasesWired)) }),
    ...customData(fact),
  }
}

function customData(fact: TransactionFact): Pick<TransactionEventRequest, 'customData'> {
  const estimated = fact.timeEstimated || fact.samples.some((sample) => sample.timeEstimated)
  if (fact.meterSerial === undefined && !estimated) return {}
  return {
    customData: {
      vendorId: VENDOR_ID,
      ...(fact.meterSerial === undefined ? {} : { meterSerial: fact.meterSerial }),
      ...(estimated ? { timeEstimated: true } : {}),
    },
  }
}

function meterValue(sample: Sample, phasesWired: PhasesWired): MeterValueType {
  const context = CONTEXT[sample.context]
  const values: SampledValueType[] = [
    {
      value: sample.registerWh,
      context,
      measurand: 'Energy.Active.Import.Register',
      unitOfMeasure: { unit: 'Wh' },
    },
    { value: sample.powerWatts, context, measurand: 'Power.Active.Import', unitOfMeasure: { unit: 'W' } },
    ...sample.currentsMilliamps.slice(0, phasesWired).map(
      (current, index): SampledValueType => ({
        value: inAmps(current),
        context,
        measurand: 'Current.Import',
        ...phase(index),
        unitOfMeasure: { unit: 'A' },
      }),
    ),
    {
      value: inAmps(sample.offeredMilliamps),
      context,
      measurand: 'Current.Offered',
      unitOfMeasure: { unit: 'A' },
    },
  ]
  return { timestamp: isoOf(sample.at), sampledValue: values }
}

const inAmps = (current: MilliAmps): number => current / 1000

function phase(index: number): Pick<SampledValueType, 'phase'> {
  const name = PHASES[index]
  return name === undefined ? {} : { phase: name }
}
