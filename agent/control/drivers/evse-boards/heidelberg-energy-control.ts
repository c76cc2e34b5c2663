// Heidelberg Wallbox Energy Control, RS-485, and its clones (Senec, Walther, Amperfied). Vendor's Modbus register table
// (also Walther basicEVO PRO manual, p. 17); steff393/wbec; evcc charger/heidelberg-ec.go; test/facts/registers.json,
// "heidelberg-energy-control".
// The board owns pilot and contactor. Tethered: no proximity, no lock. It does not tell whether its contactor is closed,
// nor the current that the pilot shows: 261 is read back in its place.
// Dead-man: a watchdog of its own (257), fed by any valid request; then 262 holds, with 0 A the board is in state F, and
// about 10 s after somebody speaks again it goes on with 261 as it stands. Stand-by (258) must be off, else an idle board
// stops answering. Whether 257, 258 and 262 wear is not published: read, compared, written only where they differ; on
// layout 1.0.7 registers 258 and 259 cannot be read and are written at the start, and again after a long silence.
// How late it answers is no figure of the vendor's: ours, to be measured.
import { invariant } from '../../../../shared/invariant.ts'
import { err, ok, type Result } from '../../../../shared/result.ts'
import { amps, CURRENT_MIN, type MilliAmps, milliAmps } from '../../../../shared/units.ts'
import type { Pilot } from '../../../control-link/messages.ts'
import type { Board, BoardReading, Prepared } from '../../ports/board.ts'
import type { BusFailure, BusUnit } from '../../ports/bus.ts'
import { SHORT_FRAME_BYTES, wordsReplyBytes } from '../bus/line-time.ts'
import { type ConfigurationFailure, hexWords, otherModel, refusalIsOtherModel } from '../configuration.ts'
import type { BoardDriver } from '../driver.ts'
import { settingsKeeper } from '../settings.ts'
import { i16, numberOf, u16, wordsOf } from '../table.ts'

const layoutVersion = u16(4, 'layoutVersion', '', { fc: 4, range: { min: 0x100, max: 0x1ff } })
const state = u16(5, 'state', '', { fc: 4 })
const pcbTemp = i16(9, 'pcbTemp', 'degC', { fc: 4, scale: 0.1, range: { min: -40, max: 150 } })
const hwMaxCurrent = u16(100, 'hwMaxCurrent', 'A', { fc: 4, range: { min: 6, max: 32 } })
const hwMinCurrent = u16(101, 'hwMinCurrent', 'A', { fc: 4, range: { min: 6, max: 32 } })
const watchdogTimeout = u16(257, 'watchdogTimeout', 'ms')
const standbyCtrl = u16(258, 'standbyCtrl')
const remoteLock = u16(259, 'remoteLock')
const maxCurrentCmd = u16(261, 'maxCurrentCmd', 'A', { scale: 0.1, range: { min: 0, max: 32 } })
const failsafeCurrent = u16(262, 'failsafeCurrent', 'A', { scale: 0.1 })

/** State and temperature in one read; the currents between them are read along. */
const STATE_WORDS = pcbTemp.address + pcbTemp.count - state.address

const STEP = amps(0.1)
const CURRENT_MAX = amps(16)

/** The vendor's default; a shorter one that somebody has set stays, so that nothing is written without need. */
const WATCHDOG_MS = 15_000
const WATCHDOG_MS_MIN = 4000
/** Loss of communication ends the charge. */
const FAILSAFE_DECIAMPS = 0
const STANDBY_OFF = 4
const UNLOCKED = 1
/** Layout 1.0.7: 258 and 259 cannot be read back. */
const LAYOUT_WITHOUT_READ_BACK = 0x0107

/** Writes to registers that may wear, from one start of this process to the next. */
const RETENTIVE_WRITES_MAX = 12
/** Of these: to the two that cannot be read. Beyond it the driver goes without: a board that sleeps or is locked charges nobody. */
const BLIND_ROUNDS_MAX = 4
/** A board that was not heard for this long may have restarted; and one that was not, but has another current set. */
const RESTARTED_MS = 3000
/** 261 is read again with each so many readings: a watchdog or another master may have changed what holds. */
const READS_PER_COMMAND_READ = 4

