// What control and keeper say to each other over one Unix socket: one JSON object a line. Both ends are ours and are
// shipped together, so a hello with another version ends the link. Times are milliseconds of CLOCK_MONOTONIC.
import type { FaultCode } from '../../shared/faults.ts'
import type { BindingLimit, LimitSource, PlanSet } from '../../shared/limits/plan.ts'
import type { MilliAmps, MilliVolts, MonotonicMs, PerPhase, WattHours, Watts } from '../../shared/units.ts'

/** 2: control tells touches of the RFID reader; a keeper of version 1 would end the link over them. */
export const LINK_VERSION = 2

/** Control pilot states of IEC 61851-1 Table A.4. */
export type Pilot = 'A' | 'B' | 'C' | 'D' | 'E' | 'F'

/** One reading of the meter. Its age is `now - takenAtMonotonicMs`; an old one is never given a new time. */
export interface MeterReading {
  /** When the last byte of the reply came in. */
  readonly takenAtMonotonicMs: MonotonicMs
  /** The meter's serial number; the register's epoch. */
  readonly serial: string
  /** The meter's own import register, rounded to whole Wh. The truth that bills are made of. */
  readonly registerWh: WattHours
  readonly powerWatts: Watts
  readonly currentsMilliamps: PerPhase<MilliAmps>
  readonly voltagesMillivolts: PerPhase<MilliVolts>
}

/** A session record that keeper has committed. Offering current needs it; withdrawing never waits for anyone. */
export interface Permission {
  /** The session's UUID, made on the box. */
  readonly uuid: string
  readonly evseId: number
  readonly idToken: string
  /** The plug-in that it is for; a permission for another plug-in is refused. */
  readonly plugId: string
  readonly meterSerial: string
  readonly startRegisterWh: WattHours
  readonly bootId: string
  readonly startedAtMonotonicMs: MonotonicMs
}

/** What the car and the box do now; OCPP 2.0.1 ChargingStateEnumType with our own `idle` and `faulted`. */
export type ChargingState = 'idle' | 'occupied' | 'suspendedEvse' | 'suspendedEv' | 'charging' | 'faulted'

/** What tells one plug-in from another when nobody has looked for a while; see `same-plug.ts`. */
export interface PlugEvidence {
  /** The cable that the proximity contact tells; `open`: none, or a board that does not tell. */
  readonly proximity: 'open' | 'fault' | MilliAmps
  /** `held`: locked in, by a lock that stays shut without supply. `loose`: it may have been exchanged. */
  readonly cable: 'tethered' | 'held' | 'loose'
  /** For how long the board has seen this car without a break, also while nobody asked it; null where it does not count. */
  readonly connectedMs: number | null
}

/** One device on a bus, for the local page and for `voltkeep status`. */
export interface DeviceStatus {
  readonly name: string
  readonly driver: string
  readonly bus: string
  readonly unitId: number
  readonly reachable: boolean
  /** Age of its last good reply; null before the first. */
  readonly lastReplyAgeMs: number | null
  readonly requests: number
  readonly errors: number
  readonly roundTripMs: number | null
}

/** The whole truth of control; sent on each change and once a second. */
export interface ControlStatus {
  readonly atMonotonicMs: MonotonicMs
  /** null before the first reading that counts (a reading of F while our own dead-man relay is off does not). */
  readonly pilot: Pilot | null
  /** Identity of the present plug-in; null while no car is plugged. */
  readonly plugId: string | null
  readonly chargingState: ChargingState
  readonly relay: 'open' | 'closed' | 'unknown'
  /** What the pilot offers now, read back or last written; 0 is pause. */
  readonly offeredMilliamps: MilliAmps
  readonly binding: BindingLimit
  readonly permissionUuid: string | null
  readonly planVersion: number | null
  readonly meter: MeterReading | null
  readonly faults: readonly FaultCode[]
  readonly devices: readonly DeviceStatus[]
}

