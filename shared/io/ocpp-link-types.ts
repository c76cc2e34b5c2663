// The face of the OCPP link: typed calls with outcomes as values. `ocpp-link.ts` beside this file is the only one that
// knows ocpp-rpc.
import type { Server as HttpServer } from 'node:http'
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

/**
 * What a handler throws to answer with a CALLERROR of its choice.
 * @param code one of OCPP 2.0.1 part 4, table 7, for instance `SecurityError`.
 */
export function refuseCall(code: string, description: string): Error {
  return Object.assign(new Error(description), { rpcErrorCode: code, details: {} })
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

/** What the CSMS decided of a socket that asks to come in. `unknownStation` is answered with 404, `wrongPassword` with 401. */
export type Admission = 'accepted' | 'unknownStation' | 'wrongPassword'

/** What a station showed before the upgrade. */
export interface Credentials {
  readonly stationId: string
  /** Of Basic authentication whose user name is the station's id; null where there is none. */
  readonly password: Buffer | null
  readonly remoteAddress: string
}

/** The CSMS's end of all sockets. */
export interface OcppServer {
  /** Takes the upgrades of this HTTP server. Requests for another path are refused with 404. */
  attach(server: HttpServer): void
  /** Called before the socket's first message is read: handlers that are set in it miss nothing. */
  onStation(listener: (socket: StationSocket) => void): void
  /** The station's open socket; there is never more than one. */
  station(stationId: string): StationSocket | null
  /** Refuses new sockets, closes all with 1001, and resolves when they are closed. */
  close(): Promise<void>
}

/** Where the link says what happened; a pino logger is one. Each trouble is said once a socket, not once a frame. */
export interface LinkLog {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}
