// The site file: which devices hang on which bus, what the cable and the grid are, and the car. YAML, strict: an unknown key,
// a wrong range or devices that do not fit together are told with file, line, path, expected and got; nothing starts.
import { LineCounter, parseDocument } from 'yaml'
import { z } from 'zod'
import { err, ok, type Result } from '../shared/result.ts'
import { BAUD_OF, type Unfit, unfit } from './site-fit.ts'

/** The site that holds when no file is given; sections and keys that a file leaves out are taken from here. */
export const DEFAULT_SITE = {
  seed: 1,
  grid: { voltagesMillivolts: [230_400, 229_800, 231_100], frequencyMillihertz: 50_000 },
  cable: { kind: 'tethered', ratingMilliamps: 32_000 },
  contactor: { openingMs: 30, closingMs: 25 },
  car: {
    plugged: false,
    phases: 3,
    maxMilliamps: 16_000,
    wantsEnergy: true,
    followMs: 1000,
    s2DelayMs: 300,
  },
  buses: [
    {
      name: 'main',
      baud: 19_200,
      parity: 'none',
      stopBits: 1,
      pacing: 'line',
      turnaroundMs: { min: 2, max: 5 },
    },
  ],
  devices: [
    {
      name: 'board',
      device: 'phoenix-ev-cc-ac1-m3-rtu',
      bus: 'main',
      unitId: 1,
      serial: 'SIM000000001',
      bootMs: 800,
      closeDelayMs: 200,
      xr: { relay: 'relay', channel: 1 },
    },
    {
      name: 'meter',
      device: 'eastron-sdm630-v2',
      bus: 'main',
      unitId: 2,
      serial: 23_110_007,
      registerWh: 1_234_567,
      silenceMs: 100,
    },
    {
      name: 'relay',
      device: 'waveshare-modbus-rtu-relay-8ch',
      bus: 'main',
      unitId: 3,
      flashOn: 'extended',
    },
  ],
} as const

const [DEFAULT_BUS] = DEFAULT_SITE.buses
const [DEFAULT_BOARD, DEFAULT_METER, DEFAULT_RELAY] = DEFAULT_SITE.devices

const whole = (min: number, max: number) => z.int().min(min).max(max)
const name = z.string().regex(/^[a-z0-9][a-z0-9-]{0,30}$/, 'a name of a-z, 0-9 and -, at most 31 characters')

/** What POST /car/set and /car/plug take, and a part of what the site file says of the car. */
export const carShape = z.strictObject({
  plugged: z.boolean(),
  phases: z.literal([1, 3]),
  maxMilliamps: whole(6000, 80_000),
  wantsEnergy: z.boolean(),
  followMs: whole(0, 5000),
})

const carFile = carShape.extend({
  plugged: carShape.shape.plugged.default(DEFAULT_SITE.car.plugged),
  phases: carShape.shape.phases.default(DEFAULT_SITE.car.phases),
  maxMilliamps: carShape.shape.maxMilliamps.default(DEFAULT_SITE.car.maxMilliamps),
  wantsEnergy: carShape.shape.wantsEnergy.default(DEFAULT_SITE.car.wantsEnergy),
  followMs: carShape.shape.followMs.default(DEFAULT_SITE.car.followMs),
  s2DelayMs: whole(0, 60_000).default(DEFAULT_SITE.car.s2DelayMs),
  battery: z
    .strictObject({ capacityWattHours: whole(1, 1_000_000), storedWattHours: whole(0, 1_000_000) })
    .refine((it) => it.storedWattHours <= it.capacityWattHours, {
      message: 'at most capacityWattHours',
      path: ['storedWattHours'],
    })
    .optional(),
})

const turnaround = z
  .strictObject({ min: z.number().min(0).max(1000), max: z.number().min(0).max(1000) })
  .refine((it) => it.min <= it.max, { message: 'at least min', path: ['max'] })

const busFile = z.strictObject({
  name,
  baud: z.literal([1200, 2400, 4800, 9600, 19_200, 38_400, 57_600, 115_200]).default(DEFAULT_BUS.baud),
  parity: z.enum(['none', 'even', 'odd']).default(DEFAULT_BUS.parity),
  stopBits: z.literal([1, 2]).default(DEFAULT_BUS.stopBits),
  pacing: z.enum(['line', 'none']).default(DEFAULT_BUS.pacing),
  turnaroundMs: turnaround.default({ ...DEFAULT_BUS.turnaroundMs }),
})

const onBus = { name, bus: name, unitId: whole(1, 247) }

const deviceFile = z.discriminatedUnion('device', [
  z.strictObject({
    ...onBus,
    device: z.literal('phoenix-ev-cc-ac1-m3-rtu'),
    serial: z
      .string()
      .regex(/^[ -~]{12}$/, '12 printable ASCII characters')
      .default(DEFAULT_BOARD.serial),
    bootMs: whole(0, 60_000).default(DEFAULT_BOARD.bootMs),
    /** IEC 61851-1 Table A.6 seq. 4: within 3 s. */
    closeDelayMs: whole(0, 2900).default(DEFAULT_BOARD.closeDelayMs),
    /** What holds input XR. */
    xr: z.union([z.strictObject({ relay: name, channel: whole(1, 8) }), z.literal('bridged')]),
  }),
  z.strictObject({
    ...onBus,
    device: z.literal('eastron-sdm630-v2'),
    serial: whole(1, 0xffff_fffe).default(DEFAULT_METER.serial),
    registerWh: whole(0, 900_000_000).default(DEFAULT_METER.registerWh),
    silenceMs: whole(0, 1000).default(DEFAULT_METER.silenceMs),
  }),
  z.strictObject({
    ...onBus,
    device: z.literal('waveshare-modbus-rtu-relay-8ch'),
    flashOn: z.enum(['extended', 'notExtended']).default(DEFAULT_RELAY.flashOn),
  }),
])

