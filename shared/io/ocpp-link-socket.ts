// What both ends do with one socket: answer its peer's calls in their order, say each kind of mistake once, and cut off a
// socket that does not close.
import type { Clock } from '../time/clock.ts'
import { oneAfterTheOther, type RpcCaller, SOCKET_OPEN } from './ocpp-link-calls.ts'
import { type ActionName, type Handler, type LinkLog, refuseCall } from './ocpp-link-types.ts'

/** Calls of one peer that may wait for their turn. OCPP lets a peer have one; a patient reader allows more. */
const INCOMING_WAITING_MAX = 64
/** A socket whose peer does not answer the close frame is cut off after this time. */
const CLOSE_WITHIN_MS = 2000

/** What the link uses of ocpp-rpc's client, with the types that its events have. */
export interface RpcSocket extends RpcCaller {
  handle(method: string, handler: (call: { params?: unknown }) => Promise<Record<string, unknown>>): void
  close(options: { code: number; reason: string }): Promise<unknown>
  on(event: 'badMessage', listener: (event: { error: unknown }) => void): unknown
  on(event: 'socketError', listener: (error: unknown) => void): unknown
  on(
    event: 'strictValidationFailure',
    listener: (event: { method: string; outbound: boolean; error: unknown }) => void,
  ): unknown
  once(event: 'closing', listener: () => void): unknown
  once(event: 'close', listener: (event: CloseEvent) => void): unknown
}

// Handlers of all actions in one map. The schema check, made for the action's own name, is what makes the types true.
export type AnyHandler = (request: never) => Promise<unknown>

export interface CloseEvent {
  readonly code?: number
  readonly reason?: string
}

interface SocketContext {
  readonly clock: Clock
  readonly log: LinkLog
  readonly peer: string
  readonly handlers: ReadonlyMap<ActionName, AnyHandler>
}

const queues = new WeakMap<RpcSocket, SocketContext & { run: ReturnType<typeof oneAfterTheOther> }>()

/** Answers what a socket's peer asks, says each kind of its mistakes once, and cuts a close off that takes too long. */
export function watchSocket(rpc: RpcSocket, context: SocketContext) {
  const { clock, log, peer } = context
  const said = new Set<string>()
  const sayOnce = (kind: string, fields: object, message: string) => {
    if (said.has(kind)) return
    said.add(kind)
    log.warn({ peer, ...fields }, message)
  }
  queues.set(rpc, { ...context, run: oneAfterTheOther(INCOMING_WAITING_MAX) })
  for (const action of context.handlers.keys()) serveAction(rpc, action, context.handlers)
  rpc.on('badMessage', ({ error }: { error: unknown }) => {
    sayOnce('frame', { why: errorText(error) }, 'a frame that is no OCPP message')
  })
  rpc.on('socketError', (error: unknown) => sayOnce('socket', { why: errorText(error) }, 'the socket failed'))
  rpc.on('strictValidationFailure', (failure: { method: string; outbound: boolean; error: unknown }) => {
    const kind = `${failure.outbound ? 'own' : 'peer'} ${failure.method}`
    const whose = failure.outbound
      ? 'a message of ours does not fit its schema'
      : 'a message does not fit its schema'
    sayOnce(kind, { action: failure.method, why: errorText(failure.error) }, whose)
  })
  rpc.once('closing', () => {
    const timer = clock.after('ocpp close', CLOSE_WITHIN_MS, () => terminate(rpc))
    rpc.once('close', () => timer.cancel())
  })
}

/** ocpp-rpc has no public way to cut a socket off whose peer does not answer the close frame. */
function terminate(rpc: RpcSocket) {
  const inner = '_ws' in rpc ? rpc._ws : null
  if (typeof inner !== 'object' || inner === null) return
  if ('terminate' in inner && typeof inner.terminate === 'function') inner.terminate()
}

export function serveAction(
  rpc: RpcSocket,
  action: ActionName,
  handlers: ReadonlyMap<ActionName, AnyHandler>,
) {
  const queue = queues.get(rpc)
  if (!queue) return
  rpc.handle(action, async ({ params }) => {
    const answer = queue.run(async () => {
      const handler = handlers.get(action) as Handler<ActionName> | undefined
      if (rpc.state !== SOCKET_OPEN) throw refuseCall('GenericError', 'the socket is closing')
      if (!handler) throw refuseCall('NotImplemented', `${action} is not implemented`)
      return answerOf(() => handler(params as never), action, queue)
    })
    if (answer) return answer
    closeSocket(rpc, 1008, 'too many calls at once', queue.log)
    throw refuseCall('GenericError', 'too many calls at once')
  })
}

async function answerOf(run: () => Promise<object>, action: ActionName, { log, peer }: SocketContext) {
  try {
    return (await run()) as Record<string, unknown>
  } catch (error) {
    // A refusal that the handler chose goes out as it is; anything else is our mistake, and its text is not the peer's.
    if (error instanceof Error && 'rpcErrorCode' in error) throw error
    log.error({ peer, action, why: errorText(error) }, 'a handler failed')
    throw refuseCall('InternalError', `${action} failed inside the receiver`)
  }
}

export function closeSocket(rpc: RpcSocket, code: number, reason: string, log: LinkLog) {
  rpc.close({ code, reason }).catch((error: unknown) => {
    log.error({ why: errorText(error) }, 'a socket could not be closed')
  })
}

export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if ('code' in error && typeof error.code === 'number') return `refused with HTTP ${error.code}`
  return error.message
}

export const closeText = ({ code, reason }: CloseEvent): string =>
  reason ? `closed with ${code ?? 1006}: ${reason}` : `closed with ${code ?? 1006}`
