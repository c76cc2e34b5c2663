// The words of the safety step: what it remembers, what it is shown, and what it answers.
import type { FaultCode } from '../../../shared/faults.ts'
import { type MilliAmps, type MonotonicMs, milliAmps } from '../../../shared/units.ts'
import type { ChargingState, Fact, Pilot } from '../../control-link/messages.ts'
import type { BoardFacts, BoardReading } from '../ports/board.ts'
import { LOCK_AT_REST, type LockState } from './lock.ts'
import type { MeterView } from './meter-judge.ts'
import { NO_OVERLOAD, type OverloadState, type Told } from './overload.ts'
import type { SelfTestState } from './self-test.ts'
import type { Site, Wired } from './site.ts'
import type { WakeState } from './wake.ts'
import { NO_WEAR, type Wear } from './wear.ts'

/** The board is asked every 50 ms; a short bus error never stops a car. */
export const BOARD_LOST_MS = 2000
/** Three refreshes missed; the relay lets go 0.5 s later. */
export const DEADMAN_LOST_MS = 1500
/** From the relay's contact to the board's pilot: the board's input filter and its own start. */
export const RELAY_SETTLE_MS = 1000
/** From a write to the board's registers that tell of it. */
export const READBACK_MS = 300
/** A Phoenix board pulses the pilot to F for 3 s to wake a car that stays in B2; only a longer F is a fault. */
export const UNAVAILABLE_MS = 5000
/** IEC 61851-1 Table A.6: at most one change of the PWM in 5 s, which the car has to follow. Decreases are exempt. */
export const PWM_SPACING_MS = 5000
/** IEC 61851-1 Table A.6 seq. 10.2: a car that stays in C1 is opened 6 s after the PWM was removed. */
export const OPEN_AFTER_MS = 6000
/** The pilot must be seen again, so a release that nothing confirms ends by itself. */
export const RELEASE_MAX_MS = 10_000
/** A board's start, and the time after which one that does not answer is lost. */
export const SUPPLY_TRY_MS = 6000
/** The dead-man's 2 s and the board's opening: after a longer silence of the board a car may have gone and another come. */
export const PLUG_SURE_MS = 2500
export const NO_CURRENT_MS = 10_000
export const KEEPER_SILENT_MS = 30_000

/** What the safety step is shown at one moment. */
export interface SafetyInput {
  readonly bootId: string
  /** The serial port; `detail` says what happened to it. */
  readonly line: /** Control has only just started. */
    | { readonly kind: 'opening' }
    | { readonly kind: 'open'; readonly sinceMonotonicMs: MonotonicMs }
    | { readonly kind: 'lost'; readonly detail: string }
  /** The board's newest reading, however old; null before the first. */
  readonly board: BoardReading | null
  /** Since when the board has not answered; null while it does. */
  readonly boardSilentSinceMonotonicMs: MonotonicMs | null
  /** A retentive setting that is not as the wiring needs it. */
  readonly boardConfiguration: string | null
  /** What the board declares of itself. */
  readonly facts: BoardFacts
  readonly site: Site
  readonly wired: Wired
  /**
   * What ends the current when nobody talks to the board: our relay, or the board's own watchdog. Of a watchdog that any
   * request feeds, an answered request is a refresh; `releaseDeadman` then means: out of service, or silence.
   */
  readonly deadman: {
    /** The newest refresh that was confirmed; null before the first and after a confirmed release. */
    readonly heldAtMonotonicMs: MonotonicMs | null
    /** Since when it has held without a gap. */
    readonly heldSinceMonotonicMs: MonotonicMs | null
    /** Since when it has been refreshed; null while it is not meant to be (before the first pause, or let go). */
    readonly askedSinceMonotonicMs: MonotonicMs | null
    /** T_deadman: the relay's own time, or the watchdog's as read back (or as the silence test found it). */
    readonly holdMs: number
    /** I_deadman: what the board offers when nobody talks to it. */
    readonly currentMilliamps: MilliAmps
    /** The board's time-out can neither be read nor be written, and no silence test has proved it. */
    readonly isUnproved: boolean
    readonly lowestFixedMilliamps: MilliAmps
    /** How the lowest fixed limit came about, for the fault's text. */
    readonly arithmetic: string
  }
  /** The box is too hot to charge: the reading and the limit, in words; null while it is not. */
  readonly tooHot: string | null
  /** No sensor of the temperature is heard: the curve's own fallback holds. In words; null while one is. */
  readonly temperatureUnknown: string | null
  /** The grid operator's relay is not heard: its last state holds. In words; null while it is. */
  readonly gridInputLost: string | null
  /** The newest write to the board that was confirmed; unknown after a failed one and after the board was lost. */
  readonly written: Written
  /** The binding limit, in steps of the board: 0, or 6 A and more. */
  readonly limitMilliamps: MilliAmps
  readonly permission: { readonly uuid: string; readonly plugId: string } | null
  readonly meter: MeterView
  readonly keeperSilentMs: number
  /** Latched faults that a technician cleared since the last step. */
  readonly cleared: readonly FaultCode[]
}