const voltage = whole(0, 300_000)

const siteFile = z.strictObject({
  seed: whole(0, 0xffff_ffff).default(DEFAULT_SITE.seed),
  grid: z
    .strictObject({
      voltagesMillivolts: z.tuple([voltage, voltage, voltage]),
      frequencyMillihertz: whole(40_000, 70_000).default(DEFAULT_SITE.grid.frequencyMillihertz),
    })
    .default({ voltagesMillivolts: [230_400, 229_800, 231_100], frequencyMillihertz: 50_000 }),
  cable: z
    .strictObject({
      kind: z.enum(['tethered', 'socket']),
      ratingMilliamps: z.literal([13_000, 20_000, 32_000, 63_000]),
    })
    .default({ ...DEFAULT_SITE.cable }),
  contactor: z
    .strictObject({ openingMs: whole(0, 50), closingMs: whole(0, 100) })
    .default({ ...DEFAULT_SITE.contactor }),
  car: carFile.default({ ...DEFAULT_SITE.car }),
  buses: z.array(busFile).min(1),
  devices: z.array(deviceFile),
})

export type Site = z.infer<typeof siteFile>
export type SiteDevice = Site['devices'][number]
export type DeviceKind = SiteDevice['device']

/** One thing wrong with a site file. */
export interface SiteProblem {
  readonly file: string
  /** From 1; null where the file does not hold the key. */
  readonly line: number | null
  readonly path: string
  readonly expected: string
  readonly got: string
}

export function defaultSite(): Site {
  return siteFile.parse(structuredClone(DEFAULT_SITE))
}

/** Reads a site from YAML text; `file` is for the messages. */
export function parseSite(text: string, file: string): Result<Site, readonly SiteProblem[]> {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines })
  const [broken] = document.errors
  if (broken) {
    const line = broken.linePos?.[0].line ?? null
    return err([{ file, line, path: '(file)', expected: 'YAML', got: broken.message }])
  }
  const data: unknown = document.toJS() ?? {}
  const problem = (path: readonly PropertyKey[], expected: string): SiteProblem => ({
    file,
    line: lineOf(document, lines, path),
    path: pathText(path),
    expected,
    got: gotText(valueAt(data, path)),
  })
  const parsed = siteFile.safeParse(data)
  if (!parsed.success) {
    return err(
      parsed.error.issues.flatMap((issue) => problemsOf(issue).map((p) => problem(p.path, p.expected))),
    )
  }
  const problems = unfit(parsed.data).map((it) => problem(it.path, it.expected))
  return problems.length > 0 ? err(problems) : ok(parsed.data)
}

/** A problem as people read it. */
export const problemText = (problem: SiteProblem): string =>
  [
    `${problem.file}${problem.line === null ? '' : `:${problem.line}`}  ${problem.path}`,
    `  expected  ${problem.expected}`,
    `  got       ${problem.got}`,
  ].join('\n')

function problemsOf(issue: z.core.$ZodIssue): readonly Unfit[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ path: [...issue.path, key], expected: 'no such key' }))
  }
  if (issue.code === 'invalid_union' && issue.path.at(-1) === 'device') {
    return [{ path: issue.path, expected: `one of ${Object.keys(BAUD_OF).join(', ')}` }]
  }
  return [{ path: issue.path, expected: issue.message }]
}

const pathText = (path: readonly PropertyKey[]): string =>
  path.length === 0
    ? '(file)'
    : path.reduce<string>((text, key) => {
        if (typeof key === 'number') return `${text}[${key}]`
        return text === '' ? String(key) : `${text}.${String(key)}`
      }, '')

function valueAt(data: unknown, path: readonly PropertyKey[]): unknown {
  let value = data
  for (const key of path) {
    if (typeof value !== 'object' || value === null) return undefined
    value = Reflect.get(value, key)
  }
  return value
}

const gotText = (value: unknown): string => {
  if (value === undefined) return 'nothing'
  const text = JSON.stringify(value)
  return text.length > 120 ? `${text.slice(0, 117)}...` : text
}

/** The line of the deepest part of the path that the file holds. */
function lineOf(
  document: ReturnType<typeof parseDocument>,
  lines: LineCounter,
  path: readonly PropertyKey[],
): number | null {
  for (let depth = path.length; depth > 0; depth--) {
    const node: unknown = document.getIn(path.slice(0, depth), true)
    const range: unknown = typeof node === 'object' && node !== null ? Reflect.get(node, 'range') : undefined
    if (Array.isArray(range) && typeof range[0] === 'number') return lines.linePos(range[0]).line
  }
  return null
}
