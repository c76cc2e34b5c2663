// The OCPP link of both sides, and the only file that knows ocpp-rpc. What must hold here and does not hold there:
//   - no call is made unless the socket is open, and none is sent after its promise has ended (ocpp-link-calls.ts);
//   - a connection that is refused at the first try is tried again, with a jittered back-off;
//   - error codes are spelled as OCPP 2.0.1 part 4 spells them;
//   - a station has one socket: a second one closes the older;
//   - frames are bounded, bad ones are counted, and a socket that does not close is cut off.
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { createValidator, RPCClient, RPCServer } from 'ocpp-rpc'
import type { Prng } from '../prng.ts'
import type { Clock, Timer } from '../time/clock.ts'
import { outgoingCalls, SOCKET_OPEN } from './ocpp-link-calls.ts'
import { schemas201 } from './ocpp-link-schemas.ts'
import {
  type AnyHandler,
  type CloseEvent,
  closeSocket,
  closeText,
  errorText,
  serveAction,
  watchSocket,
} from './ocpp-link-socket.ts'
import type {
  ActionName,
  Admission,
  Credentials,
  LinkLog,
  OcppClient,
  OcppServer,
  StationSocket,
} from './ocpp-link-types.ts'
import { knock, refuseUpgrade } from './ocpp-link-upgrade.ts'
import { respelled } from './ocpp-link-validator.ts'

const SUBPROTOCOL = 'ocpp2.0.1'
/** Consecutive frames that are no OCPP-J message; one more closes the socket with 1002. */
const BAD_FRAMES_MAX = 5
/** A connection that lived this long begins its next back-off anew. */
const STABLE_AFTER_MS = 10_000

/** Settings of both ends, with their defaults. */
export interface LinkTuning {
  /** How long a call may wait for its answer. Default 30,000. */
  readonly callTimeoutMs?: number
  /** A dead peer is found within two of these. Default 25,000. */
  readonly pingIntervalMs?: number
  /** Larger frames close the socket with 1009. Default 262,144. */
  readonly maxPayloadBytes?: number
  /** Actions that this program uses; others are refused unread. Default all, which costs about 5 MB. */
  readonly actions?: readonly ActionName[]
}

export interface OcppClientOptions extends LinkTuning {
  /** `ws://host:port/path`; the station's id is put behind it. */
  readonly url: string
  readonly stationId: string
  /** Of Basic authentication; null sends none. */
  readonly password: string | null
  readonly clock: Clock
  /** Draws the jitter of the back-off. */
  readonly random: Pick<Prng, 'next'>
  readonly log: LinkLog
  /** The wait doubles from `firstMs` to `maxMs`; each wait is 50-100 % of it, at random. Default 1,000 and 5,000. */
  readonly backoff?: { readonly firstMs: number; readonly maxMs: number }
}

export interface OcppServerOptions extends LinkTuning {
  readonly clock: Clock
  readonly log: LinkLog
  /** Path before the station's id. Default `/ocpp`. */
  readonly path?: string
  /** Asked before the upgrade. */
  readonly authenticate: (credentials: Credentials) => Promise<Admission>
}

