// KEBA KeContact P30, c-series from 3.10.16 and x-series from 1.11, by Modbus TCP. Modbus TCP Programmers Guide V1.02,
// p. 9-17; UDP Programmers Guide V2.01, p. 34-35 (what its failsafe does); test/facts/registers.json, "keba-p30".
// A whole station: it owns pilot, contactor, lock and meter. Each register is read by a request of its own.
// Dead-man: its own watchdog ("failsafe"), fed by writes, not by reads. 10 s (5018) after the last one it stops (5016 = 0),
// and wants current and enabling anew. 5016 cannot be read back in the guide that is known, so both are written at each
// start, to RAM; 5020, which would store them in its EEPROM, is never written here: that is commissioning's.
// It tells no pilot letter: what 1000 and 1004 mean is in keba-sight.ts. Gaps: state E or F, x1 and x2, what its error numbers
// mean, whether 1000 = 5 is our pause or its own heat, and whether its contactor is closed.
import { invariant } from '../../../../shared/invariant.ts'
import { err, ok, type Result } from '../../../../shared/result.ts'
import { amps, CURRENT_MIN, type MilliAmps, milliAmps } from '../../../../shared/units.ts'
import type { Board, BoardReading } from '../../ports/board.ts'
import type { BusFailure, BusUnit, Outcome, Priority } from '../../ports/bus.ts'
import { SHORT_FRAME_BYTES, wordsReplyBytes } from '../bus/line-time.ts'
import {
  type ConfigurationFailure,
  configurationFailure,
  otherModel,
  refusalIsOtherModel,
} from '../configuration.ts'
import type { BoardDriver } from '../driver.ts'
import { type Row, u16, u32, unsigned } from '../table.ts'
import {
  CHARGING,
  contradicted,
  ERROR,
  isOffering,
  type Known,
  readingOf,
  type Seen,
  whole,
} from './keba-sight.ts'

const identity = { serial: u32(1014, 'serial'), product: u32(1016, 'product') }
const state: { readonly [K in keyof Seen]: Row } = {
  chargingState: u32(1000, 'chargingState'),
  cableState: u32(1004, 'cableState'),
  errorCode: u32(1006, 'errorCode'),
  maxChargingCurrent: u32(1100, 'maxChargingCurrent', 'A', { scale: 0.001 }),
  maxSupportedCurrent: u32(1110, 'maxSupportedCurrent', 'A', { scale: 0.001 }),
}
const failsafeTimeoutRead = u32(1602, 'failsafeTimeout', 's')
const write = {
  current: u16(5004, 'setCurrent', 'A', { fc: 6, scale: 0.001 }),
  unlockPlug: u16(5012, 'unlockPlug', '', { fc: 6 }),
  enable: u16(5014, 'enable', '', { fc: 6 }),
  failsafeCurrent: u16(5016, 'failsafeCurrent', 'A', { fc: 6, scale: 0.001 }),
  failsafeTimeout: u16(5018, 'failsafeTimeout', 's', { fc: 6 }),
}

const MODEL = 'KEBA KeContact P30'
/** Six digits: type (3: P30), socket or cable, current, series, meter, authorisation. */
const isP30 = (product: number) => product >= 300_000 && product <= 399_999

/** The shortest that the station knows. */
const FAILSAFE_TIMEOUT_S = 10
/** Two feeds may be lost. */
const FEED_MS = 3000

const CURRENT_MAX = amps(63)
/** The register counts mA; a tenth of an ampere is about what one step of a pilot's duty tells. */
const STEP = milliAmps(100)

const turn = (name: string) => ({
  name,
  requestBytes: SHORT_FRAME_BYTES,
  replyBytes: SHORT_FRAME_BYTES,
})

export const kebaP30: BoardDriver = {
  id: 'keba-p30',
  // How late it answers is no figure of the vendor's: ours, to be measured.
  line: { silenceMs: 0, busSilenceMs: 0, turnaroundWorstMs: 80, latenessWorstMs: 1000 },
  rows: [...Object.values(identity), ...Object.values(state), failsafeTimeoutRead, ...Object.values(write)],
  turns: {
    read: {
      name: 'state and one more, 2 words each',
      requestBytes: SHORT_FRAME_BYTES,
      replyBytes: wordsReplyBytes(2),
      exchanges: 2,
    },
    readErrors: null,
    offer: turn('offer'),
    pause: turn('pause'),
    feed: { ...turn('feed'), everyMs: FEED_MS / 2 },
  },
  // An error is a state of 1000, which each reading has; a cable that changes without it comes with every second one.
  readsPerErrorReading: 2,
  create({ name, bus, unitId }) {
    return createBoard(name, bus.unit({ name, unitId, line: kebaP30.line }))
  },
}

