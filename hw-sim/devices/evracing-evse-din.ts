// EVRacing EVSE-WB / EVSE-DIN (SimpleEVSE): its Modbus registers, and itself as a board of the world.
// Source: test/facts/registers.json, "evracing-evse-din" (evcc charger/evsedin.go, openWB evse.py, SimpleEVSE-WiFi).
// 1000-1009 are RAM; 2000-2017 are EEPROM, worn by each write. Writes by function code 16 only: code 6 is seen nowhere.
import { z } from 'zod'
import type { BoardInputs, BoardView, SimBoard } from './board.ts'
import { boardKind } from './board-kind.ts'
import {
  command,
  type EvseDinFacts,
  type EvseDinState,
  hasFailed,
  keep,
  newEvseDin,
  pulse,
  ratingAmps,
  setting,
  statusBits,
  stepEvseDin,
  unitsPerAmp,
} from './evse-din-firmware.ts'
import { pathText, signalOf } from './power-path.ts'
import { answerRequest, type RegisterTable, type Row } from './register-table.ts'

interface EvseDinAt {
  readonly board: EvseDinState
  readonly facts: EvseDinFacts
  readonly inputs: BoardInputs
  readonly nowMicros: number
}

const word = (address: number, name: string, read: (at: EvseDinAt) => number): Row<EvseDinAt> => ({
  name,
  address,
  reads: [3],
  read: (at) => [read(at) & 0xffff],
})

const kept = (
  address: number,
  name: string,
  range: { readonly min: number; readonly max: number },
): Row<EvseDinAt> => ({
  ...word(address, name, ({ board }) => setting(board, address)),
  write: (at, [value]) => {
    if (value === undefined || value < range.min || value > range.max) return null
    return { ...at, board: keep(at.board, address, value) }
  },
})

const BYTE = { min: 0, max: 255 }
const WORD = { min: 0, max: 65_535 }
const AMPS = { min: 6, max: 80 }

const seconds = (untilMicros: number | null, nowMicros: number) =>
  untilMicros === null ? 0 : Math.max(0, Math.ceil((untilMicros - nowMicros) / 1_000_000))

/** 1: A … 4: D, 5: failure, whichever. */
function vehicleState({ board, inputs }: EvseDinAt): number {
  if (hasFailed(board) || inputs.heldUnavailable) return 5
  return { A: 1, B: 2, C: 3, D: 4, E: 5 }[inputs.vehicle]
}

function evseState({ board }: EvseDinAt): number {
  if (board.turnedOff || board.disabled) return 3
  return board.path.oscillator ? 2 : 1
}

export const EVSE_DIN_TABLE: RegisterTable<EvseDinAt> = {
  source: 'https://github.com/evcc-io/evcc charger/evsedin.go; https://github.com/openWB/core evse.py',
  functions: [3, 16],
  maxWords: 125,
  rows: [
    {
      ...word(1000, 'configuredCurrent', ({ board }) => board.configured),
      write: (at, [value]) => {
        const units = unitsPerAmp(at.board, at.facts)
        if (value === undefined || value > 80 * units) return null
        if (value !== 0 && value < setting(at.board, 2002) * units) return null
        return { ...at, board: { ...at.board, configured: value } }
      },
    },
    word(1001, 'actualCurrent', ({ board, facts }) =>
      Math.round((board.path.offeredMilliamps * unitsPerAmp(board, facts)) / 1000),
    ),
    word(1002, 'vehicleState', vehicleState),
    word(1003, 'ppLimit', ({ facts, inputs }) => ratingAmps(facts, inputs)),
    {
      ...word(1004, 'command', ({ board }) => (board.turnedOff ? 1 : 0)),
      write: (at, [bits = 0]) => ({ ...at, board: command(at.board, bits, at.nowMicros) }),
    },
    word(1005, 'firmware', ({ facts }) => facts.firmware),
    word(1006, 'evseState', evseState),
    word(1007, 'statusBits', ({ board, facts }) => statusBits(board, facts)),
    word(1008, 'errorTimeout', ({ board, nowMicros }) => seconds(board.clearsAtMicros, nowMicros)),
    word(1009, 'selftestTimeout', ({ board, nowMicros }) => seconds(board.selfTestEndsAtMicros, nowMicros)),
    kept(2000, 'defaultCurrentAfterBoot', AMPS),
    kept(2001, 'slaveAddressMode', BYTE),
    kept(2002, 'minCurrent', { min: 0, max: 13 }),
    kept(2003, 'analogInputConfig', BYTE),
    kept(2004, 'saveCurrentOnButton', BYTE),
    kept(2005, 'configBits', WORD),
    kept(2006, 'currentSharing', BYTE),
    kept(2007, 'ppDetection', BYTE),
    word(2009, 'bootloaderVersion', () => 4),
    ...Array.from({ length: 8 }, (_, index) => kept(2010 + index, `ampsTable${index + 1}`, AMPS)),
  ],
}