/** Something that happened once. Numbered, kept in control's mirror until keeper has committed it. */
export type Fact =
  | { readonly kind: 'plugged'; readonly plugId: string }
  | { readonly kind: 'unplugged'; readonly plugId: string }
  /** Current may flow now (first offer for this permission), stopped being offered, or the car's own doing. */
  | { readonly kind: 'chargingState'; readonly state: ChargingState }
  /** Control gave a permission up by itself: keeper silent for 30 s with a car that does not charge, or the stop button. */
  | { readonly kind: 'released'; readonly uuid: string; readonly why: 'keeperSilent' | 'stopButton' }
  /** Control came back without a permission it may adopt (mirror too old, missing or of another boot). */
  | { readonly kind: 'restarted'; readonly mirror: 'adopted' | 'tooOld' | 'missing' | 'otherBoot' }
  | { readonly kind: 'faultRaised'; readonly code: FaultCode; readonly detail: string }
  | { readonly kind: 'faultCleared'; readonly code: FaultCode }
  | {
      readonly kind: 'meterReplaced'
      readonly fromSerial: string
      readonly toSerial: string
      readonly fromRegisterWh: WattHours
    }

export interface NumberedFact {
  /** Rises by one within a kernel boot, also over control's restarts; (bootId, number) is its identity. */
  readonly number: number
  readonly bootId: string
  readonly atMonotonicMs: MonotonicMs
  /** The newest good reading at that moment (for `unplugged`: the first one after the relay is open); null without one. */
  readonly meter: MeterReading | null
  readonly fact: Fact
}

export interface RememberedFault {
  readonly code: FaultCode
  readonly detail: string
}

export type RevokeReason =
  | 'remoteStop'
  | 'localStop'
  | 'deauthorised'
  | 'sessionEnded'
  | 'meterReplaced'
  | 'unknownPermission'

export type KeeperToControl =
  | { readonly kind: 'hello'; readonly version: number; readonly bootId: string }
  | { readonly kind: 'plans'; readonly set: PlanSet }
  | { readonly kind: 'permission'; readonly permission: Permission }
  | { readonly kind: 'revoke'; readonly uuid: string; readonly reason: RevokeReason }
  /** Facts up to this number are committed; control forgets them. */
  | { readonly kind: 'factsStored'; readonly number: number }
  /**
   * Faults that stood before the power went and that nobody has cleared: sent to a control that has no mirror, before
   * any permission.
   */
  | { readonly kind: 'standingFaults'; readonly faults: readonly RememberedFault[] }
  /** A latched fault may clear, by a technician's word. */
  | { readonly kind: 'clearFault'; readonly code: FaultCode }
  /** Once a second: keeper lives. Control counts silence from the last message of any kind. */
  | { readonly kind: 'alive' }

export type ControlToKeeper =
  | {
      readonly kind: 'hello'
      readonly version: number
      readonly bootId: string
      readonly permission: Permission | null
      readonly planVersion: number | null
      /** Facts not yet known to be committed, oldest first. */
      readonly facts: readonly NumberedFact[]
      readonly status: ControlStatus
      /** Age of the mirror that control started from, null when it started without one. */
      readonly mirrorAgeMs: number | null
    }
  | { readonly kind: 'status'; readonly status: ControlStatus }
  | { readonly kind: 'fact'; readonly fact: NumberedFact }
  /** A token was held to the reader. Not kept for a keeper that is away: who stands there holds it to the box again. */
  | { readonly kind: 'touch'; readonly token: string; readonly atMonotonicMs: MonotonicMs }
  /** Mirrored, then acknowledged. */
  | { readonly kind: 'ack'; readonly of: 'plans'; readonly version: number }
  | { readonly kind: 'ack'; readonly of: 'permission' | 'revoke'; readonly uuid: string }
  /** A permission that is for another plug-in, or for none. */
  | { readonly kind: 'refused'; readonly uuid: string; readonly why: string }

/** Sources that keeper may send; control makes the others itself from the hardware. */
export const KEEPER_SOURCES: readonly LimitSource[] = [
  'installation',
  'group',
  'grid',
  'profile',
  'schedule',
  'user',
]