/** Register 5. 8 is a charge that the board itself holds back for its temperature; 11 is a fault without a number. */
const STATES: Readonly<Record<number, { readonly pilot: Pilot; readonly oscillatorOn: boolean }>> = {
  2: { pilot: 'A', oscillatorOn: false },
  3: { pilot: 'A', oscillatorOn: true },
  4: { pilot: 'B', oscillatorOn: false },
  5: { pilot: 'B', oscillatorOn: true },
  6: { pilot: 'C', oscillatorOn: false },
  7: { pilot: 'C', oscillatorOn: true },
  8: { pilot: 'C', oscillatorOn: true },
  9: { pilot: 'E', oscillatorOn: false },
  10: { pilot: 'F', oscillatorOn: false },
  11: { pilot: 'F', oscillatorOn: false },
}
const DERATING = 8
const ERROR = 11

const MODEL = 'Heidelberg Energy Control'

export const heidelbergEnergyControl: BoardDriver = {
  id: 'heidelberg-energy-control',
  line: { silenceMs: 100, busSilenceMs: 0, turnaroundWorstMs: 60, latenessWorstMs: 300 },
  rows: [
    layoutVersion,
    state,
    pcbTemp,
    hwMaxCurrent,
    hwMinCurrent,
    watchdogTimeout,
    standbyCtrl,
    remoteLock,
    maxCurrentCmd,
    failsafeCurrent,
  ],
  turns: {
    read: {
      name: `state and temperature, ${STATE_WORDS} words`,
      requestBytes: SHORT_FRAME_BYTES,
      replyBytes: wordsReplyBytes(STATE_WORDS),
    },
    // The fault is a value of the state itself; what may come behind a reading is the current that is set.
    readErrors: null,
    readMore: {
      name: 'current set, 1 word',
      requestBytes: SHORT_FRAME_BYTES,
      replyBytes: wordsReplyBytes(1),
    },
    offer: { name: 'offer', requestBytes: SHORT_FRAME_BYTES, replyBytes: SHORT_FRAME_BYTES },
    pause: { name: 'pause', requestBytes: SHORT_FRAME_BYTES, replyBytes: SHORT_FRAME_BYTES },
  },
  readsPerErrorReading: 1,
  create({ name, bus, unitId }) {
    return createBoard(name, bus.unit({ name, unitId, line: heidelbergEnergyControl.line }))
  },
}

