// ABL eMH1 (EVCC2/3), Modbus ASCII: its registers. FC03 and FC16; each register with exactly its own count, anything else
// is not answered. Its replies begin with `>`, and it sleeps: the request that wakes it is lost (both are its line's).
// The high byte of the first word repeats the register's number.
// Source: ABL, "API for EVCC2/3", 05 0015 20 Rev B (subset); evcc charger/abl.go.
import { z } from 'zod'
import {
  ABL_FAULT,
  type AblFacts,
  type AblState,
  dutyOf,
  NO_CURRENT_DUTY,
  newAbl,
  resetAbl,
  stateCode,
  stepAbl,
  upstream,
} from './abl-firmware.ts'
import type { BoardInputs, BoardView, SimBoard } from './board.ts'
import { boardKind } from './board-kind.ts'
import { pathText, signalOf } from './power-path.ts'
import { answerRequest, asciiWords, type RegisterTable, type Row } from './register-table.ts'

interface AblAt {
  readonly state: AblState
  readonly facts: AblFacts
  readonly identity: { readonly unitId: number; readonly serial: string; readonly baud: number }
  readonly inputs: BoardInputs
  readonly nowMicros: number
}

const words = (
  address: number,
  name: string,
  count: number,
  read: (at: AblAt) => readonly number[],
): Row<AblAt> => ({ name, address, count, reads: [3], read })

/** Only written; null: the write fails. */
const order = (
  address: number,
  name: string,
  write: (at: AblAt, value: number) => AblState | null,
): Row<AblAt> => ({
  name,
  address,
  reads: [],
  read: () => [0],
  write: (at, [value = 0]) => {
    const state = write(at, value)
    return state && { ...at, state }
  },
})

const first = (address: number, low: number) => (address << 8) | (low & 0xff)
const bit = (number: number, set: boolean) => (set ? 1 << number : 0)

const BAUD_CODES: Readonly<Record<number, number>> = { 9600: 5, 19200: 6, 38400: 7, 57600: 8 }
/** 8E1. */
const ONE_STOP_BIT = 1 << 6
const EVEN_PARITY = 2 << 4

const configBits = ({ state, facts }: AblAt) =>
  bit(7, !facts.tethered) |
  bit(6, state.kept.upstreamTimeout) |
  bit(5, facts.phaseMeter) |
  bit(4, true) |
  bit(3, !facts.tethered) |
  bit(2, true)

const flagBits = ({ state, facts, inputs, nowMicros }: AblAt) =>
  bit(14, state.blocked) |
  bit(9, upstream(state, facts, nowMicros) !== 'heard') |
  bit(7, inputs.temperatureMilliCelsius >= 60_000) |
  bit(6, !facts.phaseMeter)

const code = (at: AblAt) => stateCode(at.state, at.inputs)
const hasCar = ({ inputs }: AblAt) => inputs.vehicle !== 'A'
const tellsCurrents = (at: AblAt) => at.facts.phaseMeter && hasCar(at)

/** Ict1 to Ict3 are L3 to L1. */
const currentsReversed = ({
  inputs: {
    currentsMilliamps: [a, b, c],
  },
}: AblAt) => [c, b, a] as const

/** The duty that the car sees. */
const dutyNow = ({ state: { path } }: AblAt) =>
  path.oscillator ? dutyOf(path.offeredMilliamps) : NO_CURRENT_DUTY

const statusBits = (at: AblAt) => bit(15, hasCar(at)) | bit(14, at.state.reduced) | dutyNow(at)

const tenthsOfAmps = (at: AblAt) =>
  currentsReversed(at).map((milliamps) => (tellsCurrents(at) ? Math.round(milliamps / 100) : 0x3e8))

function wholeAmps(at: AblAt): readonly [number, number] {
  const [one = 0, two = 0, three = 0] = currentsReversed(at).map((milliamps) =>
    tellsCurrents(at) ? Math.round(milliamps / 1000) : 0x64,
  )
  return [(bit(7, hasCar(at)) << 8) | one, (two << 8) | three]
}

