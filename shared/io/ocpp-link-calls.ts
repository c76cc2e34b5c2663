// Calls over one socket at a time: one in flight, as OCPP asks, and none that is sent after its promise has ended.
// Incoming calls of a socket are handled in the order in which they came.
import type { Clock } from '../time/clock.ts'
import type { ActionName, CallFailure, CallOutcome, RequestOf, ResponseOf } from './ocpp-link-types.ts'

/** What the link needs of ocpp-rpc's client to make calls. */
export interface RpcCaller {
  readonly state: number
  call(
    method: string,
    params: unknown,
    options: { callTimeoutMs: number; signal: AbortSignal },
  ): Promise<unknown>
}

export interface OutgoingCalls {
  call<A extends ActionName>(action: A, request: RequestOf<A>): Promise<CallOutcome<A>>
  callFrozen<A extends ActionName>(action: A, payload: string): Promise<CallOutcome<A>>
}

export const SOCKET_OPEN = 1

/** Calls that may wait for their turn; more are answered `notOpen`, unsent. */
const WAITING_MAX = 64

/**
 * Calls over the socket that `current` tells. A call belongs to the socket that was open when it was asked for: when that
 * one closes while it waits, it is never sent.
 */
export function outgoingCalls(options: {
  readonly current: () => RpcCaller | null
  readonly clock: Clock
  readonly timeoutMs: number
}): OutgoingCalls {
  let tail: Promise<unknown> = Promise.resolve()
  let waiting = 0

  function call<A extends ActionName>(action: A, request: RequestOf<A>): Promise<CallOutcome<A>> {
    const socket = options.current()
    if (socket?.state !== SOCKET_OPEN || waiting >= WAITING_MAX) return Promise.resolve(NOT_OPEN)
    waiting++
    const turn = tail.then(async () => {
      waiting--
      return options.current() === socket && socket.state === SOCKET_OPEN
        ? send(socket, action, request, options)
        : NOT_OPEN
    })
    // The caller gets the turn's own error; the next turn only waits for its end.
    tail = turn.then(nothing, nothing)
    return turn
  }

  return {
    call,
    callFrozen: async (action, payload) => {
      const request = parseExactly(payload)
      if (request === undefined) {
        return failed({
          kind: 'callError',
          code: 'FormatViolation',
          description: `the frozen payload of ${action} was not sent: written again as JSON it has other bytes`,
        })
      }
      // The schema check before the send is what makes it a request of this action.
      return call(action, request as RequestOf<typeof action>)
    },
  }
}

const nothing = () => undefined
const failed = (error: CallFailure) => ({ ok: false, error }) as const
const NOT_OPEN = failed({ kind: 'notOpen' })

async function send<A extends ActionName>(
  socket: RpcCaller,
  action: A,
  request: RequestOf<A>,
  { clock, timeoutMs }: { readonly clock: Clock; readonly timeoutMs: number },
): Promise<CallOutcome<A>> {
  const abort = new AbortController()
  const timer = clock.after('ocpp call', timeoutMs, () => abort.abort('timed out'))
  try {
    // Without the library's own time-out, which belongs to no clock of ours.
    const answer = await socket.call(action, request, { callTimeoutMs: 0, signal: abort.signal })
    // Checked against the action's schema by the socket.
    return { ok: true, value: answer as ResponseOf<A> }
  } catch (error) {
    if (abort.signal.aborted) return failed({ kind: 'timedOut' })
    const code = rpcErrorCode(error)
    if (code !== null && error instanceof Error) {
      return failed({ kind: 'callError', code, description: error.message })
    }
    return failed({ kind: 'closed' })
  } finally {
    timer.cancel()
  }
}

function rpcErrorCode(error: unknown): string | null {
  if (!(error instanceof Error) || !('rpcErrorCode' in error)) return null
  return typeof error.rpcErrorCode === 'string' ? error.rpcErrorCode : null
}

/** The value of a JSON text that gives the same bytes when it is written again; undefined for any other text. */
export function parseExactly(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text)
    return JSON.stringify(value) === text ? value : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/** Runs jobs one after the other; `null` instead of a promise where `waitingMax` jobs wait already. */
export function oneAfterTheOther(waitingMax: number): <T>(job: () => Promise<T>) => Promise<T> | null {
  let tail: Promise<unknown> = Promise.resolve()
  let waiting = 0
  return (job) => {
    if (waiting >= waitingMax) return null
    waiting++
    const turn = tail.then(job).finally(() => {
      waiting--
    })
    tail = turn.then(nothing, nothing)
    return turn
  }
}
