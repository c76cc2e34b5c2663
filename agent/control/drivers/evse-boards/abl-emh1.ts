// ABL eMH1 and its sisters (controllers EVCC2, EVCC3), Modbus ASCII, 38400 8E1. Vendor's API document 05 0015 20 Rev B;
// evcc-io/evcc charger/abl.go (state, 0x0F); test/facts/registers.json, "abl-emh1".
// The controller owns pilot, proximity, contactor, lock and over-current (more than 105 % for 1000 s, 110 % for 100 s,
// 120 % for 10 s: state F9). What it offers is written as a duty in 0.1 %; its pause is 100 % (0x3E8).
// Odd on the line: replies begin with `>`; each register is read with its own count or not answered at all; the first
// byte of a reply repeats the register; and it sleeps, so that the first request after a silence is often lost.
// Dead-man: its "upstream time-out", which any request feeds. It is switched on in set-up mode only (0x2C) and kept for
// ever: commissioning's; here it is only seen to be on. How long it waits is published nowhere, and what is left then
// cannot be read: state F4, where register 0x06 does not say otherwise. So a silence test at commissioning proves both.
// Never written: 0xF1F1 to 0x05, which trips the residual current device. Gaps: contactor, lock, rating of the plug.
import { invariant } from '../../../../shared/invariant.ts'
import { err, ok, type Result } from '../../../../shared/result.ts'
import { amps, CURRENT_MIN, type MilliAmps, milliAmps } from '../../../../shared/units.ts'
import type { Board, BoardReading } from '../../ports/board.ts'
import type { BusFailure, BusUnit, Outcome, Priority, Taken } from '../../ports/bus.ts'
import { SHORT_FRAME_BYTES, wordsReplyBytes, writeWordsRequestBytes } from '../bus/line-time.ts'
import {
  type ConfigurationFailure,
  configurationFailure,
  hexWords,
  otherModel,
  refusalIsOtherModel,
} from '../configuration.ts'
import type { BoardDriver } from '../driver.ts'
import { ascii, bits32, packed, type Row, text, u16 } from '../table.ts'
import { contradicts, DUTY_BITS, PAUSE_DUTY, readingOf, STEP, statusOf } from './abl-sight.ts'

const fwConfig = bits32(0x01, 'fwConfig')
const serial = ascii(0x50, 'serial', '', { count: 8 })
const systemFlags = bits32(0x06, 'systemFlags')
const config = u16(0x0f, 'config', '', { count: 5 })
const statusFull = packed(0x2e, 'statusFull', '', { count: 5 })
const modifyState = u16(0x05, 'modifyState', '', { fc: 16 })
const setIcmax = u16(0x14, 'setIcmax', '%', { fc: 16, scale: 0.1 })

/** None of the controllers is built for more. */
const CURRENT_MAX = amps(32)
const UPSTREAM_TIMEOUT_BIT = 6
/** To 0x05. */
const DISABLE = 0xe0e0
const ENABLE = 0xa1a1
const OUTLET_DISABLED = 0xe0

const writeTurn = (name: string) => ({
  name,
  requestBytes: writeWordsRequestBytes(1),
  replyBytes: SHORT_FRAME_BYTES,
})

export const ablEmh1: BoardDriver = {
  id: 'abl-emh1',
  // How late it answers is no figure of the vendor's: ours, to be measured. What it loses it does not answer later, so
  // that the repeated request need not wait.
  line: {
    silenceMs: 0,
    busSilenceMs: 0,
    turnaroundWorstMs: 40,
    latenessWorstMs: 40,
    asciiReplyStart: '>',
  },
  rows: [fwConfig, serial, systemFlags, config, statusFull, modifyState, setIcmax],
  turns: {
    read: { name: 'state, 5 words', requestBytes: SHORT_FRAME_BYTES, replyBytes: wordsReplyBytes(5) },
    readErrors: null,
    readMore: { name: 'flags, 2 words', requestBytes: SHORT_FRAME_BYTES, replyBytes: wordsReplyBytes(2) },
    offer: writeTurn('offer'),
    pause: writeTurn('pause'),
  },
  // Each error is a state of its own, in every reading; the flags beside it only explain.
  readsPerErrorReading: 1,
  create({ name, bus, unitId }) {
    return createBoard(name, bus.unit({ name, unitId, line: ablEmh1.line }))
  },
}

