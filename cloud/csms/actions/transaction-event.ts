// OCPP 2.0.1 E01-E15 Transactions. A station repeats an event until it is answered, and a box without a network brings
// its events hours later: each is stored once, by (station, transactionId, seqNo), in any order.

import type { RequestOf, ResponseOf } from '../../../shared/io/ocpp-link-types.ts'
import { refuseCall } from '../../../shared/io/ocpp-link-types.ts'
import { type VoltkeepData, voltkeepData } from '../../../shared/ocpp/voltkeep-data.ts'
import { type EpochMs, epochMs } from '../../../shared/units.ts'
import type { StationFact, TransactionFact } from '../../fleet/facts.ts'
import { action } from '../action.ts'
import { idTokenInfo } from '../id-tokens.ts'
import { limitFrom } from '../limit.ts'
import { samplesFrom } from '../meter-values.ts'
import { isPlausible, plausibleOr, timeOf } from '../times.ts'

type Request = RequestOf<'TransactionEvent'>
type Response = ResponseOf<'TransactionEvent'>

export const transactionEvent = action(
  'TransactionEvent',
  async (request, { stationId, now, tellEvent, log }) => {
    const heardAt = now()
    const toldAt = timeOf(request.timestamp, 'timestamp')
    const at = plausibleOr(toldAt, heardAt)
    const ours = voltkeepData(request.customData)
    const answer: Response = request.idToken ? { idTokenInfo: idTokenInfo(request.idToken) } : {}
    const stored = await tellEvent(
      {
        fact: believable(factOf(request, toldAt, ours), heardAt),
        payload: JSON.stringify(request),
        answer: JSON.stringify(answer),
      },
      limitOf(ours, at),
    )
    if (stored.repeat === 'different') {
      const { transactionId } = request.transactionInfo
      log.warn(
        { stationId, transactionId, seqNo: request.seqNo },
        'an event was repeated with other content: the first one counts',
      )
    }
    // Written by this handler when the event came first.
    return stored.answer === null ? answer : (JSON.parse(stored.answer) as Response)
  },
)

function factOf(request: Request, at: EpochMs, ours: VoltkeepData | null): TransactionFact {
  const { transactionId, chargingState, stoppedReason } = request.transactionInfo
  if (request.seqNo < 0) throw refuseCall('PropertyConstraintViolation', 'seqNo is below 0')
  if (transactionId.length === 0) throw refuseCall('PropertyConstraintViolation', 'transactionId is empty')
  const meterSerial = ours?.meterSerial ?? null
  return {
    transactionId,
    seqNo: request.seqNo,
    event: request.eventType,
    at,
    evseId: request.evse?.id ?? null,
    idToken: request.idToken?.idToken ?? null,
    chargingState: chargingState ?? null,
    // Part 2, TransactionType: the reason may only be left out when it is Local.
    stoppedReason: stoppedReason ?? (request.eventType === 'Ended' ? 'Local' : null),
    timeEstimated: ours?.timeEstimated ?? false,
    timeImplausible: false,
    meterSerial,
    // Only the first event must name its EVSE; a wallbox has one.
    samples: samplesFrom(request.meterValue ?? [], { evseId: request.evse?.id ?? 1, meterSerial }),
  }
}

/** A fact with a time that cannot be is dated by when it was heard, and marked; the message is stored as it came. */
function believable(fact: TransactionFact, heardAt: EpochMs): TransactionFact {
  const times = [fact.at, ...fact.samples.map(({ sample }) => epochMs(sample.at))]
  if (times.every((at) => isPlausible(at, heardAt))) return fact
  const last = fact.samples.length - 1
  return {
    ...fact,
    at: plausibleOr(fact.at, heardAt),
    timeImplausible: true,
    // A millisecond apart: readings of one moment would be taken for one reading.
    samples: fact.samples.map((one, index) => ({
      ...one,
      sample: { ...one.sample, at: heardAt - (last - index) },
    })),
  }
}

const limitOf = (ours: VoltkeepData | null, at: EpochMs): StationFact[] =>
  ours?.limit ? [{ kind: 'limit', limit: limitFrom(ours.limit, at) }] : []
