// EVRacing EVSE-WB and EVSE-DIN (SimpleEVSE). evcc charger/evsedin.go, openWB modules/common/evse.py,
// SimpleEVSE-WiFi, snaptec/openWB issue 9, esphome evse_wallbox; test/facts/registers.json, "evracing-evse-din".
// The board owns pilot, proximity and contactor. Dead-man: it has no watchdog and no release input, so a relay of ours
// cuts its supply; what it offers by itself when the supply is back is register 2000, 6 A at least.
// 1000-1010 are lost with the supply. 2000 and above are EEPROM: read, compared, written only where they differ. Every
// write is function code 16; 100 ms of silence after each of its replies. Modbus is off until it was switched on at the
// board (input AN to GND five times within 3 s of its start).
// Gaps: no lock and no serial number; states E and F are both "failure" (F here). The bits of 1007 are told in two ways: bit 0
// (relay) is not used, bit 4 is an error only while no self-test runs, and the raw word goes with the reading. How late
// it answers is no figure of the vendor's: ours, to be measured.
import { invariant } from '../../../../shared/invariant.ts'
import { err, ok, type Result } from '../../../../shared/result.ts'
import { amps, CURRENT_MIN, type MilliAmps, milliAmps } from '../../../../shared/units.ts'
import type { Board, BoardFacts, BoardReading } from '../../ports/board.ts'
import type { BusFailure, BusUnit, Outcome } from '../../ports/bus.ts'
import { SHORT_FRAME_BYTES, wordsReplyBytes, writeWordsRequestBytes } from '../bus/line-time.ts'
import type { ConfigurationFailure } from '../configuration.ts'
import type { BoardDriver } from '../driver.ts'
import { identityWords, type SettingsKeeper, settingsKeeper } from '../settings.ts'
import { bits16, u16 } from '../table.ts'
import { bit, errorsOf, nextSelfTest, type SelfTest, seenOf, state } from './evracing-evse-sight.ts'

const settings = {
  defaultCurrentAfterBoot: u16(2000, 'defaultCurrentAfterBoot', 'A', { range: { min: 6, max: 80 } }),
  slaveAddressMode: u16(2001, 'slaveAddressMode'),
  minCurrent: u16(2002, 'minCurrent', 'A', { range: { min: 0, max: 13 } }),
  configBits: bits16(2005, 'configBits'),
}

const STATE_WORDS = 10
const CURRENT_MAX = amps(80)

/** 1004. */
const TURN_OFF = 1
const RUN_SELF_TEST = 2
const CLEAR_RCD_ERROR = 4

/** 2005. */
const ALLOW_STATE_D = 1 << 3
const RCD_FEEDBACK = 1 << 4
const HUNDREDTHS = 1 << 7
/** Disabled after the charge, disabled, bootloader: commands, never written by us. */
const COMMANDS = 0b111 << 13
/** From this firmware on 1000 and 1001 can count in 0.01 A. */
const FIRMWARE_HUNDREDTHS = 17
const FIRMWARE_MAX = 255

/** The least that the board offers by itself after its supply is back. */
const AFTER_BOOT_AMPS = 6
/** Writes to the EEPROM from one start of this process to the next. */
const RETENTIVE_WRITES_MAX = 4

const writeTurn = (name: string) => ({
  name,
  requestBytes: writeWordsRequestBytes(1),
  replyBytes: SHORT_FRAME_BYTES,
})

export const evracingEvseDin: BoardDriver = {
  id: 'evracing-evse-din',
  line: { silenceMs: 100, busSilenceMs: 0, turnaroundWorstMs: 40, latenessWorstMs: 250 },
  rows: [...Object.values(state), ...Object.values(settings)],
  turns: {
    read: {
      name: `state and errors, ${STATE_WORDS} words`,
      requestBytes: SHORT_FRAME_BYTES,
      replyBytes: wordsReplyBytes(STATE_WORDS),
    },
    readErrors: null,
    offer: writeTurn('offer'),
    pause: writeTurn('pause'),
  },
  readsPerErrorReading: 1,
  create({ name, bus, unitId }) {
    return createBoard(name, bus.unit({ name, unitId, line: evracingEvseDin.line }))
  },
}

/** 1000 and 1004 as written or read back; null: not known, so read before the next offer. */
interface Known {
  readonly current: number | null
  readonly command: number | null
}
const UNKNOWN: Known = { current: null, command: null }