/** What the hardware tells of the dead-man; the rest is computed in decide.ts. */
export type DeadmanSight = Pick<
  SafetyInput['deadman'],
  'heldAtMonotonicMs' | 'heldSinceMonotonicMs' | 'askedSinceMonotonicMs' | 'holdMs'
>

export type Written =
  | { readonly kind: 'unknown' }
  | { readonly kind: 'paused'; readonly atMonotonicMs: MonotonicMs }
  | { readonly kind: 'offered'; readonly currentMilliamps: MilliAmps; readonly atMonotonicMs: MonotonicMs }

/** What the hardware must do now; the loop does it before anything else. */
export type Command =
  | { readonly kind: 'pause' }
  | { readonly kind: 'offer'; readonly currentMilliamps: MilliAmps }
  /** The dead-man is let go; it is not refreshed while `SafetyState.deadman` is released. */
  | { readonly kind: 'releaseDeadman' }
  /** The permission is given up; a `released` fact says why. */
  | { readonly kind: 'dropPermission' }
  /** One move of the plug's lock, by whoever drives its motor. The step spaces them and counts them: each is done once. */
  | { readonly kind: 'lock' }
  | { readonly kind: 'unlock' }
  /** The board's residual current self-test; there where `facts.hasSelfTest`, never while current flows. */
  | { readonly kind: 'startSelfTest' }
  /**
   * The release contactor of the IO module, told again until `Wired.releaseWritten` says so. A relay that opens by itself
   * is refreshed while the newest order is `closeRelease`. Opening goes before everything else, also before `pause`.
   */
  | { readonly kind: 'openRelease' }
  | { readonly kind: 'closeRelease' }

export interface StandingFault {
  readonly code: FaultCode
  readonly detail: string
}

export type DeadmanState =
  | { readonly kind: 'held'; readonly sinceMonotonicMs: MonotonicMs }
  | {
      readonly kind: 'released'
      readonly sinceMonotonicMs: MonotonicMs
      readonly why: 'boardLost' | 'mustOpen' | 'doesNotFollow'
    }

export interface SafetyState {
  /** When this control began to decide. */
  readonly startedAtMonotonicMs: MonotonicMs
  /** The newest reading of the pilot that counts; null before the first. */
  readonly pilot: Pilot | null
  readonly pilotSinceMonotonicMs: MonotonicMs
  /** The board does not answer, or shows F because our relay is off: `pilot` is what it was before. */
  readonly pilotHidden: boolean
  readonly plugId: string | null
  /** When the newest reading of the board was taken, whatever it showed; null before the first. */
  readonly boardSeenAtMonotonicMs: MonotonicMs | null
  /** The board was not seen for so long that the next plug-in may be another one. */
  readonly plugDoubted: boolean
  readonly chargingState: ChargingState
  readonly faults: readonly StandingFault[]
  readonly relay: RelayView
  readonly deadman: DeadmanState
  /** What was told to the car, the newest last. */
  readonly told: readonly Told[]
  readonly overload: OverloadState
  readonly lock: LockState
  readonly selfTest: SelfTestState
  readonly wake: WakeState
  readonly wear: Wear
  /** The permission that something was offered for: the next offer for another one is a first offer. */
  readonly offeredUuid: string | null
  /** The newest offer that was commanded, confirmed or not: a write that failed frees no increase of its spacing. */
  readonly lastOffer: Told | null
  /** Since when nothing may be offered; null while an offer is wanted or nothing is known yet. */
  readonly withdrawnSinceMonotonicMs: MonotonicMs | null
  /** This withdrawal was already ended by opening. */
  readonly opened: boolean
  /** The car still took current when its 6 s of this withdrawal were over. */
  readonly overran: boolean
  /** Last moment at which a permission for this plug-in was held; null where none was since the start. */
  readonly permittedAtMonotonicMs: MonotonicMs | null
  readonly flowSeenAtMonotonicMs: MonotonicMs | null
  /** Since when the pilot has let the contactor no reason to be closed (A, B, E, F). */
  readonly mustBeOpenSinceMonotonicMs: MonotonicMs | null
  /** Since when a car that was offered at least 6 A has waited in B. */
  readonly waitsInBSinceMonotonicMs: MonotonicMs | null
  /** Since when the board has read back that it offers nothing; null while it offers, or does not answer. */
  readonly pauseSeenSinceMonotonicMs: MonotonicMs | null
}