function createBoard(name: string, unit: BusUnit): Board {
  /** What was last written to 0x14; null: not known. */
  let knownDuty: number | null = null
  let lastState: number | null = null
  let flags: number | null = null
  let flagsNext = true
  let awake = false
  /** Grows with each pause, so that an offer under way notices it. */
  let pauses = 0

  /** The first request after a silence is made twice; one that is lost later shows that it sleeps again. */
  async function ask<T>(send: () => Promise<Outcome<T>>): Promise<Outcome<T>> {
    const first = await send()
    const lost = !first.ok && (first.error.kind === 'timedOut' || first.error.kind === 'badReply')
    const outcome = lost && !awake ? await send() : first
    awake = outcome.ok || (awake && !lost)
    return outcome
  }

  /** A register with its own count; its first byte must repeat the register. */
  async function words(row: Row, priority: Priority): Promise<Outcome<readonly number[]>> {
    const read = await ask(() => unit.readWords(3, row.address, row.count, priority))
    return read.ok ? echoed(row, read.value) : read
  }

  async function put(row: Row, value: number, priority: Priority): Promise<Result<null, BusFailure>> {
    const written = await ask(() => unit.writeWords(row.address, [value], priority))
    return written.ok ? ok(null) : written
  }

  /** Neighbouring reads differ in length: 5 words, 2, 5. */
  async function read(): Promise<Result<BoardReading, BusFailure>> {
    const status = await words(statusFull, 'board')
    if (!status.ok) return status
    const told = statusOf(status.value.value)
    if ('kind' in told) return err(told)
    const dutyBefore = knownDuty
    // A state that has changed is told at once; what explains it comes with the reading after it.
    if (flagsNext && told.state === lastState) {
      const explained = await words(systemFlags, 'board')
      if (!explained.ok) return explained
      const [high = 0, low = 0] = explained.value.value
      flags = ((high & 0xff) << 16) | low
    }
    flagsNext = !flagsNext || told.state !== lastState
    lastState = told.state
    if (knownDuty === dutyBefore && contradicts(told, knownDuty)) knownDuty = null
    return ok({ ...readingOf(told, flags), takenAtMonotonicMs: status.value.takenAtMonotonicMs })
  }

  async function offer(currentMilliamps: MilliAmps): Promise<Result<null, BusFailure>> {
    invariant(
      currentMilliamps >= CURRENT_MIN && currentMilliamps <= CURRENT_MAX && currentMilliamps % STEP === 0,
      `an offer is 6 to 32 A in steps of ${STEP} mA, got ${currentMilliamps} mA`,
    )
    const wanted = currentMilliamps / STEP
    const pausesBefore = pauses
    if (knownDuty === null) {
      const told = await words(config, 'offer')
      if (!told.ok) return told
      knownDuty = (told.value.value[3] ?? 0) & DUTY_BITS
    }
    if (pauses !== pausesBefore) return err({ kind: 'overtaken' })
    if (knownDuty === wanted) return ok(null)
    knownDuty = null
    const written = await put(setIcmax, wanted, 'offer')
    if (!written.ok) return written
    if (pauses !== pausesBefore) return err({ kind: 'overtaken' })
    knownDuty = wanted
    return ok(null)
  }

  async function pause(): Promise<Result<null, BusFailure>> {
    pauses++
    const mine = pauses
    knownDuty = null
    const paused = await put(setIcmax, PAUSE_DUTY, 'withdraw')
    if (!paused.ok) return paused
    if (mine === pauses) knownDuty = PAUSE_DUTY
    return ok(null)
  }

  /** 0xA1A1 begins at A1 anew, which would interrupt a charge: only where the outlet is disabled. */
  async function setService(inService: boolean): Promise<Result<null, BusFailure>> {
    if (inService) {
      const status = await words(statusFull, 'board')
      if (!status.ok) return status
      const isDisabled = ((status.value.value[0] ?? 0) & 0xff) === OUTLET_DISABLED
      return isDisabled ? put(modifyState, ENABLE, 'board') : ok(null)
    }
    pauses++
    knownDuty = null
    return put(modifyState, DISABLE, 'withdraw')
  }

  /** This unit is the one that it is thought to be, and its upstream time-out is on. */
  async function identify(): Promise<Result<null, BusFailure | ConfigurationFailure>> {
    const register = '0x0001 (fw_config)'
    const expected = '0x01 in its first byte'
    const answer = await ask(() => unit.readWords(3, fwConfig.address, fwConfig.count, 'identity'))
    const told = refusalIsOtherModel(unit, { model: 'ABL EVCC2/EVCC3', register, expected }, answer)
    if (!told.ok) return told
    const [high = 0, low = 0] = told.value
    if (high >> 8 !== fwConfig.address) {
      const read = `0x${hexWords(told.value)}`
      return otherModel(unit, { model: 'ABL EVCC2/EVCC3', register, read, expected })
    }
    if (((low >> UPSTREAM_TIMEOUT_BIT) & 1) === 1) return ok(null)
    return configurationFailure(
      `${name} (unit ${unit.unitId}): the upstream time-out is off (register 0x0001 is 0x${hexWords(told.value)}, ` +
        `bit ${UPSTREAM_TIMEOUT_BIT} is 0, expected 1): it would charge on when nobody talks to it; ` +
        'switch it on in set-up mode (0x002C, bits 15-14 = 10) and commission it anew',
    )
  }

  async function prepare(): ReturnType<Board['prepare']> {
    knownDuty = null
    lastState = null
    flags = null
    flagsNext = true
    awake = false
    const identified = await identify()
    if (!identified.ok) return identified
    const told = await words(serial, 'identity')
    if (!told.ok) return told
    const number = text(told.value.value.slice(1))
    if (number === null) {
      return err({ kind: 'badReply', detail: `serial is no text: ${hexWords(told.value.value)}` })
    }
    // What remains after F4 is none; that it gets there, and when, is what the silence test proves.
    return ok({
      serial: number,
      retentiveWrites: 0,
      fallback: { timeoutMs: null, currentMilliamps: milliAmps(0) },
    })
  }

  return {
    name,
    facts: {
      stepMilliamps: STEP,
      currentMaxMilliamps: CURRENT_MAX,
      deadman: { kind: 'own', fedBy: 'anyRequest', feedMs: 1000 },
      hasRelayFeedback: false,
      tellsOscillator: true,
      lock: 'none',
      hasSelfTest: false,
    },
    prepare,
    read,
    offer,
    pause,
    setService,
  }
}

function echoed({ address, name }: Row, taken: Taken<readonly number[]>): Outcome<readonly number[]> {
  if ((taken.value[0] ?? 0) >> 8 === address) return ok(taken)
  return err({
    kind: 'badReply',
    detail: `${name}: the reply does not begin with its register 0x${address.toString(16)}: ${hexWords(taken.value)}`,
  })
}
