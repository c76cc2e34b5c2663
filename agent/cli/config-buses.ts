// The buses of agent.yaml: the rules of their keys, which depend on the kind, and what control is told of them.
import { invariant } from '../../shared/invariant.ts'
import type { BusConfig } from '../control/config.ts'
import { type BusKind, busHost, busKind, busName, serialPort, tcpPort } from './config-leaves.ts'
import type { AgentFile } from './config-shape.ts'
import { type ConfigPath, type Finding, valueAt, valueInWords } from './config-text.ts'

/**
 * RTU as most devices are delivered; ASCII as the standard has it (Modbus over Serial Line V1.02, 2.5.2); the port that
 * IANA gave to Modbus TCP.
 */
const DEFAULTS = {
  rtu: { baud: 19_200, dataBits: 8, parity: 'none', stopBits: 1 },
  ascii: { baud: 19_200, dataBits: 7, parity: 'even', stopBits: 1 },
  tcp: { port: 502 },
} as const

const SERIAL_KEYS = ['baud', 'dataBits', 'parity', 'stopBits'] as const

const busesOf = (value: unknown): readonly unknown[] => {
  const list = valueAt(value, ['buses'])
  return Array.isArray(list) ? list : []
}

/** `rtu` where none is written; undefined where what is written is no kind. */
const kindOf = (bus: unknown): BusKind | undefined => {
  const written = valueAt(bus, ['kind'])
  return written === undefined || written === null ? 'rtu' : busKind.read(written)
}

export const busNames = (value: unknown): readonly (string | undefined)[] =>
  busesOf(value).map((bus) => busName.read(valueAt(bus, ['name'])))

/** The kind of the bus of that name; undefined where there is no such bus or no such kind. */
export const kindOfBus = (value: unknown, name: string): BusKind | undefined =>
  kindOf(busesOf(value)[busNames(value).indexOf(name)])

export const checkBuses = (value: unknown): readonly Finding[] => [
  ...busesOf(value).flatMap((bus, index) => checkKeys(bus, ['buses', index])),
  ...checkNames(value),
  ...checkPlaces(value),
]

/** The keys that the bus's kind needs are there, and no others. */
function checkKeys(bus: unknown, path: ConfigPath): readonly Finding[] {
  const kind = kindOf(bus)
  if (kind === undefined || typeof bus !== 'object' || bus === null) return []
  return kind === 'tcp' ? checkTcp(bus, path) : checkSerial(bus, kind, path)
}

const isThere = (bus: unknown, key: string): boolean => {
  const value = valueAt(bus, [key])
  return value !== undefined && value !== null
}

function checkTcp(bus: unknown, path: ConfigPath): readonly Finding[] {
  const findings: Finding[] = SERIAL_KEYS.filter((key) => isThere(bus, key)).map((key) => ({
    path: [...path, key],
    expected: `no ${key}: a bus of kind tcp has host and port`,
    got: valueInWords(valueAt(bus, [key])),
    do: 'remove the line, or write kind: rtu or kind: ascii if this is a serial port',
  }))
  if (!isThere(bus, 'host')) {
    findings.push({
      path: [...path, 'host'],
      expected: 'the name or address of the device or gateway, such as 192.168.1.30',
      got: 'nothing',
      do: 'add it: a bus of kind tcp has host and port',
    })
  }
  const port = valueAt(bus, ['port'])
  if (isThere(bus, 'port') && tcpPort.read(port) === undefined) {
    findings.push({
      path: [...path, 'port'],
      expected: 'a TCP port, a whole number from 1 to 65535, because the kind is tcp',
      got: valueInWords(port),
      do: 'write its number without quotes (502 where it is not written), or kind: rtu for a serial port',
    })
  }
  return findings
}

function checkSerial(bus: unknown, kind: 'rtu' | 'ascii', path: ConfigPath): readonly Finding[] {
  const findings: Finding[] = []
  const port = valueAt(bus, ['port'])
  if (serialPort.read(port) === undefined) {
    findings.push({
      path: [...path, 'port'],
      expected: 'an absolute path, such as /dev/ttyAMA0',
      got: valueInWords(port),
      do: isThere(bus, 'port')
        ? 'write the path from the root, or kind: tcp if this is a TCP port'
        : 'add it: write the path from the root',
    })
  }
  if (isThere(bus, 'host')) {
    findings.push({
      path: [...path, 'host'],
      expected: `no host: a bus of kind ${kind} is a serial port`,
      got: valueInWords(valueAt(bus, ['host'])),
      do: 'remove the line, or write kind: tcp',
    })
  }
  if (kind === 'rtu' && valueAt(bus, ['dataBits']) === 7) {
    findings.push({
      path: [...path, 'dataBits'],
      expected: '8, because the frames of kind rtu are bytes of 8 bits',
      got: 'the number 7',
      do: 'remove the line, or write kind: ascii if the devices speak Modbus ASCII',
    })
  }
  return findings
}

function checkNames(value: unknown): readonly Finding[] {
  const names = busNames(value)
  return names.flatMap((name, index) => {
    const first = names.indexOf(name)
    if (name === undefined || first === index) return []
    return {
      path: ['buses', index, 'name'],
      expected: 'a name that no other bus has',
      got: `${name}, as buses[${first}]`,
      do: 'give this bus another name',
    }
  })
}

/** One master a port, one connection a device. */
function checkPlaces(value: unknown): readonly Finding[] {
  const places = busesOf(value).map((bus) => {
    const port = valueAt(bus, ['port'])
    if (kindOf(bus) !== 'tcp') return serialPort.read(port)
    const host = busHost.read(valueAt(bus, ['host']))
    const number = isThere(bus, 'port') ? tcpPort.read(port) : DEFAULTS.tcp.port
    return host === undefined || number === undefined ? undefined : `${host}:${number}`
  })
  return places.flatMap((place, index) => {
    const first = places.indexOf(place)
    if (place === undefined || first === index) return []
    const isTcp = kindOf(busesOf(value)[index]) === 'tcp'
    return {
      path: ['buses', index, isTcp ? 'host' : 'port'],
      expected: isTcp ? 'a host and port of its own' : 'a serial port of its own',
      got: `${place}, as buses[${first}]`,
      do: `name the other ${isTcp ? 'device' : 'port'}, or put the devices of both on one bus`,
    }
  })
}

/** What control is told; the rules above hold. */
export function busConfig(bus: AgentFile['buses'][number]): BusConfig {
  const { name, kind = 'rtu', port } = bus
  if (kind === 'tcp') {
    invariant(bus.host !== undefined, 'a TCP bus has a host')
    return { kind, name, host: bus.host, port: tcpPort.read(port) ?? DEFAULTS.tcp.port }
  }
  const path = serialPort.read(port)
  invariant(path !== undefined, 'a serial bus has a port')
  const defaults = DEFAULTS[kind]
  return {
    kind,
    name,
    port: path,
    baud: bus.baud ?? defaults.baud,
    dataBits: bus.dataBits ?? defaults.dataBits,
    parity: bus.parity ?? defaults.parity,
    stopBits: bus.stopBits ?? defaults.stopBits,
  }
}

/** The highest unit id of a bus: Modbus over Serial Line V1.02, 2.2, and the whole byte of Modbus TCP. */
export const unitIdMaxOf = (kind: BusKind): number => (kind === 'tcp' ? 255 : 247)
