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

export interface BoardReading {
  readonly takenAtMonotonicMs: MonotonicMs
  readonly pilot: Pilot
  /** IEC 61851-1: x2, the board's oscillator is on. */
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
}

export interface BoardFacts {
  /** Offers are floored to this. */
  readonly stepMilliamps: MilliAmps
  readonly currentMaxMilliamps: MilliAmps
  /** Where it is `external`, a relay of ours holds the board in service. */
  readonly deadman:
    | { readonly kind: 'external' }
    | { readonly kind: 'own'; readonly timeoutMs: number; readonly currentMilliamps: MilliAmps }
  /** The board tells whether its contactor is closed. */
  readonly hasRelayFeedback: boolean
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
    Result<
      { readonly serial: string; readonly retentiveWrites: number },
      BusFailure | { readonly kind: 'configuration'; readonly detail: string }
    >
  >
  /** Whether nothing but reading was needed so far; a running charge is adopted by reading. */
  read(): Promise<Result<BoardReading, BusFailure>>
  /** Offers a current: a multiple of `stepMilliamps`, at least 6 A, at most `currentMaxMilliamps`. Current first, then enable. */
  offer(currentMilliamps: MilliAmps): Promise<Result<null, BusFailure>>
  /** Ends the offer. Goes before everything that waits on the bus. Never the value 0: on one board that means unlimited. */
  pause(): Promise<Result<null, BusFailure>>
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
