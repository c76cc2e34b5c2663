// Viridian EVSE EPC 2.0 Plus (OBO ION basic): its Modbus registers, and itself as a board of the world.
// Source: vendor's register map V104 and OBO ION basic manual, by test/facts/registers.json, "viridian-epc2-plus".
// Address = the map's number less 40001. Rows 40018-40044 that nobody has seen are answered with exception 2.
import { z } from 'zod'
import type { BoardInputs, BoardView, SimBoard } from './board.ts'
import { boardKind } from './board-kind.ts'
import {
  EPC2_ERROR,
  type Epc2Facts,
  type Epc2Kept,
  type Epc2State,
  type Epc2Watchdog,
  hasTripped,
  newEpc2,
  ratingAmps,
  stepEpc2,
} from './epc2-firmware.ts'
import { pathText, signalOf } from './power-path.ts'
import { answerRequest, type RegisterTable, type Row } from './register-table.ts'

interface Epc2At {
  readonly board: Epc2State
  readonly facts: Epc2Facts
  readonly inputs: BoardInputs
}

const word = (address: number, name: string, read: (at: Epc2At) => number): Row<Epc2At> => ({
  name,
  address,
  reads: [3],
  read: (at) => [read(at) & 0xffff],
})

const volatile = (
  address: number,
  name: string,
  read: (board: Epc2State) => number,
  write: (board: Epc2State, value: number) => Partial<Epc2State> | null,
): Row<Epc2At> => ({
  ...word(address, name, ({ board }) => read(board)),
  write: (at, [value = 0]) => {
    const change = write(at.board, value)
    return change && { ...at, board: { ...at.board, ...change } }
  },
})

const led = (index: number, name: string, max: number) =>
  volatile(
    index,
    name,
    (board) => board.leds[index] ?? 0,
    ({ leds }, value) => (value > max ? null : { leds: leds.map((was, at) => (at === index ? value : was)) }),
  )

const kept = (
  address: number,
  name: string,
  key: keyof Epc2Kept,
  allows: (value: number) => boolean,
): Row<Epc2At> =>
  volatile(
    address,
    name,
    (board) => board.kept[key],
    (board, value) =>
      allows(value)
        ? // `allows` holds the narrower keys to 0-2.
          { kept: { ...board.kept, [key]: value }, retentiveWrites: board.retentiveWrites + 1 }
        : null,
  )

const watchdog = (
  address: number,
  name: string,
  key: keyof Epc2Watchdog,
  allows: (value: number) => boolean,
): Row<Epc2At> => ({
  ...word(address, name, ({ board }) => board.watchdog[key]),
  write: (at, [value = 0]) => {
    if (!allows(value)) return null
    const { board, facts } = at
    const retentiveWrites = board.retentiveWrites + (facts.watchdogKept ? 1 : 0)
    return { ...at, board: { ...board, watchdog: { ...board.watchdog, [key]: value }, retentiveWrites } }
  },
})

const isOrder = (value: number): value is 0 | 1 | 2 => value === 0 || value === 1 || value === 2
const within = (min: number, max: number) => (value: number) => value >= min && value <= max
const BAUDS = [1200, 2400, 4800, 9600, 14_400, 19_200, 38_400, 57_600] as const

/** 0-3: A-D; 4: F, and E, which it does not tell apart. */
function stateWord({ board, inputs }: Epc2At): number {
  if (board.errors !== 0 || inputs.heldUnavailable) return 4
  return { A: 0, B: 1, C: 2, D: 3, E: 4 }[inputs.vehicle]
}

