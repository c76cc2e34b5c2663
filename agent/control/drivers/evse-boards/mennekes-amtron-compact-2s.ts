// Mennekes AMTRON Compact 2.0(s) and Start 2.0s, RS-485. Mennekes Modbus RTU specification v2.0 (layout 1.0.3) in
// transcription; evcc charger/mennekes-compact.go; nymea amtron-compact20; test/facts/registers.json,
// "mennekes-amtron-compact-2s".
// 0x0302 = 0 means UNLIMITED, and 0.01 to 5.99 A is invalid: nothing below 6 A is ever written there. The pause is the
// release 0x0D05 = 0. The vendor asks for 5 s between changes of the current: safety keeps them for increases, decreases
// never wait.
// Dead-man: a heartbeat that must be written (0x0D00 = 0x55AA at least each 10 s); then 0x030E holds: 1 pauses, 6 to 32 go
// on at that current, what 0 ("disabled") does is not published and counts as no dead-man. It is set to 1 by 0x073A, which
// is kept for ever and wears: read, compared, written only where it differs.
// Which word of a float comes first is disputed between sources: found at each start from the voltages.
// The board owns pilot, contactor and lock. It tells where the lock is, no register moves it. How late it answers is no
// figure of the vendor's: ours, to be measured.
import { invariant } from '../../../../shared/invariant.ts'
import { err, ok, type Result } from '../../../../shared/result.ts'
import { amps, CURRENT_MIN, type MilliAmps, milliAmps } from '../../../../shared/units.ts'
import type { Pilot } from '../../../control-link/messages.ts'
import type { Board, BoardReading, Prepared } from '../../ports/board.ts'
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
import { settingsKeeper } from '../settings.ts'
import { ascii, f32, text, u16, wordsOf } from '../table.ts'
import {
  contradicted,
  inOrder,
  LOCKS,
  NOTHING_SEEN,
  orderOf,
  STATES,
  troubleOf,
  UNKNOWN,
  type WordOrder,
} from './mennekes-amtron-sight.ts'

const modbusVersion = u16(0x0000, 'modbusVersion')
const firmware = ascii(0x0001, 'firmware', '', { count: 8 })
const serial = ascii(0x0013, 'serial', '', { count: 8 })
const cpState = u16(0x0108, 'cpState')
const signalledCurrent = f32(0x0114, 'signalledCurrent', 'A', { fc: 3 })
const currentLimitEm = f32(0x0302, 'currentLimitEm', 'A', { fc: 3 })
const masterLostFallback = u16(0x030e, 'masterLostFallback', 'A')
const voltageL1 = f32(0x0506, 'voltageL1', 'V', { fc: 3 })
const voltageL2 = f32(0x0508, 'voltageL2', 'V', { fc: 3 })
const voltageL3 = f32(0x050a, 'voltageL3', 'V', { fc: 3 })
const fallbackCurrentSetting = u16(0x073a, 'fallbackCurrentSetting', 'A')
const temperature = f32(0x0900, 'temperature', 'degC', { fc: 3 })
const heartbeat = u16(0x0d00, 'heartbeat', '', { fc: 6 })
const cableLockStatus = u16(0x0d02, 'cableLockStatus')
const chargingRelease = u16(0x0d05, 'chargingRelease')
const lockEvse = u16(0x0d06, 'lockEvse')
const errorCode = u16(0x0e00, 'errorCode')
const masterLostState = u16(0x0e01, 'masterLostState')

const MODEL = 'Mennekes AMTRON Compact 2.0'
const STEP = amps(0.1)
const CURRENT_MAX = amps(32)

const HEARTBEAT = 0x55aa
const HEARTBEAT_MS = 5000
/** The vendor's longest interval. */
const MASTER_LOST_MS = 10_000
const FALLBACK_PAUSE = 1
/** From this layout on 0x073A is there. */
const LAYOUT_WITH_SETTING = 0x0103
/** Writes to registers that wear, from one start of this process to the next. */
const RETENTIVE_WRITES_MAX = 4

/** From the lock's status to the station's own lock, in one read. */
const CONTROL_WORDS = lockEvse.address + 1 - cableLockStatus.address
const ERROR_WORDS = masterLostState.address + 1 - errorCode.address
const IDENTITY_WORDS = firmware.address + firmware.count - modbusVersion.address
const VOLTAGE_WORDS = voltageL3.address + voltageL3.count - voltageL1.address

/**
 * What is read behind the state, one a reading: errors each second time. Neighbouring reads differ in length: the state
 * is one word, what comes behind it two or five.
 */
type Behind = 'errors' | 'signalled' | 'controls' | 'temperature'
const ROTATION: readonly Behind[] = [
  ...(['errors', 'signalled', 'errors', 'signalled', 'errors', 'signalled', 'errors', 'controls'] as const),
  ...([
    'errors',
    'signalled',
    'errors',
    'signalled',
    'errors',
    'signalled',
    'errors',
    'temperature',
  ] as const),
]