function createBoard(name: string, unit: BusUnit): Board {
  /** Register 261 as read or written last, mA; null: not known. 0 is a pause. */
  let commandMilliamps: MilliAmps | null = null
  /** What it was when the board was prepared anew. */
  let leftMilliamps: MilliAmps | null = null
  let hwMaxMilliamps: MilliAmps = CURRENT_MAX
  let readsToCommand = 0
  let lastState: number | null = null
  let heardAtMs = Number.NEGATIVE_INFINITY
  /** Stand-by and lock must be written without being read: at the start, and when the board may have restarted. */
  let blindDue = true
  let blindRounds = 0
  const settings = settingsKeeper({
    unit,
    writesMax: RETENTIVE_WRITES_MAX,
    write: (row, value) => unit.writeWord(row.address, value, 'identity'),
  })
  /** Grows with each pause, so that an offer under way notices it. */
  let pauses = 0

  /** State each time; what is set when it is not known, with every fourth reading, and with the one after a change. */
  async function read(): Promise<Result<BoardReading, BusFailure>> {
    const words = await unit.readWords(4, state.address, STATE_WORDS, 'board')
    if (!words.ok) return words
    const { value, takenAtMonotonicMs } = words.value
    heardAtMs = takenAtMonotonicMs
    const word = value[0] ?? 0
    const seen = STATES[word]
    if (seen === undefined)
      return err({ kind: 'badReply', detail: `register ${state.address} holds no charging state: ${word}` })
    // A state that has changed is told at once; the current that is set comes with the reading after it.
    if (commandMilliamps === null || (readsToCommand <= 0 && word === lastState)) {
      const learnt = await learn('board')
      if (!learnt.ok) return learnt
    }
    readsToCommand = word === lastState ? readsToCommand - 1 : 0
    lastState = word
    const offered = milliAmps(Math.min(commandMilliamps ?? 0, hwMaxMilliamps))
    const temperature = numberOf(pcbTemp, wordsOf(pcbTemp, state, value))
    return ok({
      ...seen,
      takenAtMonotonicMs,
      offeredMilliamps: seen.oscillatorOn ? offered : milliAmps(0),
      proximity: { kind: 'open' },
      errors: word === ERROR ? ['internalFault'] : [],
      ...(word === ERROR ? { vendorError: `state ${ERROR}, error` } : {}),
      ...(word === DERATING ? { vendorError: `state ${DERATING}, held back for its temperature` } : {}),
      ...(typeof temperature === 'number' ? { temperatureMilliCelsius: Math.round(temperature * 1000) } : {}),
    })
  }

  async function learn(priority: 'board' | 'offer' | 'identity'): Promise<Result<null, BusFailure>> {
    const pausesBefore = pauses
    const read = await unit.readWords(3, maxCurrentCmd.address, 1, priority)
    if (!read.ok) return read
    const set = numberOf(maxCurrentCmd, read.value.value)
    if (typeof set !== 'number')
      return err({
        kind: 'badReply',
        detail: `register ${maxCurrentCmd.address} holds no current: ${set.implausible}`,
      })
    // A pause that went out meanwhile is newer than what was read.
    if (pauses === pausesBefore) commandMilliamps = amps(set)
    readsToCommand = READS_PER_COMMAND_READ
    return ok(null)
  }

  async function offer(currentMilliamps: MilliAmps): Promise<Result<null, BusFailure>> {
    invariant(
      currentMilliamps >= CURRENT_MIN && currentMilliamps <= CURRENT_MAX && currentMilliamps % STEP === 0,
      `an offer is 6 to 16 A in steps of 0.1 A, got ${currentMilliamps} mA`,
    )
    const pausesBefore = pauses
    if (commandMilliamps === null) {
      const learnt = await learn('offer')
      if (!learnt.ok) return learnt
    }
    if (pauses !== pausesBefore) return err({ kind: 'overtaken' })
    if (commandMilliamps === currentMilliamps) return ok(null)
    commandMilliamps = null
    const written = await unit.writeWord(maxCurrentCmd.address, currentMilliamps / STEP, 'offer')
    if (!written.ok) return written
    if (pauses !== pausesBefore) return err({ kind: 'overtaken' })
    commandMilliamps = currentMilliamps
    readsToCommand = READS_PER_COMMAND_READ
    return ok(null)
  }

  /** The board's pause is 261 = 0: C1 or B1, not state F. */
  async function pause(): Promise<Result<null, BusFailure>> {
    pauses++
    commandMilliamps = null
    const mine = pauses
    const paused = await unit.writeWord(maxCurrentCmd.address, 0, 'withdraw')
    if (!paused.ok) return paused
    if (mine === pauses) commandMilliamps = milliAmps(0)
    return ok(null)
  }

  type Step<T> = Promise<Result<T, BusFailure | ConfigurationFailure>>

  /** Gives the layout. */
  async function identify(): Step<number> {
    const layout = await unit.readWords(4, layoutVersion.address, 1, 'identity')
    const register = `${layoutVersion.address} (layout)`
    const expected = '0x0100 to 0x01ff'
    const version = refusalIsOtherModel(unit, { model: MODEL, register, expected }, layout)
    if (!version.ok) return version
    if (!layout.ok) return layout
    if (typeof numberOf(layoutVersion, version.value) !== 'number')
      return otherModel(unit, { model: MODEL, register, read: `0x${hexWords(version.value)}`, expected })
    const range = await unit.readWords(4, hwMaxCurrent.address, 2, 'identity')
    const bounds = {
      model: MODEL,
      register: `${hwMaxCurrent.address} (highest and lowest current)`,
      expected: 'the highest from 6 to 32 A and not below the lowest',
    }
    const amperes = refusalIsOtherModel(unit, bounds, range)
    if (!amperes.ok) return amperes
    const highest = numberOf(hwMaxCurrent, amperes.value.slice(0, 1))
    const lowest = numberOf(hwMinCurrent, amperes.value.slice(1))
    if (typeof highest !== 'number' || typeof lowest !== 'number' || highest < lowest)
      return otherModel(unit, { ...bounds, read: amperes.value.join(' and ') })
    hwMaxMilliamps = amps(highest)
    blindDue ||= layout.value.takenAtMonotonicMs - heardAtMs >= RESTARTED_MS
    heardAtMs = layout.value.takenAtMonotonicMs
    return ok(version.value[0] ?? 0)
  }

  /** Stand-by off, so that an idle board answers, and not locked by a register. */
  async function keepAwake(layout: number): Step<null> {
    if (layout !== LAYOUT_WITHOUT_READ_BACK) {
      const standby = await settings.settle(standbyCtrl, () => STANDBY_OFF, 'kept')
      if (!standby.ok) return standby
      const lock = await settings.settle(remoteLock, () => UNLOCKED, 'kept')
      return lock.ok ? ok(null) : lock
    }
    if (!blindDue || blindRounds >= BLIND_ROUNDS_MAX) return ok(null)
    const standby = await settings.writeBlind(standbyCtrl, STANDBY_OFF)
    if (!standby.ok) return standby
    const unlocked = await settings.writeBlind(remoteLock, UNLOCKED)
    if (!unlocked.ok) return unlocked
    blindDue = false
    blindRounds++
    return ok(null)
  }

  /** A current that nobody here has set is the sign of a restart that was too short to be noticed. */
  async function lookForRestart(): Step<null> {
    const pausesBefore = pauses
    const learnt = await learn('identity')
    if (!learnt.ok) return learnt
    const isOurs = leftMilliamps === null || pauses !== pausesBefore || commandMilliamps === leftMilliamps
    blindDue ||= !isOurs
    return ok(null)
  }

  async function prepare(): Step<Prepared> {
    leftMilliamps = commandMilliamps ?? leftMilliamps
    commandMilliamps = null
    lastState = null
    const layout = await identify()
    if (!layout.ok) return layout
    const looked = await lookForRestart()
    if (!looked.ok) return looked
    const awake = await keepAwake(layout.value)
    if (!awake.ok) return awake
    const inTime = (ms: number) => ms >= WATCHDOG_MS_MIN && ms <= WATCHDOG_MS
    const timeout = await settings.settle(watchdogTimeout, (ms) => (inTime(ms) ? ms : WATCHDOG_MS), 'kept')
    if (!timeout.ok) return timeout
    const failsafe = await settings.settle(failsafeCurrent, () => FAILSAFE_DECIAMPS, 'kept')
    if (!failsafe.ok) return failsafe
    const currentMilliamps = milliAmps(failsafe.value * 100)
    const fallback = { timeoutMs: timeout.value, currentMilliamps }
    return ok({ serial: null, retentiveWrites: settings.writes(), fallback })
  }

  return {
    name,
    facts: {
      stepMilliamps: STEP,
      currentMaxMilliamps: CURRENT_MAX,
      deadman: { kind: 'own', fedBy: 'anyRequest', feedMs: WATCHDOG_MS_MIN / 4 },
      hasRelayFeedback: false,
      tellsOscillator: true,
      lock: 'none',
      hasSelfTest: false,
    },
    prepare,
    read,
    offer,
    pause,
  }
}
