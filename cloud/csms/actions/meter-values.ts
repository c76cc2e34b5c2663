// OCPP 2.0.1 J01 Sending Meter Values not related to a transaction.
import { voltkeepData } from '../../../shared/ocpp/voltkeep-data.ts'
import { action } from '../action.ts'
import { samplesFrom } from '../meter-values.ts'

export const meterValues = action('MeterValues', async (request, { tell }) => {
  const meterSerial = voltkeepData(request.customData)?.meterSerial ?? null
  await tell(samplesFrom(request.meterValue, { evseId: request.evseId, meterSerial }))
  return {}
})