export const mennekesAmtronCompact2s: BoardDriver = {
  id: 'mennekes-amtron-compact-2s',
  line: { silenceMs: 0, busSilenceMs: 0, turnaroundWorstMs: 60, latenessWorstMs: 300 },
  rows: [
    modbusVersion,
    firmware,
    serial,
    cpState,
    signalledCurrent,
    currentLimitEm,
    masterLostFallback,
    voltageL1,
    voltageL2,
    voltageL3,
    fallbackCurrentSetting,
    temperature,
    heartbeat,
    cableLockStatus,
    chargingRelease,
    lockEvse,
    errorCode,
    masterLostState,
  ],
  turns: {
    read: { name: 'state, 1 word', requestBytes: SHORT_FRAME_BYTES, replyBytes: wordsReplyBytes(1) },
    readErrors: {
      name: `errors, ${ERROR_WORDS} words`,
      requestBytes: SHORT_FRAME_BYTES,
      replyBytes: wordsReplyBytes(ERROR_WORDS),
    },
    readMore: {
      name: `lock and release, ${CONTROL_WORDS} words`,
      requestBytes: SHORT_FRAME_BYTES,
      replyBytes: wordsReplyBytes(CONTROL_WORDS),
    },
    offer: {
      name: 'current and release',
      requestBytes: SHORT_FRAME_BYTES + 5,
      replyBytes: SHORT_FRAME_BYTES,
      exchanges: 2,
    },
    pause: { name: 'pause', requestBytes: SHORT_FRAME_BYTES, replyBytes: SHORT_FRAME_BYTES },
    feed: {
      name: 'heartbeat',
      requestBytes: SHORT_FRAME_BYTES,
      replyBytes: SHORT_FRAME_BYTES,
      everyMs: HEARTBEAT_MS / 2,
    },
  },
  readsPerErrorReading: 2,
  create({ name, bus, unitId }) {
    return createBoard(name, bus.unit({ name, unitId, line: mennekesAmtronCompact2s.line }))
  },
}