/** The charging station's end. */
export function ocppClient(options: OcppClientOptions): OcppClient {
  const { clock, log } = options
  const backoff = options.backoff ?? { firstMs: 1000, maxMs: 5000 }
  const handlers = new Map<ActionName, AnyHandler>()
  const opened: (() => void)[] = []
  const closed: ((why: string) => void)[] = []
  const rpcOptions = sharedOptions(options)
  let running = false
  let rpc: RPCClient | null = null
  let state: 'closed' | 'connecting' | 'open' = 'closed'
  let retry: Timer | null = null
  let failures = 0
  let saidWhy = ''

  const calls = outgoingCalls({ current: () => rpc, clock, timeoutMs: options.callTimeoutMs ?? 30_000 })

  function connect() {
    state = 'connecting'
    const socket = new RPCClient({
      ...rpcOptions,
      identity: options.stationId,
      endpoint: options.url.replace(/\/+$/, ''),
      password: options.password,
      reconnect: false,
      maxReconnects: 0,
      headers: {},
      wsOpts: {
        perMessageDeflate: false,
        maxPayload: options.maxPayloadBytes ?? 262_144,
        handshakeTimeout: 15_000,
      },
      // Unused: the loop is ours.
      backoff: { initialDelay: 1, maxDelay: 2, factor: 2, randomisationFactor: 0 },
    })
    rpc = socket
    watchSocket(socket, { clock, log, peer: options.url, handlers })
    let openSince: number | null = null
    socket.once('close', (event: CloseEvent) => {
      // A refused try says 'close' too; its reason is the promise's.
      if (openSince === null) return
      if (clock.monotonic() - openSince >= STABLE_AFTER_MS) failures = 0
      onDown(closeText(event))
    })
    socket.connect().then(
      () => {
        if (socket.state !== SOCKET_OPEN) return onDown('closed as soon as it was open')
        openSince = clock.monotonic()
        onOpen()
      },
      (error: unknown) => onDown(errorText(error)),
    )
  }

  function onOpen() {
    state = 'open'
    saidWhy = ''
    log.info({ url: options.url }, 'the server is connected')
    for (const listener of opened) listener()
  }

  function onDown(why: string) {
    const wasOpen = state === 'open'
    state = 'closed'
    rpc = null
    if (wasOpen) for (const listener of closed) listener(why)
    if (!running) return
    const waitMs = Math.min(backoff.maxMs, backoff.firstMs * 2 ** Math.min(failures, 20))
    failures++
    // Once an outage and once a new reason, not once a try.
    if (wasOpen || why !== saidWhy) {
      log.warn({ url: options.url, why }, wasOpen ? 'the server is gone' : 'the server is not reached')
      saidWhy = why
    }
    state = 'connecting'
    retry = clock.after('ocpp reconnect', Math.round(waitMs * (0.5 + options.random.next() / 2)), connect)
  }

  return {
    ...calls,
    state: () => state,
    handle: (action, handler) => {
      handlers.set(action, handler as AnyHandler)
      if (rpc) serveAction(rpc, action, handlers)
    },
    start: () => {
      if (running) return
      running = true
      connect()
    },
    stop: async () => {
      running = false
      retry?.cancel()
      const socket = rpc
      await socket?.close({ code: 1000, reason: 'the station stops' })
      if (state === 'connecting') state = 'closed'
    },
    onOpen: (listener) => void opened.push(listener),
    onClose: (listener) => void closed.push(listener),
  }
}