function createBoard(name: string, unit: BusUnit): Board {
  let known: Known = UNKNOWN
  /** 2005; null: not known, so read before the next offer. */
  let configBits: number | null = null
  let firmware = 0
  let selfTest: SelfTest = { kind: 'idle' }
  /** Grows with each pause, so that an offer under way notices it. */
  let pauses = 0
  let readsAll = true
  /** 1007 as read last. */
  let status = 0

  const write = (
    row: { readonly address: number },
    value: number,
    priority: 'offer' | 'board' | 'identity',
  ) => unit.writeWords(row.address, [value], priority)
  const keeper = settingsKeeper({
    unit,
    writesMax: RETENTIVE_WRITES_MAX,
    write: (row, value) => write(row, value, 'identity'),
  })
  const inHundredths = () =>
    configBits !== null && firmware >= FIRMWARE_HUNDREDTHS && (configBits & HUNDREDTHS) !== 0

  /** Every second reading leaves 1000 out, so that neighbours differ in length. */
  async function read(): Promise<Result<BoardReading, BusFailure>> {
    const row = readsAll ? state.configuredCurrent : state.actualCurrent
    const count = state.selftestTimeout.address - row.address + 1
    const words = await unit.readWords(3, row.address, count, 'board')
    if (!words.ok) return words
    const { value, takenAtMonotonicMs } = words.value
    const word = (of: { readonly address: number }) => value[of.address - row.address] ?? 0
    const command = word(state.command)
    known = { current: readsAll ? word(state.configuredCurrent) : known.current, command }
    firmware = word(state.firmware)
    readsAll = !readsAll
    const seen = seenOf(word)
    if ('kind' in seen) {
      // The scale may have been changed behind our back: it is read again before the next offer.
      configBits = null
      return err(seen)
    }
    status = seen.status
    selfTest = nextSelfTest(selfTest, seen, takenAtMonotonicMs)
    return ok({
      takenAtMonotonicMs,
      pilot: seen.pilot,
      oscillatorOn: seen.oscillatorOn,
      offeredMilliamps: seen.offeredMilliamps,
      proximity: seen.proximity,
      errors: errorsOf(seen, selfTest),
      selfTest: selfTest.kind === 'ordered' ? 'running' : selfTest.kind,
      ...(seen.status >> 1 === 0 && seen.pilot !== 'F'
        ? {}
        : { vendorError: `register 1007: 0x${seen.status.toString(16).padStart(4, '0')}` }),
    })
  }

  /** What an offer must know: the scale, what the board was told, and whether it was turned off. */
  async function learn(): Promise<Result<null, BusFailure>> {
    if (configBits === null) {
      const bits = await unit.readWords(3, settings.configBits.address, 1, 'offer')
      if (!bits.ok) return bits
      configBits = bits.value.value[0] ?? null
    }
    if (known.current !== null && known.command !== null && firmware !== 0) return ok(null)
    const count = state.firmware.address - state.configuredCurrent.address + 1
    const words = await unit.readWords(3, state.configuredCurrent.address, count, 'offer')
    if (!words.ok) return words
    const [current = null, , , , command = null, revision = 0] = words.value.value
    known = { current, command }
    firmware = revision
    return ok(null)
  }

  async function offer(currentMilliamps: MilliAmps): Promise<Result<null, BusFailure>> {
    invariant(
      currentMilliamps >= CURRENT_MIN && currentMilliamps <= CURRENT_MAX && currentMilliamps % 10 === 0,
      `an offer is 6 to 80 A in steps of 10 mA, got ${currentMilliamps} mA`,
    )
    const pausesBefore = pauses
    const learnt = await learn()
    if (!learnt.ok) return learnt
    // Whole amperes down, should the scale have changed since the step was told.
    const wanted = Math.floor(currentMilliamps / (inHundredths() ? 10 : 1000))
    if (known.current !== wanted) {
      if (pauses !== pausesBefore) return err({ kind: 'overtaken' })
      const written = await write(state.configuredCurrent, wanted, 'offer')
      if (pauses !== pausesBefore) return err({ kind: 'overtaken' })
      known = { ...known, current: written.ok ? wanted : null }
      if (!written.ok) return written
    }
    if (known.command === null || (known.command & TURN_OFF) === 0) return ok(null)
    if (pauses !== pausesBefore) return err({ kind: 'overtaken' })
    const turnedOn = await write(state.command, 0, 'offer')
    known = { ...known, command: turnedOn.ok ? 0 : null }
    return done(turnedOn)
  }

  /** On this board 0 A is the pause: steady +12 V, in RAM, one frame whatever the scale. */
  async function pause(): Promise<Result<null, BusFailure>> {
    pauses++
    const mine = pauses
    known = { ...known, current: null }
    const paused = await unit.writeWords(state.configuredCurrent.address, [0], 'withdraw')
    // A reading that was on its way may have told what was before.
    if (mine === pauses) known = { ...known, current: paused.ok ? 0 : null }
    return done(paused)
  }

  /** An error of the residual current monitor stays until it is cleared: a new test begins without the old one's. */
  async function startSelfTest(): Promise<Result<null, BusFailure>> {
    const off = (known.command ?? 0) & TURN_OFF
    if (bit(status, 4) || bit(status, 5)) {
      const cleared = await write(state.command, off | CLEAR_RCD_ERROR, 'board')
      if (!cleared.ok) return cleared
    }
    const ordered = await write(state.command, off | RUN_SELF_TEST, 'board')
    if (ordered.ok) selfTest = { kind: 'ordered', atMonotonicMs: ordered.value.takenAtMonotonicMs }
    return done(ordered)
  }

  /** The settings in the EEPROM. Before the scale changes the board is paused: 16 A would become 0.16 A, or 16 the 1600. */
  async function settle(): Promise<Result<MilliAmps, BusFailure | ConfigurationFailure>> {
    const found = configBits ?? 0
    const wanted = wantedBits(found, firmware)
    if ((found & HUNDREDTHS) !== (wanted & HUNDREDTHS)) {
      const paused = await pause()
      if (!paused.ok) return paused
      known = UNKNOWN
    }
    const bits = await keeper.settle(settings.configBits, (now) => wantedBits(now, firmware), 'kept')
    if (!bits.ok) return bits
    configBits = bits.value
    return afterBoot(keeper)
  }

  return {
    name,
    get facts(): BoardFacts {
      return {
        stepMilliamps: inHundredths() ? milliAmps(10) : amps(1),
        currentMaxMilliamps: CURRENT_MAX,
        deadman: { kind: 'external', cuts: 'supply' },
        hasRelayFeedback: false,
        tellsOscillator: true,
        lock: 'none',
        // Without the feedback of a residual current monitor there is nothing that the board could test.
        hasSelfTest: configBits !== null && (configBits & RCD_FEEDBACK) !== 0,
      }
    },
    async prepare() {
      known = UNKNOWN
      readsAll = true
      selfTest = { kind: 'idle' }
      const identified = await identify(unit)
      if (!identified.ok) return identified
      firmware = identified.value.firmware
      configBits = identified.value.configBits
      const settled = await settle()
      if (!settled.ok) return settled
      // The relay's hold time is the time-out; the board has none.
      const fallback = { timeoutMs: null, currentMilliamps: settled.value }
      return ok({ serial: null, retentiveWrites: keeper.writes(), fallback })
    },
    read,
    offer,
    pause,
    startSelfTest,
  }
}

