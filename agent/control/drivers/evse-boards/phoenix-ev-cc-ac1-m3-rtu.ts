// Phoenix Contact EV Charge Control Basic, EV-CC-AC1-M3 with RS-485. Manual 106377_en_04, p. 23-30 (pilot, proximity),
// 53-63 (registers); test/facts/registers.json, "phoenix-ev-cc-ac1-m3-rtu".
// The board owns pilot, proximity, contactor and lock, and has no communication watchdog: an outside dead-man holds its
// input XR (4001 = 1; XR off is state F). It does not tell whether its contactor is closed.
// Registers 4000-5503 are kept for ever and wear: read, compared, written only where they differ. 20000 and 22000 are
// lost at each restart of the board. How late it answers is no figure of the vendor's: ours, to be measured.
import { invariant } from '../../../../shared/invariant.ts'
import { err, ok, type Result } from '../../../../shared/result.ts'
import { amps, CURRENT_MIN, type MilliAmps, milliAmps } from '../../../../shared/units.ts'
import type { Pilot } from '../../../control-link/messages.ts'
import type { Board, BoardError, BoardReading } from '../../ports/board.ts'
import type { BusFailure, BusUnit } from '../../ports/bus.ts'
import { SHORT_FRAME_BYTES, wordsReplyBytes } from '../bus/line-time.ts'
import {
  type ConfigurationFailure,
  configurationFailure,
  hexWords,
  otherModel,
  refusalIsOtherModel,
} from '../configuration.ts'
import type { BoardDriver } from '../driver.ts'
import { ascii, bits16, coil, text, u16 } from '../table.ts'

const identity = {
  orderDesignation: ascii(1000, 'orderDesignation', '', { fc: 4, count: 16 }),
  serial: ascii(1021, 'serial', '', { fc: 4, count: 6 }),
}
const settings = {
  enableSource: u16(4000, 'cfgEnableSource'),
  availabilitySource: u16(4001, 'cfgAvailabilitySource'),
  lockSource: u16(4002, 'cfgLockSource'),
}
const enable = coil(20000, 'enable')
const maxCurrent = u16(22000, 'maxCurrent', 'A', { range: { min: 6, max: 63 } })
const state = {
  iecState: ascii(24000, 'iecState'),
  ppCurrent: u16(24001, 'ppCurrent', 'A'),
  pwmDuty: u16(24002, 'pwmDuty', '%', { range: { min: 0, max: 100 } }),
  pwmCurrent: u16(24003, 'pwmCurrent', 'A', { range: { min: 0, max: 80 } }),
  inputs: bits16(24004, 'inputs'),
}
const errors = bits16(24025, 'errors')

/** 4000: charging is enabled by coil 20000. 4001: input XR releases, its loss is state F. 4002: tethered, no lock. */
const WANTED_SETTINGS = [3, 1, 0] as const
/** Writes to registers that wear, from one start of this process to the next. */
const RETENTIVE_WRITES_MAX = 4
const XR_BIT = 1

/** The manual numbers the bits of 24025 from 1. */
const ERROR_BITS: readonly (readonly [bit: number, error: BoardError])[] = [
  [2, 'cableRejected'],
  [3, 'proximityInvalid'],
  [4, 'pilotInvalid'],
  [5, 'unavailable'],
  [6, 'lockFailed'],
  [7, 'unlockFailed'],
  [8, 'lockLost'],
  [11, 'ventilationRejected'],
  [12, 'contactorFault'],
  [13, 'diodeMissing'],
  [15, 'residualCurrentTripped'],
  [16, 'residualCurrentTestFailed'],
]

const PILOTS: Readonly<Record<string, Pilot>> = { A: 'A', B: 'B', C: 'C', D: 'D', E: 'E', F: 'F' }
const PROXIMITY_SHORT = 0xffff

const shortTurn = (name: string) => ({
  name,
  requestBytes: SHORT_FRAME_BYTES,
  replyBytes: SHORT_FRAME_BYTES,
})

export const phoenixEvCcAc1M3Rtu: BoardDriver = {
  id: 'phoenix-ev-cc-ac1-m3-rtu',
  line: { silenceMs: 0, busSilenceMs: 0, turnaroundWorstMs: 40, latenessWorstMs: 250 },
  rows: [
    ...Object.values(identity),
    ...Object.values(settings),
    enable,
    maxCurrent,
    ...Object.values(state),
    errors,
  ],
  turns: {
    read: { name: 'state, 5 words', requestBytes: SHORT_FRAME_BYTES, replyBytes: wordsReplyBytes(5) },
    readErrors: { name: 'errors, 1 word', requestBytes: SHORT_FRAME_BYTES, replyBytes: wordsReplyBytes(1) },
    offer: shortTurn('offer'),
    pause: shortTurn('pause'),
  },
  readsPerErrorReading: 2,
  create({ name, bus, unitId }) {
    return createBoard(name, bus.unit({ name, unitId, line: phoenixEvCcAc1M3Rtu.line }))
  },
}

