// The shape of agent.yaml: zod strict objects of leaves (config-leaves.ts). No unknown key passes.
import { z } from 'zod'
import { DEVICE, IO, IO_SECTIONS } from './config-io-shape.ts'
import {
  absolutePath,
  access,
  busHost,
  busKind,
  busName,
  channel,
  current,
  duration,
  type LeafWords,
  leaf,
  localHost,
  matching,
  oneOf,
  pin,
  secret,
  serialPort,
  text,
  timeZone,
  token,
  url,
  wholeNumber,
  yesOrNo,
} from './config-leaves.ts'
import { type ConfigPath, type Finding, valueAt, valueInWords } from './config-text.ts'

// Which keys belong to which kind, and what port is, are rules (config-buses.ts): so each is told by its name.
const bus = z.strictObject({
  name: busName.schema,
  kind: busKind.schema.optional(),
  port: z.unknown().optional(),
  host: busHost.schema.optional(),
  baud: oneOf(2400, 4800, 9600, 19200, 38400, 57600, 115200).schema.optional(),
  dataBits: oneOf(7, 8).schema.optional(),
  parity: oneOf('none', 'even', 'odd').schema.optional(),
  stopBits: oneOf(1, 2).schema.optional(),
})

export const cableKind = oneOf('tethered', 'socket')

/** agent.yaml, with currents in mA and durations in ms; what is optional is undefined where it is not written. */
export const AGENT_FILE = z.strictObject({
  station: z.strictObject({
    // As the cloud's API takes it (shared/api/common.ts); it is part of the address that the station calls.
    id: leaf(
      {
        expected: '1 to 48 letters, digits and . _ - (not in front), such as BOX-1',
        do: 'write the identity that the CSMS knows',
      },
      matching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,47}$/),
    ).schema,
    // OCPP 2.0.1 ChargingStationType: 50, 20 and 25 characters.
    vendor: text(50, 'Example Wallboxes').schema,
    model: text(20, 'One').schema,
    serial: text(25, '"000123"').schema,
  }),
  timeZone: timeZone.schema,
  access: access.schema.optional(),
  stateDir: absolutePath('/var/lib/voltkeep').schema.optional(),
  runDir: absolutePath('/run/voltkeep').schema.optional(),
  installation: z.strictObject({ wireRating: current.schema, phases: oneOf(1, 3).schema }),
  cable: z.strictObject({
    kind: cableKind.schema,
    rating: current.schema,
    permanentLock: yesOrNo.schema.optional(),
    atPowerLoss: oneOf('stays', 'unlocks').schema.optional(),
  }),
  buses: z.array(bus).min(1),
  board: z.strictObject({
    ...DEVICE,
    fallbackCurrent: current.schema.optional(),
    silenceProved: duration.schema.optional(),
    deadman: z.strictObject({ ...DEVICE, channel: channel.schema }).optional(),
  }),
  meter: z.strictObject({
    ...DEVICE,
    /** Its voltage terminals are behind the contactor: voltage there means that it is closed. */
    behindContactor: yesOrNo.schema.optional(),
  }),
  io: IO.optional(),
  rfid: z.strictObject({ port: serialPort.schema, tokens: z.array(token.schema).optional() }).optional(),
  csms: z
    .strictObject({
      url: url(['ws:', 'wss:'], 'wss://csms.example.com/ocpp').schema,
      password: secret(1, 64).schema,
    })
    .optional(),
  mqtt: z
    .strictObject({
      url: url(['mqtt:', 'mqtts:'], 'mqtt://192.168.1.10').schema,
      username: text(100, 'box').schema.optional(),
      password: secret(1, 200).schema.optional(),
    })
    .optional(),
  local: z
    .strictObject({
      host: localHost.schema.optional(),
      port: wholeNumber(0, 65_535).schema.optional(),
      pin: pin.schema.optional(),
    })
    .optional(),
  freeVend: z.strictObject({ idToken: text(36, 'FREE').schema }).optional(),
  resumeWithin: duration.schema.optional(),
  hasRtc: yesOrNo.schema.optional(),
})
export type AgentFile = z.infer<typeof AGENT_FILE>

