// What must hold between the values of agent.yaml, beyond its shape. Each rule looks only at values that can be read,
// so that all findings come at once.
import { CURRENT_MIN, type MilliAmps } from '../../shared/units.ts'
import { busNames, checkBuses, kindOfBus, unitIdMaxOf } from './config-buses.ts'
import { checkIo, modulePaths } from './config-io.ts'
import { access, busName, channel, current, driverName, localHost, pin, unitId } from './config-leaves.ts'
import { type ConfigPath, type Finding, pathInWords, valueAt, valueInWords } from './config-text.ts'
import { DRIVERS, type DriverRole, driverById, type KnownDriver } from './drivers.ts'

const DEVICES: readonly { readonly path: ConfigPath; readonly role: DriverRole }[] = [
  { path: ['board'], role: 'board' },
  { path: ['board', 'deadman'], role: 'relay' },
  { path: ['meter'], role: 'meter' },
]
const ROLE_WORDS: Readonly<Record<DriverRole, string>> = {
  board: 'EVSE board',
  meter: 'meter',
  relay: 'relay',
  inputs: 'module with inputs',
}

export function checkRules(value: unknown): readonly Finding[] {
  return [
    ...checkBuses(value),
    ...DEVICES.flatMap(({ path, role }) => [...checkDriver(value, path, role), ...checkBusOf(value, path)]),
    ...modulePaths(value).flatMap((path) => [...checkModule(value, path), ...checkBusOf(value, path)]),
    ...checkUnitIds(value),
    ...checkDeadman(value),
    ...checkChannel(value),
    ...checkIo(value),
    ...checkCurrents(value),
    ...checkWhoMayCharge(value),
    ...checkPin(value),
  ]
}

const currentInWords = (currentMilliamps: MilliAmps): string => `${currentMilliamps / 1000} A`

function checkDriver(value: unknown, path: ConfigPath, role: DriverRole): readonly Finding[] {
  const id = driverName.read(valueAt(value, [...path, 'driver']))
  if (id === undefined) return []
  const driver = driverById(id)
  if (driver?.role === role) return []
  const known = DRIVERS.filter((candidate) => candidate.role === role).map((candidate) => candidate.id)
  return [
    {
      path: [...path, 'driver'],
      expected: `a driver of ${role === 'board' ? 'an' : 'a'} ${ROLE_WORDS[role]}: ${known.join(', ')}`,
      got: driver ? `${id}, the driver of a ${ROLE_WORDS[driver.role]}` : `${id}, which is not known`,
      do: 'take one of them (voltkeep drivers lists all)',
    },
  ]
}

/** An IO module has relays or inputs; what is wired to it tells which it must have. */
function checkModule(value: unknown, path: ConfigPath): readonly Finding[] {
  const id = driverName.read(valueAt(value, [...path, 'driver']))
  const role = id === undefined ? undefined : driverById(id)?.role
  return role === 'relay' ? [] : checkDriver(value, path, 'inputs')
}

function checkBusOf(value: unknown, path: ConfigPath): readonly Finding[] {
  const bus = busName.read(valueAt(value, [...path, 'bus']))
  const names = busNames(value).filter((name) => name !== undefined)
  if (bus === undefined || names.length === 0 || names.includes(bus)) return []
  return [
    {
      path: [...path, 'bus'],
      expected: `a bus that is listed under buses: ${names.join(', ')}`,
      got: bus,
      do: 'write the name of the bus that the device is wired to, or add the bus',
    },
  ]
}

function checkUnitIds(value: unknown): readonly Finding[] {
  const seen = new Map<string, ConfigPath>()
  const findings: Finding[] = []
  for (const path of [...DEVICES.map((device) => device.path), ...modulePaths(value)]) {
    const bus = busName.read(valueAt(value, [...path, 'bus']))
    const unit = unitId.read(valueAt(value, [...path, 'unit']))
    if (bus === undefined || unit === undefined) continue
    const unitIdMax = unitIdMaxOf(kindOfBus(value, bus) ?? 'rtu')
    if (unit > unitIdMax) {
      findings.push({
        path: [...path, 'unit'],
        expected: `a whole number from 1 to ${unitIdMax}`,
        got: valueInWords(unit),
        do: `write a number from 1 to ${unitIdMax}, without quotes; only a bus of kind tcp has more`,
      })
    }
    const other = seen.get(`${bus} ${unit}`)
    if (other) {
      findings.push({
        path: [...path, 'unit'],
        expected: `a unit id that no other device on bus ${bus} has`,
        got: `${unit}, as ${pathInWords(other)}.unit`,
        do: 'set another unit id on one of the two devices, and write it here',
      })
    } else seen.set(`${bus} ${unit}`, path)
  }
  return findings
}

const HOLDS: Readonly<Record<'release' | 'supply', string>> = {
  release: "holds the board's release input",
  supply: "holds the board's supply",
}

/** A board that does not notice when nobody talks to it gets a relay that does; one that does needs none. */
function checkDeadman(value: unknown): readonly Finding[] {
  const path = ['board', 'deadman']
  const board = driverAt(value, ['board'])
  const written = valueAt(value, path)
  const isThere = written !== undefined && written !== null
  if (board?.deadman === undefined) return []
  if (board.deadman === 'own') {
    if (!isThere) return []
    return [
      {
        path,
        atKey: true,
        expected: `no dead-man relay: the watchdog of ${board.id} itself ends the current when nobody talks to it`,
        got: valueInWords(written),
        do: 'remove deadman and its lines; the relay has nothing to hold',
      },
    ]
  }
  if (isThere) return []
  return [
    {
      path,
      expected: `a relay that ${HOLDS[board.deadman]}: ${board.id} does not notice by itself when nobody talks to it`,
      got: 'nothing',
      do: 'add deadman with driver, bus, unit and channel; docs/operate/agent.example.yaml shows one',
    },
  ]
}