/** What is known of the two volatile registers; null: not known, so read before the next offer. */
interface Known {
  readonly maxAmps: number | null
  readonly enabled: boolean | null
}
const UNKNOWN: Known = { maxAmps: null, enabled: null }

function createBoard(name: string, unit: BusUnit): Board {
  let known: Known = UNKNOWN
  let lastErrors: readonly BoardError[] | null = null
  let lastPilot: Pilot | null = null
  let releaseInputOn: boolean | undefined
  let errorsNext = true
  let errorsPutOff = false
  let retentiveWrites = 0
  /** Grows with each pause, so that an offer under way notices it. */
  let pauses = 0

  /**
   * Every second reading has the error bits too, the others the inputs: neighbouring reads differ in length (4, 1, 5
   * words). A pilot that has changed is told at once; the error bits come with the reading after it, even where the
   * pilot has changed again.
   */
  async function read(): Promise<Result<BoardReading, BusFailure>> {
    const count = errorsNext ? 4 : 5
    const words = await unit.readWords(3, state.iecState.address, count, 'board')
    if (!words.ok) return words
    const reading = stateOf(words.value.value)
    if ('kind' in reading) return err(reading)
    const mayPutOff = lastErrors !== null && !errorsPutOff
    if (!errorsNext) {
      releaseInputOn = (((words.value.value[4] ?? 0) >> XR_BIT) & 1) === 1
      errorsNext = true
    } else if (mayPutOff && reading.pilot !== lastPilot) {
      errorsPutOff = true
    } else {
      const bits = await unit.readWords(3, errors.address, 1, 'board')
      if (!bits.ok) return bits
      lastErrors = errorsOf(bits.value.value[0] ?? 0)
      errorsNext = false
      errorsPutOff = false
    }
    lastPilot = reading.pilot
    known = contradicted(known, reading) ? UNKNOWN : known
    return ok({
      ...reading,
      takenAtMonotonicMs: words.value.takenAtMonotonicMs,
      errors: lastErrors ?? [],
      ...(releaseInputOn === undefined ? {} : { releaseInputOn }),
    })
  }

  /** Reads the two volatile registers that an offer may have to write. */
  async function learn(): Promise<Result<null, BusFailure>> {
    const current = await unit.readWords(3, maxCurrent.address, 1, 'offer')
    if (!current.ok) return current
    const coils = await unit.readBits(1, enable.address, 1, 'offer')
    if (!coils.ok) return coils
    known = { maxAmps: current.value.value[0] ?? null, enabled: coils.value.value[0] ?? null }
    return ok(null)
  }

  async function offer(currentMilliamps: MilliAmps): Promise<Result<null, BusFailure>> {
    invariant(
      currentMilliamps >= CURRENT_MIN && currentMilliamps <= amps(63) && currentMilliamps % 1000 === 0,
      `an offer is 6 to 63 whole amperes, got ${currentMilliamps} mA`,
    )
    const wantedAmps = currentMilliamps / 1000
    const pausesBefore = pauses
    if (known.maxAmps === null || known.enabled === null) {
      const learnt = await learn()
      if (!learnt.ok) return learnt
    }
    if (known.maxAmps !== wantedAmps) {
      if (pauses !== pausesBefore) return err({ kind: 'overtaken' })
      known = { ...known, maxAmps: null }
      const written = await unit.writeWord(maxCurrent.address, wantedAmps, 'offer')
      if (!written.ok) return written
      known = { ...known, maxAmps: wantedAmps }
    }
    if (pauses !== pausesBefore) return err({ kind: 'overtaken' })
    if (known.enabled === true) return ok(null)
    known = { ...known, enabled: null }
    const enabled = await unit.writeCoil(enable.address, true, 'offer')
    if (!enabled.ok) return enabled
    if (pauses !== pausesBefore) return err({ kind: 'overtaken' })
    known = { ...known, enabled: true }
    return ok(null)
  }

  async function pause(): Promise<Result<null, BusFailure>> {
    pauses++
    known = { ...known, enabled: null }
    const mine = pauses
    const paused = await unit.writeCoil(enable.address, false, 'withdraw')
    if (!paused.ok) return paused
    if (mine === pauses) known = { ...known, enabled: false }
    return ok(null)
  }

  /** The retentive settings, made right within the budget and read again. */
  async function settle(): Promise<Result<null, BusFailure | ConfigurationFailure>> {
    const rows = Object.values(settings)
    const before = await readSettings(unit)
    if (!before.ok) return before
    for (const [index, row] of rows.entries()) {
      const wanted = WANTED_SETTINGS[index]
      if (wanted === undefined || before.value[index] === wanted) continue
      if (retentiveWrites >= RETENTIVE_WRITES_MAX) {
        return configurationFailure(
          `register ${row.address} is ${before.value[index]}, wanted ${wanted}, but ${retentiveWrites} retentive ` +
            'writes were made since the start; restart the agent to allow more, and find out who changes it back',
        )
      }
      retentiveWrites++
      const written = await unit.writeWord(row.address, wanted, 'identity')
      if (!written.ok) return written
    }
    const after = await readSettings(unit)
    if (!after.ok) return after
    const wrong = rows.findIndex((_, index) => after.value[index] !== WANTED_SETTINGS[index])
    if (wrong < 0) return ok(null)
    return configurationFailure(
      `register ${rows[wrong]?.address} is ${after.value[wrong]} after ${WANTED_SETTINGS[wrong]} was written; ` +
        'check the DIP switches of S1 (2: release by XR, 3: locking)',
    )
  }

  return {
    name,
    facts: {
      stepMilliamps: amps(1),
      currentMaxMilliamps: amps(63),
      deadman: { kind: 'external', cuts: 'release' },
      hasRelayFeedback: false,
      tellsOscillator: true,
      lock: 'none',
      hasSelfTest: false,
    },
    async prepare() {
      known = UNKNOWN
      lastErrors = null
      errorsNext = true
      const designation = await readText(unit, identity.orderDesignation)
      if (!designation.ok) return designation
      if (!designation.value.startsWith('EV-CC')) {
        return otherModel(unit, { ...DESIGNATION, read: `"${designation.value}"` })
      }
      const serial = await readText(unit, identity.serial)
      if (!serial.ok) return serial
      const settled = await settle()
      // Without the relay its input XR is off: state F, no current.
      const fallback = { timeoutMs: null, currentMilliamps: milliAmps(0) }
      return settled.ok ? ok({ serial: serial.value, retentiveWrites, fallback }) : settled
    },
    read,
    offer,
    pause,
  }
}

