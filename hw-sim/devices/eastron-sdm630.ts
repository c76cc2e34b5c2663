// Eastron SDM630 Modbus v2: input registers, IEEE 754 single, high word first; settings as single-precision holding
// registers; the serial number as a 32-bit integer.
// Source: Eastron, "SDM630-Modbus MID V2 Modbus protocol"; agrees with volkszaehler/mbmd meters/rs485/sdm.go.
// The vendor asks for 100 ms between requests; a request that comes earlier is not heard (the site file's silenceMs).
import { answerRequest, float32Words, type RegisterTable, type Row, wordsFloat32 } from './register-table.ts'

/** What the meter is wired to. Integers. */
export interface MeterWiring {
  readonly voltagesMillivolts: readonly [number, number, number]
  readonly currentsMilliamps: readonly [number, number, number]
  readonly frequencyMillihertz: number
  /** Energy since hw-sim's start through the contactor, per phase and in total. */
  readonly phaseMilliwattHours: readonly [number, number, number]
  readonly totalMilliwattHours: number
}

export type MeterFault = 'nan' | 'frozen' | 'back' | 'otherSerial' | 'jump' | 'swapped'

export interface MeterState {
  readonly serial: number
  /** The register when hw-sim started; the meter was used before. */
  readonly startMilliwattHours: number
  /** Counted from other loads behind the same meter. */
  readonly otherMilliwattHours: number
  readonly faults: readonly MeterFault[]
  /** The register when it froze; null while it counts. */
  readonly frozenMilliwattHours: number | null
  readonly settings: {
    readonly systemType: number
    readonly parityStop: number
    readonly unitId: number
    readonly password: number
    readonly baudCode: number
  }
}

export function newMeter(options: {
  serial: number
  registerMilliwattHours: number
  unitId: number
  baudCode: number
}): MeterState {
  return {
    serial: options.serial,
    startMilliwattHours: options.registerMilliwattHours,
    otherMilliwattHours: 0,
    faults: [],
    frozenMilliwattHours: null,
    settings: {
      systemType: 3,
      parityStop: 0,
      unitId: options.unitId,
      password: 1000,
      baudCode: options.baudCode,
    },
  }
}

/** How far a meter that went back or jumped is off, mWh: 5 kWh and 100 kWh. */
const OFF_MILLIWATT_HOURS = { back: -5_000_000, jump: 100_000_000 } as const

/** The faults as they are now; a register freezes where it stands. */
export function withMeterFaults(
  state: MeterState,
  faults: readonly MeterFault[],
  wiring: MeterWiring,
): MeterState {
  const frozen = faults.includes('frozen')
  const frozenMilliwattHours = frozen
    ? (state.frozenMilliwattHours ?? countedMilliwattHours(state, wiring))
    : null
  return { ...state, faults, frozenMilliwattHours }
}

const countedMilliwattHours = (state: MeterState, wiring: MeterWiring): number =>
  state.startMilliwattHours + state.otherMilliwattHours + wiring.totalMilliwattHours

/** Wired to another box, which takes nothing: what the meter at this unit id is then, and what it sees. */
function wiredTo(meter: MeterState, wiring: MeterWiring): MeterAt {
  if (!meter.faults.includes('swapped')) return { meter, wiring }
  const other = { ...meter, serial: meter.serial + 5, startMilliwattHours: OTHER_BOX_MILLIWATT_HOURS }
  return {
    meter: { ...other, otherMilliwattHours: 0, frozenMilliwattHours: null },
    wiring: {
      ...wiring,
      currentsMilliamps: [0, 0, 0],
      phaseMilliwattHours: [0, 0, 0],
      totalMilliwattHours: 0,
    },
  }
}

const OTHER_BOX_MILLIWATT_HOURS = 3_210_987_000

