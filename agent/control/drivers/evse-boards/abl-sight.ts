// What an ABL controller's status says: state byte, duty, flags. Pure; the driver beside it reads and writes.
import { CURRENT_MIN, type MilliAmps, milliAmps } from '../../../../shared/units.ts'
import type { Pilot } from '../../../control-link/messages.ts'
import type { BoardError, BoardReading } from '../../ports/board.ts'
import type { BusFailure } from '../../ports/bus.ts'
import { hexWords } from '../configuration.ts'

/** 100 %: no current may be drawn. */
export const PAUSE_DUTY = 0x3e8
export const DUTY_BITS = 0x0fff
/** One step of the duty, up to 85 %. */
export const STEP = milliAmps(60)

interface Meaning {
  readonly pilot: Pilot
  /** It has the controller's permission: x2, where the duty offers something. */
  readonly permitted?: true
  readonly error?: BoardError
}
const outOfService: Meaning = { pilot: 'F', error: 'unavailable' }
const failure = (error: BoardError): Meaning => ({ pilot: 'F', error })

/** Second byte of 0x2E. */
const STATES: ReadonlyMap<number, Meaning> = new Map([
  [0xa1, { pilot: 'A' }],
  [0xb1, { pilot: 'B' }],
  [0xb2, { pilot: 'B', permitted: true }],
  [0xc2, { pilot: 'C', permitted: true }],
  // Less than it was told: by heat or its meter (C3), by imbalance (C4).
  [0xc3, { pilot: 'C', permitted: true }],
  [0xc4, { pilot: 'C', permitted: true }],
  [0xe0, outOfService],
  [0xe1, outOfService],
  [0xe2, outOfService],
  [0xe3, outOfService],
  [0xf1, failure('contactorFault')],
  [0xf2, failure('internalFault')],
  [0xf3, failure('residualCurrentTripped')],
  // Its own dead-man: nobody had talked to it.
  [0xf4, outOfService],
  [0xf5, failure('lockFailed')],
  [0xf6, failure('proximityInvalid')],
  [0xf7, failure('ventilationRejected')],
  [0xf8, failure('pilotInvalid')],
  [0xf9, failure('currentExceeded')],
  [0xfa, failure('overTemperature')],
  [0xfb, failure('contactorFault')],
] as const)

interface Status {
  readonly state: number
  readonly meaning: Meaning
  readonly carConnected: boolean
  readonly reduced: boolean
  readonly duty: number
}

/** 0x2E: register and state; car, reduced, EN2, EN1 and duty in 0.1 %; the currents of a meter that may be absent. */
export function statusOf(words: readonly number[]): Status | Extract<BusFailure, { kind: 'badReply' }> {
  const [head = 0, pilot = 0] = words
  const state = head & 0xff
  const meaning = STATES.get(state)
  if (meaning === undefined)
    return { kind: 'badReply', detail: `no state of the vendor's: ${hexWords(words)}` }
  const duty = pilot & DUTY_BITS
  if (duty > PAUSE_DUTY) return { kind: 'badReply', detail: `no duty is ${duty / 10} %: ${hexWords(words)}` }
  return { state, meaning, carConnected: pilot >> 15 === 1, reduced: ((pilot >> 14) & 1) === 1, duty }
}

/** IEC 61851-1 Annex A, from 0.1 %: below 8 % and above 97 % nothing is offered. */
function offeredOf(duty: number): MilliAmps {
  if (duty < 80 || duty > 970) return milliAmps(0)
  if (duty < 100) return CURRENT_MIN
  if (duty <= 850) return milliAmps(duty * STEP)
  return milliAmps(duty <= 960 ? (duty - 640) * 250 : 80_000)
}

export function readingOf(
  { state, meaning, carConnected, duty }: Status,
  flags: number | null,
): Omit<BoardReading, 'takenAtMonotonicMs'> {
  const offeredMilliamps = meaning.permitted ? offeredOf(duty) : milliAmps(0)
  const explained = flags === null || flags === 0 ? '' : `, flags 0x${flags.toString(16).padStart(6, '0')}`
  return {
    // Out of service with more than 10 V on the pilot: the car has gone, and no next one passes for it.
    pilot: meaning.pilot === 'F' && !carConnected ? 'A' : meaning.pilot,
    oscillatorOn: offeredMilliamps > 0,
    offeredMilliamps,
    proximity: { kind: 'open' },
    errors: meaning.error === undefined ? [] : [meaning.error],
    ...(meaning.error === undefined && explained === ''
      ? {}
      : { vendorError: `state ${state.toString(16).toUpperCase()}${explained}` }),
  }
}

/** The controller does not offer what it was told, and not because it lowered it itself: it restarted, perhaps. */
export const contradicts = ({ meaning, reduced, duty }: Status, known: number | null): boolean =>
  known !== null && meaning.permitted === true && (reduced ? duty > known : duty !== known)
