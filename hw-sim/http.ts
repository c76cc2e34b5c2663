// The HTTP control of api.ts over a running site: loopback only. What is not understood is answered 400 with what was expected.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { z } from 'zod'
import { err, ok, type Result } from '../shared/result.ts'
import { SIM_ROUTES } from './api.ts'
import { TOKEN } from './devices/rdm6300.ts'
import { faultShape } from './fault-shape.ts'
import type { RunningSite } from './running-site.ts'
import { carShape } from './site-shape.ts'

/** Starts listening; `port` 0 takes a free one. Rejects where the port is taken. */
export async function startHttp(site: RunningSite, port: number): Promise<{ url: string; close(): void }> {
  const server = createServer((request, response) => {
    respond(site, request, response).catch((error: unknown) => {
      send(response, 500, { error: error instanceof Error ? error.message : 'unknown' })
    })
  })
  await listen(server, port)
  const address = server.address()
  const bound = typeof address === 'object' && address ? address.port : port
  return {
    url: `http://127.0.0.1:${bound}`,
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}

const listen = (server: Server, port: number) =>
  new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject)
      resolve()
    })
  })

type Route = (typeof SIM_ROUTES)[number]
interface Refused {
  readonly error: string
  readonly where: string
  readonly expected: string
  readonly got: unknown
}
type Outcome = Result<unknown, Refused>
type Handler = (site: RunningSite, input: { query: URLSearchParams; body: unknown }) => Outcome

const cable = z.strictObject({
  inSocket: z.boolean(),
  amps: z.union([z.literal([13, 20, 32, 63]), z.literal('shorted')]).optional(),
})
const touch = z.strictObject({
  token: z.string().regex(TOKEN, 'ten upper-case hex digits'),
  reader: z.string().optional(),
  times: z.int().min(1).max(50).default(1),
})
const pressed = z.strictObject({ ms: z.int().min(1).max(600_000) })
const limited = z.strictObject({ limited: z.boolean() })

const nothing = z.strictObject({})
const advance = z.strictObject({ milliwattHours: z.int().min(0).max(1_000_000_000_000) })

/** Runs `act` with a body of the shape, and answers with the state that it leaves. */
const command =
  <T>(shape: z.ZodType<T>, act: (site: RunningSite, value: T) => void): Handler =>
  (site, { body }) => {
    const parsed = shape.safeParse(body)
    if (!parsed.success) return err(refused(parsed.error, body))
    act(site, parsed.data)
    return ok(site.state())
  }

const HANDLERS: Readonly<Record<Route, Handler>> = {
  'GET /state': (site) => ok(site.state()),
  'GET /events': (site, { query }) =>
    after(query, (number) => {
      const { entries, next } = site.events.after(number)
      return { events: entries, next }
    }),
  'GET /frames': (site, { query }) =>
    after(query, (number) => {
      const { entries, next } = site.frames.after(number)
      return { frames: entries, next }
    }),
  'POST /car/plug': command(carShape.partial(), (site, car) => site.setCar({ ...given(car), plugged: true })),
  'POST /car/unplug': command(nothing, (site) => site.setCar({ plugged: false })),
  'POST /car/set': command(carShape.partial(), (site, car) => site.setCar(given(car))),
  'POST /power/cut': command(nothing, (site) => site.setSupply(false)),
  'POST /power/restore': command(nothing, (site) => site.setSupply(true)),
  'POST /faults': (site, { body }) => {
    const parsed = faultShape.safeParse(body)
    if (!parsed.success) return err(refused(parsed.error, body))
    const expected = site.nothingOf(parsed.data)
    if (expected !== null) return err({ error: 'no such fault here', where: '(body)', expected, got: body })
    site.addFault(parsed.data)
    return ok(site.state())
  },
  'DELETE /faults': command(nothing, (site) => site.clearFaults()),
  'POST /cable': command(cable, (site, { inSocket, amps }) =>
    site.setCable({ inSocket, ...(amps === undefined ? {} : { amps }) }),
  ),
  'POST /rfid': (site, { body }) => {
    const parsed = touch.safeParse(body)
    if (!parsed.success) return err(refused(parsed.error, body))
    const { token, reader = null, times } = parsed.data
    if (site.touch(token, { reader, times })) return ok(site.state())
    const expected = 'a reader of the site file (section readers)'
    return err({ error: 'no such reader', where: 'reader', expected, got: reader })
  },
  'POST /button/stop': command(pressed, (site, { ms }) => site.pressStop(ms)),
  'POST /grid-limit': command(limited, (site, body) => site.setGridLimit(body.limited)),
  'POST /meter/advance': command(advance, (site, { milliwattHours }) => site.advanceMeter(milliwattHours)),
}

/** Only the keys that were given: an absent key changes nothing. */
const given = <T extends object>(part: T) =>
  // Object.entries loses the key's type; the shape has checked each key and value.
  Object.fromEntries(Object.entries(part).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>
  }

function after(query: URLSearchParams, list: (number: number) => unknown): Outcome {
  const text = query.get('after') ?? '0'
  if (/^\d{1,16}$/.test(text)) return ok(list(Number(text)))
  return err({ error: 'bad query', where: 'after', expected: 'a whole number, 0 or more', got: text })
}

function refused(error: z.ZodError, body: unknown): Refused {
  const [issue] = error.issues
  return {
    error: 'bad body',
    where: issue?.path.join('.') || '(body)',
    expected: error.issues.map((it) => it.message).join('; '),
    got: body,
  }
}

const BODY_BYTES_MAX = 65_536

async function respond(site: RunningSite, request: IncomingMessage, response: ServerResponse) {
  const url = new URL(request.url ?? '/', 'http://127.0.0.1')
  const route = SIM_ROUTES.find((known) => known === `${request.method} ${url.pathname}`)
  if (!route)
    return send(response, 404, {
      error: 'no such route',
      expected: SIM_ROUTES,
      got: `${request.method} ${url.pathname}`,
    })
  const body = await readBody(request)
  if (!body.ok) return send(response, 400, body.error)
  const outcome = HANDLERS[route](site, { query: url.searchParams, body: body.value })
  return outcome.ok ? send(response, 200, outcome.value) : send(response, 400, outcome.error)
}

async function readBody(request: IncomingMessage): Promise<Outcome> {
  let text = ''
  for await (const chunk of request) {
    text += String(chunk)
    if (text.length > BODY_BYTES_MAX) {
      return err({ error: 'bad body', where: '(body)', expected: 'at most 64 KiB', got: text.length })
    }
  }
  if (text === '') return ok({})
  try {
    const value: unknown = JSON.parse(text)
    return ok(value)
  } catch (error) {
    const got = error instanceof Error ? error.message : text
    return err({ error: 'bad body', where: '(body)', expected: 'JSON', got })
  }
}

function send(response: ServerResponse, status: number, value: unknown) {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(value))
}
