// OCPP 2.0.1 G02 Heartbeat. Nothing to store: that the station lives is known from its socket.
import { isoOf } from '../../../shared/time/iso.ts'
import { action } from '../action.ts'

export const heartbeat = action('Heartbeat', async (_request, { now }) => ({ currentTime: isoOf(now()) }))