export const EPC2_TABLE: RegisterTable<Epc2At> = {
  source: 'https://cdn.shopify.com EPC_2_Plus_MODBUS_Register_Map_V104.pdf',
  functions: [3, 6],
  maxWords: 125,
  rows: [
    led(0, 'ledR', 255),
    led(1, 'ledG', 255),
    led(2, 'ledB', 255),
    led(3, 'ledMode', 1),
    volatile(
      4,
      'lockControl',
      (board) => board.lock,
      (_, value) => (isOrder(value) ? { lock: value } : null),
    ),
    volatile(
      5,
      'chargeDisable',
      (board) => board.permission,
      (_, value) => (isOrder(value) ? { permission: value } : null),
    ),
    volatile(
      6,
      'current',
      (board) => board.currentAmps,
      (_, value) => (value === 0 || within(6, 32)(value) ? { currentAmps: value } : null),
    ),
    word(7, 'voltageL1', ({ inputs }) => Math.round(inputs.voltagesMillivolts[0] / 100)),
    word(8, 'currentCt1', ({ inputs }) => Math.round(inputs.currentsMilliamps[0] / 100)),
    word(9, 'power', ({ inputs }) =>
      Math.round((inputs.voltagesMillivolts[0] * inputs.currentsMilliamps[0]) / 1_000_000),
    ),
    word(11, 'state', stateWord),
    kept(12, 'lockOnPowerLoss', 'lockOnPowerLoss', isOrder),
    kept(13, 'chargeDisablePowerLoss', 'permissionOnPowerLoss', isOrder),
    word(14, 'errorCode', ({ board }) => board.errors),
    word(15, 'ppRating', ({ facts, inputs }) => ratingAmps(facts, inputs)),
    word(16, 'advertisedCurrent', ({ board }) => board.path.offeredMilliamps / 1000),
    kept(21, 'baud', 'baud', (value) => BAUDS.some((baud) => baud === value)),
    kept(22, 'parity', 'parity', within(0, 2)),
    kept(23, 'slaveAddress', 'address', within(1, 247)),
    watchdog(28, 'commsTimeout', 'timeoutMs', (value) => value === 0 || within(1000, 60_000)(value)),
    watchdog(30, 'fallbackCurrent', 'fallbackAmps', within(0, 32)),
    watchdog(44, 'maxChargingCurrent', 'maxAmps', within(6, 32)),
  ],
}

function epc2(state: Epc2State, facts: Epc2Facts, inputs: BoardInputs | null, atMicros: number): SimBoard {
  return {
    view: viewOf(state, facts, inputs, atMicros),
    step: (now, nowMicros) => epc2(stepEpc2(state, facts, now, nowMicros), facts, now, nowMicros),
    answer: (pdu, now, nowMicros) => {
      const { baud, address } = state.reached
      if (state.power.kind !== 'on' || baud !== facts.baud || address !== facts.unitId) return null
      const heard = { ...state, heardAtMicros: nowMicros }
      const answer = answerRequest(EPC2_TABLE, { board: heard, facts, inputs: now }, pdu)
      return { board: epc2(answer.state.board, facts, now, nowMicros), pdu: answer.pdu }
    },
  }
}

function viewOf(
  state: Epc2State,
  facts: Epc2Facts,
  inputs: BoardInputs | null,
  nowMicros: number,
): BoardView {
  const on = state.power.kind === 'on'
  const watches = on && state.watchdog.timeoutMs > 0
  return {
    powered: state.power.kind !== 'off',
    state: on ? pathText(state.path) : '--',
    signal: signalOf(state.path, on),
    coil: state.path.coil,
    enabled: state.permission !== 0 && state.currentAmps > 0,
    available: on && state.errors === 0 && inputs?.heldUnavailable !== true,
    offeredMilliamps: state.path.offeredMilliamps,
    errors: state.errors,
    retentiveWrites: state.retentiveWrites,
    lockWanted: facts.tethered ? null : state.lockWanted,
    watchdog: !watches ? 'off' : hasTripped(state, nowMicros) ? 'tripped' : 'running',
  }
}

export const epc2Kind = boardKind({
  transport: 'rtu',
  bauds: BAUDS,
  quirks: { silenceMs: 0, hearsBroadcast: false },
  deadman: 'own',
  tells: {
    selfTestFailed: EPC2_ERROR.selfTest,
    residualCurrent: EPC2_ERROR.residualCurrent,
    diodeMissing: EPC2_ERROR.diode,
  },
  rows: EPC2_TABLE.rows,
  siteShape: {
    watchdogKept: z.boolean().default(false),
    bootMs: z.int().min(0).max(60_000).default(1000),
    /** IEC 61851-1 Table A.6 seq. 4: within 3 s. */
    closeDelayMs: z.int().min(0).max(2900).default(200),
  },
  make: ({ unitId, watchdogKept, bootMs, closeDelayMs }, { tethered, baud, nowMicros }) => {
    const facts = { tethered, unitId, baud, watchdogKept, bootMs, closeDelayMs }
    return epc2(newEpc2(facts, nowMicros), facts, null, nowMicros)
  },
})
