// What is settled of a station's socket before the upgrade: path, id and Basic authentication. Refusals are plain HTTP.
import { type IncomingMessage, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { err, ok, type Result } from '../result.ts'
import type { Credentials } from './ocpp-link-types.ts'

export interface UpgradeRefusal {
  readonly status: 400 | 404
  readonly why: string
  /** As far as it could be read; cut to 64 characters. */
  readonly stationId: string
}

/** OCPP 2.0.1 part 4, 3.1.1: an identifierString of at most 48 characters. */
const STATION_ID = /^[A-Za-z0-9*\-_=:+|@.]{1,48}$/

/** Who asks to come in, and with what password. The user name of Basic authentication must be the station's id (part 2, A00.FR.204). */
export function knock(request: IncomingMessage, path: string): Result<Credentials, UpgradeRefusal> {
  const target = (request.url ?? '').split('?', 1)[0] ?? ''
  const refused = (status: 400 | 404, why: string) => err({ status, why, stationId: target.slice(-64) })
  if (request.headers.upgrade?.toLowerCase() !== 'websocket') return refused(400, 'no WebSocket upgrade')
  if (!target.startsWith(`${path}/`)) return refused(404, `the path is not ${path}/<station id>`)
  const stationId = decoded(target.slice(path.length + 1))
  if (stationId === null || !STATION_ID.test(stationId)) {
    return refused(404, 'the station id is not 1 to 48 letters, digits or *-_=:+|@.')
  }
  return ok({
    stationId,
    password: basicPassword(request.headers.authorization, stationId),
    remoteAddress: request.socket.remoteAddress ?? '',
  })
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch (error) {
    if (error instanceof URIError) return null
    throw error
  }
}

/** The bytes behind `<station id>:`. An id may hold colons itself, so the id is taken off the front, not the text split. */
function basicPassword(header: string | undefined, stationId: string): Buffer | null {
  const base64 = /^ *basic +([A-Za-z0-9+/_-]+=*) *$/i.exec(header ?? '')?.[1]
  if (!base64) return null
  const pair = Buffer.from(base64, 'base64')
  const user = Buffer.from(`${stationId}:`)
  return pair.subarray(0, user.length).equals(user) ? pair.subarray(user.length) : null
}

/** Answers in plain HTTP and ends the socket. */
export function refuseUpgrade(socket: Socket, status: 400 | 401 | 404 | 500 | 503) {
  if (socket.destroyed) return
  const text = STATUS_CODES[status] ?? ''
  const challenge = status === 401 ? 'WWW-Authenticate: Basic realm="OCPP"\r\n' : ''
  socket.end(
    `HTTP/1.1 ${status} ${text}\r\n${challenge}Connection: close\r\nContent-Type: text/plain\r\n` +
      `Content-Length: ${text.length}\r\n\r\n${text}`,
  )
}