/** Besides what every board does: its analogue input, by which Modbus is switched on. */
export interface EvseDin extends SimBoard {
  step(inputs: BoardInputs, nowMicros: number): EvseDin
  /** The input goes to ground once. */
  pulse(nowMicros: number): EvseDin
}

function evseDin(state: EvseDinState, facts: EvseDinFacts, inputs: BoardInputs | null): EvseDin {
  return {
    view: viewOf(state, inputs),
    step: (now, nowMicros) => evseDin(stepEvseDin(state, facts, now, nowMicros), facts, now),
    pulse: (nowMicros) => evseDin(pulse(state, nowMicros), facts, inputs),
    answer: (pdu, now, nowMicros) => {
      if (state.power.kind !== 'on' || setting(state, 2001) !== facts.unitId) return null
      const answer = answerRequest(EVSE_DIN_TABLE, { board: state, facts, inputs: now, nowMicros }, pdu)
      return { board: evseDin(answer.state.board, facts, now), pdu: answer.pdu }
    },
  }
}

const viewOf = (state: EvseDinState, inputs: BoardInputs | null): BoardView => {
  const on = state.power.kind === 'on'
  return {
    powered: state.power.kind !== 'off',
    state: on ? pathText(state.path) : '--',
    signal: signalOf(state.path, on),
    coil: state.path.coil,
    enabled: state.configured > 0 && !state.turnedOff && !state.disabled,
    available: on && !hasFailed(state) && inputs?.heldUnavailable !== true,
    offeredMilliamps: state.path.offeredMilliamps,
    errors: state.errors,
    retentiveWrites: state.retentiveWrites,
    lockWanted: null,
  }
}

export const evseDinKind = boardKind({
  transport: 'rtu',
  bauds: [9600],
  quirks: { silenceMs: 100, hearsBroadcast: false },
  deadman: 'supply',
  tells: { diodeMissing: 1, residualCurrent: 5, selfTestFailed: 5 },
  rows: EVSE_DIN_TABLE.rows,
  siteShape: {
    firmware: z.int().min(1).max(99).default(17),
    /** `off`: as delivered; five pulses at its analogue input switch it on. */
    modbus: z.enum(['on', 'off']).default('on'),
    rcdBits: z.enum(['esphome', 'other']).default('esphome'),
    relayBit: z.enum(['on', 'inverted']).default('on'),
    bootMs: z.int().min(0).max(60_000).default(1000),
    /** IEC 61851-1 Table A.6 seq. 4: within 3 s. */
    closeDelayMs: z.int().min(0).max(2900).default(200),
  },
  make: (site, { tethered, nowMicros }): EvseDin => {
    const { unitId, firmware, modbus, rcdBits, relayBit, bootMs, closeDelayMs } = site
    const facts = { tethered, unitId, firmware, rcdBits, relayBit, bootMs, closeDelayMs }
    return evseDin(newEvseDin(facts, modbus === 'on' ? unitId : 0, nowMicros), facts, null)
  },
})
