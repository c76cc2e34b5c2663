// Facts of stations for tests, from a few words.
import type { SampleFact, TransactionFact } from '../../../cloud/fleet/facts.ts'
import type { Submission } from '../../../cloud/store/ingest.ts'
import { epochMs } from '../../../shared/units.ts'

export const at = (iso: string) => epochMs(Date.parse(iso))

export const sample = (
  iso: string,
  registerWh: number | null,
  more: Partial<SampleFact> & { powerWatts?: number | null } = {},
): SampleFact => {
  const { powerWatts = null, ...rest } = more
  return {
    kind: 'sample',
    evseId: 1,
    meterSerial: 'M1',
    context: 'other',
    sample: { at: at(iso), powerWatts, currentsMilliamps: null, offeredMilliamps: null, registerWh },
    ...rest,
  }
}

export const event = (
  transactionId: string,
  seqNo: number,
  kind: TransactionFact['event'],
  iso: string,
  registerWh: number | null,
  more: Partial<TransactionFact> = {},
): TransactionFact => ({
  transactionId,
  seqNo,
  event: kind,
  at: at(iso),
  evseId: 1,
  idToken: 'free',
  chargingState: 'Charging',
  stoppedReason: kind === 'Ended' ? 'EVDisconnected' : null,
  timeEstimated: false,
  timeImplausible: false,
  meterSerial: 'M1',
  samples:
    registerWh === null
      ? []
      : [
          sample(iso, registerWh, {
            context: kind === 'Started' ? 'begin' : kind === 'Ended' ? 'end' : 'other',
          }),
        ],
  ...more,
})

/** A message of a station that holds this event. */
export const told = (
  stationId: string,
  fact: TransactionFact,
  payload = JSON.stringify(fact),
): Submission => ({
  stationId,
  receivedAt: fact.at,
  facts: [],
  transaction: { fact, payload, answer: JSON.stringify({ answerTo: fact.seqNo }) },
})

export const said = (stationId: string, ...facts: Submission['facts']): Submission => ({
  stationId,
  receivedAt: at('2026-06-01T12:00:00Z'),
  facts,
  transaction: null,
})
