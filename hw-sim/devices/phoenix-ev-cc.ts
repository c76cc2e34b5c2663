// Phoenix Contact EV-CC-AC1-M3 (RTU): its Modbus registers.
// Source: "EV Charge Control Basic", user manual 106377_en_04, Table 9-2 (pages 54-63), and
// https://github.com/evcc-io/evcc charger/phoenix-ev-ser.go. 4000 ff. are retentive, 2xxxx are volatile.
import { type PhoenixInputs, stateText } from './phoenix-firmware.ts'
import {
  factoryReset,
  OUTPUT_FUNCTIONS,
  type Outputs,
  type PhoenixFacts,
  type PhoenixRetentive,
  type PhoenixState,
  type PhoenixVolatile,
  restart,
} from './phoenix-state.ts'
import { answerRequest, asciiWords, type RegisterTable, type Row } from './register-table.ts'

export interface PhoenixIdentity {
  readonly designation: string
  readonly orderNumber: string
  readonly serial: string
}

interface PhoenixAt {
  readonly board: PhoenixState
  readonly facts: PhoenixFacts
  readonly inputs: PhoenixInputs
  readonly identity: PhoenixIdentity
  readonly nowMicros: number
}

/** Answers one request; null while the board is unsupplied or starting. */
export function answerPhoenix(
  at: PhoenixAt,
  pdu: Uint8Array,
): { state: PhoenixState; pdu: Uint8Array } | null {
  if (at.board.power.kind !== 'on') return null
  const answer = answerRequest(PHOENIX_TABLE, at, pdu)
  return { state: answer.state.board, pdu: answer.pdu }
}

const word = (address: number, name: string, reads: readonly number[], read: (at: PhoenixAt) => number) =>
  ({ name, address, reads, read: (at) => [read(at) & 0xffff] }) satisfies Row<PhoenixAt>

const inRange = (value: number, range: { min: number; max: number }) =>
  value >= range.min && value <= range.max

function retentive(
  address: number,
  name: Exclude<keyof PhoenixRetentive, 'outputFunctions'>,
  range: { min: number; max: number },
): Row<PhoenixAt> {
  return {
    name,
    address,
    reads: [3],
    read: (at) => [at.board.retentive[name]],
    write: (at, [value]) => {
      if (value === undefined || !inRange(value, range)) return null
      const board = at.board
      // A write of the value that is there wears the memory too.
      const retentiveWrites = board.retentiveWrites + 1
      return { ...at, board: { ...board, retentive: { ...board.retentive, [name]: value }, retentiveWrites } }
    },
  }
}

type CoilName = {
  [K in keyof PhoenixVolatile]: PhoenixVolatile[K] extends boolean ? K : never
}[keyof PhoenixVolatile]

const coil = (address: number, name: CoilName): Row<PhoenixAt> => ({
  name,
  address,
  reads: [1],
  read: (at) => [at.board.volatile[name] ? 1 : 0],
  write: (at, [bit]) => {
    const kept = { ...at.board.volatile, [name]: bit === 1 }
    return { ...at, board: { ...at.board, volatile: kept } }
  },
})

/** Minutes in the high byte, seconds in the low byte. */
const minutesSeconds = (micros: number) => {
  const seconds = Math.floor(micros / 1_000_000)
  return ((Math.floor(seconds / 60) % 60) << 8) | (seconds % 60)
}
const hours = (micros: number) => Math.floor(micros / 3_600_000_000)

/** IEC 61851-1 Annex A: 10-85 %: A / 0.6; above: A / 2.5 + 64. 0 here while the PWM is off. */
const dutyPercent = (amps: number) => {
  if (amps === 0) return 0
  return Math.round(amps <= 51 ? amps / 0.6 : amps / 2.5 + 64)
}

