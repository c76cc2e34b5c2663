// The box's own page and its JSON API, for people on the same network: works without internet and without the server.
//   GET /              the page            GET /api/state    the box as it is
//   GET /api/events    the same, live      GET /api/outbox   what the server refused for good
//   the orders         orders.ts
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { hostname } from 'node:os'
import type { LinkLog } from '../../../shared/io/ocpp-link-types.ts'
import type { Clock, Timer } from '../../../shared/time/clock.ts'
import type { KeeperConfig } from '../config.ts'
import type { Box } from '../ports.ts'
import { type Answer, failure, send } from './answer.ts'
import { eventStream } from './events.ts'
import { foreignOrder, pinGuard, wrongHost } from './guard.ts'
import { look } from './look.ts'
import { BODY_BYTES_MAX, carryOut, ORDERS } from './orders.ts'
import { PAGE, PAGE_POLICY } from './page.ts'

const LISTEN_RETRY_MS = 5000
const REQUEST_WITHIN_MS = 10_000
const SOCKETS_MAX = 64

export interface LocalOptions {
  readonly config: KeeperConfig
  readonly box: Box
  readonly clock: Clock
  readonly log: LinkLog
}

export interface LocalHandle {
  /** Where the page is; null while the port cannot be had (it is tried again). */
  url(): string | null
  stop(): Promise<void>
}

/**
 * Serves until it is stopped. A port that cannot be had stops nobody from charging: it is said once and tried again.
 * @returns after the first try to listen.
 */
export async function startLocal(options: LocalOptions): Promise<LocalHandle> {
  const { config, box, clock, log } = options
  const pinNeeded = config.local.pin !== null || config.access === 'public'
  const now = () => look(box.snapshot(), pinNeeded)
  const events = eventStream(clock, now)
  const checkPin = pinGuard(config, clock)
  const endOfChanges = box.onChange(events.changed)

  async function handle(request: IncomingMessage, response: ServerResponse) {
    const method = request.method ?? ''
    const path = (request.url ?? '').split('?', 1)[0] ?? ''
    const stranger = wrongHost(request.headers.host, hostname())
    if (stranger) return send(response, stranger)
    if (method === 'GET' || method === 'HEAD') return await show(path, response)
    const order = ORDERS[`${method} ${path}`]
    if (!order) return send(response, nothingThere(method, path))
    const from = request.socket.remoteAddress ?? 'unknown'
    const trouble =
      foreignOrder(request.headers) ?? (await checkPin(`${method} ${path}`, from, request.headers['x-pin']))
    if (trouble) return send(response, trouble)
    const body = await bodyOf(request)
    send(response, body === null ? TOO_LONG : await carryOut(order, body, box, from))
  }

  async function show(path: string, response: ServerResponse) {
    if (path === '/') return sendPage(response)
    if (path === '/api/state') return send(response, { status: 200, body: now() })
    if (path === '/api/outbox') return send(response, { status: 200, body: { parked: await box.parked() } })
    if (path !== '/api/events') return send(response, nothingThere('GET', path))
    if (!events.join(response)) send(response, TOO_MANY_READERS)
  }

  const server = createServer(
    { requestTimeout: REQUEST_WITHIN_MS, headersTimeout: REQUEST_WITHIN_MS },
    (request, response) => {
      handle(request, response).catch((error: unknown) => {
        log.error({ path: request.url, why: String(error) }, 'the page failed')
        if (response.headersSent) response.destroy()
        else send(response, FAILED)
      })
    },
  )
  server.maxConnections = SOCKETS_MAX
  const listening = keepListening(server, options)
  await listening.firstTry

  return {
    url: () => urlOf(server),
    stop: async () => {
      endOfChanges()
      events.stop()
      await listening.stop()
    },
  }
}

function keepListening(server: Server, { config, clock, log }: LocalOptions) {
  const { host, port } = config.local
  let retry: Timer | null = null
  let said = false
  const tryOnce = () => {
    server.listen({ host, port })
  }
  const firstTry = new Promise<void>((resolve) => {
    server.on('listening', () => {
      log.info({ url: urlOf(server) }, 'the page is served')
      resolve()
    })
    server.on('error', (error) => {
      if (!said) log.error({ host, port, why: error.message }, 'the page cannot be served; it is tried again')
      said = true
      retry = clock.after('page listen', LISTEN_RETRY_MS, tryOnce)
      resolve()
    })
  })
  tryOnce()
  return {
    firstTry,
    stop: async () => {
      retry?.cancel()
      server.closeAllConnections()
      if (server.listening) await new Promise((resolve) => server.close(resolve))
    },
  }
}

function urlOf(server: Server): string | null {
  const address = server.address()
  if (typeof address !== 'object' || address === null) return null
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address
  return `http://${host}:${address.port}`
}

/** null where it is longer than allowed; the rest is not read. */
async function bodyOf(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = []
  let length = 0
  // Without destroying what is not read: the refusal goes out on the same socket.
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    if (!Buffer.isBuffer(chunk)) continue
    length += chunk.length
    if (length > BODY_BYTES_MAX) return null
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function sendPage(response: ServerResponse) {
  response.writeHead(200, {
    'content-type': 'text/html; charset=utf-8',
    'content-length': Buffer.byteLength(PAGE),
    'content-security-policy': PAGE_POLICY,
    'cache-control': 'no-cache',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
  })
  response.end(PAGE)
}

const nothingThere = (method: string, path: string): Answer =>
  failure(404, {
    code: 'NOT_FOUND',
    message: 'There is nothing at this address.',
    expected: `GET /, GET /api/state, GET /api/events, GET /api/outbox, ${Object.keys(ORDERS).join(', ')}`,
    got: `${method} ${path}`.slice(0, 100),
    do: 'Check method and path.',
  })

const TOO_LONG = failure(
  413,
  {
    code: 'TOO_LONG',
    message: 'The body is too long.',
    expected: `at most ${BODY_BYTES_MAX} bytes`,
    got: 'more',
    do: 'Send less.',
  },
  { connection: 'close' },
)
const TOO_MANY_READERS = failure(503, {
  code: 'TOO_MANY_READERS',
  message: 'Too many pages are open.',
  expected: 'a free place',
  got: 'none',
  do: 'Close a page and try again.',
})
const FAILED = failure(500, {
  code: 'FAILED',
  message: 'The box could not answer.',
  expected: 'an answer',
  got: 'a failure inside the box; its log says which',
  do: 'Try again.',
})
