// OCPP 2.0.1 B01 Cold Boot. Every station that came through authentication is known, so it is accepted.
import { isoOf } from '../../../shared/time/iso.ts'
import { action } from '../action.ts'

/** How often a station that has nothing to say says so; its clock is set by the answers. */
const HEARTBEAT_SECONDS = 20

export const bootNotification = action('BootNotification', async (request, { now, tell }) => {
  const { vendorName, model, serialNumber, firmwareVersion } = request.chargingStation
  await tell([
    {
      kind: 'booted',
      at: now(),
      reason: request.reason,
      vendor: vendorName,
      model,
      serial: serialNumber ?? null,
      firmwareVersion: firmwareVersion ?? null,
    },
  ])
  return { currentTime: isoOf(now()), interval: HEARTBEAT_SECONDS, status: 'Accepted' }
})
