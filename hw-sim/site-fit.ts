// Whether the parts of a site fit together: what no single key of the file can show. Pure.
import type { BoardKind } from './devices/board-kind.ts'
import { BOARDS, type BoardId, boardKindOf } from './devices/boards.ts'
import type {
  DeviceKind,
  Site,
  SiteBoardDevice,
  SiteDevice,
  SiteInputs,
  SiteMeter,
  SiteRelay,
} from './site-shape.ts'
import { inputPoints, relayPoints } from './site-wiring.ts'

/** What is not a board, with the baud rates that its own settings know. */
const OTHER_BAUDS = {
  'eastron-sdm630-v2': [1200, 2400, 4800, 9600, 19_200, 38_400],
  'waveshare-modbus-rtu-relay-8ch': [4800, 9600, 19_200, 38_400, 57_600, 115_200],
  'waveshare-modbus-rtu-io-8ch': [4800, 9600, 19_200, 38_400, 57_600, 115_200],
} as const satisfies Record<Exclude<DeviceKind, BoardId>, readonly number[]>

/** All devices that a site file can name. */
export const DEVICE_IDS: readonly string[] = [...Object.keys(BOARDS), ...Object.keys(OTHER_BAUDS)]

export const isMeter = (device: SiteDevice): device is SiteMeter => device.device === 'eastron-sdm630-v2'
export const isRelay = (device: SiteDevice): device is SiteRelay =>
  device.device === 'waveshare-modbus-rtu-relay-8ch'
export const isInputs = (device: SiteDevice): device is SiteInputs =>
  device.device === 'waveshare-modbus-rtu-io-8ch'
export const isBoard = (device: SiteDevice): device is SiteBoardDevice => Object.hasOwn(BOARDS, device.device)

export interface Unfit {
  readonly path: readonly PropertyKey[]
  readonly expected: string
}

/** What no single key can show: names, unit ids, wiring and baud rates that do not fit together. */
export function unfit(site: Site): readonly Unfit[] {
  return [...unfitNames(site), ...unfitBuses(site), ...unfitCounts(site), ...unfitPoints(site)]
}

function unfitNames(site: Site): readonly Unfit[] {
  // Buses and readers are ports, and their links share a folder.
  const ports = [...named('buses', site.buses), ...named('readers', site.readers)]
  return [ports, named('devices', site.devices)].flatMap((entries) =>
    entries.flatMap((entry, index): readonly Unfit[] => {
      const first = entries.find((other) => other.name === entry.name)
      if (first === undefined || entries.indexOf(first) === index) return []
      return [{ path: [...entry.path, 'name'], expected: `a name of its own; ${first.text} has it` }]
    }),
  )
}

const named = (section: string, entries: readonly { readonly name: string }[]) =>
  entries.map(({ name }, index) => ({ name, path: [section, index], text: `${section}[${index}]` }))

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

/** Each channel that something is wired to is one of a module of this site, and used once. A lock needs a socket. */
function unfitPoints(site: Site): readonly Unfit[] {
  const relays = [
    ...site.devices.flatMap((device, index) => (isBoard(device) ? boardPoints(device, index) : [])),
    ...relayPoints(site).map(([path, { relay, channel }]) => ({
      path: path.split('.'),
      module: relay,
      channel,
    })),
  ]
  const inputs = inputPoints(site).map(([path, point]) => ({
    path: path.split('.'),
    module: point.inputs,
    channel: point.channel,
  }))
  const tetheredLock = site.lock !== undefined && site.cable.kind === 'tethered'
  return [
    ...unfitModules(relays, 'relay', site.devices.filter(isRelay)),
    ...unfitModules(inputs, 'inputs', site.devices.filter(isInputs)),
    ...(tetheredLock ? [{ path: ['lock'], expected: 'no such key: a tethered cable has no lock' }] : []),
  ]
}

interface Point {
  readonly path: readonly PropertyKey[]
  readonly module: string
  readonly channel: number
}

const boardPoints = (device: SiteBoardDevice, index: number): readonly Point[] =>
  (['xr', 'supply'] as const).flatMap((key) => {
    const wire = device[key]
    if (wire === undefined || wire === 'bridged') return []
    const point = { path: ['devices', index, key], module: wire.relay }
    const parallel = wire.parallelChannel === undefined ? [] : [wire.parallelChannel]
    return [wire.channel, ...parallel].map((channel) => ({ ...point, channel }))
  })

function unfitModules(
  points: readonly Point[],
  key: 'relay' | 'inputs',
  modules: readonly { readonly name: string }[],
): readonly Unfit[] {
  const names = modules.map((module) => module.name)
  const what = key === 'relay' ? 'a relay' : 'an input module'
  return points.flatMap((point, index): readonly Unfit[] => {
    if (!names.includes(point.module)) {
      const expected = `${what} of this site: ${names.join(', ') || 'none'}`
      return [{ path: [...point.path, key], expected }]
    }
    const first = points.findIndex(
      (other) => other.module === point.module && other.channel === point.channel,
    )
    if (first === index) return []
    const user = points[first]?.path.join('.')
    return [{ path: [...point.path, 'channel'], expected: `a channel of its own; ${user} has it` }]
  })
}