const inputBits = ({ inputs, board }: PhoenixAt) =>
  (inputs.en ? 1 : 0) |
  (inputs.xr ? 2 : 0) |
  // CCR: the forced-guided normally closed contact, where it is used for monitoring.
  (board.retentive.contactorMonitoring === 1 && !inputs.contactorClosed ? 8 : 0)

/** What output 0-3 shows. */
function outputOn({ board, nowMicros }: PhoenixAt, output: OutputIndex): boolean {
  switch (board.retentive.outputFunctions[output]) {
    case 5:
      return board.letter === 'C'
    case 15:
      return board.letter === 'E' || board.letter === 'F'
    case 17:
      return board.oscillator
    default: {
      const said = board.volatile.outputs[output]
      return said === 1 || (said === 2 && nowMicros % 1_000_000 < 500_000)
    }
  }
}

const outputBits = (at: PhoenixAt) =>
  OUTPUTS.reduce<number>((bits, output) => bits | (outputOn(at, output) ? 1 << output : 0), 0)

const OUTPUTS = [0, 1, 2, 3] as const
type OutputIndex = (typeof OUTPUTS)[number]

const withOutput = (outputs: Outputs, output: OutputIndex, value: number): Outputs => {
  const next: [number, number, number, number] = [...outputs]
  next[output] = value
  return next
}

/** 5500-5503. */
const outputFunction = (output: OutputIndex): Row<PhoenixAt> => ({
  name: `outputFunction${output}`,
  address: 5500 + output,
  reads: [3],
  read: (at) => [at.board.retentive.outputFunctions[output]],
  write: (at, [value]) => {
    if (value === undefined || !OUTPUT_FUNCTIONS.includes(value)) return null
    const { board } = at
    const outputFunctions = withOutput(board.retentive.outputFunctions, output, value)
    const retentiveWrites = board.retentiveWrites + 1
    return { ...at, board: { ...board, retentive: { ...board.retentive, outputFunctions }, retentiveWrites } }
  },
})

/** 23000-23003. */
const outputValue = (output: OutputIndex): Row<PhoenixAt> => ({
  name: `output${output}`,
  address: 23_000 + output,
  reads: [3],
  read: (at) => [at.board.volatile.outputs[output]],
  write: (at, [value]) => {
    if (value === undefined || !inRange(value, { min: 0, max: 2 })) return null
    const { board } = at
    const outputs = withOutput(board.volatile.outputs, output, value)
    return { ...at, board: { ...board, volatile: { ...board.volatile, outputs } } }
  },
})

const ON_MILLIVOLTS = 12_000
const STATUS = [3, 4]