/** What belongs at a path that holds a map or a list; `[]` stands for any index. */
const SECTIONS: Readonly<Record<string, string>> = {
  '': 'a map of keys: station, timeZone, installation, cable, buses, board, meter, freeVend and more',
  station: 'the station: id, vendor, model and serial',
  installation: 'the installation: wireRating and phases',
  cable: 'the cable: kind and rating; for a socket also permanentLock and atPowerLoss',
  rfid: 'the RFID reader: port and tokens',
  'rfid.tokens': 'a list of the tokens that may charge here, each 10 hex digits in quotes',
  ...IO_SECTIONS,
  buses: 'a list of one bus or more, each with name and port',
  'buses[]':
    'a bus: name, port, and where they differ kind, baud, dataBits, parity and stopBits; for kind tcp name, host and port',
  board: 'the EVSE board: driver, bus, unit, and deadman where it has no watchdog of its own',
  'board.deadman':
    "a relay that holds the board's release input or its supply, and lets go by itself: driver, bus, unit and channel",
  meter: 'the energy meter: driver, bus and unit',
  csms: 'the server: url and password',
  mqtt: 'the broker: url, and where needed username and password',
  local: 'the local page: host, port and pin',
  freeVend: 'the token that sessions carry: idToken',
}
const EXAMPLE = 'docs/operate/agent.example.yaml shows one'

/** Checks the shape; every finding at once. */
export function checkShape(value: unknown): { file: AgentFile | null; findings: readonly Finding[] } {
  const result = AGENT_FILE.safeParse(value)
  if (result.success) return { file: result.data, findings: [] }
  return { file: null, findings: result.error.issues.flatMap((issue) => findingsOf(issue, value)) }
}

function findingsOf(issue: z.core.$ZodIssue, root: unknown): readonly Finding[] {
  const path: ConfigPath = issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part))
  const value = valueAt(root, path)
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey(path, key))
  const words = issue.code === 'custom' ? (issue.params?.['words'] as LeafWords | undefined) : undefined
  if (words) {
    const missing = value === undefined || value === null
    const got = words.secret && !missing ? 'something else (not shown)' : valueInWords(value)
    return [{ path, expected: words.expected, got, do: missing ? `add it: ${words.do}` : words.do }]
  }
  const section = path
    .map((part) => (typeof part === 'number' ? '[]' : `.${part}`))
    .join('')
    .slice(1)
  const missing = value === undefined || value === null
  const got = Array.isArray(value) && value.length === 0 ? 'an empty list' : valueInWords(value)
  const expected = SECTIONS[section] ?? issue.message
  return [{ path, expected, got, do: missing ? `add it; ${EXAMPLE}` : `write it as such; ${EXAMPLE}` }]
}

function unknownKey(path: ConfigPath, key: string): Finding {
  const known = knownKeys(path)
  const near = known.find((candidate) => isNear(candidate, key))
  return {
    path: [...path, key],
    atKey: true,
    expected: `one of ${known.join(', ')}`,
    got: `the unknown key ${key}`,
    do: near ? `write ${near}, if that is what you mean, or remove the line` : 'remove it',
  }
}

function knownKeys(path: ConfigPath): readonly string[] {
  let schema: z.core.$ZodType | undefined = AGENT_FILE
  for (const part of path) {
    schema = withoutOptional(schema)
    if (schema instanceof z.ZodObject) schema = schema.shape[String(part)]
    else if (schema instanceof z.ZodArray) schema = schema.element
  }
  schema = withoutOptional(schema)
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : []
}

const withoutOptional = (schema: z.core.$ZodType | undefined): z.core.$ZodType | undefined =>
  schema instanceof z.ZodOptional ? schema.unwrap() : schema

/** Same letters but for case and separators, or one letter added, left out, changed, or two swapped. */
function isNear(known: string, written: string): boolean {
  const plain = (name: string) => name.toLowerCase().replace(/[^a-z0-9]/g, '')
  const [a, b] = [plain(known), plain(written)]
  if (a === b) return true
  if (Math.abs(a.length - b.length) > 1) return false
  let start = 0
  while (start < a.length && a[start] === b[start]) start += 1
  const swapped = a.length === b.length && a[start] === b[start + 1] && a[start + 1] === b[start]
  if (swapped && a.slice(start + 2) === b.slice(start + 2)) return true
  return a.slice(start + (a.length >= b.length ? 1 : 0)) === b.slice(start + (b.length >= a.length ? 1 : 0))
}
