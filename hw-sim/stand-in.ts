// A device of another make in the place of one of the site: it answers as delivered, and forgets what is written to it. Pure.
import type { SimFault } from './api.ts'
import { askDevice } from './ask-device.ts'
import { newWorld, worldFacts } from './new-world.ts'
import { asDelivered, type Site, type SiteDevice } from './site-shape.ts'

/** What stands in for a device now, by its id in a site file; null: the device itself is there. */
export function standInOf(faults: readonly SimFault[], device: SiteDevice): string | null {
  const fault = faults.find(
    (it) => it.kind === 'otherModel' && it.unitId === device.unitId && (it.bus ?? device.bus) === device.bus,
  )
  return fault?.kind === 'otherModel' ? fault.device : null
}

/** @param make an id of DEVICE_IDS */
export function askStandIn(
  site: Site,
  make: string,
  request: { readonly device: SiteDevice; readonly pdu: Uint8Array; readonly nowMicros: number },
): Uint8Array | null {
  const { device, pdu, nowMicros } = request
  const standIn = asDelivered(make, { name: 'stand-in', bus: device.bus, unitId: device.unitId })
  // The first board and the first meter of a site are the ones that its world has.
  const there: Site = { ...site, devices: [standIn, ...site.devices] }
  return askDevice(newWorld(there, nowMicros), worldFacts(there), standIn, pdu)?.pdu ?? null
}
