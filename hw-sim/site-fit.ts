// Whether the parts of a site fit together: what no single key of the file can show. Pure.
import type { BoardKind, SiteWire } from './devices/board-kind.ts'
import { BOARDS, type BoardId, boardKindOf } from './devices/boards.ts'
import type { DeviceKind, Site, SiteBoardDevice, SiteDevice, SiteMeter, SiteRelay } from './site-shape.ts'

/** What is not a board, with the baud rates that its own settings know. */
const OTHER_BAUDS = {
  'eastron-sdm630-v2': [1200, 2400, 4800, 9600, 19_200, 38_400],
  'waveshare-modbus-rtu-relay-8ch': [4800, 9600, 19_200, 38_400, 57_600, 115_200],
} as const satisfies Record<Exclude<DeviceKind, BoardId>, readonly number[]>

/** All devices that a site file can name. */
export const DEVICE_IDS: readonly string[] = [...Object.keys(BOARDS), ...Object.keys(OTHER_BAUDS)]

export const isMeter = (device: SiteDevice): device is SiteMeter => device.device === 'eastron-sdm630-v2'
export const isRelay = (device: SiteDevice): device is SiteRelay =>
  device.device === 'waveshare-modbus-rtu-relay-8ch'
export const isBoard = (device: SiteDevice): device is SiteBoardDevice => Object.hasOwn(BOARDS, device.device)

export interface Unfit {
  readonly path: readonly PropertyKey[]
  readonly expected: string
}

/** What no single key can show: names, unit ids, wiring and baud rates that do not fit together. */
export function unfit(site: Site): readonly Unfit[] {
  return [...unfitNames(site), ...unfitBuses(site), ...unfitCounts(site), ...unfitWires(site)]
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

const lineOf = (device: SiteDevice): Pick<BoardKind, 'transport' | 'bauds'> =>
  isBoard(device) ? boardKindOf(device.device) : { transport: 'rtu', bauds: OTHER_BAUDS[device.device] }

function unfitBuses(site: Site): readonly Unfit[] {
  const list: Unfit[] = []
  for (const [index, device] of site.devices.entries()) {
    const bus = site.buses.find((candidate) => candidate.name === device.bus)
    if (!bus) {
      const names = site.buses.map((candidate) => candidate.name).join(', ')
      list.push({ path: ['devices', index, 'bus'], expected: `a bus of this site: ${names}` })
      continue
    }
    const same = (other: SiteDevice) => other.bus === device.bus && other.unitId === device.unitId
    const first = site.devices.findIndex(same)
    if (first !== index) {
      const expected = `a unit id of its own on bus ${device.bus}; ${site.devices[first]?.name} has it`
      list.push({ path: ['devices', index, 'unitId'], expected })
    } else if (bus.kind !== 'tcp' && device.unitId > 247) {
      list.push({ path: ['devices', index, 'unitId'], expected: `1-247 on a serial bus (${bus.kind})` })
    }
    list.push(...unfitLine(device, bus, site.buses.indexOf(bus)))
  }
  return list
}

function unfitLine(device: SiteDevice, bus: Site['buses'][number], at: number): readonly Unfit[] {
  const { transport, bauds } = lineOf(device)
  const who = `${device.name} (${device.device})`
  if (transport !== bus.kind)
    return [{ path: ['buses', at, 'kind'], expected: `${transport}, which ${who} speaks` }]
  if (bus.kind === 'tcp' || bauds.includes(bus.baud)) return []
  return [{ path: ['buses', at, 'baud'], expected: `a baud rate of ${who}: ${bauds.join(', ')}` }]
}

function unfitCounts(site: Site): readonly Unfit[] {
  const list: Unfit[] = []
  const boards = site.devices.filter(isBoard).length
  if (boards !== 1) {
    const expected = `one board (${Object.keys(BOARDS).join(', ')}), not ${boards}`
    list.push({ path: ['devices'], expected })
  }
  const meters = site.devices.filter(isMeter).length
  if (meters !== 1) list.push({ path: ['devices'], expected: `one eastron-sdm630-v2, not ${meters}` })
  return list
}

/** Each contact that a device is wired to is one of a relay of this site. */
function unfitWires(site: Site): readonly Unfit[] {
  const relays = site.devices.filter(isRelay).map((relay) => relay.name)
  const list: Unfit[] = []
  const look = (path: readonly PropertyKey[], wire: SiteWire | undefined) => {
    if (wire === undefined || wire === 'bridged' || relays.includes(wire.relay)) return
    list.push({ path: [...path, 'relay'], expected: `a relay of this site: ${relays.join(', ') || 'none'}` })
  }
  for (const [index, device] of site.devices.entries()) {
    if (!isBoard(device)) continue
    look(['devices', index, 'xr'], device.xr)
    look(['devices', index, 'supply'], device.supply)
  }
  return list
}
