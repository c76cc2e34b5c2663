// The charging stations' side: who may come in, what is done with what they say, and who can be heard now.
import type { Server } from 'node:http'
import { ocppServer } from '../../shared/io/ocpp-link.ts'
import type { Admission, Credentials, LinkLog, StationSocket } from '../../shared/io/ocpp-link-types.ts'
import type { Result } from '../../shared/result.ts'
import type { Clock } from '../../shared/time/clock.ts'
import type { EpochMs } from '../../shared/units.ts'
import type { Stored, Submission } from '../store/ingest.ts'
import type { ActionPorts } from './action.ts'
import { keyMatches } from './keys.ts'
import { ROUTES } from './routes.ts'

export interface CsmsOptions {
  readonly clock: Clock
  readonly log: LinkLog
  readonly serverKey: Buffer
  /** Default `STATION_PING_MS`. */
  readonly stationPingMs?: number | undefined
  readonly findStation: (id: string) => Promise<{ readonly id: string; readonly keyHmac: string } | null>
  /** Resolves after the commit. */
  readonly submit: (submission: Submission) => Promise<Result<Stored, Error>>
  /** A station came or went. */
  readonly onPresence: (stationId: string) => void
}

export interface Presence {
  readonly connectedSince: EpochMs
  readonly lastHeardAt: EpochMs
}

export interface Csms {
  attach(server: Server): void
  /** null while the station has no open socket. */
  presence(stationId: string): Presence | null
  socket(stationId: string): StationSocket | null
  close(): Promise<void>
}

/**
 * A station that went silent without a word: at most one interval until the next ping, one more in which its answer is
 * missed, then it is cut off at once. So it is shown offline within two intervals: 40 s, where 60 s are promised.
 */
export const STATION_PING_MS = 20_000

export function csms(options: CsmsOptions): Csms {
  const { clock, log } = options
  const present = new Map<StationSocket, { connectedSince: EpochMs; lastHeardAt: EpochMs }>()
  const server = ocppServer({
    clock,
    log,
    pingIntervalMs: options.stationPingMs ?? STATION_PING_MS,
    authenticate: (credentials) => admit(options, credentials),
  })
  server.onStation((socket) => {
    const { stationId } = socket
    const times = { connectedSince: clock.wall(), lastHeardAt: clock.wall() }
    present.set(socket, times)
    const ports = portsOf(stationId, options)
    for (const route of ROUTES) {
      route.bind(ports, (name, handler) =>
        socket.handle(name, (request) => {
          times.lastHeardAt = clock.wall()
          return handler(request)
        }),
      )
    }
    socket.onClose((why) => {
      present.delete(socket)
      log.info({ stationId, why }, 'station gone')
      options.onPresence(stationId)
    })
    log.info({ stationId, from: socket.remoteAddress }, 'station here')
    options.onPresence(stationId)
  })
  return {
    attach: (http) => server.attach(http),
    presence: (stationId) => {
      const socket = server.station(stationId)
      return (socket && present.get(socket)) ?? null
    },
    socket: (stationId) => server.station(stationId),
    close: () => server.close(),
  }
}

async function admit(options: CsmsOptions, { stationId, password }: Credentials): Promise<Admission> {
  const station = await options.findStation(stationId)
  if (!station) return 'unknownStation'
  return password && keyMatches(options.serverKey, station, password) ? 'accepted' : 'wrongPassword'
}

function portsOf(stationId: string, { clock, log, submit }: CsmsOptions): ActionPorts {
  const store = async (
    facts: Submission['facts'],
    transaction: Submission['transaction'],
  ): Promise<Stored> => {
    const stored = await submit({ stationId, receivedAt: clock.wall(), facts, transaction })
    // Not stored, so not acknowledged: the link answers InternalError, and the station tries again.
    if (!stored.ok) throw stored.error
    return stored.value
  }
  return {
    stationId,
    now: clock.wall,
    log,
    tell: async (facts) => {
      await store(facts, null)
    },
    tellEvent: (event, beside) => store(beside, event),
  }
}
