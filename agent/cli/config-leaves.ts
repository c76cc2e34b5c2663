// The single values of agent.yaml: each leaf says what it expects and what to do. Nothing is coerced.
import { z } from 'zod'
import { type MilliAmps, milliAmps, watts } from '../../shared/units.ts'

/** One value: its zod schema, and its reader for rules that look at a value while others are still wrong. */
export interface Leaf<T> {
  readonly schema: z.ZodType<T>
  readonly read: (value: unknown) => T | undefined
}

export interface LeafWords {
  readonly expected: string
  readonly do: string
  /** Never shown. */
  readonly secret?: true
}

export function leaf<T>(words: LeafWords, read: (value: unknown) => T | undefined): Leaf<T> {
  const schema = z.unknown().transform((value, context): T => {
    const result = read(value)
    if (result !== undefined) return result
    context.issues.push({ code: 'custom', input: value, message: words.expected, params: { words } })
    return z.NEVER
  })
  return { schema, read }
}

export const matching = (pattern: RegExp) => (value: unknown) =>
  typeof value === 'string' && pattern.test(value) ? value : undefined

/** "16 A", "7.5 A", "6000 mA" to milliamperes; undefined for anything else. */
export function readCurrent(value: unknown): MilliAmps | undefined {
  const match = typeof value === 'string' ? /^(\d{1,6}(?:\.\d{1,3})?) ?(A|mA)$/.exec(value) : null
  if (!match) return undefined
  const milliamps = Number(match[1]) * (match[2] === 'A' ? 1000 : 1)
  return match[2] === 'mA' && !Number.isInteger(milliamps) ? undefined : milliAmps(Math.round(milliamps))
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, min: 60_000, h: 3_600_000 }

/** "600 ms", "30 s", "10 min", "24 h" to milliseconds; undefined for anything else. */
export function readDuration(value: unknown): number | undefined {
  const match = typeof value === 'string' ? /^(\d{1,6}) ?(ms|s|min|h)$/.exec(value) : null
  const unitMs = UNIT_MS[match?.[2] ?? '']
  return match && unitMs !== undefined ? Number(match[1]) * unitMs : undefined
}

export const current = leaf(
  { expected: 'a current with its unit, such as 16 A', do: 'write a number and A or mA' },
  readCurrent,
)
export const duration = leaf(
  { expected: 'a duration with its unit, such as 24 h', do: 'write a whole number and ms, s, min or h' },
  readDuration,
)
export const text = (max: number, example: string): Leaf<string> =>
  leaf(
    {
      expected: `a text of 1 to ${max} characters, such as ${example}`,
      do: 'write it as text, in quotes if it has digits only',
    },
    (value) => (typeof value === 'string' && value.length >= 1 && value.length <= max ? value : undefined),
  )
export const secret = (min: number, max: number): Leaf<string> =>
  leaf(
    {
      expected: `a text of ${min} to ${max} characters`,
      do: 'write it as text, in quotes if it has digits only',
      secret: true,
    },
    (value) => (typeof value === 'string' && value.length >= min && value.length <= max ? value : undefined),
  )
export const absolutePath = (example: string) =>
  leaf(
    { expected: `an absolute path, such as ${example}`, do: 'write the path from the root' },
    matching(/^\/[^\0]*$/),
  )
export const wholeNumber = (from: number, to: number): Leaf<number> =>
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
export const oneOf = <const T extends string | number>(...choices: readonly T[]): Leaf<T> =>
  leaf({ expected: `one of ${choices.join(', ')}`, do: 'take one of them' }, (value) =>
    choices.find((choice) => choice === value),
  )
export const yesOrNo = leaf(
  { expected: 'true or false', do: 'write true or false, without quotes' },
  (value) => (typeof value === 'boolean' ? value : undefined),
)
export const url = (protocols: readonly string[], example: string): Leaf<string> =>
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
export const timeZone = leaf(
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
export const token = leaf(
  {
    expected: 'a token as the reader tells it: 10 hex digits in quotes',
    do: 'write it in quotes, such as "0123AB45CD"',
    secret: true,
  },
  matching(/^[0-9A-F]{10}$/),
)
export const contact = oneOf('closed', 'open')
/** "4.2 kW", "4200 W" to watts; undefined for anything else. */
export const power = leaf(
  { expected: 'a power with its unit, such as 4.2 kW', do: 'write a number and W or kW' },
  (value) => {
    const match = typeof value === 'string' ? /^(\d{1,6}(?:\.\d{1,3})?) ?(W|kW)$/.exec(value) : null
    if (!match) return undefined
    const powerWatts = Number(match[1]) * (match[2] === 'kW' ? 1000 : 1)
    return Number.isInteger(powerWatts) ? watts(powerWatts) : undefined
  },
)
export const moduleName = leaf(
  { expected: 'a name of a module, such as inputs', do: 'write letters, digits, - or _' },
  matching(/^[A-Za-z0-9_-]{1,30}$/),
)
