// The state of sessions, what comes in and what goes out. The remembered part is in memory.ts; the rest is what keeper
// knows of the moment and learns anew after a restart.
import type { FaultCode } from '../../../shared/faults.ts'
import type { EpochMs, MilliAmps, MonotonicMs, WattHours } from '../../../shared/units.ts'
import type {
  ControlStatus,
  ControlToKeeper,
  KeeperToControl,
  NumberedFact,
} from '../../control-link/messages.ts'
import type { RemoteOrder } from '../authorisation/authorise.ts'
import { type TouchState, UNTOUCHED } from '../authorisation/touch.ts'
import type { KeeperConfig } from '../config.ts'
import type { Change, Docs, Session, Stamp } from '../memory.ts'
import type { OverrideView } from '../ports.ts'

/** Documents that sessions change, and no other part of keeper. */
export type SessionDocs = Pick<
  Docs,
  | 'running'
  | 'closedAccounts'
  | 'plugIn'
  | 'factNumbers'
  | 'override'
  | 'userLimitMilliamps'
  | 'nextEventId'
  | 'ownFaults'
  | 'controlFaults'
>

export interface SessionsState {
  readonly docs: SessionDocs
  readonly session: Session | null
  /** null while control is not heard. */
  readonly status: ControlStatus | null
  /** Control was heard and its link was lost, since this start of keeper. */
  readonly isControlLost: boolean
  /** The uuid that control was last sent a permission for, on this connection. */
  readonly permitted: string | null
  /** The permission that control would not take, and when it is offered to it again. */
  readonly refused: { readonly uuid: string; readonly times: number; readonly againAt: MonotonicMs } | null
  /** When the revoke of a stopped session was last sent. */
  readonly revokedAt: MonotonicMs | null
  /** When the running session was told to stop; null when it was not, or before this start of keeper. */
  readonly stoppingSince: MonotonicMs | null
  /** Since when control's plug-in must be compared: a new connection, and facts of it may still come. */
  readonly checkPlugSince: MonotonicMs | null
  readonly remoteOrder: (RemoteOrder & { readonly untilMonotonicMs: MonotonicMs }) | null
  readonly touch: TouchState
  /** Since when the car has taken nothing although it may. */
  readonly fullSince: MonotonicMs | null
  /** The register that the last change carried: an idle minute is not worth a commit. */
  readonly storedRegisterWh: WattHours | null
}

export const beginSessions = (docs: SessionDocs, session: Session | null): SessionsState => ({
  docs,
  session,
  status: null,
  isControlLost: false,
  permitted: null,
  refused: null,
  revokedAt: null,
  stoppingSince: null,
  checkPlugSince: null,
  remoteOrder: null,
  touch: UNTOUCHED,
  fullSince: null,
  storedRegisterWh: docs.running.account?.lastRegisterWh ?? null,
})

/** What holds at the moment of a step. */
export interface Moment extends Stamp {
  /** Wall time of a moment; null while it is unknown. */
  readonly wallOf: (moment: Stamp) => EpochMs | null
  /** One wrong answer of a server cannot have made that time. */
  readonly isTimeConfirmed: boolean
  /** A server is configured; without one nobody is owed facts. */
  readonly hasServer: boolean
  /** It is heard now. */
  readonly hearsServer: boolean
  /** The installation record is there, and not lost. */
  readonly isCommissioned: boolean
  readonly makeUuid: () => string
}

export type Rules = Pick<KeeperConfig, 'freeVend' | 'tokens' | 'access' | 'resumeWithinMs'>

type Hello = Extract<ControlToKeeper, { kind: 'hello' }>

/** What people and servers order; refused where it makes no sense (intents.ts). */
export type Order =
  | { readonly kind: 'remoteStart'; readonly order: RemoteOrder }
  | { readonly kind: 'stop'; readonly uuid: string | null; readonly by: 'remote' | 'local' }
  | { readonly kind: 'override'; readonly by: OverrideView['by']; readonly until: EpochMs | null }
  | { readonly kind: 'userLimit'; readonly limitMilliamps: MilliAmps | null }

export type SessionInput =
  | Order
  /** `known` is the stored session of the permission that control holds. */
  | { readonly kind: 'hello'; readonly hello: Hello; readonly known: Session | null }
  | { readonly kind: 'controlLost' }
  | { readonly kind: 'status'; readonly status: ControlStatus }
  | { readonly kind: 'facts'; readonly facts: readonly NumberedFact[] }
  | { readonly kind: 'refused'; readonly uuid: string }
  /** A token was held to the reader, at this moment of the kernel's boot. */
  | { readonly kind: 'touch'; readonly token: string; readonly atMonotonicMs: MonotonicMs }
  /** `tellsReading`: a reading between the quarter hours is due. */
  | { readonly kind: 'minute'; readonly mustCommit: boolean; readonly tellsReading: boolean }
  | { readonly kind: 'quarterHour' }
  | { readonly kind: 'second' }
  | { readonly kind: 'commissioned' }
  | { readonly kind: 'endOverride' }
  | {
      readonly kind: 'ownFault'
      readonly code: FaultCode
      readonly raised: boolean
      readonly detail: string
      readonly moment: Stamp
    }

export interface SessionStep {
  readonly state: SessionsState
  /** To be made durable before `state` counts and before anything of `tell` is sent. null: nothing to remember. */
  readonly change: Change | null
  /** A full disk makes room for it. */
  readonly room: 'normal' | 'reserve'
  /** Withdrawals: sent at once, they wait for no disk. */
  readonly tellFirst: readonly KeeperToControl[]
  readonly tell: readonly KeeperToControl[]
}
