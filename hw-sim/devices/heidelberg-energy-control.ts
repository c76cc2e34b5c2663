// Heidelberg Energy Control (also Amperfied, Senec Wallbox pro s, Walther basicEVO PRO): its Modbus registers, and the
// box as a board of the world.
// Source: Modbus register table 10950695 (in steff393/wbec), Walther basicEVO PRO manual p. 17, evcc heidelberg-ec.go,
// Senec Wallbox Pro S p. 67 (19200 8E1, function codes 3, 4, 6, 16); test/facts/registers.json.
import { z } from 'zod'
import type { BoardInputs, BoardView, SimBoard } from './board.ts'
import { boardKind } from './board-kind.ts'
import {
  DECIAMPS_MAX,
  DECIAMPS_MIN,
  fed,
  type HeidelbergFacts,
  type HeidelbergSettings,
  type HeidelbergState,
  newHeidelberg,
  stepHeidelberg,
  withLock,
} from './heidelberg-firmware.ts'
import { pathText, signalOf } from './power-path.ts'
import { answerRequest, asciiWords, type RegisterTable, type Row } from './register-table.ts'

interface At {
  readonly box: HeidelbergState
  readonly facts: HeidelbergFacts
  readonly inputs: BoardInputs
  readonly nowMicros: number
}

const INPUT = [4]
const HOLDING = [3]

const input = (address: number, name: string, read: (at: At) => number): Row<At> => ({
  name,
  address,
  reads: INPUT,
  read: (at) => [read(at) & 0xffff],
})

const inputs = (
  address: number,
  name: string,
  count: number,
  read: (at: At) => readonly number[],
): Row<At> => ({ name, address, count, reads: INPUT, read })

/** High word first. */
const u32Words = (value: number) => [Math.floor(value / 65_536) & 0xffff, value & 0xffff]

const wholeVoltAmpereHours = (milliwattHours: number) => Math.floor(milliwattHours / 1000)

/** Register 5. */
const STATES: Readonly<Record<string, number>> = {
  A1: 2,
  A2: 3,
  B1: 4,
  B2: 5,
  C1: 6,
  C2: 7,
  E0: 9,
  F0: 10,
}
const DERATING = 8
const ERROR = 11

function stateWord({ box }: At): number {
  if (box.error !== 0) return ERROR
  const text = pathText(box.path)
  return text === 'C2' && box.derating ? DERATING : (STATES[text] ?? 0)
}

const apparentPower = ({ inputs: { currentsMilliamps, voltagesMillivolts } }: At): number =>
  Math.round(
    currentsMilliamps.reduce((sum, current, phase) => sum + current * (voltagesMillivolts[phase] ?? 0), 0) /
      1_000_000,
  )

/** 257, 258, 262: each write counts, that of the same value too. */
const setting = (
  address: number,
  name: string,
  key: keyof HeidelbergSettings,
  allows: (value: number) => boolean,
): Row<At> => ({
  name,
  address,
  reads: HOLDING,
  read: ({ box }) => [box.settings[key]],
  write: (at, [value]) => {
    if (value === undefined || !allows(value)) return null
    const settings = { ...at.box.settings, [key]: value }
    return { ...at, box: { ...at.box, settings, settingsWrites: at.box.settingsWrites + 1 } }
  },
})

/** "0 or 60..160". */
const isCommand = (deciamps: number) =>
  deciamps === 0 || (deciamps >= DECIAMPS_MIN && deciamps <= DECIAMPS_MAX)

const AMPERFIED_ROWS: readonly Row<At>[] = [
  {
    name: 'phaseSwitch',
    address: 501,
    reads: HOLDING,
    read: ({ box }) => [box.phaseSwitch],
    write: (at, [value]) => {
      if (value === undefined || value > 3) return null
      return { ...at, box: { ...at.box, phaseSwitch: value } }
    },
  },
  // No card is ever held to the simulated reader.
  inputs(2002, 'rfidUid', 6, () => asciiWords('', 6)),
  input(5001, 'phaseSwitchState', ({ box }) => box.phaseSwitch),
]

const ROWS: readonly Row<At>[] = [
  input(4, 'layoutVersion', ({ facts }) => facts.layout),
  input(5, 'state', stateWord),
  inputs(6, 'currents', 3, (at) => at.inputs.currentsMilliamps.map((it) => Math.round(it / 100))),
  input(9, 'pcbTemp', (at) => Math.round(at.inputs.temperatureMilliCelsius / 100)),
  inputs(10, 'voltages', 3, (at) => at.inputs.voltagesMillivolts.map((it) => Math.round(it / 1000))),
  // 1: unlocked. The input is bridged in the simulated wiring, but where a trial holds the box out of service.
  input(13, 'externLock', (at) => (at.inputs.heldUnavailable ? 0 : 1)),
  input(14, 'power', apparentPower),
  inputs(15, 'energySincePowerOn', 2, ({ box, inputs: { energyMilliwattHours } }) =>
    u32Words(wholeVoltAmpereHours(energyMilliwattHours - box.energyAtStartMilliwattHours)),
  ),
  inputs(17, 'energyTotal', 2, (at) => u32Words(wholeVoltAmpereHours(at.inputs.energyMilliwattHours))),
  input(100, 'hwMaxCurrent', () => DECIAMPS_MAX / 10),
  input(101, 'hwMinCurrent', () => DECIAMPS_MIN / 10),
  inputs(102, 'logisticString', 32, () => asciiWords('SIM Energy Control', 32)),
  input(200, 'hwVariant', () => 1),
  input(203, 'swRev', () => 1),
  setting(257, 'watchdogTimeout', 'watchdogMs', () => true),
  setting(258, 'standbyCtrl', 'standby', (value) => value === 0 || value === 4),
  {
    name: 'remoteLock',
    address: 259,
    reads: HOLDING,
    read: ({ box }) => [box.unlocked ? 1 : 0],
    write: (at, [value]) => {
      if (value !== 0 && value !== 1) return null
      return { ...at, box: withLock(at.box, value === 1, at.nowMicros) }
    },
  },
  {
    name: 'maxCurrentCmd',
    address: 261,
    reads: HOLDING,
    read: ({ box }) => [box.commandDeciamps],
    write: (at, [value]) => {
      if (value === undefined || !isCommand(value)) return null
      return { ...at, box: { ...at.box, commandDeciamps: value } }
    },
  },
  setting(262, 'failsafeCurrent', 'failsafeDeciamps', isCommand),
]

