// Whether the parts of a site fit together: what no single key of the file can show. Pure.
import type { DeviceKind, Site, SiteDevice } from './site.ts'

/** Baud rates that a device's own settings know. */
export const BAUD_OF = {
  'phoenix-ev-cc-ac1-m3-rtu': [9600, 19_200],
  'eastron-sdm630-v2': [1200, 2400, 4800, 9600, 19_200, 38_400],
  'waveshare-modbus-rtu-relay-8ch': [4800, 9600, 19_200, 38_400, 57_600, 115_200],
} as const satisfies Record<DeviceKind, readonly number[]>

export interface Unfit {
  readonly path: readonly PropertyKey[]
  readonly expected: string
}

/** What no single key can show: names, unit ids, wiring and baud rates that do not fit together. */
export function unfit(site: Site): readonly Unfit[] {
  return [...unfitNames(site), ...unfitBuses(site), ...unfitDevices(site)]
}

function unfitNames(site: Site): readonly Unfit[] {
  const list: Unfit[] = []
  for (const [section, entries] of [
    ['buses', site.buses],
    ['devices', site.devices],
  ] as const) {
    for (const [index, entry] of entries.entries()) {
      const first = entries.findIndex((other) => other.name === entry.name)
      if (first !== index) {
        list.push({
          path: [section, index, 'name'],
          expected: `a name of its own; ${section}[${first}] has it`,
        })
      }
    }
  }
  return list
}

function unfitBuses(site: Site): readonly Unfit[] {
  const list: Unfit[] = []
  for (const [index, device] of site.devices.entries()) {
    const bus = site.buses.find((candidate) => candidate.name === device.bus)
    if (!bus) {
      const names = site.buses.map((candidate) => candidate.name).join(', ')
      list.push({ path: ['devices', index, 'bus'], expected: `a bus of this site: ${names}` })
      continue
    }
    const known: readonly number[] = BAUD_OF[device.device]
    if (!known.includes(bus.baud)) {
      const at = site.buses.indexOf(bus)
      const expected = `a baud rate of ${device.name} (${device.device}): ${known.join(', ')}`
      list.push({ path: ['buses', at, 'baud'], expected })
    }
    const same = (other: SiteDevice) => other.bus === device.bus && other.unitId === device.unitId
    const first = site.devices.findIndex(same)
    if (first !== index) {
      const expected = `a unit id of its own on bus ${device.bus}; ${site.devices[first]?.name} has it`
      list.push({ path: ['devices', index, 'unitId'], expected })
    }
  }
  return list
}

function unfitDevices(site: Site): readonly Unfit[] {
  const list: Unfit[] = []
  for (const kind of Object.keys(BAUD_OF)) {
    const count = site.devices.filter((device) => device.device === kind).length
    if (count !== 1) list.push({ path: ['devices'], expected: `one ${kind}, not ${count}` })
  }
  for (const [index, device] of site.devices.entries()) {
    if (device.device !== 'phoenix-ev-cc-ac1-m3-rtu' || device.xr === 'bridged') continue
    const wanted = device.xr.relay
    const relays = site.devices.filter((other) => other.device === 'waveshare-modbus-rtu-relay-8ch')
    if (!relays.some((relay) => relay.name === wanted)) {
      const names = relays.map((relay) => relay.name).join(', ') || 'none'
      list.push({ path: ['devices', index, 'xr', 'relay'], expected: `a relay of this site: ${names}` })
    }
  }
  return list
}