const done = (outcome: Outcome<null>): Result<null, BusFailure> => (outcome.ok ? ok(null) : outcome)

const MODEL = 'EVSE-WB or EVSE-DIN'
const between = (min: number, max: number) => (word: number) => word >= min && word <= max

interface Found {
  readonly firmware: number
  readonly configBits: number
}

/** It has no name to read: its firmware, its own unit id and its limits must be those of such a board. */
async function identify(unit: BusUnit): Promise<Result<Found, BusFailure | ConfigurationFailure>> {
  const revision = await identityWords(unit, {
    model: MODEL,
    rows: [{ ...state.firmware, expected: 'a firmware of 1 to 255', holds: between(1, FIRMWARE_MAX) }],
  })
  if (!revision.ok) return revision
  const words = await identityWords(unit, {
    model: MODEL,
    rows: [
      { ...settings.defaultCurrentAfterBoot, expected: '6 to 80 A', holds: between(6, 80) },
      {
        ...settings.slaveAddressMode,
        expected: `its unit id ${unit.unitId}`,
        holds: between(unit.unitId, unit.unitId),
      },
      { ...settings.minCurrent, expected: '0 to 13 A', holds: between(0, 13) },
      {
        ...settings.configBits,
        expected: 'none of the bits 13 to 15 (disabled, bootloader)',
        holds: (word) => (word & COMMANDS) === 0,
      },
    ],
  })
  if (!words.ok) return words
  const offset = settings.configBits.address - settings.defaultCurrentAfterBoot.address
  return ok({ firmware: revision.value[0] ?? 0, configBits: words.value[offset] ?? 0 })
}

/** Read, changed, written: 0.01 A where the firmware knows it, and no charging with ventilation. */
const wantedBits = (found: number, firmware: number): number =>
  (found & ~ALLOW_STATE_D & ~COMMANDS) | (firmware >= FIRMWARE_HUNDREDTHS ? HUNDREDTHS : 0)

/** Register 2000 at its lowest; tells it. */
async function afterBoot(
  keeper: SettingsKeeper,
): Promise<Result<MilliAmps, BusFailure | ConfigurationFailure>> {
  const settled = await keeper.settle(settings.defaultCurrentAfterBoot, () => AFTER_BOOT_AMPS, 'kept')
  return settled.ok ? ok(amps(settled.value)) : settled
}