/** What the register stands at before it is put into a single-precision number. */
function registerMilliwattHours(state: MeterState, wiring: MeterWiring): number {
  const back = state.faults.includes('back') ? OFF_MILLIWATT_HOURS.back : 0
  const jump = state.faults.includes('jump') ? OFF_MILLIWATT_HOURS.jump : 0
  return (state.frozenMilliwattHours ?? countedMilliwattHours(state, wiring)) + back + jump
}

/** The register as a master reads it, kWh: a single-precision number, so above 8,192 kWh it moves in steps of 1 Wh. */
const registerKwh = (state: MeterState, wiring: MeterWiring): number =>
  Math.fround(registerMilliwattHours(state, wiring) / 1_000_000)

/** The register as read, in whole Wh. */
export function registerWh(state: MeterState, wiring: MeterWiring): number {
  const there = wiredTo(state, wiring)
  return Math.round(registerKwh(there.meter, there.wiring) * 1000)
}

/** As a master reads it. */
export const serialNumber = (state: MeterState, wiring: MeterWiring): number =>
  ownSerial(wiredTo(state, wiring).meter)

const ownSerial = (state: MeterState): number =>
  state.faults.includes('otherSerial') ? state.serial + 1 : state.serial

export function answerMeter(state: MeterState, pdu: Uint8Array, wiring: MeterWiring) {
  const answer = answerRequest(SDM630_TABLE, wiredTo(state, wiring), pdu)
  return { state: { ...state, settings: answer.state.meter.settings }, pdu: answer.pdu }
}

interface MeterAt {
  readonly meter: MeterState
  readonly wiring: MeterWiring
}

type Phase = 0 | 1 | 2

const volts = (at: MeterAt, phase: Phase) => at.wiring.voltagesMillivolts[phase] / 1000
const amps = (at: MeterAt, phase: Phase) => at.wiring.currentsMilliamps[phase] / 1000
const phaseWatts = (at: MeterAt, phase: Phase) => volts(at, phase) * amps(at, phase)
const totalWatts = (at: MeterAt) => phaseWatts(at, 0) + phaseWatts(at, 1) + phaseWatts(at, 2)

/** A phase's register: its own share of the car's energy, and a third of everything else. */
function phaseKwh(at: MeterAt, phase: Phase): number {
  const others = registerMilliwattHours(at.meter, at.wiring) - at.wiring.totalMilliwattHours
  return (others / 3 + at.wiring.phaseMilliwattHours[phase]) / 1_000_000
}

/** Phase to phase, for voltages 120 degrees apart. */
const lineVolts = (a: number, b: number) => Math.sqrt(a * a + b * b + a * b)

/** The neutral's current: the vector sum of three currents 120 degrees apart. */
function neutralAmps(at: MeterAt): number {
  const [a, b, c] = [amps(at, 0), amps(at, 1), amps(at, 2)]
  return Math.sqrt(Math.max(0, a * a + b * b + c * c - a * b - b * c - c * a))
}

const f32 = (address: number, name: string, value: (at: MeterAt) => number): Row<MeterAt> => ({
  name,
  address,
  count: 2,
  reads: [4],
  read: (at) => float32Words(at.meter.faults.includes('nan') ? Number.NaN : value(at)),
})

type Settings = MeterState['settings']

/**
 * A setting: read by FC03, written by FC16 with exactly two registers. Those of the line can only be written as they
 * are: a meter that leaves its bus is changed in the site file.
 */
function setting(address: number, name: keyof Settings, range: { min: number; max: number } | 'asItIs') {
  const row: Row<MeterAt> = {
    name,
    address,
    count: 2,
    reads: [3],
    read: (at) => float32Words(at.meter.settings[name]),
    write: (at, words) => {
      const value = wordsFloat32(words)
      if (range === 'asItIs') return value === at.meter.settings[name] ? at : null
      if (!Number.isInteger(value) || value < range.min || value > range.max) return null
      return { ...at, meter: { ...at.meter, settings: { ...at.meter.settings, [name]: value } } }
    },
  }
  return row
}

