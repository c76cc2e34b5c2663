// Viridian EVSE EPC 2.0 Plus (also OBO ION basic). Vendor's register map V104, OBO ION basic manual p. 26, evcc
// charger/obo.go; test/facts/registers.json, "viridian-epc2-plus". Addresses are the manual's numbers less 40001.
// The board owns pilot, proximity, contactor and lock. Dead-man: a watchdog of its own, fed by any request; after
// register 28 (ms) without one it advertises register 30 (A, 0: stop). Both are off as delivered, and whether they
// outlive a loss of supply is not stated: written at each start where they differ.
// Gaps: it tells neither its contactor nor its lock nor x1 from x2, and knows no state E. Registers 17-20, 24-27, 29 and
// 31-43 are not in the pages that were read, register 10 is in no list: never read along. How late it answers is no
// figure of the vendor's: ours, to be measured.
import { invariant } from '../../../../shared/invariant.ts'
import { err, ok, type Result } from '../../../../shared/result.ts'
import { amps, CURRENT_MIN, type MilliAmps, milliAmps } from '../../../../shared/units.ts'
import type { Pilot } from '../../../control-link/messages.ts'
import type { Board, BoardError, BoardFacts, BoardReading, Fallback } from '../../ports/board.ts'
import type { BusFailure, BusUnit, Outcome } from '../../ports/bus.ts'
import { SHORT_FRAME_BYTES, wordsReplyBytes } from '../bus/line-time.ts'
import type { ConfigurationFailure } from '../configuration.ts'
import type { BoardDriver } from '../driver.ts'
import { identityWords, type SettingsKeeper, settingsKeeper } from '../settings.ts'
import { u16 } from '../table.ts'

/** Read together with every second reading: what the board was told. */
const controls = {
  lockControl: u16(4, 'lockControl'),
  chargeDisable: u16(5, 'chargeDisable'),
  current: u16(6, 'current', 'A', { range: { min: 0, max: 32 } }),
}
/** Read together each time: what the board does. */
const state = {
  state: u16(11, 'state'),
  lockOnPowerLoss: u16(12, 'lockOnPowerLoss'),
  chargeDisablePowerLoss: u16(13, 'chargeDisablePowerLoss'),
  errorCode: u16(14, 'errorCode'),
  ppRating: u16(15, 'ppRating', 'A'),
  advertisedCurrent: u16(16, 'advertisedCurrent', 'A', { range: { min: 0, max: 32 } }),
}
const identity = {
  baud: u16(21, 'baud'),
  parity: u16(22, 'parity'),
  slaveAddress: u16(23, 'slaveAddress'),
}
const commsTimeout = u16(28, 'commsTimeout', 'ms')
const fallbackCurrent = u16(30, 'fallbackCurrent', 'A')
const maxChargingCurrent = u16(44, 'maxChargingCurrent', 'A')

const STATE_WORDS = 6
const CONTROL_WORDS = 3

/** Register 5: state C is not entered; it is, whenever the car asks. The one-shot permission (2) is not used: nobody
 * says whether a car's own pause uses it up. */
const DISABLED = 0
const AUTO_START = 1
/** Register 4. */
const LATCH_ON = 1
const LATCH_OFF = 2

/** As long as a dead-man relay holds: a control that is back within 2 s ends no charge. The vendor allows 1 to 60 s. */
const TIMEOUT_MS = 2000
/** Any reading feeds it; the loop reads each 50 ms. */
const FEED_MS = 500
const FALLBACK_AMPS = 0
/** Writes to register 13, which wears, from one start of this process to the next. */
const RETENTIVE_WRITES_MAX = 4

const PILOTS: readonly Pilot[] = ['A', 'B', 'C', 'D', 'F']
const ERROR_BITS: readonly BoardError[] = [
  'residualCurrentTestFailed',
  'residualCurrentTripped',
  'diodeMissing',
]

const shortTurn = (name: string) => ({
  name,
  requestBytes: SHORT_FRAME_BYTES,
  replyBytes: SHORT_FRAME_BYTES,
})

export const viridianEpc2Plus: BoardDriver = {
  id: 'viridian-epc2-plus',
  line: { silenceMs: 0, busSilenceMs: 0, turnaroundWorstMs: 40, latenessWorstMs: 250 },
  rows: [
    ...Object.values(controls),
    ...Object.values(state),
    ...Object.values(identity),
    commsTimeout,
    fallbackCurrent,
    maxChargingCurrent,
  ],
  turns: {
    read: {
      name: `state and errors, ${STATE_WORDS} words`,
      requestBytes: SHORT_FRAME_BYTES,
      replyBytes: wordsReplyBytes(STATE_WORDS),
    },
    readErrors: null,
    readMore: {
      name: `what it was told, ${CONTROL_WORDS} words`,
      requestBytes: SHORT_FRAME_BYTES,
      replyBytes: wordsReplyBytes(CONTROL_WORDS),
    },
    offer: shortTurn('offer'),
    pause: shortTurn('pause'),
  },
  readsPerErrorReading: 1,
  create({ name, bus, unitId }) {
    return createBoard(name, bus.unit({ name, unitId, line: viridianEpc2Plus.line }))
  },
}

