// What the registers of a KEBA P30 say, taken together: above all a pilot letter, which it does not tell. Pure; the driver
// beside it reads and writes.
import { invariant } from '../../../../shared/invariant.ts'
import { CURRENT_MIN, type MilliAmps, milliAmps } from '../../../../shared/units.ts'
import type { Pilot } from '../../../control-link/messages.ts'
import type { BoardReading } from '../../ports/board.ts'
import type { BusFailure } from '../../ports/bus.ts'

/** 1000. */
const STARTING = 0
const READY = 2
export const CHARGING = 3
export const ERROR = 4
const CHARGING_STATE_MAX = 5
/** 1004: none; in the station; locked there; at the car too; at the car and locked. */
const CABLE_STATES: readonly number[] = [0, 1, 3, 5, 7]
const LOCKED_BIT = 2
const CAR_BIT = 4

/** The newest value of each register of the state: 1000, 1004, 1006, 1100 and 1110 (mA). */
export interface Seen {
  readonly chargingState: number
  readonly cableState: number
  readonly errorCode: number
  readonly maxChargingCurrent: number
  readonly maxSupportedCurrent: number
}

/** What was last ordered; null: not known. */
export interface Known {
  readonly currentMilliamps: MilliAmps | null
  readonly enabled: boolean | null
}

/** Its caller has read every register at least once. */
export function whole(seen: Partial<Seen>): Seen {
  const { chargingState, cableState, errorCode, maxChargingCurrent, maxSupportedCurrent } = seen
  invariant(
    chargingState !== undefined &&
      cableState !== undefined &&
      errorCode !== undefined &&
      maxChargingCurrent !== undefined &&
      maxSupportedCurrent !== undefined,
    'the first reading has every register',
  )
  return { chargingState, cableState, errorCode, maxChargingCurrent, maxSupportedCurrent }
}

export const isOffering = (chargingState: number) => chargingState === READY || chargingState === CHARGING
const hasCar = (cableState: number) => (cableState & CAR_BIT) !== 0

type Told = Omit<BoardReading, 'takenAtMonotonicMs'>
type BadReply = Extract<BusFailure, { kind: 'badReply' }>
const badReply = (detail: string): BadReply => ({ kind: 'badReply', detail })

export function readingOf(seen: Seen): Told | BadReply {
  const pilot = pilotOf(seen)
  if (typeof pilot !== 'string') return pilot
  const { chargingState, cableState, errorCode, maxChargingCurrent } = seen
  const offers = hasCar(cableState) && isOffering(chargingState)
  if (offers && maxChargingCurrent > 80_000) {
    return badReply(`no pilot signal tells ${maxChargingCurrent} mA (register 1100)`)
  }
  const offeredMilliamps = milliAmps(offers && maxChargingCurrent >= CURRENT_MIN ? maxChargingCurrent : 0)
  return {
    pilot,
    oscillatorOn: offeredMilliamps > 0,
    offeredMilliamps,
    proximity: proximityOf(seen),
    errors: chargingState === ERROR ? ['internalFault'] : [],
    lock: (cableState & LOCKED_BIT) !== 0 ? 'locked' : 'unlocked',
    ...(errorCode === 0 ? {} : { vendorError: `1006: 0x${errorCode.toString(16)}` }),
  }
}

/**
 * A pilot letter from 1000 and 1004. While it starts there is none, so there is no reading: neither A, which would end a
 * session that a power cut interrupted, nor B. Without a car it is A, in an error too, so that no next car passes for this
 * one. An error with a car is F: it gives no current until that is over.
 */
function pilotOf({ chargingState, cableState }: Seen): Pilot | BadReply {
  if (chargingState > CHARGING_STATE_MAX) return badReply(`register 1000 holds no state: ${chargingState}`)
  if (!CABLE_STATES.includes(cableState)) return badReply(`register 1004 holds no state: ${cableState}`)
  if (chargingState === STARTING) return badReply('register 1000 is 0: the station is starting')
  if (!hasCar(cableState)) {
    if (chargingState !== CHARGING) return 'A'
    return badReply(`register 1000 says charging, 1004 says ${cableState}: no car`)
  }
  if (chargingState === ERROR) return 'F'
  return chargingState === CHARGING ? 'C' : 'B'
}

/** 1110 is the lower of the station's and the cable's rating, and 6 A where there is no cable. */
function proximityOf({ cableState, maxSupportedCurrent }: Seen): BoardReading['proximity'] {
  if (cableState === 0) return { kind: 'open' }
  if (maxSupportedCurrent < CURRENT_MIN || maxSupportedCurrent > 80_000) return { kind: 'fault' }
  return { kind: 'rating', currentMilliamps: milliAmps(maxSupportedCurrent) }
}

/** The station does not do what it was told: its failsafe came, it restarted, or another master spoke to it. */
export function contradicted(known: Known, seen: Seen, isCurrentOld: boolean): boolean {
  if (known.enabled !== true || !hasCar(seen.cableState)) return false
  if (!isOffering(seen.chargingState)) return true
  const { currentMilliamps } = known
  if (currentMilliamps === null || isCurrentOld) return false
  return seen.maxChargingCurrent !== Math.min(currentMilliamps, seen.maxSupportedCurrent)
}