function createBoard(name: string, unit: BusUnit): Board {
  let known = UNKNOWN
  let seen = NOTHING_SEEN
  /** Found anew by each `prepare`; the last that was found holds until then, for an offer that is under way. */
  let order: WordOrder | null = null
  /** Place in ROTATION. */
  let turn = 0
  let lastPilot: Pilot | null = null
  let putOff = false
  /** Grows with each pause, so that an offer under way notices it. */
  let pauses = 0
  const settings = settingsKeeper({
    unit,
    writesMax: RETENTIVE_WRITES_MAX,
    write: (row, value) => unit.writeWord(row.address, value, 'identity'),
  })

  type Step<T> = Promise<Result<T, BusFailure | ConfigurationFailure>>

  async function read(): Promise<Result<BoardReading, BusFailure>> {
    const words = await unit.readWords(3, cpState.address, 1, 'board')
    if (!words.ok) return words
    const word = words.value.value[0] ?? 0
    const state = STATES[word]
    if (state === undefined) {
      const detail = word === 0 ? 'is 0: the board starts' : `holds no pilot state: ${word}`
      return err({ kind: 'badReply', detail: `register 0x0108 ${detail}` })
    }
    const looked = await lookBehind(state)
    if (!looked.ok) return looked
    const offeredMilliamps = state.oscillatorOn ? (seen.signalledMilliamps ?? milliAmps(0)) : milliAmps(0)
    known = contradicted(known, { ...state, offeredMilliamps }, seen) ? UNKNOWN : known
    const trouble = troubleOf(seen)
    return ok({
      ...state,
      takenAtMonotonicMs: words.value.takenAtMonotonicMs,
      offeredMilliamps,
      proximity: { kind: 'open' },
      errors: trouble.errors,
      ...(trouble.vendorError === null ? {} : { vendorError: trouble.vendorError }),
      ...(seen.lock === null ? {} : { lock: seen.lock }),
      ...(seen.temperatureMilliCelsius === null
        ? {}
        : { temperatureMilliCelsius: seen.temperatureMilliCelsius }),
    })
  }

  /**
   * One exchange behind the state. A pilot that has changed is told at once, and a current that is not known yet goes
   * first; either puts the rotation off once at most. The first reading tells all that it says.
   */
  async function lookBehind(
    state: Pick<BoardReading, 'pilot' | 'oscillatorOn'>,
  ): Promise<Result<null, BusFailure>> {
    const isFirst = lastPilot === null
    const isNew = !isFirst && state.pilot !== lastPilot
    // What was signalled before the oscillator stopped says nothing of the next offer.
    if (!state.oscillatorOn) seen = { ...seen, signalledMilliamps: null }
    const isMissing = state.oscillatorOn && seen.signalledMilliamps === null
    const putsOff = (isNew || isMissing) && !isFirst && !putOff
    if (isMissing && !isNew && (isFirst || putsOff)) {
      const signalled = await lookAt('signalled')
      if (!signalled.ok) return signalled
    }
    if (!putsOff) {
      const due = ROTATION[turn] ?? 'errors'
      const looked = await lookAt(due === 'signalled' && !state.oscillatorOn ? 'errors' : due)
      if (!looked.ok) return looked
      turn = (turn + 1) % ROTATION.length
    }
    putOff = putsOff
    lastPilot = state.pilot
    return ok(null)
  }

  async function lookAt(what: Behind): Promise<Result<null, BusFailure>> {
    switch (what) {
      case 'errors': {
        const words = await unit.readWords(3, errorCode.address, ERROR_WORDS, 'board')
        if (!words.ok) return words
        const [error = 0, masterLost = 0] = words.value.value
        seen = { ...seen, error, masterLost: masterLost !== 0 }
        return ok(null)
      }
      case 'controls': {
        const words = await unit.readWords(3, cableLockStatus.address, CONTROL_WORDS, 'board')
        if (!words.ok) return words
        const [status = 0] = words.value.value
        const [locked = 0] = wordsOf(lockEvse, cableLockStatus, words.value.value)
        seen = { ...seen, lock: LOCKS[status] ?? null, stationLocked: locked === 1 }
        return ok(null)
      }
      case 'signalled': {
        const current = await readFloat(signalledCurrent, 'board')
        if (!current.ok) return current
        if (!(current.value >= 0 && current.value <= 80))
          return err({ kind: 'badReply', detail: `register 0x0114 holds no current: ${current.value} A` })
        seen = { ...seen, signalledMilliamps: amps(current.value) }
        return ok(null)
      }
      case 'temperature': {
        const degrees = await readFloat(temperature, 'board')
        if (!degrees.ok) return degrees
        const isOne = degrees.value >= -40 && degrees.value <= 150
        seen = { ...seen, temperatureMilliCelsius: isOne ? Math.round(degrees.value * 1000) : null }
        return ok(null)
      }
    }
  }

  async function readFloat(
    row: typeof signalledCurrent | typeof currentLimitEm | typeof temperature,
    priority: 'board' | 'offer',
  ): Promise<Result<number, BusFailure>> {
    const found = order === null ? await findOrder(priority) : ok(order)
    if (!found.ok) {
      if (found.error.kind !== 'configuration') return err(found.error)
      return err({ kind: 'badReply', detail: found.error.detail })
    }
    const words = await unit.readWords(3, row.address, row.count, priority)
    return words.ok ? ok(inOrder(words.value.value, found.value)) : words
  }

  /** The order in which each phase that has a voltage has one of the grid's. */
  async function findOrder(priority: 'board' | 'offer' | 'identity'): Step<WordOrder> {
    const words = await unit.readWords(3, voltageL1.address, VOLTAGE_WORDS, priority)
    if (!words.ok) return words
    const right = orderOf(words.value.value)
    if (typeof right === 'string') {
      order = right
      return ok(right)
    }
    const hex = hexWords(words.value.value)
    if (right.fitting === 2)
      return err({ kind: 'badReply', detail: `0x0506: ${hex} are voltages in either order of the words` })
    return configurationFailure(
      `${name} (unit ${unit.unitId}): registers 0x0506 to 0x050B are ${hex}, expected a voltage of 80 to 300 V on each ` +
        'phase that has one, in either order of the words; check the grid, and whether this is a ' +
        MODEL,
    )
  }

  /** Reads the two registers that an offer may have to write. */
  async function learn(): Promise<Result<null, BusFailure>> {
    const limit = await readFloat(currentLimitEm, 'offer')
    if (!limit.ok) return limit
    const release = await unit.readWords(3, chargingRelease.address, 1, 'offer')
    if (!release.ok) return release
    known = { limitAmps: limit.value, released: release.value.value[0] === 1 }
    return ok(null)
  }

  async function offer(currentMilliamps: MilliAmps): Promise<Result<null, BusFailure>> {
    invariant(
      currentMilliamps >= CURRENT_MIN && currentMilliamps <= CURRENT_MAX && currentMilliamps % STEP === 0,
      `an offer is 6 to 32 A in steps of 0.1 A, got ${currentMilliamps} mA`,
    )
    // As the register holds it: single precision.
    const wantedAmps = Math.fround(currentMilliamps / 1000)
    const pausesBefore = pauses
    if (known.limitAmps === null || known.released === null || order === null) {
      const learnt = await learn()
      if (!learnt.ok) return learnt
    }
    if (pauses !== pausesBefore) return err({ kind: 'overtaken' })
    if (known.limitAmps !== wantedAmps) {
      known = { ...known, limitAmps: null }
      const written = await unit.writeWords(currentLimitEm.address, wordsInOrder(wantedAmps), 'offer')
      if (!written.ok) return written
      known = { ...known, limitAmps: wantedAmps }
    }
    if (pauses !== pausesBefore) return err({ kind: 'overtaken' })
    if (known.released === true) return ok(null)
    known = { ...known, released: null }
    const released = await unit.writeWord(chargingRelease.address, 1, 'offer')
    if (!released.ok) return released
    if (pauses !== pausesBefore) return err({ kind: 'overtaken' })
    known = { ...known, released: true }
    return ok(null)
  }

  function wordsInOrder(value: number): readonly number[] {
    invariant(order !== null, 'the order of the words is found before a float is written')
    const bytes = Buffer.alloc(4)
    bytes.writeFloatBE(value)
    const words = [bytes.readUInt16BE(0), bytes.readUInt16BE(2)]
    return order === 'highFirst' ? words : words.reverse()
  }

  async function pause(): Promise<Result<null, BusFailure>> {
    pauses++
    known = { ...known, released: null }
    const mine = pauses
    const paused = await unit.writeWord(chargingRelease.address, 0, 'withdraw')
    if (!paused.ok) return paused
    if (mine === pauses) known = { ...known, released: false }
    return ok(null)
  }

  /** Gives layout and serial number. */
  async function identify(): Step<{ readonly layout: number; readonly serial: string }> {
    const what = {
      model: MODEL,
      register: '0x0000 (layout) and 0x0001 (firmware)',
      expected: '0x0100 to 0x01ff and a text',
    }
    const words = refusalIsOtherModel(
      unit,
      what,
      await unit.readWords(3, modbusVersion.address, IDENTITY_WORDS, 'identity'),
    )
    if (!words.ok) return words
    const [layout = 0] = words.value
    if (layout < 0x0100 || layout > 0x01ff || text(wordsOf(firmware, modbusVersion, words.value)) === null)
      return otherModel(unit, { ...what, read: hexWords(words.value) })
    const number = { model: MODEL, register: '0x0013 (serial number)', expected: 'a text' }
    const read = refusalIsOtherModel(
      unit,
      number,
      await unit.readWords(3, serial.address, serial.count, 'identity'),
    )
    if (!read.ok) return read
    const told = text(read.value)
    return told === null
      ? otherModel(unit, { ...number, read: hexWords(read.value) })
      : ok({ layout, serial: told })
  }

  /** What holds when the heartbeat stops: a pause, set where the layout has a register for it. */
  async function settleFallback(layout: number): Step<MilliAmps> {
    if (layout >= LAYOUT_WITH_SETTING) {
      const set = await settings.settle(fallbackCurrentSetting, () => FALLBACK_PAUSE, 'kept')
      if (!set.ok) return set
    }
    const words = await unit.readWords(3, masterLostFallback.address, 1, 'identity')
    if (!words.ok) return words
    const [fallback = 0] = words.value.value
    if (fallback === FALLBACK_PAUSE) return ok(milliAmps(0))
    const where = `${name} (unit ${unit.unitId}): register 0x030E (current when the master is lost) is ${fallback}`
    if (layout >= LAYOUT_WITH_SETTING)
      return configurationFailure(`${where} though 0x073A is 1 (pause); start the station anew`)
    if (fallback >= 6 && fallback <= 32) return ok(amps(fallback))
    return configurationFailure(
      `${where}, expected 1 (pause) or 6 to 32 A: what it does then is not published; ` +
        'set it to pause with the maker’s tool',
    )
  }

  async function prepare(): Step<Prepared> {
    known = UNKNOWN
    seen = NOTHING_SEEN
    turn = 0
    lastPilot = null
    putOff = false
    const identity = await identify()
    if (!identity.ok) return identity
    const found = await findOrder('identity')
    if (!found.ok) return found
    const current = await settleFallback(identity.value.layout)
    if (!current.ok) return current
    const fallback = { timeoutMs: MASTER_LOST_MS, currentMilliamps: current.value }
    return ok({ serial: identity.value.serial, retentiveWrites: settings.writes(), fallback })
  }

  return {
    name,
    facts: {
      stepMilliamps: STEP,
      currentMaxMilliamps: CURRENT_MAX,
      deadman: { kind: 'own', fedBy: 'feed', feedMs: HEARTBEAT_MS },
      hasRelayFeedback: false,
      tellsOscillator: true,
      lock: 'none',
      hasSelfTest: false,
    },
    prepare,
    read,
    offer,
    pause,
    async feed() {
      const fed = await unit.writeWord(heartbeat.address, HEARTBEAT, 'hold')
      return fed.ok ? ok(null) : fed
    },
  }
}
