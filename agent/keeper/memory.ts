// What keeper remembers, as shapes: everything here survives a power cut. The store keeps it, the pure cores change it
// by describing a `Change`; nobody else writes it. Moments are told by boot id and monotonic time; wall time beside
// them is assigned when it is known, and never guessed to be 1970.
import type { FaultCode } from '../../shared/faults.ts'
import type { Schedule } from '../../shared/tariff/schedule.ts'
import type { EpochMs, MilliAmps, MonotonicMs, WattHours } from '../../shared/units.ts'
import type { ChargingState, RememberedFault } from '../control-link/messages.ts'
import type { OutboxFact, OverrideView } from './ports.ts'

/** A moment of one kernel boot. */
export interface Stamp {
  readonly bootId: string
  readonly atMonotonicMs: MonotonicMs
}

/** How a session came to its end. The register is the last one known to be its own. */
export interface SessionEnd extends Stamp {
  readonly at: EpochMs | null
  readonly registerWh: WattHours
  readonly reason: NonNullable<Extract<OutboxFact, { kind: 'transaction' }>['stoppedReason']>
}

/** One charge of one car on one meter, from the plug-in to the end. Its energy is a difference of registers. */
export interface Session extends Stamp {
  readonly uuid: string
  readonly idToken: string
  readonly remoteStartId: number | null
  /** The plug-in that it belongs to now; a resumed session gets the new one. */
  readonly plugId: string
  readonly meterSerial: string
  readonly startRegisterWh: WattHours
  /** Wall time of the start; null until it is known. */
  readonly at: EpochMs | null
  readonly timeEstimated: boolean
  readonly chargingState: ChargingState
  /** The number of the session's next transaction event. */
  readonly nextSeqNo: number
  /** Somebody asked for its end; it ends when the relay is open, and never gets current again. */
  readonly stop: 'remote' | 'local' | null
  readonly end: SessionEnd | null
}

/**
 * The energy account of one meter epoch (a serial number from its first reading on). At all times
 * `closedSessionsWh + (energy of the open session) + unattributedWh = lastRegisterWh - startRegisterWh`.
 */
export interface Account {
  readonly meterSerial: string
  readonly startRegisterWh: WattHours
  readonly lastRegisterWh: WattHours
  /** When the last register was read. */
  readonly last: Stamp
  readonly closedSessionsWh: WattHours
  readonly unattributedWh: WattHours
}

/** What the plug-in of now is to us. */
export interface PlugIn extends Stamp {
  readonly plugId: string
  /** Stopped by a person or a server: no new session by itself until the plug is out. */
  readonly done: boolean
}

export interface Override {
  readonly id: string
  readonly by: OverrideView['by']
  readonly since: EpochMs | null
  readonly until: EpochMs | null
}

/** A kernel boot whose facts may still need a date. */
export interface BootRecord {
  readonly bootId: string
  /** Monotonic time at which keeper first ran in it; an upper bound of the power's return. */
  readonly firstSeenMonotonicMs: MonotonicMs
  /** Wall time less monotonic time; null while it was never known. */
  readonly offsetMs: number | null
  /** Wall time of this boot is at or after this one; null on a box that never knew the time. */
  readonly notBefore: EpochMs | null
}

/** What changes each minute, in one small row. */
export interface Running {
  readonly account: Account | null
  /** The last moment that keeper is known to have lived, and the lower bound of all later wall times. */
  readonly alive: Stamp | null
  readonly aliveAt: EpochMs | null
}

/** Documents by name. Each is written whole. */
export interface Docs {
  readonly running: Running
  readonly plugIn: PlugIn | null
  /** The last number of control's facts that is applied, by boot, newest boot last. */
  readonly factNumbers: readonly { readonly bootId: string; readonly number: number }[]
  readonly schedule: Schedule | null
  /** The version that the last schedule had; the next one is higher. */
  readonly scheduleVersion: number
  readonly override: Override | null
  readonly userLimitMilliamps: MilliAmps | null
  readonly planVersion: number
  readonly nextEventId: number
  readonly boots: readonly BootRecord[]
  /** Accounts of meters that were replaced, oldest first. */
  readonly closedAccounts: readonly Account[]
  /** Faults of keeper's own that the server was told of and that still stand. */
  readonly ownFaults: readonly FaultCode[]
  /** Faults of control that stand and outlast a power cut, which takes control's own memory of them. */
  readonly controlFaults: readonly RememberedFault[]
  /** When the daily copy was last made; null before the first. */
  readonly lastDailyAt: EpochMs | null
}
export type DocName = keyof Docs

export const EMPTY_DOCS: Docs = {
  running: { account: null, alive: null, aliveAt: null },
  plugIn: null,
  factNumbers: [],
  schedule: null,
  scheduleVersion: 0,
  override: null,
  userLimitMilliamps: null,
  planVersion: 0,
  nextEventId: 1,
  boots: [],
  closedAccounts: [],
  ownFaults: [],
  controlFaults: [],
  lastDailyAt: null,
}

/** Documents that people set: also in the ledger file, so that a restored database has the newest. */
export const SETTINGS = [
  'schedule',
  'scheduleVersion',
  'override',
  'userLimitMilliamps',
] as const satisfies DocName[]

type TransactionFact = Extract<OutboxFact, { kind: 'transaction' }>
type FaultFact = Extract<OutboxFact, { kind: 'fault' }>
type Sample = TransactionFact['samples'][number]

/** A reading that waits for its wall time; taken in the boot of its row. */
export interface PendingSample extends Omit<Sample, 'at' | 'timeEstimated'> {
  readonly takenAtMonotonicMs: MonotonicMs
}

/** A fact for the server before its wall time is assigned. */
export type PendingFact =
  | (Omit<TransactionFact, 'at' | 'timeEstimated' | 'samples'> & {
      readonly samples: readonly PendingSample[]
    })
  | Omit<FaultFact, 'at'>

/** A row for the outbox. `at` is null until the moment can be dated. */
export interface NewRow extends Stamp {
  readonly fact: PendingFact
  readonly at: EpochMs | null
}

/** What one step wants remembered: all of it, or nothing. Applying it twice is the same as once. */
export interface Change {
  readonly docs?: Partial<Docs>
  readonly sessions?: readonly Session[]
  readonly rows?: readonly NewRow[]
}