/** The CSMS's end of all stations' sockets. It listens on no port of its own: `attach` it to an HTTP server. */
export function ocppServer(options: OcppServerOptions): OcppServer {
  const { log } = options
  const path = options.path ?? '/ocpp'
  const listeners: ((socket: StationSocket) => void)[] = []
  const stations = new Map<string, ServerSocket>()
  const sockets = new Set<ServerSocket>()
  const saidRefusals = boundedSet(1000)
  let closing = false

  const rpcServer = new RPCServer({
    ...sharedOptions(options),
    wssOptions: { perMessageDeflate: false, maxPayload: options.maxPayloadBytes ?? 262_144 },
  })
  // All doubts are settled before the library sees the request; it only picks the subprotocol. Without a common one the
  // handshake is completed without the header and the socket closed (OCPP 2.0.1 part 4, 3.1.2).
  rpcServer.auth((accept, _reject, handshake) =>
    accept({}, handshake.protocols.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
  )
  rpcServer.on('error', (error: unknown) => log.error({ why: errorText(error) }, 'the OCPP server'))
  rpcServer.on('client', (rpc: ServerRpc) => {
    if (rpc.protocol !== SUBPROTOCOL) {
      sayRefusal(rpc.handshake.identity, `no common subprotocol, it offers ${[...rpc.handshake.protocols]}`)
      closeSocket(rpc, 1002, `this server speaks ${SUBPROTOCOL}`, log)
      return
    }
    admit(rpc)
  })

  function admit(rpc: ServerRpc) {
    const socket = serverSocket(rpc, options)
    const { stationId } = socket
    const older = stations.get(stationId)
    stations.set(stationId, socket)
    sockets.add(socket)
    saidRefusals.delete(stationId)
    socket.onClose(() => {
      sockets.delete(socket)
      if (stations.get(stationId) === socket) stations.delete(stationId)
    })
    if (older) {
      log.warn(
        { stationId, from: socket.remoteAddress },
        'a second socket of the same station: the older is closed',
      )
      older.close(1008, 'another socket of this station came')
    }
    for (const listener of listeners) listener(socket)
  }

  function sayRefusal(stationId: string, why: string) {
    if (saidRefusals.add(stationId, why)) log.warn({ stationId, why }, 'a station was refused')
  }

  async function onUpgrade(request: IncomingMessage, raw: Socket, head: Buffer) {
    // A peer that goes away meanwhile is no error of ours.
    raw.on('error', () => raw.destroy())
    if (closing) return refuseUpgrade(raw, 503)
    const visitor = knock(request, path)
    if (!visitor.ok) {
      sayRefusal(visitor.error.stationId, visitor.error.why)
      return refuseUpgrade(raw, visitor.error.status)
    }
    const admission = await options.authenticate(visitor.value)
    if (admission !== 'accepted') {
      sayRefusal(visitor.value.stationId, admission)
      return refuseUpgrade(raw, admission === 'unknownStation' ? 404 : 401)
    }
    if (raw.destroyed) return
    await rpcServer.handleUpgrade(request, raw, head)
  }

  return {
    attach: (server) => {
      server.on('upgrade', (request: IncomingMessage, raw: Socket, head: Buffer) => {
        onUpgrade(request, raw, head).catch((error: unknown) => {
          log.error({ why: errorText(error) }, 'an upgrade failed')
          refuseUpgrade(raw, 500)
        })
      })
    },
    onStation: (listener) => void listeners.push(listener),
    station: (stationId) => stations.get(stationId) ?? null,
    close: async () => {
      closing = true
      await Promise.all([...sockets].map((socket) => socket.end(1001, 'the server stops')))
    },
  }
}

interface ServerRpc extends RPCClient {
  readonly handshake: {
    readonly identity: string
    readonly remoteAddress: string | undefined
    readonly protocols: ReadonlySet<string>
  }
}

interface ServerSocket extends StationSocket {
  /** Like close, and resolves when it is closed. */
  end(code: number, reason: string): Promise<void>
}

function serverSocket(rpc: ServerRpc, { clock, log, callTimeoutMs }: OcppServerOptions): ServerSocket {
  const stationId = rpc.handshake.identity
  const handlers = new Map<ActionName, AnyHandler>()
  const closed: ((why: string) => void)[] = []
  watchSocket(rpc, { clock, log, peer: stationId, handlers })
  const gone = new Promise<void>((resolve) => {
    rpc.once('close', (event: CloseEvent) => {
      for (const listener of closed) listener(closeText(event))
      resolve()
    })
  })
  return {
    ...outgoingCalls({ current: () => rpc, clock, timeoutMs: callTimeoutMs ?? 30_000 }),
    stationId,
    remoteAddress: rpc.handshake.remoteAddress ?? '',
    handle: (action, handler) => {
      handlers.set(action, handler as AnyHandler)
      serveAction(rpc, action, handlers)
    },
    close: (code, reason) => closeSocket(rpc, code, reason, log),
    onClose: (listener) => void closed.push(listener),
    end: (code, reason) => {
      closeSocket(rpc, code, reason, log)
      return gone
    },
  }
}

const sharedOptions = (tuning: LinkTuning) => ({
  protocols: [SUBPROTOCOL],
  callTimeoutMs: tuning.callTimeoutMs ?? 30_000,
  pingIntervalMs: tuning.pingIntervalMs ?? 25_000,
  deferPingsOnActivity: false,
  respondWithDetailedErrors: false,
  callConcurrency: 1,
  maxBadMessages: BAD_FRAMES_MAX,
  strictMode: true,
  strictModeValidators: [respelled(createValidator(SUBPROTOCOL, schemas201(tuning.actions)))],
})

/** Remembers what was said of each of the last `size` ids. */
function boundedSet(size: number) {
  const said = new Map<string, string>()
  return {
    /** True when it is new. */
    add: (id: string, what: string): boolean => {
      if (said.get(id) === what) return false
      said.delete(id)
      said.set(id, what)
      for (const oldest of said.keys()) {
        if (said.size <= size) break
        said.delete(oldest)
      }
      return true
    },
    delete: (id: string) => said.delete(id),
  }
}