export const PHOENIX_TABLE: RegisterTable<PhoenixAt> = {
  source:
    'Phoenix Contact user manual 106377_en_04, Table 9-2: https://www.easymanua.ls/phoenix-contact/ev-charge-control-basic/manual?p=54',
  functions: [1, 3, 4, 5, 6, 16],
  maxWords: 125,
  rows: [
    {
      name: 'designation',
      address: 1000,
      count: 16,
      reads: [4],
      read: (at) => asciiWords(at.identity.designation, 16),
    },
    {
      name: 'orderNumber',
      address: 1016,
      count: 5,
      reads: [4],
      read: (at) => asciiWords(at.identity.orderNumber, 5),
    },
    { name: 'serial', address: 1021, count: 6, reads: [4], read: (at) => asciiWords(at.identity.serial, 6) },
    word(1027, 'year', [4], () => 0x2024),
    word(1028, 'manufacturingDate', [4], () => 0x0315),
    word(1029, 'hardwareLetter', [4], () => 0x4801),
    word(1030, 'hardwareVersion', [4], () => 1),
    word(1031, 'firmwareMajor', [4], () => 0x5601),
    word(1032, 'firmwareVersion', [4], () => 1),
    word(1033, 'firmwareMinor', [4], () => 0),
    word(2000, 'dipS1', [3], (at) => 0b10 | (at.facts.tethered ? 0b10000 : 0)),
    word(2001, 'dipS2', [3], () => 0),
    retentive(4000, 'enableSource', { min: 0, max: 3 }),
    retentive(4001, 'availabilitySource', { min: 0, max: 2 }),
    retentive(4002, 'lockSource', { min: 0, max: 3 }),
    retentive(4006, 'contactorMonitoring', { min: 0, max: 1 }),
    retentive(4007, 'contactorCheckDelayMs', { min: 0, max: 65_535 }),
    word(4008, 'reject13A', [3], () => 0),
    word(4009, 'caseC', [3], (at) => (at.facts.tethered ? 1 : 0)),
    retentive(4010, 'allowStateD', { min: 0, max: 1 }),
    // 1-4 need S1/DIP 2 off; in the simulated wiring it is on, for XR.
    retentive(4011, 'residualCurrent', { min: 0, max: 0 }),
    retentive(4012, 'currentAdaptation', { min: 0, max: 2 }),
    ...OUTPUTS.map(outputFunction),
    coil(20000, 'enable'),
    coil(20001, 'available'),
    coil(20002, 'lock'),
    coil(20003, 'residualCurrentTest'),
    {
      name: 'restart',
      address: 21000,
      reads: [1],
      read: () => [0],
      write: (at, [bit]) => (bit === 1 ? { ...at, board: restart(at.board, at.facts, at.nowMicros) } : at),
    },
    {
      name: 'factoryReset',
      address: 21100,
      reads: [3],
      read: () => [0],
      write: (at, [value]) => (value === 17_281 ? { ...at, board: factoryReset(at.board) } : null),
    },
    {
      name: 'maxCurrent',
      address: 22000,
      reads: [3],
      read: (at) => [at.board.volatile.maxCurrentAmps],
      write: (at, [value]) => {
        if (value === undefined || !inRange(value, { min: 6, max: 63 })) return null
        return { ...at, board: { ...at.board, volatile: { ...at.board.volatile, maxCurrentAmps: value } } }
      },
    },
    ...OUTPUTS.map(outputValue),
    {
      // Two ASCII characters in one register: the letter in the high byte.
      name: 'state',
      address: 24000,
      reads: STATUS,
      read: (at) => asciiWords(stateText(at.board), 1),
    },
    word(24001, 'proximityAmps', STATUS, ({ inputs, facts }) => {
      if (facts.tethered) return 0
      return inputs.proximityAmps === 'shorted' ? 0xffff : inputs.proximityAmps
    }),
    word(24002, 'dutyPercent', STATUS, (at) => dutyPercent(at.board.offeredAmps)),
    word(24003, 'offeredAmps', STATUS, (at) => at.board.offeredAmps),
    word(24004, 'inputs', STATUS, inputBits),
    word(24005, 'outputs', STATUS, outputBits),
    word(24017, 'chargeMinutesSeconds', STATUS, (at) => minutesSeconds(at.board.chargeMicros)),
    word(24018, 'chargeHours', STATUS, (at) => hours(at.board.chargeMicros)),
    word(24019, 'connectMinutesSeconds', STATUS, (at) => minutesSeconds(at.board.connectMicros)),
    word(24020, 'connectHours', STATUS, (at) => hours(at.board.connectMicros)),
    word(24025, 'errors', STATUS, (at) => at.board.errors),
    word(24027, 'dipMaxAmps', STATUS, (at) => at.facts.dipMaxAmps),
    word(26000, 'analogEn', STATUS, (at) => (at.inputs.en ? ON_MILLIVOLTS : 0)),
    word(26001, 'analogXr', STATUS, (at) => (at.inputs.xr ? ON_MILLIVOLTS : 0)),
    word(26002, 'analogMl', STATUS, () => 0),
    word(26003, 'analogCcr', STATUS, () => 0),
    word(26004, 'analogIn', STATUS, () => 0),
  ],
}