/** Registers 5 and 6 as written or read back; null: not known, so read before the next offer. */
interface Known {
  readonly chargeDisable: number | null
  readonly currentAmps: number | null
}
const UNKNOWN: Known = { chargeDisable: null, currentAmps: null }

function createBoard(name: string, unit: BusUnit): Board {
  let known: Known = UNKNOWN
  /** Register 5 as it was read: only what was read back counts as paused. */
  let disabledRead = false
  let controlsNext = true
  let controlsPutOff = false
  let lastPilot: Pilot | null = null
  /** Register 44; the vendor's own maximum until it was read. */
  let currentMax = amps(32)
  /** Grows with each pause, so that an offer under way notices it. */
  let pauses = 0
  const keeper = settingsKeeper({
    unit,
    writesMax: RETENTIVE_WRITES_MAX,
    write: (row, value) => unit.writeWord(row.address, value, 'identity'),
  })

  async function readControls(priority: 'board' | 'offer'): Promise<Result<null, BusFailure>> {
    const words = await unit.readWords(3, controls.lockControl.address, CONTROL_WORDS, priority)
    if (!words.ok) return words
    const [, chargeDisable = null, currentAmps = null] = words.value.value
    known = { chargeDisable, currentAmps }
    disabledRead = chargeDisable === DISABLED
    return ok(null)
  }

  /**
   * Every second reading, and the one after each write, has what the board was told too. A pilot that has changed is told
   * at once: the rest comes with the reading after it, even where the pilot has changed again.
   */
  async function read(): Promise<Result<BoardReading, BusFailure>> {
    const words = await unit.readWords(3, state.state.address, STATE_WORDS, 'board')
    if (!words.ok) return words
    const seen = seenOf(words.value.value)
    if ('kind' in seen) return err(seen)
    const putsOff = controlsNext && !controlsPutOff && lastPilot !== null && seen.pilot !== lastPilot
    if (controlsNext && !putsOff) {
      const told = await readControls('board')
      if (!told.ok) return told
    }
    controlsNext = putsOff || !controlsNext
    controlsPutOff = putsOff
    lastPilot = seen.pilot
    const offeredMilliamps = disabledRead ? milliAmps(0) : seen.advertisedMilliamps
    return ok({
      takenAtMonotonicMs: words.value.takenAtMonotonicMs,
      pilot: seen.pilot,
      oscillatorOn: offeredMilliamps > 0,
      offeredMilliamps,
      proximity: seen.proximity,
      errors: seen.errors,
      ...(seen.vendorError === null ? {} : { vendorError: seen.vendorError }),
    })
  }

  async function offer(currentMilliamps: MilliAmps): Promise<Result<null, BusFailure>> {
    invariant(
      currentMilliamps >= CURRENT_MIN && currentMilliamps <= amps(32) && currentMilliamps % 1000 === 0,
      `an offer is 6 to 32 whole amperes, got ${currentMilliamps} mA`,
    )
    const wantedAmps = currentMilliamps / 1000
    const pausesBefore = pauses
    if (known.chargeDisable === null || known.currentAmps === null) {
      const learnt = await readControls('offer')
      if (!learnt.ok) return learnt
    }
    if (known.currentAmps !== wantedAmps) {
      if (pauses !== pausesBefore) return err({ kind: 'overtaken' })
      known = { ...known, currentAmps: null }
      const written = await unit.writeWord(controls.current.address, wantedAmps, 'offer')
      known = { ...known, currentAmps: written.ok ? wantedAmps : null }
      if (!written.ok) return written
    }
    if (pauses !== pausesBefore) return err({ kind: 'overtaken' })
    if (known.chargeDisable === AUTO_START) return ok(null)
    const enabled = await unit.writeWord(controls.chargeDisable.address, AUTO_START, 'offer')
    controlsNext = true
    if (pauses !== pausesBefore) return err({ kind: 'overtaken' })
    known = { ...known, chargeDisable: enabled.ok ? AUTO_START : null }
    return done(enabled)
  }

  async function pause(): Promise<Result<null, BusFailure>> {
    pauses++
    known = { ...known, chargeDisable: null }
    const mine = pauses
    const paused = await unit.writeWord(controls.chargeDisable.address, DISABLED, 'withdraw')
    controlsNext = true
    // A reading that was on its way may have told what was before.
    if (mine === pauses) known = { ...known, chargeDisable: paused.ok ? DISABLED : null }
    return done(paused)
  }

  // Not with the offers' priority: a pause drops those that wait.
  const moveLock = async (order: number) =>
    done(await unit.writeWord(controls.lockControl.address, order, 'board'))

  return {
    name,
    get facts(): BoardFacts {
      return {
        stepMilliamps: amps(1),
        currentMaxMilliamps: currentMax,
        deadman: { kind: 'own', fedBy: 'anyRequest', feedMs: FEED_MS },
        hasRelayFeedback: false,
        tellsOscillator: false,
        lock: 'commanded',
        hasSelfTest: false,
      }
    },
    async prepare() {
      known = UNKNOWN
      lastPilot = null
      controlsNext = true
      const identified = await identify(unit)
      if (!identified.ok) return identified
      currentMax = identified.value
      const settled = await settle(keeper)
      if (!settled.ok) return settled
      return ok({ serial: null, retentiveWrites: keeper.writes(), fallback: settled.value })
    },
    read,
    offer,
    pause,
    lock: () => moveLock(LATCH_ON),
    unlock: () => moveLock(LATCH_OFF),
  }
}

