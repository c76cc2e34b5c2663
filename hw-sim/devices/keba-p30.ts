// KEBA KeContact P30 with Modbus TCP: its registers. Unit 255; FC03 and FC06 only; each value by itself, two registers.
// Source: KEBA, "KeContact P30 Modbus TCP Programmers Guide" V1.02 p. 9-17 and V1.07; evcc charger/keba-modbus.go.
// 5016 and 5018 cannot be read back (1602 tells the time-out); 5004 is lost at a restart; 5020 wears the EEPROM.
// What it answers to a read of other lengths is not published: exception 2, above two registers exception 3.
import { z } from 'zod'
import type { BoardInputs, BoardView, SimBoard } from './board.ts'
import { boardKind } from './board-kind.ts'
import {
  fed,
  type KebaFacts,
  type KebaState,
  newKeba,
  presetMilliamps,
  stepKeba,
  supportedMilliamps,
} from './keba-firmware.ts'
import { pathText, signalOf } from './power-path.ts'
import { answerRequest, type RegisterTable, type Row } from './register-table.ts'

interface KebaAt {
  readonly state: KebaState
  readonly facts: KebaFacts
  readonly inputs: BoardInputs
  readonly serial: number
  readonly nowMicros: number
}

/** Two registers, high word first. */
const value = (address: number, name: string, read: (at: KebaAt) => number): Row<KebaAt> => ({
  name,
  address,
  count: 2,
  reads: [3],
  read: (at) => {
    const whole = Math.max(0, Math.round(read(at)))
    return [Math.floor(whole / 65_536) & 0xffff, whole & 0xffff]
  },
})

/** Written by FC06, never read. `write` gives null where the value is out of range. */
const order = (
  address: number,
  name: string,
  write: (at: KebaAt, value: number) => KebaState | null,
): Row<KebaAt> => ({
  name,
  address,
  reads: [],
  read: () => [0],
  write: (at, [given = 0]) => {
    const state = write(at, given)
    return state && { ...at, state }
  },
})

const isCurrent = (milliamps: number) => milliamps >= 6000 && milliamps <= 63_000

const hasCar = ({ vehicle }: BoardInputs) => vehicle !== 'A'

/** 1000. */
function chargingState({ state, inputs }: KebaAt): number {
  if (state.error !== 0 || inputs.heldUnavailable) return 4
  if (!hasCar(inputs)) return 1
  if (!state.path.oscillator) return 5
  return inputs.vehicle === 'C' && state.path.coil ? 3 : 2
}

/** 1004. A fixed cable is in the station, and locked. */
function cableState({ inputs, facts }: KebaAt): number {
  const locked = facts.tethered || inputs.locked === true
  if (hasCar(inputs)) return locked ? 7 : 5
  if (!facts.tethered && (inputs.proximityAmps === 0 || inputs.proximityAmps === 'shorted')) return 0
  return locked ? 3 : 1
}

/** Type (P30), socket or cable, current (32 A), series (c), meter, authorisation (none): a decimal digit each. */
const product = ({ facts }: KebaAt) => (facts.tethered ? 314_110 : 304_110)

const powerMilliwatts = ({ inputs }: KebaAt) =>
  inputs.currentsMilliamps.reduce(
    (sum, milliamps, phase) => sum + (milliamps * (inputs.voltagesMillivolts[phase] ?? 0)) / 1000,
    0,
  )

type Phase = 0 | 1 | 2
const current = (phase: Phase) => (at: KebaAt) => at.inputs.currentsMilliamps[phase]
const voltage = (phase: Phase) => (at: KebaAt) => at.inputs.voltagesMillivolts[phase] / 1000

