// OCPP 2.0.1 G01 Status Notification.
import { action } from '../action.ts'
import { timeOf } from '../times.ts'

export const statusNotification = action('StatusNotification', async (request, { tell }) => {
  const { evseId, connectorId, connectorStatus: status } = request
  await tell([{ kind: 'connector', at: timeOf(request.timestamp, 'timestamp'), evseId, connectorId, status }])
  return {}
})