function checkChannel(value: unknown): readonly Finding[] {
  const wanted = channel.read(valueAt(value, ['board', 'deadman', 'channel']))
  const channels = driverAt(value, ['board', 'deadman'])?.channels
  if (wanted === undefined || channels === undefined || wanted <= channels) return []
  return [
    {
      path: ['board', 'deadman', 'channel'],
      expected: `a channel from 1 to ${channels}`,
      got: valueInWords(wanted),
      do: "write the channel that the board's release input or supply is wired to",
    },
  ]
}

const driverAt = (value: unknown, path: ConfigPath): KnownDriver | undefined =>
  driverById(driverName.read(valueAt(value, [...path, 'driver'])) ?? '')

function checkCurrents(value: unknown): readonly Finding[] {
  const findings: Finding[] = []
  const wirePath = ['installation', 'wireRating']
  const wire = current.read(valueAt(value, wirePath))
  const cable = current.read(valueAt(value, ['cable', 'rating']))
  const fallback = current.read(valueAt(value, ['board', 'fallbackCurrent']))
  const boardMax = driverAt(value, ['board'])?.currentMaxMilliamps
  for (const [path, rating] of [
    [wirePath, wire],
    [['cable', 'rating'], cable],
  ] as const) {
    if (rating === undefined || rating >= CURRENT_MIN) continue
    findings.push({
      path,
      expected: `${currentInWords(CURRENT_MIN)} or more, the least that a car can be offered (IEC 61851-1)`,
      got: currentInWords(rating),
      do: 'write what is printed on the breaker or the cable; below 6 A no car can charge',
    })
  }
  if (wire !== undefined && boardMax !== undefined && wire > boardMax) {
    findings.push({
      path: wirePath,
      expected: `at most ${currentInWords(boardMax)}, the most that the board can offer (board.driver)`,
      got: currentInWords(wire),
      do: `write ${currentInWords(boardMax)} or less; a thicker wire may be entered as less`,
    })
  }
  if (fallback !== undefined && fallback > 0 && fallback < CURRENT_MIN) {
    findings.push({
      path: ['board', 'fallbackCurrent'],
      expected: '0 A, or 6 A and more: no car can be offered less (IEC 61851-1)',
      got: currentInWords(fallback),
      do: "set the board's own fallback to 0 A or to 6 A and more, and write that",
    })
  }
  if (fallback !== undefined && wire !== undefined && fallback > wire) {
    findings.push({
      path: ['board', 'fallbackCurrent'],
      expected: `at most ${currentInWords(wire)}, the installation limit (installation.wireRating)`,
      got: currentInWords(fallback),
      do: `set the board's own fallback to ${currentInWords(wire)} or less and write that, or raise installation.wireRating if the wire allows it`,
    })
  }
  return findings
}

function checkWhoMayCharge(value: unknown): readonly Finding[] {
  const tokens = valueAt(value, ['rfid', 'tokens'])
  const isAnybody = valueAt(value, ['freeVend']) !== undefined || valueAt(value, ['csms']) !== undefined
  // Of a file that says nothing yet, that is not the first thing to tell.
  if (valueAt(value, ['board']) === undefined) return []
  if (isAnybody || (Array.isArray(tokens) && tokens.length > 0)) return []
  return [
    {
      path: ['freeVend'],
      expected:
        'freeVend (anybody charges), rfid.tokens (whoever has one of them), or csms (whoever it starts)',
      got: 'none of them: nobody could charge',
      do: 'add the one that is meant; docs/operate/agent.example.yaml shows freeVend and csms',
    },
  ]
}

/** Where strangers have time to guess. */
const PUBLIC_PIN_DIGITS = 6

function checkPin(value: unknown): readonly Finding[] {
  const isPublic = access.read(valueAt(value, ['access'])) === 'public'
  const host = localHost.read(valueAt(value, ['local', 'host'])) ?? '127.0.0.1'
  if (!isPublic && isLoopback(host)) return []
  const written = valueAt(value, ['local', 'pin'])
  const read = pin.read(written)
  if (isPublic && read !== undefined && read.length < PUBLIC_PIN_DIGITS) {
    return [
      {
        path: ['local', 'pin'],
        expected: `a PIN of ${PUBLIC_PIN_DIGITS} to 12 digits in quotes, because access is public`,
        got: `${read.length} digits (not shown)`,
        do: 'write a longer one, or access: private if only people you know can reach the box',
      },
    ]
  }
  if (read !== undefined || (written !== undefined && written !== null)) return []
  if (!isPublic) {
    return [
      {
        path: ['local', 'pin'],
        expected: `a PIN of 4 to 12 digits in quotes, because everybody on the network reaches the page at ${host}`,
        got: 'nothing',
        do: 'add it, or remove local.host: the page is then on this machine only',
      },
    ]
  }
  return [
    {
      path: ['local', 'pin'],
      expected: `a PIN of ${PUBLIC_PIN_DIGITS} to 12 digits in quotes, because access is public`,
      got: 'nothing',
      do: 'add it, or write access: private if only people you know can reach the box',
    },
  ]
}

/** Only this machine itself reaches it. */
const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host)