export const KEBA_TABLE: RegisterTable<KebaAt> = {
  source: 'KEBA KeContact P30 Modbus TCP Programmers Guide V1.02, p. 9-17',
  functions: [3, 6],
  maxWords: 2,
  wordPairs: true,
  rows: [
    value(1000, 'chargingState', chargingState),
    value(1004, 'cableState', cableState),
    value(1006, 'errorCode', (at) => at.state.error),
    value(1008, 'currentL1', current(0)),
    value(1010, 'currentL2', current(1)),
    value(1012, 'currentL3', current(2)),
    value(1014, 'serial', (at) => at.serial),
    value(1016, 'product', product),
    value(1018, 'firmware', () => 31_016),
    value(1020, 'power', powerMilliwatts),
    value(1036, 'energyTotal', (at) => at.inputs.energyMilliwattHours / 100),
    value(1040, 'voltageL1', voltage(0)),
    value(1042, 'voltageL2', voltage(1)),
    value(1044, 'voltageL3', voltage(2)),
    value(1100, 'maxChargingCurrent', (at) => presetMilliamps(at.state, at.facts, at.inputs)),
    value(1110, 'maxSupportedCurrent', (at) => supportedMilliamps(at.facts, at.inputs)),
    value(1500, 'rfid', () => 0),
    value(1502, 'sessionEnergy', (at) =>
      hasCar(at.inputs) ? (at.inputs.energyMilliwattHours - at.state.sessionFromMilliwattHours) / 100 : 0,
    ),
    value(1550, 'phaseSource', () => 0),
    value(1552, 'phaseState', (at) => at.state.phaseSwitch),
    value(1602, 'failsafeTimeout', (at) => at.state.failsafe.timeoutSeconds),
    order(5004, 'setCurrent', ({ state, nowMicros }, setMilliamps) =>
      isCurrent(setMilliamps) ? fed({ ...state, setMilliamps }, 'current', nowMicros) : null,
    ),
    order(5010, 'setEnergy', ({ state }, units) => ({ ...state, energyLimitWattHours: units * 10 })),
    // Taken at any time, done only while suspended.
    order(5012, 'unlockPlug', ({ state }, given) =>
      given === 0 ? { ...state, unlocked: state.unlocked || !state.enabled } : null,
    ),
    order(5014, 'enable', ({ state, nowMicros }, given) => {
      if (given > 1) return null
      const next = { ...state, enabled: given === 1 }
      // To disable during a trip leaves it tripped.
      return given === 1 || state.tripped === null ? fed(next, 'enable', nowMicros) : next
    }),
    order(5016, 'failsafeCurrent', ({ state }, milliamps) =>
      milliamps === 0 || isCurrent(milliamps)
        ? { ...state, failsafe: { ...state.failsafe, milliamps } }
        : null,
    ),
    order(5018, 'failsafeTimeout', ({ state, nowMicros }, timeoutSeconds) =>
      timeoutSeconds === 0 || (timeoutSeconds >= 10 && timeoutSeconds <= 600)
        ? fed({ ...state, failsafe: { ...state.failsafe, timeoutSeconds } }, 'timeout', nowMicros)
        : null,
    ),
    order(5020, 'failsafePersist', ({ state }, given) => {
      if (given > 1) return null
      // Storing what is stored wears the EEPROM too.
      return given === 1
        ? { ...state, kept: state.failsafe, retentiveWrites: state.retentiveWrites + 1 }
        : state
    }),
    order(5052, 'phaseSwitch', ({ state }, phaseSwitch) =>
      phaseSwitch <= 1 ? { ...state, phaseSwitch } : null,
    ),
  ],
}

interface Fixed {
  readonly facts: KebaFacts
  readonly serial: number
}

function kebaBoard(state: KebaState, fixed: Fixed): SimBoard {
  return {
    view: viewOf(state, fixed.facts),
    step: (inputs, nowMicros) => {
      const next = stepKeba(state, fixed.facts, inputs, nowMicros)
      return kebaBoard(next, fixed)
    },
    answer: (pdu, inputs, nowMicros) => {
      if (state.power !== 'on') return null
      const answer = answerRequest(KEBA_TABLE, { state, ...fixed, inputs, nowMicros }, pdu)
      return { board: kebaBoard(answer.state.state, fixed), pdu: answer.pdu }
    },
  }
}

function viewOf(state: KebaState, facts: KebaFacts): BoardView {
  const on = state.power === 'on'
  const holds = ['B', 'C', 'D'].includes(state.path.letter) && !state.unlocked
  return {
    powered: state.power !== 'off',
    state: on ? pathText(state.path) : '--',
    signal: signalOf(state.path, on),
    coil: state.path.coil,
    enabled: state.enabled,
    available: on && state.path.letter !== 'F',
    offeredMilliamps: state.path.offeredMilliamps,
    errors: state.error,
    retentiveWrites: state.retentiveWrites,
    lockWanted: facts.tethered ? null : holds ? 'locked' : 'unlocked',
    watchdog: watchdogOf(state),
  }
}

function watchdogOf(state: KebaState): 'off' | 'running' | 'tripped' {
  if (state.tripped !== null) return 'tripped'
  return state.failsafe.timeoutSeconds > 0 ? 'running' : 'off'
}

export const kebaKind = boardKind({
  transport: 'tcp',
  bauds: [],
  quirks: { silenceMs: 0, hearsBroadcast: false },
  deadman: 'own',
  tells: {},
  rows: KEBA_TABLE.rows,
  siteShape: {
    serial: z.int().min(1).max(0xffff_fffe).default(21_004_711),
    bootMs: z.int().min(0).max(60_000).default(1500),
    /** IEC 61851-1 Table A.6 seq. 4: within 3 s. */
    closeDelayMs: z.int().min(0).max(2900).default(200),
    enabledAtStart: z.boolean().default(false),
  },
  make: ({ serial, bootMs, closeDelayMs, enabledAtStart }, { tethered, cableAmps, nowMicros }) => {
    const maxMilliamps = (tethered ? cableAmps : 32) * 1000
    const facts: KebaFacts = { maxMilliamps, tethered, bootMs, closeDelayMs, enabledAtStart }
    return kebaBoard(newKeba(facts, nowMicros), { facts, serial })
  },
})