/** What tells the model. */
const DESIGNATION = {
  model: 'Phoenix EV-CC-AC1-M3',
  register: `${identity.orderDesignation.address} (${identity.orderDesignation.name})`,
  expected: 'a name that starts with EV-CC',
}

/** One that refuses to tell it, or tells no text, is another model. */
async function readText(
  unit: BusUnit,
  row: (typeof identity)[keyof typeof identity],
): Promise<Result<string, BusFailure | ConfigurationFailure>> {
  const what = { ...DESIGNATION, register: `${row.address} (${row.name})`, expected: 'text' }
  const outcome = await unit.readWords(4, row.address, row.count, 'identity')
  const read = refusalIsOtherModel(unit, what, outcome)
  if (!read.ok) return read
  const value = text(read.value)
  return value === null ? otherModel(unit, { ...what, read: hexWords(read.value) }) : ok(value)
}

async function readSettings(unit: BusUnit): Promise<Result<readonly number[], BusFailure>> {
  const read = await unit.readWords(3, settings.enableSource.address, WANTED_SETTINGS.length, 'identity')
  return read.ok ? ok(read.value.value) : read
}

const errorsOf = (word: number): readonly BoardError[] =>
  ERROR_BITS.filter(([bit]) => ((word >> (bit - 1)) & 1) === 1).map(([, error]) => error)

type State = Pick<BoardReading, 'pilot' | 'oscillatorOn' | 'offeredMilliamps' | 'proximity'>

/** 24000-24003: two characters, proximity, duty, current. */
function stateOf(words: readonly number[]): State | Extract<BusFailure, { kind: 'badReply' }> {
  const [name = 0, proximity = 0, duty = 0, currentAmps = 0] = words
  const letters = text([name]) ?? ''
  const pilot = PILOTS[letters[0] ?? '']
  const digit = letters[1] ?? ''
  if (pilot === undefined || !'012'.includes(digit) || digit === '') {
    return { kind: 'badReply', detail: `register 24000 holds no pilot state: 0x${name.toString(16)}` }
  }
  if (duty > 100 || currentAmps > 80) {
    return { kind: 'badReply', detail: `no pilot signal has ${duty} % and ${currentAmps} A` }
  }
  const oscillatorOn = digit === '2'
  return {
    pilot,
    oscillatorOn,
    offeredMilliamps: oscillatorOn ? amps(currentAmps) : milliAmps(0),
    proximity: proximityOf(proximity),
  }
}

function proximityOf(word: number): BoardReading['proximity'] {
  if (word === 0) return { kind: 'open' }
  if (word === PROXIMITY_SHORT || word < 6 || word > 80) return { kind: 'fault' }
  return { kind: 'rating', currentMilliamps: amps(word) }
}

/** The board does not do what we believe it was told: it may have restarted and lost both registers. */
function contradicted(known: Known, { pilot, oscillatorOn, offeredMilliamps }: State): boolean {
  const inCar = pilot === 'B' || pilot === 'C' || pilot === 'D'
  if (oscillatorOn) return known.maxAmps !== null && offeredMilliamps !== amps(known.maxAmps)
  return inCar && known.enabled === true
}
