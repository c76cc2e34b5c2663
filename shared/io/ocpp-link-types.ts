// The face of the OCPP link: typed calls with outcomes as values. `ocpp-link.ts` beside this file is the only one that
// knows ocpp-rpc.
import type { Actions201 } from '../ocpp/generated/actions-201.ts'

export type ActionName = keyof Actions201
export type RequestOf<A extends ActionName> = Actions201[A]['request']
export type ResponseOf<A extends ActionName> = Actions201[A]['response']

/** Why a call has no answer. `notOpen` was not sent at all; the others may have been received. */
export type CallFailure =
  | { readonly kind: 'notOpen' }
  | { readonly kind: 'timedOut' }
  | { readonly kind: 'closed' }
  | { readonly kind: 'callError'; readonly code: string; readonly description: string }

export type CallOutcome<A extends ActionName> =
  | { readonly ok: true; readonly value: ResponseOf<A> }
  | { readonly ok: false; readonly error: CallFailure }

/** Answers an incoming call. Throwing is our mistake and is answered with InternalError. */
export type Handler<A extends ActionName> = (request: RequestOf<A>) => Promise<ResponseOf<A>>

interface Calls {
  /** Never sends unless the socket is open: a queued call could be delivered after its promise was rejected. */
  call<A extends ActionName>(action: A, request: RequestOf<A>): Promise<CallOutcome<A>>
  /** Sends exactly these bytes as the payload (an outbox row's frozen payload). */
  callFrozen<A extends ActionName>(action: A, payload: string): Promise<CallOutcome<A>>
  handle<A extends ActionName>(action: A, handler: Handler<A>): void
}

/** The charging station's end. Reconnects with a jittered back-off until stopped, also after a first refusal. */
export interface OcppClient extends Calls {
  readonly state: () => 'closed' | 'connecting' | 'open'
  start(): void
  stop(): Promise<void>
  onOpen(listener: () => void): void
  onClose(listener: (why: string) => void): void
}

/** The CSMS's end of one station's socket. */
export interface StationSocket extends Calls {
  readonly stationId: string
  readonly remoteAddress: string
  close(code: number, reason: string): void
  onClose(listener: (why: string) => void): void
}
