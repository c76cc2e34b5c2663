// From a site file to the world that it begins with. Pure.

import { invariant } from '../shared/invariant.ts'
import { newMeter } from './devices/eastron-sdm630.ts'
import { newPhoenix } from './devices/phoenix-state.ts'
import { newRelay } from './devices/waveshare-relay.ts'
import type { DeviceKind, Site, SiteDevice } from './site.ts'
import { openContactor } from './world/contactor.ts'
import { noEnergy } from './world/energy.ts'
import type { World, WorldFacts } from './world.ts'

/** The device of a kind; a site has exactly one of each. */
function only<K extends DeviceKind>(site: Site, kind: K): Extract<SiteDevice, { device: K }> {
  const found = site.devices.find((device) => device.device === kind)
  invariant(found, `a site has one ${kind}`)
  // The kind was compared; TypeScript does not narrow a union by a generic.
  return found as Extract<SiteDevice, { device: K }>
}

/** What stays as it is while hw-sim runs. */
export function worldFacts(site: Site): WorldFacts {
  const board = only(site, 'phoenix-ev-cc-ac1-m3-rtu')
  const ratingAmps = site.cable.ratingMilliamps / 1000
  const tethered = site.cable.kind === 'tethered'
  return {
    voltagesMillivolts: site.grid.voltagesMillivolts,
    frequencyMillihertz: site.grid.frequencyMillihertz,
    board: {
      // S1/DIP 5 and 6 are set to the tethered cable; a socket is limited by the plug's resistor.
      dipMaxAmps: tethered ? ratingAmps : 32,
      tethered,
      bootMs: board.bootMs,
      closeDelayMs: board.closeDelayMs,
    },
    contactor: site.contactor,
    xr: board.xr === 'bridged' ? { kind: 'bridged' } : { kind: 'relay', channel: board.xr.channel - 1 },
    cableAmps: ratingAmps,
  }
}

/** Registers 1000-1026. */
export const boardIdentity = (site: Site) => ({
  designation: 'EV-CC-AC1-M3-CBC-SER-HS',
  orderNumber: '1622460',
  serial: only(site, 'phoenix-ev-cc-ac1-m3-rtu').serial,
})

/** Codes of the meter's register 0x001C. */
const BAUD_CODES: Readonly<Record<number, number>> = {
  2400: 0,
  4800: 1,
  9600: 2,
  19200: 3,
  38400: 4,
  1200: 5,
}

/** The site as it stands when hw-sim starts. */
export function newWorld(site: Site, facts: WorldFacts, nowMicros: number): World {
  const meter = only(site, 'eastron-sdm630-v2')
  const baud = site.buses.find((bus) => bus.name === meter.bus)?.baud ?? 0
  const { battery, ...car } = site.car
  return {
    atMicros: nowMicros,
    supplied: true,
    car: {
      ...car,
      s2Closed: false,
      s2FlipsAtMicros: null,
      drawnMilliamps: 0,
      ramp: { fromMilliamps: 0, toMilliamps: 0, startMicros: nowMicros, endMicros: nowMicros },
      battery: battery
        ? {
            capacityMilliwattHours: battery.capacityWattHours * 1000,
            storedMilliwattHours: battery.storedWattHours * 1000,
          }
        : null,
    },
    board: newPhoenix(facts.board, nowMicros),
    contactor: openContactor,
    relay: newRelay(only(site, 'waveshare-modbus-rtu-relay-8ch').flashOn),
    meter: newMeter({
      serial: meter.serial,
      registerMilliwattHours: meter.registerWh * 1000,
      unitId: meter.unitId,
      baudCode: BAUD_CODES[baud] ?? 2,
    }),
    energy: noEnergy,
    faults: [],
  }
}
