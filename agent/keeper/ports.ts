// What the rooms of keeper see of each other. The core (sessions, schedules, plans) is behind `Box`; the adapters
// (ocpp, mqtt, local) see only this file, never each other.
import type { FaultCode } from '../../shared/faults.ts'
import type { Message } from '../../shared/message.ts'
import type { Result } from '../../shared/result.ts'
import type { Schedule } from '../../shared/tariff/schedule.ts'
import type {
  EpochMs,
  MilliAmps,
  MonotonicMs,
  PerPhase,
  PhasesWired,
  WattHours,
  Watts,
} from '../../shared/units.ts'
import type { ChargingState, ControlStatus } from '../control-link/messages.ts'

/** How far the wall clock can be believed (design: time). */
export type TimeQuality = 'synchronised' | 'held' | 'unknown'

/** What was set at commissioning. Kept in two checksummed copies; acknowledged when both are synced. */
export interface InstallationRecord {
  readonly version: number
  /** The lowest of wire, breaker and phase limits. */
  readonly limitMilliamps: MilliAmps
  readonly phasesWired: PhasesWired
  /** Sources that must be present; an absent one counts as 0 A. */
  readonly mandatory: readonly ('installation' | 'board' | 'cable')[]
  readonly commissionedBy: string
  readonly commissionedAt: EpochMs
}

export interface SessionView {
  readonly uuid: string
  readonly idToken: string
  readonly startedAt: EpochMs | null
  readonly startRegisterWh: WattHours
  /** Register now less register at start; never rounded twice. */
  readonly energyWh: WattHours
  readonly chargingState: ChargingState
}

export interface OverrideView {
  readonly id: string
  readonly by: 'localPage' | 'button' | 'rfid' | 'mqtt' | 'csms'
  readonly since: EpochMs | null
  /** null: until the car is full or unplugged. */
  readonly until: EpochMs | null
}

/** The binding limit in civil time. */
export interface LimitView {
  /** 0 is pause. */
  readonly currentMilliamps: MilliAmps
  readonly reason: Message
  readonly until: EpochMs | null
}

/** One look at the whole box. All adapters show this and nothing else. */
export interface BoxSnapshot {
  readonly stationId: string
  readonly at: EpochMs
  readonly timeQuality: TimeQuality
  readonly timeZone: string
  /** null while control is not heard. */
  readonly control: ControlStatus | null
  /** Age of the meter reading in `control`; null without one. Shown as of now only up to 5 s. */
  readonly meterAgeMs: number | null
  readonly installation: InstallationRecord | null
  readonly schedule: Schedule | null
  readonly session: SessionView | null
  readonly override: OverrideView | null
  /** The driver's own limit until unplugged; null: none. */
  readonly userLimitMilliamps: MilliAmps | null
  readonly limit: LimitView
  readonly faults: readonly FaultCode[]
  readonly csms: 'none' | 'disconnected' | 'connecting' | 'pending' | 'accepted' | 'rejected'
  /** `oldestAgeMs` is null when nothing is pending. */
  readonly outbox: { readonly pending: number; readonly parked: number; readonly oldestAgeMs: number | null }
  readonly energyAccount: {
    readonly meterSerial: string | null
    readonly unattributedWh: WattHours
    readonly sessionsWh: WattHours
    readonly registerAtEpochStartWh: WattHours | null
  }
}

/** A fact that the server refused for good. */
export interface ParkedFact {
  /** null where it was never dated. */
  readonly at: EpochMs | null
  /** What it tells: `Started 0 of <transaction>`, `fault METER_LOST`. */
  readonly what: string
  /** The server's last words. */
  readonly reason: string
}

/** Why an intent was not done; `do` tells what to do. */
export interface Refusal {
  readonly code: string
  readonly message: string
  readonly do: string
}