function jump({ state, facts, nowMicros }: AblAt, to: number): AblState | null {
  switch (to) {
    case 0x5a5a:
      return resetAbl(state, facts, nowMicros)
    case 0xa1a1:
      return state.latched === null ? { ...state, mode: 'run', blocked: false } : null
    case 0xe0e0:
      return { ...state, mode: 'outletDisabled' }
    case 0xe2e2:
      return state.path.coil ? null : { ...state, mode: 'setup' }
    case 0xf1f1:
      return { ...state, latched: ABL_FAULT.welding }
    default:
      return null
  }
}

const ICMAX_MIN = 0x50

/** 15-14: time-out (01 off, 10 on); 13-12: after a power cycle (01 B2, 10 B1); 7-0: device id, which stays here. */
function setUp({ state, identity }: AblAt, word: number): AblState | null {
  if (state.mode !== 'setup' || (word & 0xff) !== identity.unitId) return null
  const timeout = word >> 14
  const power = (word >> 12) & 3
  if (timeout === 3 || power === 3) return null
  const kept = {
    upstreamTimeout: timeout === 0 ? state.kept.upstreamTimeout : timeout === 2,
    afterPowerCycle:
      power === 0 ? state.kept.afterPowerCycle : power === 2 ? ('B1' as const) : ('B2' as const),
  }
  return { ...state, kept, retentiveWrites: state.retentiveWrites + 1 }
}

export const ABL_TABLE: RegisterTable<AblAt> = {
  source: 'ABL, API for EVCC2/3, 05 0015 20 Rev B',
  functions: [3, 16],
  maxWords: 8,
  rows: [
    words(0x01, 'fwConfig', 2, (at) => [
      first(0x01, 0x40 | at.identity.unitId),
      (0x12 << 8) | configBits(at),
    ]),
    words(0x03, 'modbusSettings', 1, (at) => [
      first(0x03, ONE_STOP_BIT | EVEN_PARITY | (BAUD_CODES[at.identity.baud] ?? 7)),
    ]),
    words(0x04, 'stateShort', 1, (at) => [first(0x04, code(at))]),
    order(0x05, 'modifyState', jump),
    words(0x06, 'systemFlags', 2, (at) => [first(0x06, 0), flagBits(at)]),
    words(0x0f, 'config', 5, (at) => [first(0x0f, 0), 0, 0, at.state.icmax, 0]),
    order(0x14, 'setIcmax', ({ state }, icmax) =>
      icmax >= ICMAX_MIN && icmax <= NO_CURRENT_DUTY ? { ...state, icmax, blocked: false } : null,
    ),
    order(0x2c, 'setDeviceId', setUp),
    words(0x2e, 'statusFull', 5, (at) => [first(0x2e, code(at)), statusBits(at), ...tenthsOfAmps(at)]),
    words(0x33, 'statusShort', 3, (at) => [first(0x33, code(at)), ...wholeAmps(at)]),
    words(0x50, 'serial', 8, (at) => [0x5032, ...asciiWords(at.identity.serial, 7)]),
  ],
}

/** Exactly one register as documented; FC16 with one word. */
function isExact(pdu: Uint8Array): boolean {
  const request = Buffer.from(pdu)
  if (request.length < 5) return false
  const functionCode = request[0]
  const address = request.readUInt16BE(1)
  const count = request.readUInt16BE(3)
  const row = ABL_TABLE.rows.find((candidate) => candidate.address === address)
  if (row === undefined || (row.count ?? 1) !== count) return false
  if (functionCode === 3) return row.reads.includes(3) && request.length === 5
  return functionCode === 16 && row.write !== undefined && request[5] === 2 && request.length === 8
}

/** Exception of a write that fails. */
const WRITE_FAILED = Uint8Array.of(0x90, 0x04)

type Fixed = Pick<AblAt, 'facts' | 'identity'>

