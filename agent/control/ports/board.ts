// The EVSE board port. The board is the safety device: it owns pilot and contactor. No public board lets a Modbus
// master close the contactor, so the port is: offer a current, pause, and what is observed.
import type { Result } from '../../../shared/result.ts'
import type { MilliAmps, MonotonicMs } from '../../../shared/units.ts'
import type { Pilot } from '../../control-link/messages.ts'
import type { BusFailure } from './bus.ts'

export type BoardError =
  | 'cableRejected'
  | 'proximityInvalid'
  | 'pilotInvalid'
  | 'unavailable'
  | 'lockFailed'
  | 'unlockFailed'
  | 'lockLost'
  | 'ventilationRejected'
  | 'contactorFault'
  | 'diodeMissing'
  | 'residualCurrentTripped'
  | 'residualCurrentTestFailed'
  | 'overTemperature'
  | 'phaseFault'
  | 'protectiveEarthMissing'
  | 'currentExceeded'
  /** A fault that the vendor numbers but does not explain; `vendorError` tells the number. */
  | 'internalFault'

export interface BoardReading {
  readonly takenAtMonotonicMs: MonotonicMs
  readonly pilot: Pilot
  /** IEC 61851-1: x2, the board's oscillator is on. Of a board that does not tell it: it offers a current, read back. */
  readonly oscillatorOn: boolean
  /** What the pilot tells the car, read back; 0 while the oscillator is off. */
  readonly offeredMilliamps: MilliAmps
  readonly proximity:
    | { readonly kind: 'open' }
    | { readonly kind: 'rating'; readonly currentMilliamps: MilliAmps }
    | { readonly kind: 'fault' }
  readonly errors: readonly BoardError[]
  /** The input that the external dead-man holds, as the board sees it; absent while the board has not told it. */
  readonly releaseInputOn?: boolean
  /** The contactor as the board tells it; absent where it has no such register. */
  readonly relay?: 'open' | 'closed'
  /** The plug's lock as the board tells it; absent where it has none or does not tell. */
  readonly lock?: LockSight
  /** Residual current self-test, where the board tells of it. */
  readonly selfTest?: 'idle' | 'running' | 'passed' | 'failed'
  readonly temperatureMilliCelsius?: number
  /** The vendor's own error number or raw word, for the log and for service. */
  readonly vendorError?: string
}

/** `moving`: the motor runs or the feedback has not settled. */
export type LockSight = 'locked' | 'unlocked' | 'moving' | 'jammed'

export interface BoardFacts {
  /** Offers are floored to this. */
  readonly stepMilliamps: MilliAmps
  readonly currentMaxMilliamps: MilliAmps
  readonly deadman: DeadmanFacts
  /** The board tells whether its contactor is closed (`BoardReading.relay`). */
  readonly hasRelayFeedback: boolean
  /** The board tells x1 from x2. Where not, a pause counts when it has read back for 6 s (design: safety boundary). */
  readonly tellsOscillator: boolean
  /** `commanded`: it moves the lock and does not tell where it is; `confirmed`: `BoardReading.lock` is there. */
  readonly lock: 'none' | 'commanded' | 'confirmed'
  /** The board tests its residual current device when asked. */
  readonly hasSelfTest: boolean
}

/** How the board ends a charge when nobody talks to it. */
export type DeadmanFacts =
  /** A relay of ours holds its release input (state F without it) or its supply. */
  | { readonly kind: 'external'; readonly cuts: 'release' | 'supply' }
  /**
   * A watchdog of its own: fed by any request that it answers, or only by `Board.feed`, at least each `feedMs`.
   * How long it waits and what it offers then is told by `prepare`.
   */
  | { readonly kind: 'own'; readonly fedBy: 'anyRequest' | 'feed'; readonly feedMs: number }

/** What the board offers when nobody talks to it, as read back, or as just written where it cannot be read. */
export interface Fallback {
  /** T_deadman, ms; null where only a silence test at commissioning can tell. */
  readonly timeoutMs: number | null
  /** I_deadman; 0: no current. With a cut supply: what it offers by itself when the supply is back. */
  readonly currentMilliamps: MilliAmps
}

export interface Prepared {
  /** null where the board has no serial number to read. */
  readonly serial: string | null
  readonly retentiveWrites: number
  readonly fallback: Fallback
}

/**
 * One EVSE board on a bus. Every method is one short turn on the bus (`read` may be two); none retries by itself.
 * A failed call leaves nothing half known: the next `read` tells what is.
 */
export interface Board {
  readonly name: string
  readonly facts: BoardFacts
  /**
   * To be called once after the port opened and again after the board was lost: checks identity and retentive settings
   * (read, compare, write only what differs, within the boot's write budget).
   */
  prepare(): Promise<
    Result<Prepared, BusFailure | { readonly kind: 'configuration'; readonly detail: string }>
  >
  /** Whether nothing but reading was needed so far; a running charge is adopted by reading. */
  read(): Promise<Result<BoardReading, BusFailure>>
  /** Offers a current: a multiple of `stepMilliamps`, at least 6 A, at most `currentMaxMilliamps`. Current first, then enable. */
  offer(currentMilliamps: MilliAmps): Promise<Result<null, BusFailure>>
  /** Ends the offer. Goes before everything that waits on the bus. Never the value 0: on one board that means unlimited. */
  pause(): Promise<Result<null, BusFailure>>
  /**
   * False takes the board out of service: state F or the board's own disabling, which opens whatever the car does, and
   * before everything that waits on the bus. True brings it back; it writes only where the board is out of service or
   * does not tell. There where a board with a watchdog of its own has such an order.
   */
  setService?(inService: boolean): Promise<Result<null, BusFailure>>
  /** Feeds the board's own watchdog; there where `facts.deadman.fedBy` is `feed`. */
  feed?(): Promise<Result<null, BusFailure>>
  /** There where `facts.lock` is not `none`. Ends when the board has taken the order, not when the motor has stopped. */
  lock?(): Promise<Result<null, BusFailure>>
  unlock?(): Promise<Result<null, BusFailure>>
  /** There where `facts.hasSelfTest`; never while current flows. The outcome comes with the readings. */
  startSelfTest?(): Promise<Result<null, BusFailure>>
}

/** The relay that holds the board in service; it opens by itself when it is not refreshed. */
export interface Deadman {
  readonly name: string
  /** How long it holds after one `hold`. */
  readonly holdMs: number
  hold(): Promise<Result<null, BusFailure>>
  /** Lets go at once: the board goes to state F and opens. */
  release(): Promise<Result<null, BusFailure>>
}