const UNKNOWN: Known = { currentMilliamps: null, enabled: null }

/** What is read beside 1000 in turn: 1004 with every second reading, the others with those between. */
const BESIDE = ['maxChargingCurrent', 'maxSupportedCurrent', 'maxChargingCurrent', 'errorCode'] as const

function createBoard(name: string, unit: BusUnit): Board {
  let known: Known = UNKNOWN
  let seen: Partial<Seen> = {}
  let cableNext = true
  /** A current was written and 1100 has not been read since. */
  let currentNext = false
  let beside = 0
  /** Grows with each pause, so that an offer under way notices it. */
  let pauses = 0
  /** Grows with each write. */
  let orders = 0

  const number = async ({ address, count }: Row, priority: Priority): Promise<Outcome<number>> => {
    const words = await unit.readWords(3, address, count, priority)
    return words.ok ? ok({ ...words.value, value: unsigned(words.value.value) }) : words
  }

  const put = async (
    { address }: Row,
    value: number,
    priority: Priority,
  ): Promise<Result<null, BusFailure>> => {
    const written = await unit.writeWord(address, value, priority)
    orders++
    return written.ok ? ok(null) : written
  }

  /** Which registers this reading has beside 1000, in this order: one, but where something is not known. */
  function readBeside(now: number): readonly (keyof Seen)[] {
    const unknown = BESIDE.filter((it, index) => seen[it] === undefined && BESIDE.indexOf(it) === index)
    // A state that has changed is told with the cable of now: together they are the pilot.
    if (cableNext || seen.cableState === undefined || now !== seen.chargingState) {
      cableNext = false
      return ['cableState', ...unknown]
    }
    cableNext = true
    if (unknown.length > 0) return unknown
    if (now === ERROR) return ['errorCode']
    if (currentNext) return ['maxChargingCurrent']
    beside = (beside + 1) % BESIDE.length
    return [BESIDE[beside] ?? 'errorCode']
  }

  async function read(): Promise<Result<BoardReading, BusFailure>> {
    const ordersBefore = orders
    const charging = await number(state.chargingState, 'board')
    if (!charging.ok) return charging
    const keys = readBeside(charging.value.value)
    let mine: Partial<Seen> = { ...seen, chargingState: charging.value.value }
    seen = mine
    for (const key of keys) {
      const one = await number(state[key], 'board')
      if (!one.ok) {
        // The pilot is two registers: a half of it is none.
        cableNext = true
        return one
      }
      mine = { ...mine, [key]: one.value.value }
      seen = { ...seen, [key]: one.value.value }
      if (key === 'maxChargingCurrent' && orders === ordersBefore) currentNext = false
    }
    const reading = readingOf(whole(mine))
    if ('kind' in reading) {
      cableNext = true
      return err(reading)
    }
    // An order that was taken while this was read says nothing about it yet.
    if (orders === ordersBefore && contradicted(known, whole(mine), currentNext)) known = UNKNOWN
    return ok({ ...reading, takenAtMonotonicMs: charging.value.takenAtMonotonicMs })
  }

  /**
   * What the station was told cannot be read; what it does can. One that offers is taken over without a write; one that
   * does not is told both again, whatever the reason: a failsafe wants that.
   */
  async function learn(): Promise<Result<null, BusFailure>> {
    const charging = await number(state.chargingState, 'offer')
    if (!charging.ok) return charging
    if (!isOffering(charging.value.value)) {
      known = { currentMilliamps: null, enabled: false }
      return ok(null)
    }
    const current = await number(state.maxChargingCurrent, 'offer')
    if (!current.ok) return current
    known = { currentMilliamps: milliAmps(current.value.value), enabled: true }
    return ok(null)
  }

  async function offer(currentMilliamps: MilliAmps): Promise<Result<null, BusFailure>> {
    invariant(
      currentMilliamps >= CURRENT_MIN && currentMilliamps <= CURRENT_MAX && currentMilliamps % STEP === 0,
      `an offer is 6 to 63 A in steps of ${STEP} mA, got ${currentMilliamps} mA`,
    )
    const pausesBefore = pauses
    if (known.enabled === null) {
      const learnt = await learn()
      if (!learnt.ok) return learnt
    }
    if (known.currentMilliamps !== currentMilliamps) {
      if (pauses !== pausesBefore) return err({ kind: 'overtaken' })
      known = { ...known, currentMilliamps: null }
      const written = await put(write.current, currentMilliamps, 'offer')
      if (!written.ok) return written
      if (pauses !== pausesBefore) return err({ kind: 'overtaken' })
      known = { ...known, currentMilliamps }
      currentNext = true
    }
    if (pauses !== pausesBefore) return err({ kind: 'overtaken' })
    if (known.enabled === true) return ok(null)
    known = { ...known, enabled: null }
    const enabled = await put(write.enable, 1, 'offer')
    if (!enabled.ok) return enabled
    if (pauses !== pausesBefore) return err({ kind: 'overtaken' })
    known = { ...known, enabled: true }
    return ok(null)
  }

  async function pause(): Promise<Result<null, BusFailure>> {
    pauses++
    const mine = pauses
    // A failsafe during the pause changes the current unseen: it is written again with the next offer.
    known = UNKNOWN
    const paused = await put(write.enable, 0, 'withdraw')
    if (!paused.ok) return paused
    if (mine === pauses) known = { currentMilliamps: null, enabled: false }
    return ok(null)
  }

  /**
   * The guides differ in what feeds it: 5018 as evcc does it, or any order of current or enabling, as for UDP. So both
   * are written, with what stands already. One that is overtaken by a pause was fed by the pause.
   */
  async function feed(): Promise<Result<null, BusFailure>> {
    const fed = await put(write.failsafeTimeout, FAILSAFE_TIMEOUT_S, 'hold')
    if (!fed.ok) {
      known = UNKNOWN
      return fed
    }
    const { currentMilliamps, enabled } = known
    if (enabled === false) return put(write.enable, 0, 'offer')
    if (enabled === null || currentMilliamps === null) return ok(null)
    const again = await put(write.current, currentMilliamps, 'offer')
    return again.ok || again.error.kind === 'overtaken' ? ok(null) : again
  }

  async function prepare(): ReturnType<Board['prepare']> {
    known = UNKNOWN
    seen = {}
    cableNext = true
    const expected = 'a number of six digits that begins with 3'
    const register = `${identity.product.address} (product)`
    const product = refusalIsOtherModel(
      unit,
      { model: MODEL, register, expected },
      await number(identity.product, 'identity'),
    )
    if (!product.ok) return product
    if (!isP30(product.value)) {
      return otherModel(unit, { model: MODEL, register, read: String(product.value), expected })
    }
    const serial = await number(identity.serial, 'identity')
    if (!serial.ok) return serial
    const armed = await arm()
    if (!armed.ok) return armed
    const fallback = { timeoutMs: FAILSAFE_TIMEOUT_S * 1000, currentMilliamps: milliAmps(0) }
    return ok({ serial: String(serial.value.value), retentiveWrites: 0, fallback })
  }

  /** Failsafe current first: the time-out switches it on. */
  async function arm(): Promise<Result<null, BusFailure | ConfigurationFailure>> {
    for (const [row, value] of [
      [write.failsafeCurrent, 0],
      [write.failsafeTimeout, FAILSAFE_TIMEOUT_S],
    ] as const) {
      const written = await put(row, value, 'identity')
      if (written.ok) continue
      if (written.error.kind !== 'exception') return written
      return configurationFailure(
        `${name} (unit ${unit.unitId}) refuses to write ${value} to register ${row.address} (${row.name}) with ` +
          `exception ${written.error.code}: without its failsafe it would charge on when nobody talks to it; ` +
          'update the firmware of the station',
      )
    }
    const told = await number(failsafeTimeoutRead, 'identity')
    if (!told.ok) return told
    if (told.value.value === FAILSAFE_TIMEOUT_S) return ok(null)
    return configurationFailure(
      `${name} (unit ${unit.unitId}): register ${failsafeTimeoutRead.address} (failsafe time-out) is ` +
        `${told.value.value} s after ${FAILSAFE_TIMEOUT_S} s was written; is another master speaking to the station?`,
    )
  }

  /** It unlocks only when suspended, so it is paused first and looked at. */
  async function unlock(): Promise<Result<null, BusFailure>> {
    const paused = await pause()
    if (!paused.ok) return paused
    const charging = await number(state.chargingState, 'board')
    if (!charging.ok) return charging
    if (charging.value.value === CHARGING) {
      return err({
        kind: 'badReply',
        detail: 'not unlocked: register 1000 is still 3 (charging) after the pause',
      })
    }
    return put(write.unlockPlug, 0, 'board')
  }

  return {
    name,
    facts: {
      stepMilliamps: STEP,
      currentMaxMilliamps: CURRENT_MAX,
      deadman: { kind: 'own', fedBy: 'feed', feedMs: FEED_MS },
      hasRelayFeedback: false,
      tellsOscillator: false,
      lock: 'confirmed',
      hasSelfTest: false,
    },
    prepare,
    read,
    offer,
    pause,
    feed,
    // It locks by itself as soon as a plug is in and has no order for it; the readings tell whether it holds.
    lock: async () => ok(null),
    unlock,
  }
}