export const SDM630_TABLE: RegisterTable<MeterAt> = {
  source: 'Eastron SDM630-Modbus MID V2 protocol; https://github.com/volkszaehler/mbmd meters/rs485/sdm.go',
  functions: [3, 4, 16],
  maxWords: 80,
  wordPairs: true,
  // The first block holds averages and sums that no driver of ours reads; a read across them is answered, as 0.
  gapsReadZero: (functionCode, address) => functionCode === 4 && address < 80,
  rows: [
    f32(0x0000, 'voltageL1', (at) => volts(at, 0)),
    f32(0x0002, 'voltageL2', (at) => volts(at, 1)),
    f32(0x0004, 'voltageL3', (at) => volts(at, 2)),
    f32(0x0006, 'currentL1', (at) => amps(at, 0)),
    f32(0x0008, 'currentL2', (at) => amps(at, 1)),
    f32(0x000a, 'currentL3', (at) => amps(at, 2)),
    f32(0x000c, 'powerL1', (at) => phaseWatts(at, 0)),
    f32(0x000e, 'powerL2', (at) => phaseWatts(at, 1)),
    f32(0x0010, 'powerL3', (at) => phaseWatts(at, 2)),
    // The simulated car has a power factor of 1.
    f32(0x0012, 'apparentL1', (at) => phaseWatts(at, 0)),
    f32(0x0014, 'apparentL2', (at) => phaseWatts(at, 1)),
    f32(0x0016, 'apparentL3', (at) => phaseWatts(at, 2)),
    f32(0x0018, 'reactiveL1', () => 0),
    f32(0x001a, 'reactiveL2', () => 0),
    f32(0x001c, 'reactiveL3', () => 0),
    f32(0x001e, 'powerFactorL1', () => 1),
    f32(0x0020, 'powerFactorL2', () => 1),
    f32(0x0022, 'powerFactorL3', () => 1),
    f32(0x0034, 'power', totalWatts),
    f32(0x0038, 'apparent', totalWatts),
    f32(0x003c, 'reactive', () => 0),
    f32(0x003e, 'powerFactor', () => 1),
    f32(0x0042, 'phaseAngle', () => 0),
    f32(0x0046, 'frequency', (at) => at.wiring.frequencyMillihertz / 1000),
    f32(0x0048, 'energyImport', (at) => registerKwh(at.meter, at.wiring)),
    f32(0x004a, 'energyExport', () => 0),
    f32(0x00c8, 'voltageL12', (at) => lineVolts(volts(at, 0), volts(at, 1))),
    f32(0x00ca, 'voltageL23', (at) => lineVolts(volts(at, 1), volts(at, 2))),
    f32(0x00cc, 'voltageL31', (at) => lineVolts(volts(at, 2), volts(at, 0))),
    f32(0x00e0, 'currentN', neutralAmps),
    f32(0x0156, 'energyTotal', (at) => registerKwh(at.meter, at.wiring)),
    f32(0x0158, 'reactiveEnergyTotal', () => 0),
    f32(0x015a, 'energyImportL1', (at) => phaseKwh(at, 0)),
    f32(0x015c, 'energyImportL2', (at) => phaseKwh(at, 1)),
    f32(0x015e, 'energyImportL3', (at) => phaseKwh(at, 2)),
    f32(0x0160, 'energyExportL1', () => 0),
    f32(0x0162, 'energyExportL2', () => 0),
    f32(0x0164, 'energyExportL3', () => 0),
    setting(0x000a, 'systemType', { min: 1, max: 3 }),
    setting(0x0012, 'parityStop', 'asItIs'),
    setting(0x0014, 'unitId', 'asItIs'),
    setting(0x0018, 'password', { min: 0, max: 9999 }),
    setting(0x001c, 'baudCode', 'asItIs'),
    {
      name: 'serial',
      address: 0xfc00,
      count: 2,
      reads: [3],
      read: (at) => [ownSerial(at.meter) >>> 16, ownSerial(at.meter) & 0xffff],
    },
  ],
}