const done = (outcome: Outcome<null>): Result<null, BusFailure> => (outcome.ok ? ok(null) : outcome)

const MODEL = 'Viridian EPC 2.0 Plus'
const between = (min: number, max: number) => (word: number) => word >= min && word <= max

/** It has no name to read: its own line settings and its maximum must be those of such a board. Tells register 44. */
async function identify(unit: BusUnit): Promise<Result<MilliAmps, BusFailure | ConfigurationFailure>> {
  const line = await identityWords(unit, {
    model: MODEL,
    rows: [
      { ...identity.baud, expected: 'a baud rate of 1200 to 57600', holds: between(1200, 57_600) },
      { ...identity.parity, expected: 'a parity of 0 to 2', holds: between(0, 2) },
      {
        ...identity.slaveAddress,
        expected: `its unit id ${unit.unitId}`,
        holds: between(unit.unitId, unit.unitId),
      },
    ],
  })
  if (!line.ok) return line
  const max = await identityWords(unit, {
    model: MODEL,
    rows: [{ ...maxChargingCurrent, expected: 'a maximum of 6 to 32 A', holds: between(6, 32) }],
  })
  return max.ok ? ok(amps(max.value[0] ?? 0)) : max
}

/** After a loss of supply no charge begins by itself; without us there is no current. The fallback goes first. */
async function settle(keeper: SettingsKeeper): Promise<Result<Fallback, BusFailure | ConfigurationFailure>> {
  const atPowerLoss = await keeper.settle(state.chargeDisablePowerLoss, () => DISABLED, 'kept')
  if (!atPowerLoss.ok) return atPowerLoss
  const fallback = await keeper.settle(fallbackCurrent, () => FALLBACK_AMPS, 'lost')
  if (!fallback.ok) return fallback
  const timeout = await keeper.settle(commsTimeout, () => TIMEOUT_MS, 'lost')
  if (!timeout.ok) return timeout
  return ok({ timeoutMs: timeout.value, currentMilliamps: amps(fallback.value) })
}

interface Seen {
  readonly pilot: Pilot
  readonly advertisedMilliamps: MilliAmps
  readonly proximity: BoardReading['proximity']
  readonly errors: readonly BoardError[]
  readonly vendorError: string | null
}

/** 11-16: state, two settings, errors, proximity, advertised current. */
function seenOf(words: readonly number[]): Seen | Extract<BusFailure, { kind: 'badReply' }> {
  const [letter = -1, , , errorWord = 0, ppAmps = 0, advertisedAmps = 0] = words
  const pilot = PILOTS[letter]
  if (pilot === undefined) return { kind: 'badReply', detail: `register 11 holds no state: ${letter}` }
  if (advertisedAmps > 32)
    return { kind: 'badReply', detail: `no board of this kind advertises ${advertisedAmps} A` }
  const named = ERROR_BITS.filter((_, bit) => ((errorWord >> bit) & 1) === 1)
  const unnamed = errorWord >> ERROR_BITS.length !== 0
  return {
    pilot,
    advertisedMilliamps: amps(advertisedAmps),
    proximity: proximityOf(ppAmps),
    errors: unnamed ? [...named, 'internalFault'] : named,
    vendorError: errorWord === 0 ? null : `register 14: 0x${errorWord.toString(16).padStart(4, '0')}`,
  }
}

function proximityOf(ratingAmps: number): BoardReading['proximity'] {
  if (ratingAmps === 0) return { kind: 'open' }
  if (ratingAmps < 6 || ratingAmps > 80) return { kind: 'fault' }
  return { kind: 'rating', currentMilliamps: amps(ratingAmps) }
}