const tableOf = (rows: readonly Row<At>[]): RegisterTable<At> => ({
  source: 'ModBus-Register-Tabelle 10950695: https://github.com/steff393/wbec/files/10950695',
  functions: [3, 4, 6, 16],
  maxWords: 125,
  rows,
})
const TABLE = tableOf(ROWS)
const AMPERFIED_TABLE = tableOf([...ROWS, ...AMPERFIED_ROWS])

const LAYOUT_1_0_7 = 0x0107
const HIDDEN_FROM = 258
const HIDDEN_TO = 259

/** Layout 1.0.7 takes 258 and 259 and does not give them. */
function hides(facts: HeidelbergFacts, pdu: Uint8Array): boolean {
  if (facts.layout !== LAYOUT_1_0_7 || pdu[0] !== 3 || pdu.length !== 5) return false
  const request = Buffer.from(pdu)
  const address = request.readUInt16BE(1)
  return address <= HIDDEN_TO && address + request.readUInt16BE(3) > HIDDEN_FROM
}

function answerBox(at: At, pdu: Uint8Array): { box: HeidelbergState; pdu: Uint8Array } | null {
  if (at.box.power.kind !== 'on' || at.box.asleep) return null
  if (hides(at.facts, pdu)) return { box: at.box, pdu: Uint8Array.of(0x83, 2) }
  const answer = answerRequest(at.facts.amperfied ? AMPERFIED_TABLE : TABLE, at, pdu)
  const refused = ((answer.pdu[0] ?? 0) & 0x80) !== 0
  const { box } = answer.state
  // "Any valid request": one that it refuses is none.
  return { box: refused ? box : fed(box, at.nowMicros), pdu: answer.pdu }
}

function viewOf(box: HeidelbergState): BoardView {
  const on = box.power.kind === 'on'
  const watchdog = box.settings.watchdogMs === 0 ? 'off' : box.tripped ? 'tripped' : 'running'
  return {
    powered: box.power.kind !== 'off',
    state: on ? pathText(box.path) : '--',
    signal: signalOf(box.path, on),
    coil: box.path.coil,
    enabled: on && box.commandDeciamps >= DECIAMPS_MIN,
    available: on && box.path.letter !== 'F',
    offeredMilliamps: box.path.offeredMilliamps,
    errors: box.error,
    retentiveWrites: box.settingsWrites,
    lockWanted: null,
    watchdog,
  }
}

const heidelbergBoard = (box: HeidelbergState, facts: HeidelbergFacts): SimBoard => ({
  view: viewOf(box),
  step: (now, nowMicros) => heidelbergBoard(stepHeidelberg(box, facts, now, nowMicros), facts),
  answer: (pdu, now, nowMicros) => {
    const answer = answerBox({ box, facts, inputs: now, nowMicros }, pdu)
    return answer && { board: heidelbergBoard(answer.box, facts), pdu: answer.pdu }
  },
})

export const heidelbergKind = boardKind({
  transport: 'rtu',
  bauds: [19_200],
  quirks: { silenceMs: 100, hearsBroadcast: false },
  deadman: 'own',
  // State 11 without a number: which of these it is, the box does not tell.
  tells: { diodeMissing: 1, residualCurrent: 2, selfTestFailed: 3, protectiveEarthMissing: 4, phaseFault: 5 },
  rows: AMPERFIED_TABLE.rows,
  siteShape: {
    layout: z.int().min(0x0100).max(0x01ff).default(LAYOUT_1_0_7),
    amperfied: z.boolean().default(false),
    bootMs: z.int().min(0).max(60_000).default(1500),
    /** IEC 61851-1 Table A.6 seq. 4: within 3 s. */
    closeDelayMs: z.int().min(0).max(2900).default(200),
    standbyAfterMs: z.int().min(0).max(3_600_000).default(60_000),
    settingsKept: z.boolean().default(false),
    startDeciamps: z.int().refine(isCommand, '0, or 60 to 160').default(DECIAMPS_MAX),
  },
  make: (site, { nowMicros }) => {
    const { layout, amperfied, bootMs, closeDelayMs, standbyAfterMs, settingsKept, startDeciamps } = site
    const facts = { layout, amperfied, bootMs, closeDelayMs, standbyAfterMs, settingsKept, startDeciamps }
    return heidelbergBoard(newHeidelberg(facts, nowMicros), facts)
  },
})