/** What people and servers may ask of the box. Each answer comes after the commit. */
export interface Box {
  snapshot(): BoxSnapshot
  /** Called after each change of the snapshot, at most 5 times a second; returns its own end. */
  onChange(listener: (snapshot: BoxSnapshot) => void): () => void
  override(order: {
    readonly by: OverrideView['by']
    readonly until: EpochMs | null
  }): Promise<Result<OverrideView, Refusal>>
  endOverride(): Promise<Result<null, Refusal>>
  commission(order: {
    readonly limitMilliamps: MilliAmps
    readonly phasesWired: PhasesWired
    readonly by: string
  }): Promise<Result<InstallationRecord, Refusal>>
  setSchedule(schedule: Omit<Schedule, 'version'> | null): Promise<Result<Schedule | null, Refusal>>
  /** A driver's own limit until unplugged; null lifts it. 0 and 6 A or more only. */
  setUserLimit(limitMilliamps: MilliAmps | null): Promise<Result<null, Refusal>>
  remoteStart(order: {
    readonly idToken: string
    readonly remoteStartId: number
  }): Promise<Result<{ readonly uuid: string | null }, Refusal>>
  stop(order: {
    readonly uuid: string | null
    readonly by: 'remote' | 'local'
  }): Promise<Result<null, Refusal>>
  /** A technician's word that a latched fault may clear; it clears where its cause is gone. `by` is for the log. */
  clearFault(order: { readonly code: FaultCode; readonly by: string }): Promise<Result<null, Refusal>>
  /** Facts that the server refused for good, oldest first; they wait for a person. */
  parked(): Promise<readonly ParkedFact[]>
  /** The parked facts are told once more, as they were told before. `by` is for the log. Tells how many. */
  retryParked(order: { readonly by: string }): Promise<Result<{ readonly facts: number }, Refusal>>
  /** The CSMS told its time (BootNotification, Heartbeat). */
  csmsTime(told: EpochMs, receivedAt: MonotonicMs): void
  csmsState(state: BoxSnapshot['csms']): void
}

/** A reading as it goes to people and servers; wall time is assigned before anything is sent. */
export interface Sample {
  readonly at: EpochMs
  readonly timeEstimated: boolean
  readonly context: 'begin' | 'end' | 'clock' | 'periodic' | 'trigger'
  readonly registerWh: WattHours
  readonly powerWatts: Watts
  readonly currentsMilliamps: PerPhase<MilliAmps>
  readonly offeredMilliamps: MilliAmps
}

/** Something a server must be told once. Independent of the OCPP version; builders make the payload of it. */
export type OutboxFact =
  | {
      readonly kind: 'transaction'
      readonly event: 'Started' | 'Updated' | 'Ended'
      readonly uuid: string
      /** Rises by one from 0 within the session, without holes. */
      readonly seqNo: number
      readonly trigger:
        | 'CablePluggedIn'
        | 'Authorized'
        | 'ChargingStateChanged'
        | 'MeterValueClock'
        | 'MeterValuePeriodic'
        | 'EVDeparted'
        | 'RemoteStart'
        | 'RemoteStop'
        | 'StopAuthorized'
        | 'AbnormalCondition'
        | 'Trigger'
      readonly at: EpochMs
      readonly timeEstimated: boolean
      /** True when the server could not be heard when it happened. */
      readonly offline: boolean
      readonly idToken: string | null
      readonly remoteStartId: number | null
      readonly chargingState: ChargingState
      readonly stoppedReason:
        | 'EVDisconnected'
        | 'Remote'
        | 'Local'
        | 'PowerLoss'
        | 'DeAuthorized'
        | 'Other'
        | null
      readonly samples: readonly Sample[]
      /** The register's epoch: the meter that the samples were read from. */
      readonly meterSerial?: string
    }
  | {
      readonly kind: 'fault'
      readonly code: FaultCode
      readonly raised: boolean
      readonly detail: string
      readonly at: EpochMs
      /** Number of the event, unique on the station. */
      readonly eventId: number
    }

export interface OutboxRow {
  readonly id: number
  readonly fact: OutboxFact
  /** The exact bytes of the first send; null before it. Sent again unchanged. */
  readonly frozen: string | null
  readonly attempts: number
  readonly maybeSent: boolean
}

/** Facts for the server, in order. Never dropped: acknowledged, or parked with a reason. */
export interface Outbox {
  /** The oldest row that waits and is dated; null when there is none. */
  next(): Promise<OutboxRow | null>
  /** Makes the payload's bytes durable before the first send; returns what was frozen first. */
  freeze(id: number, payload: string): Promise<string>
  acknowledge(id: number): Promise<void>
  /** A person must look; a parked start parks its session's later rows. */
  park(id: number, reason: string): Promise<void>
  countAttempt(id: number): void
  /** Called when a row was added; returns its own end. */
  onWork(listener: () => void): () => void
}
