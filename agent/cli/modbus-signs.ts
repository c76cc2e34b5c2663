// By what a device is known that answers on a bus: registers of the drivers' own tables, and what they must hold. Only
// reads; a sign is no proof, and says what was read.
import { float32, type Row, text, unsigned } from '../control/drivers/table.ts'
import { registry } from '../control/registry.ts'

export interface Sign {
  readonly driver: string
  readonly fc: 1 | 2 | 3 | 4
  readonly address: number
  readonly count: number
  /** The sign in words; null where this is another device. */
  readonly tells: (values: readonly number[], unitId: number) => string | null
}

const within = (value: number, from: number, to: number): boolean => value >= from && value <= to

/** What each driver's rows must hold, read from the first to the last of them. */
const SIGNS: readonly {
  readonly driver: string
  readonly rows: readonly [first: string, last?: string]
  readonly tells: Sign['tells']
}[] = [
  {
    driver: 'phoenix-ev-cc-ac1-m3-rtu',
    rows: ['orderDesignation'],
    tells: (words) => {
      const name = text(words)
      return name?.startsWith('EV-CC') ? `calls itself "${name}"` : null
    },
  },
  {
    driver: 'evracing-evse-din',
    rows: ['configuredCurrent', 'evseState'],
    tells: ([, , vehicle = 0, , , firmware = 0, state = 0]) =>
      within(vehicle, 1, 5) && within(firmware, 1, 255) && within(state, 1, 3)
        ? `firmware ${firmware}, vehicle state ${vehicle}`
        : null,
  },
  {
    driver: 'viridian-epc2-plus',
    rows: ['baud', 'slaveAddress'],
    tells: ([baud = 0, parity = 9, address = 0], unitId) =>
      within(baud, 1200, 57_600) && parity <= 2 && address === unitId
        ? `${baud} baud, unit ${address}`
        : null,
  },
  {
    driver: 'heidelberg-energy-control',
    rows: ['layoutVersion'],
    tells: ([layout = 0]) =>
      within(layout, 0x100, 0x1ff) ? `register layout 0x${layout.toString(16).padStart(4, '0')}` : null,
  },
  {
    driver: 'abl-emh1',
    rows: ['fwConfig'],
    tells: ([high = 0]) => (high >> 8 === 0x01 ? `register 1 begins with its number` : null),
  },
  {
    driver: 'keba-p30',
    rows: ['product'],
    tells: (words) => (within(unsigned(words), 300_000, 399_999) ? `product ${unsigned(words)}` : null),
  },
  {
    driver: 'eastron-sdm630-v2',
    rows: ['voltageL1'],
    tells: (words) =>
      within(float32(words), 40, 300)
        ? `${float32(words).toFixed(1)} V at L1, as it and its sisters tell it`
        : null,
  },
  {
    driver: 'mennekes-amtron-compact-2s',
    rows: ['modbusVersion', 'firmware'],
    tells: ([layout = 0, ...firmware]) =>
      layout >> 8 === 1 && text(firmware) !== null ? `firmware "${text(firmware)}"` : null,
  },
  {
    driver: 'waveshare-modbus-rtu-io-8ch',
    rows: ['inputs'],
    tells: (bits) => (bits.length === 8 ? '8 inputs, as it and other modules tell them' : null),
  },
  {
    driver: 'waveshare-modbus-rtu-relay-8ch',
    rows: ['relays'],
    tells: (bits) => (bits.length === 8 ? '8 relays, as it and other modules tell them' : null),
  },
]

/** The signs of all drivers that have one, in the order in which they are asked. */
export function signs(): readonly Sign[] {
  const drivers = new Map<string, readonly Row[]>(
    [registry.boards, registry.meters, registry.io, registry.inputs].flatMap((part) =>
      Object.entries(part).map(([id, { rows }]) => [id, rows] as const),
    ),
  )
  return SIGNS.flatMap(({ driver, rows: [first, last = first], tells }) => {
    const rows = drivers.get(driver) ?? []
    const from = rows.find(({ name }) => name === first)
    const to = rows.find(({ name }) => name === last)
    if (!from || !to || from.fc > 4) return []
    // Of the four that read.
    const fc = from.fc as Sign['fc']
    return [{ driver, fc, address: from.address, count: to.address + to.count - from.address, tells }]
  })
}