/** What is known of the contactors: from a mirror contact, the board's register, or pilot and meter; see observe.ts. */
export interface RelayView {
  readonly view: 'open' | 'closed' | 'unknown'
  /** Consecutive readings that were not C2 or D2, and when the first of them was taken. */
  readonly awayReads: number
  readonly awaySinceMonotonicMs: MonotonicMs
  readonly judgedReadingAtMonotonicMs: MonotonicMs | null
}

export interface SafetyStep {
  readonly state: SafetyState
  readonly commands: readonly Command[]
  readonly facts: readonly Fact[]
}

/** What a mirror gives back to a control that starts again; nulls where there is none. */
export interface Adopted {
  readonly plugId: string | null
  readonly chargingState: ChargingState
  readonly faults: readonly StandingFault[]
  /** Counters go on where the last control left them; absent: from 0. */
  readonly wear?: Wear
}

export const initialSafety = (now: MonotonicMs, adopted: Adopted | null): SafetyState => ({
  startedAtMonotonicMs: now,
  pilot: null,
  pilotSinceMonotonicMs: now,
  pilotHidden: false,
  plugId: adopted?.plugId ?? null,
  boardSeenAtMonotonicMs: null,
  plugDoubted: false,
  chargingState: adopted?.chargingState ?? 'idle',
  faults: adopted?.faults ?? [],
  relay: { view: 'unknown', awayReads: 0, awaySinceMonotonicMs: now, judgedReadingAtMonotonicMs: null },
  deadman: { kind: 'held', sinceMonotonicMs: now },
  told: [],
  overload: NO_OVERLOAD,
  lock: LOCK_AT_REST,
  selfTest: { kind: 'due' },
  wake: { kind: 'awake' },
  wear: adopted?.wear ?? NO_WEAR,
  offeredUuid: null,
  lastOffer: null,
  withdrawnSinceMonotonicMs: null,
  opened: false,
  overran: false,
  permittedAtMonotonicMs: null,
  flowSeenAtMonotonicMs: null,
  mustBeOpenSinceMonotonicMs: null,
  waitsInBSinceMonotonicMs: null,
  pauseSeenSinceMonotonicMs: null,
})

/** The board has answered lately enough for its reading to be about now. */
export const boardAnswers = (input: Pick<SafetyInput, 'line' | 'board'>, now: MonotonicMs) =>
  input.line.kind === 'open' && input.board !== null && now - input.board.takenAtMonotonicMs < BOARD_LOST_MS

/** The relay holds by its own clock; a refresh that was not confirmed does not count. */
export const relayHolds = (input: SafetyInput, now: MonotonicMs) =>
  input.deadman.heldAtMonotonicMs !== null && now - input.deadman.heldAtMonotonicMs < input.deadman.holdMs

/** A reading of F while our own relay is off (or only just on) tells of the relay, not of a car. */
export function readingCounts(reading: BoardReading, input: SafetyInput, now: MonotonicMs): boolean {
  if (reading.pilot !== 'F') return true
  const since = input.deadman.heldSinceMonotonicMs
  return relayHolds(input, now) && since !== null && reading.takenAtMonotonicMs >= since + RELAY_SETTLE_MS
}

/** What the pilot tells the car now: read back where a reading is newer than the write, else as written. */
export function toldNow(input: Pick<SafetyInput, 'written' | 'board'>): MilliAmps {
  const { written, board } = input
  const asWritten =
    written.kind !== 'unknown' &&
    (board === null || board.takenAtMonotonicMs <= written.atMonotonicMs + READBACK_MS)
  if (asWritten) return written.kind === 'offered' ? written.currentMilliamps : milliAmps(0)
  return board?.oscillatorOn ? board.offeredMilliamps : milliAmps(0)
}
