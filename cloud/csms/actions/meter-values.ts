// OCPP 2.0.1 J01 Sending Meter Values not related to a transaction.
import { voltkeepData } from '../../../shared/ocpp/voltkeep-data.ts'
import { epochMs } from '../../../shared/units.ts'
import { action } from '../action.ts'
import { samplesFrom } from '../meter-values.ts'
import { isPlausible } from '../times.ts'

export const meterValues = action('MeterValues', async (request, { now, tell }) => {
  const meterSerial = voltkeepData(request.customData)?.meterSerial ?? null
  const samples = samplesFrom(request.meterValue, { evseId: request.evseId, meterSerial })
  // There is nothing to bill here, and a reading without its time says nothing.
  await tell(samples.filter(({ sample }) => isPlausible(epochMs(sample.at), now())))
  return {}
})
