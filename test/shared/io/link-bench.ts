// A CSMS end on a real HTTP server of the loopback, and raw WebSocket peers that say what no library would.
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { type OcppServerOptions, ocppServer } from '../../../shared/io/ocpp-link.ts'
import type { LinkLog, OcppServer } from '../../../shared/io/ocpp-link-types.ts'
import { systemClock } from '../../../shared/io/system-clock.ts'

/** The part of `ws` that these tests use; ocpp-rpc brings the package, without types. */
export interface RawSocket {
  readonly extensions: string
  send(data: string | Buffer): void
  close(code?: number): void
  terminate(): void
  pause(): void
  resume(): void
  on(event: 'message', listener: (data: Buffer) => void): void
  on(event: 'open' | 'ping', listener: () => void): void
  on(event: 'close', listener: (code: number, reason: Buffer) => void): void
  on(event: 'error', listener: (error: Error) => void): void
  on(
    event: 'unexpected-response',
    listener: (request: unknown, response: { statusCode: number }) => void,
  ): void
}
type RawSocketConstructor = new (
  url: string,
  protocols: readonly string[],
  options: { headers?: Record<string, string>; autoPong?: boolean },
) => RawSocket

export const WebSocket: RawSocketConstructor = createRequire(import.meta.url)('ws')

export interface LogLine {
  readonly level: 'info' | 'warn' | 'error'
  readonly message: string
  readonly fields: object
}

export function keptLog(): LinkLog & { readonly lines: LogLine[] } {
  const lines: LogLine[] = []
  const at = (level: LogLine['level']) => (fields: object, message: string) => {
    lines.push({ level, message, fields })
  }
  return { lines, info: at('info'), warn: at('warn'), error: at('error') }
}

export const KEY = 'a-key-of-sixteen-characters'

export interface ServerBench {
  readonly server: OcppServer
  readonly log: ReturnType<typeof keptLog>
  readonly port: number
  readonly url: string
  stop(): Promise<void>
}

/** Knows VK-1 and VK-2 with `KEY`. */
export async function serverBench(
  options: Partial<OcppServerOptions> & { readonly port?: number } = {},
): Promise<ServerBench> {
  const log = keptLog()
  const server = ocppServer({
    clock: systemClock(),
    log,
    authenticate: async ({ stationId, password }) => {
      if (!['VK-1', 'VK-2'].includes(stationId)) return 'unknownStation'
      return password?.toString() === KEY ? 'accepted' : 'wrongPassword'
    },
    ...options,
  })
  const http = createServer((_request, response) => response.writeHead(404).end())
  server.attach(http)
  await new Promise<void>((resolve) => http.listen(options.port ?? 0, '127.0.0.1', resolve))
  const { port } = http.address() as AddressInfo
  return {
    server,
    log,
    port,
    url: `ws://127.0.0.1:${port}/ocpp`,
    stop: async () => {
      await server.close()
      http.closeAllConnections()
      await new Promise((resolve) => http.close(resolve))
    },
  }
}

export interface RawPeer {
  readonly socket: RawSocket
  readonly frames: unknown[]
  readonly closed: Promise<{ code: number; reason: string }>
  say(frame: unknown): void
}

/** Rejects with `HTTP <status>` where the upgrade is refused. */
export async function rawPeer(
  url: string,
  options: { protocols?: readonly string[]; password?: string; stationId?: string; autoPong?: boolean } = {},
): Promise<RawPeer> {
  const stationId = options.stationId ?? 'VK-1'
  const basic = Buffer.from(`${stationId}:${options.password ?? KEY}`).toString('base64')
  const socket = new WebSocket(`${url}/${stationId}`, options.protocols ?? ['ocpp2.0.1'], {
    headers: { authorization: `Basic ${basic}` },
    autoPong: options.autoPong ?? true,
  })
  const frames: unknown[] = []
  socket.on('message', (data) => frames.push(JSON.parse(data.toString())))
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() }))
  })
  await new Promise<void>((resolve, reject) => {
    socket.on('open', resolve)
    socket.on('error', reject)
    socket.on('unexpected-response', (_request, response) => reject(new Error(`HTTP ${response.statusCode}`)))
  })
  return {
    socket,
    frames,
    closed,
    say: (frame) => socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame)),
  }
}

/** Waits until the condition holds; fails after `withinMs`. */
export async function until(what: string, holds: () => boolean, withinMs = 15_000): Promise<void> {
  const clock = systemClock()
  const deadline = clock.monotonic() + withinMs
  while (!holds()) {
    if (clock.monotonic() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`)
    await clock.sleep('test', 5)
  }
}
