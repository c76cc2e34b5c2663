// OCPP 2.0.1 G01 Status Notification.
import { action } from '../action.ts'
import { plausibleOr, timeOf } from '../times.ts'

export const statusNotification = action('StatusNotification', async (request, { now, tell }) => {
  const { evseId, connectorId, connectorStatus: status } = request
  const at = plausibleOr(timeOf(request.timestamp, 'timestamp'), now())
  await tell([{ kind: 'connector', at, evseId, connectorId, status }])
  return {}
})
