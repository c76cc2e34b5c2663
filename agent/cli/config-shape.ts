// The shape of agent.yaml: zod strict objects of leaves. Each leaf says what it expects and what to do; nothing is
// coerced and no unknown key passes.
import { z } from 'zod'
import { type MilliAmps, milliAmps } from '../../shared/units.ts'
import { type ConfigPath, type Finding, valueAt, valueInWords } from './config-text.ts'

/** One value: its zod schema, and its reader for rules that look at a value while others are still wrong. */
export interface Leaf<T> {
  readonly schema: z.ZodType<T>
  readonly read: (value: unknown) => T | undefined
}

interface LeafWords {
  readonly expected: string
  readonly do: string
  /** Never shown. */
  readonly secret?: true
}

function leaf<T>(words: LeafWords, read: (value: unknown) => T | undefined): Leaf<T> {
  const schema = z.unknown().transform((value, context): T => {
    const result = read(value)
    if (result !== undefined) return result
    context.issues.push({ code: 'custom', input: value, message: words.expected, params: { words } })
    return z.NEVER
  })
  return { schema, read }
}

const matching = (pattern: RegExp) => (value: unknown) =>
  typeof value === 'string' && pattern.test(value) ? value : undefined

/** "16 A", "7.5 A", "6000 mA" to milliamperes; undefined for anything else. */
export function readCurrent(value: unknown): MilliAmps | undefined {
  const match = typeof value === 'string' ? /^(\d{1,6}(?:\.\d{1,3})?) ?(A|mA)$/.exec(value) : null
  if (!match) return undefined
  const milliamps = Number(match[1]) * (match[2] === 'A' ? 1000 : 1)
  return match[2] === 'mA' && !Number.isInteger(milliamps) ? undefined : milliAmps(Math.round(milliamps))
}

const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, min: 60_000, h: 3_600_000 }

/** "30 s", "10 min", "24 h" to milliseconds; undefined for anything else. */
export function readDuration(value: unknown): number | undefined {
  const match = typeof value === 'string' ? /^(\d{1,6}) ?(s|min|h)$/.exec(value) : null
  const unitMs = UNIT_MS[match?.[2] ?? '']
  return match && unitMs !== undefined ? Number(match[1]) * unitMs : undefined
}

export const current = leaf(
  { expected: 'a current with its unit, such as 16 A', do: 'write a number and A or mA' },
  readCurrent,
)
const duration = leaf(
  { expected: 'a duration with its unit, such as 24 h', do: 'write a whole number and s, min or h' },
  readDuration,
)
const text = (max: number, example: string): Leaf<string> =>
  leaf(
    {
      expected: `a text of 1 to ${max} characters, such as ${example}`,
      do: 'write it as text, in quotes if it has digits only',
    },
    (value) => (typeof value === 'string' && value.length >= 1 && value.length <= max ? value : undefined),
  )
const secret = (min: number, max: number): Leaf<string> =>
  leaf(
    {
      expected: `a text of ${min} to ${max} characters`,
      do: 'write it as text, in quotes if it has digits only',
      secret: true,
    },
    (value) => (typeof value === 'string' && value.length >= min && value.length <= max ? value : undefined),
  )
const absolutePath = (example: string) =>
  leaf(
    { expected: `an absolute path, such as ${example}`, do: 'write the path from the root' },
    matching(/^\/[^\0]*$/),
  )
const wholeNumber = (from: number, to: number): Leaf<number> =>
  leaf(
    {
      expected: `a whole number from ${from} to ${to}`,
      do: `write a number from ${from} to ${to}, without quotes`,
    },
    (value) =>
      typeof value === 'number' && Number.isInteger(value) && value >= from && value <= to
        ? value
        : undefined,
  )
const oneOf = <const T extends string | number>(...choices: readonly T[]): Leaf<T> =>
  leaf({ expected: `one of ${choices.join(', ')}`, do: 'take one of them' }, (value) =>
    choices.find((choice) => choice === value),
  )
const yesOrNo = leaf({ expected: 'true or false', do: 'write true or false, without quotes' }, (value) =>
  typeof value === 'boolean' ? value : undefined,
)
const url = (protocols: readonly string[], example: string): Leaf<string> =>
  leaf(
    {
      expected: `a URL that begins with ${protocols.map((p) => `${p}//`).join(' or ')}, such as ${example}`,
      do: 'write the whole address',
    },
    (value) =>
      typeof value === 'string' && URL.canParse(value) && protocols.includes(new URL(value).protocol)
        ? value
        : undefined,
  )
const timeZone = leaf(
  {
    expected: 'an IANA time zone, such as Europe/Copenhagen',
    do: 'write the area and the city',
  },
  (value) => (typeof value === 'string' && value.includes('/') && isTimeZone(value) ? value : undefined),
)

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== ''
  } catch (error) {
    if (error instanceof RangeError) return false
    throw error
  }
}

/** Name of a driver; that it is known is a rule, told with the list. */
export const driverName = text(60, 'eastron-sdm630-v2')
export const busName = leaf(
  { expected: 'a name of a bus, such as main', do: 'write letters, digits, - or _' },
  matching(/^[A-Za-z0-9_-]{1,30}$/),
)
/** On serial buses to 247: a rule. */
export const unitId = wholeNumber(1, 255)
export const pin = leaf(
  { expected: 'a PIN of 4 to 12 digits in quotes', do: 'write it in quotes', secret: true },
  matching(/^\d{4,12}$/),
)
export const access = oneOf('private', 'public')
export const localHost = text(253, '0.0.0.0')
export const channel = wholeNumber(1, 64)
export const serialPort = absolutePath('/dev/ttyAMA0')
export const tcpPort = wholeNumber(1, 65_535)
export const busHost = text(253, '192.168.1.30')
export const busKind = oneOf('rtu', 'ascii', 'tcp')
export type BusKind = 'rtu' | 'ascii' | 'tcp'

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
const device = { driver: driverName.schema, bus: busName.schema, unit: unitId.schema }

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
  cable: z.strictObject({ kind: oneOf('tethered').schema, rating: current.schema }),
  buses: z.array(bus).min(1),
  board: z.strictObject({
    ...device,
    fallbackCurrent: current.schema.optional(),
    deadman: z.strictObject({ ...device, channel: channel.schema }).optional(),
  }),
  meter: z.strictObject(device),
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
  freeVend: z.strictObject({ idToken: text(36, 'FREE').schema }),
  resumeWithin: duration.schema.optional(),
  hasRtc: yesOrNo.schema.optional(),
})
export type AgentFile = z.infer<typeof AGENT_FILE>

/** What belongs at a path that holds a map or a list; `[]` stands for any index. */
const SECTIONS: Readonly<Record<string, string>> = {
  '': 'a map of keys: station, timeZone, installation, cable, buses, board, meter, freeVend and more',
  station: 'the station: id, vendor, model and serial',
  installation: 'the installation: wireRating and phases',
  cable: 'the cable: kind and rating',
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
