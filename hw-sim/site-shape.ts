// What a site file may say, key by key: YAML read into these shapes, strictly. What holds when it is left out is DEFAULT_SITE.
import { z } from 'zod'
import { deviceName as name, type SiteBoard, wireShape } from './devices/board-kind.ts'
import { BOARDS, type BoardId } from './devices/boards.ts'
import { wiringFile } from './site-wiring.ts'

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
    simplified: false,
    sleeps: false,
    ventilation: false,
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
const [, DEFAULT_METER, DEFAULT_RELAY] = DEFAULT_SITE.devices

const whole = (min: number, max: number) => z.int().min(min).max(max)

/** What POST /car/set and /car/plug take, and a part of what the site file says of the car. */
export const carShape = z.strictObject({
  plugged: z.boolean(),
  phases: z.literal([1, 3]),
  maxMilliamps: whole(6000, 80_000),
  wantsEnergy: z.boolean(),
  followMs: whole(0, 5000),
  simplified: z.boolean(),
  sleeps: z.boolean(),
  ventilation: z.boolean(),
})

const carFile = carShape.extend({
  plugged: carShape.shape.plugged.default(DEFAULT_SITE.car.plugged),
  phases: carShape.shape.phases.default(DEFAULT_SITE.car.phases),
  maxMilliamps: carShape.shape.maxMilliamps.default(DEFAULT_SITE.car.maxMilliamps),
  wantsEnergy: carShape.shape.wantsEnergy.default(DEFAULT_SITE.car.wantsEnergy),
  followMs: carShape.shape.followMs.default(DEFAULT_SITE.car.followMs),
  simplified: carShape.shape.simplified.default(DEFAULT_SITE.car.simplified),
  sleeps: carShape.shape.sleeps.default(DEFAULT_SITE.car.sleeps),
  ventilation: carShape.shape.ventilation.default(DEFAULT_SITE.car.ventilation),
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

const serialKeys = {
  name,
  baud: z.literal([1200, 2400, 4800, 9600, 19_200, 38_400, 57_600, 115_200]).default(DEFAULT_BUS.baud),
  parity: z.enum(['none', 'even', 'odd']).default(DEFAULT_BUS.parity),
  stopBits: z.literal([1, 2]).default(DEFAULT_BUS.stopBits),
  pacing: z.enum(['line', 'none']).default(DEFAULT_BUS.pacing),
  turnaroundMs: turnaround.default({ ...DEFAULT_BUS.turnaroundMs }),
}

const busKinds = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('rtu'), ...serialKeys }),
  // Modbus over Serial Line V1.02, 2.5.2: 7E1 unless the device says otherwise.
  z.strictObject({
    kind: z.literal('ascii'),
    ...serialKeys,
    parity: serialKeys.parity.default('even'),
    dataBits: z.literal([7, 8]).default(7),
  }),
  z.strictObject({
    kind: z.literal('tcp'),
    name,
    /** On 127.0.0.1; 0: a free one, told in the ready line. */
    port: whole(0, 65_535).default(0),
    pacing: serialKeys.pacing,
    turnaroundMs: serialKeys.turnaroundMs,
  }),
])

/** A bus that does not tell its kind is rtu. */
const busFile = z.preprocess(
  (bus) => (typeof bus === 'object' && bus !== null && !('kind' in bus) ? { kind: 'rtu', ...bus } : bus),
  busKinds,
)

const onBus = { name, bus: name, unitId: whole(1, 255) }

const meterFile = z.strictObject({
  ...onBus,
  device: z.literal('eastron-sdm630-v2'),
  serial: whole(1, 0xffff_fffe).default(DEFAULT_METER.serial),
  registerWh: whole(0, 900_000_000).default(DEFAULT_METER.registerWh),
  silenceMs: whole(0, 1000).default(DEFAULT_METER.silenceMs),
  /** What its voltage terminals are wired to: the grid, or the outlet behind the contactors. */
  voltagesOf: z.enum(['grid', 'outlet']).default('grid'),
})

const relayFile = z.strictObject({
  ...onBus,
  device: z.literal('waveshare-modbus-rtu-relay-8ch'),
  flashOn: z.enum(['extended', 'notExtended']).default(DEFAULT_RELAY.flashOn),
})

const inputsFile = z.strictObject({ ...onBus, device: z.literal('waveshare-modbus-rtu-io-8ch') })

/** The key of the wire that ends a charge when nobody talks to the board. */
const DEADMAN_KEYS = { release: { xr: wireShape }, supply: { supply: wireShape }, own: {} } as const

const boardFiles = Object.entries(BOARDS).map(([id, kind]) =>
  z.strictObject({
    ...onBus,
    device: z.literal(id),
    ...DEADMAN_KEYS[kind.deadman],
    ...kind.siteShape,
  }),
)

export type SiteMeter = z.infer<typeof meterFile>
export type SiteRelay = z.infer<typeof relayFile>
export type SiteInputs = z.infer<typeof inputsFile>
export type SiteBoardDevice = SiteBoard & { readonly device: BoardId }
export type SiteDevice = SiteBoardDevice | SiteMeter | SiteRelay | SiteInputs

// The boards' own keys are known to their kinds alone, so the union is named here: each member was parsed by its shape.
const deviceFile = z.discriminatedUnion('device', [
  meterFile,
  relayFile,
  inputsFile,
  ...boardFiles,
]) as unknown as z.ZodType<SiteDevice>

/** A device with everything that a site file may leave out. @param id one that a site file can name */
export function asDelivered(
  id: string,
  place: { readonly name: string; readonly bus: string; readonly unitId: number },
): SiteDevice {
  const wires = { release: { xr: 'bridged' }, supply: { supply: 'bridged' }, own: {} } as const
  const kind = Object.hasOwn(BOARDS, id) ? BOARDS[id as BoardId] : null
  return deviceFile.parse({ ...place, device: id, ...(kind ? wires[kind.deadman] : {}) })
}

const voltage = whole(0, 300_000)

export const siteFile = z.strictObject({
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
  ...wiringFile,
})

export type Site = z.infer<typeof siteFile>
export type DeviceKind = SiteDevice['device']