/** `held`: a trial holds it out of service, as of its last step. */
function ablBoard(state: AblState, fixed: Fixed, held: boolean): SimBoard {
  return {
    view: viewOf(state, fixed.facts, held),
    step: (inputs, nowMicros) => {
      const next = stepAbl(state, fixed.facts, inputs, nowMicros)
      return ablBoard(next, fixed, inputs.heldUnavailable)
    },
    answer: (pdu, inputs, nowMicros) => {
      if (state.power !== 'on' || !isExact(pdu)) return null
      const heard = { ...state, askedAtMicros: nowMicros }
      const answer = answerRequest(ABL_TABLE, { state: heard, ...fixed, inputs, nowMicros }, pdu)
      const refused = ((answer.pdu[0] ?? 0) & 0x80) !== 0
      return {
        board: ablBoard(answer.state.state, fixed, inputs.heldUnavailable),
        pdu: refused ? WRITE_FAILED : answer.pdu,
      }
    },
  }
}

function viewOf(state: AblState, facts: AblFacts, heldUnavailable: boolean): BoardView {
  const on = state.power === 'on'
  const locks = ['B', 'C'].includes(state.path.letter)
  return {
    powered: state.power !== 'off',
    state: on ? pathText(state.path) : '--',
    signal: signalOf(state.path, on),
    coil: state.path.coil,
    enabled: state.icmax !== NO_CURRENT_DUTY && !state.blocked,
    available: on && state.mode === 'run' && !heldUnavailable,
    offeredMilliamps: state.path.offeredMilliamps,
    errors: state.fault,
    retentiveWrites: state.retentiveWrites,
    lockWanted: facts.tethered ? null : locks ? 'locked' : 'unlocked',
    watchdog: watchdogOf(state),
  }
}

function watchdogOf(state: AblState): 'off' | 'running' | 'tripped' {
  if (state.fault === ABL_FAULT.upstream) return 'tripped'
  return state.kept.upstreamTimeout ? 'running' : 'off'
}

export const ablKind = boardKind({
  transport: 'ascii',
  bauds: [9600, 19_200, 38_400, 57_600],
  // How soon it sleeps is not published: masters are told to send each request twice.
  quirks: { silenceMs: 0, hearsBroadcast: true, replyStart: '>', sleepsAfterMs: 1000 },
  deadman: 'own',
  tells: { residualCurrent: 3, overTemperature: 10 },
  rows: ABL_TABLE.rows,
  siteShape: {
    serial: z
      .string()
      .regex(/^[ -~]{14}$/, '14 printable ASCII characters')
      .default('W22400000SIM01'),
    bootMs: z.int().min(0).max(60_000).default(1000),
    /** IEC 61851-1 Table A.6 seq. 4: within 3 s. */
    closeDelayMs: z.int().min(0).max(2900).default(200),
    phaseMeter: z.boolean().default(true),
    /** 0x2C, bits 15 and 14. */
    upstreamTimeout: z.boolean().default(true),
    upstreamTimeoutMs: z.int().min(1000).max(600_000).default(10_000),
    /** From the derating (BC6) to F4. */
    derateMs: z.int().min(0).max(600_000).default(5000),
    /** 0x2C, bits 13 and 12. */
    afterPowerCycle: z.enum(['B1', 'B2']).default('B1'),
  },
  make: (site, { tethered, cableAmps, baud, nowMicros }) => {
    const { serial, bootMs, closeDelayMs, phaseMeter, upstreamTimeoutMs, derateMs } = site
    const maxMilliamps = Math.min(tethered ? cableAmps : 32, 32) * 1000
    const facts: AblFacts = {
      maxMilliamps,
      tethered,
      phaseMeter,
      bootMs,
      closeDelayMs,
      upstreamTimeoutMs,
      derateMs,
    }
    const identity = { unitId: site.unitId, serial, baud }
    const { upstreamTimeout, afterPowerCycle } = site
    return ablBoard(
      newAbl(facts, { upstreamTimeout, afterPowerCycle }, nowMicros),
      { facts, identity },
      false,
    )
  },
})
