// Puts the rooms of the cloud together: what stations tell goes through the group commit into the store, from there to
// the bills, to whoever watches, and to the API.
import { randomUUID } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import type { ApiTariff } from '../shared/api/tariffs.ts'
import type { LinkLog } from '../shared/io/ocpp-link-types.ts'
import type { Tariff } from '../shared/tariff/price.ts'
import type { Clock } from '../shared/time/clock.ts'
import type { AccessRules } from './api/access.ts'
import type { ApiPorts } from './api/ports.ts'
import { apiServer } from './api/server.ts'
import { energyChecks, viewStation, viewTransaction } from './api/views.ts'
import { type Live, live } from './bus/live.ts'
import { outcomeOf, prepareCommand } from './csms/commands.ts'
import { keyHmac, newStationKey } from './csms/keys.ts'
import { type Csms, csms } from './csms/server.ts'
import { biller } from './jobs/biller.ts'
import {
  closeWaitingCommands,
  commandById,
  commandsOf,
  finishCommand,
  recordCommand,
} from './store/commands.ts'
import type { Store } from './store/database.ts'
import { groupCommit } from './store/group-commit.ts'
import type { Stored, Submission } from './store/ingest.ts'
import { addStation, allStations, samplesOf, setting, stationById } from './store/stations.ts'
import {
  listTransactions,
  meterRegisters,
  runningTransactions,
  transactionByKey,
  transactionsOfStation,
} from './store/transactions.ts'

export interface CloudParts {
  readonly store: Store
  readonly clock: Clock
  readonly log: LinkLog
  readonly serverKey: Buffer
  /** How often stations are pinged; default `STATION_PING_MS`. */
  readonly stationPingMs?: number
  readonly tariffs: readonly { readonly tariff: Tariff; readonly shown: ApiTariff }[]
  readonly access: AccessRules
  readonly consoleDir: string
  readonly version: string
}

export interface Cloud {
  /** Listens; resolves with the address. */
  listen(host: string, port: number): Promise<string>
  /** Answers what was asked, stores what was told, and closes everything but the store. */
  close(): Promise<void>
}

export async function composeCloud(parts: CloudParts): Promise<Cloud> {
  const { store, clock, log } = parts
  const billing = parts.tariffs[0] ?? null
  const watchers: Live = live({
    clock,
    log,
    streamId: randomUUID().slice(0, 8),
    viewStation: async (id) => (await stationViews(store, stations, id))[0] ?? null,
    viewTransaction: async (key) => {
      const found = await transactionByKey(store, key)
      return found && viewTransaction(found)
    },
  })
  const bills = biller({
    store,
    clock,
    log,
    tariff: billing?.tariff ?? null,
    onBilled: (key) => watchers.transactionChanged(key),
  })
  const commits = groupCommit<Submission, Stored>(async (batch) => {
    const { outcomes, changes } = await store.write(batch)
    watchers.stored(changes)
    if (changes.transactions.length > 0) bills.wake()
    return outcomes
  })
  const stations: Csms = csms({
    clock,
    log,
    serverKey: parts.serverKey,
    stationPingMs: parts.stationPingMs,
    findStation: (id) => stationById(store, id),
    submit: commits.submit,
    onPresence: (stationId) => watchers.stationChanged(stationId),
  })
  const app: FastifyInstance = await apiServer({
    ports: apiPorts(parts, stations, { billing: billing?.tariff ?? null, watchers }),
    live: watchers,
    clock,
    log,
    access: parts.access,
    consoleDir: parts.consoleDir,
    version: parts.version,
  })
  stations.attach(app.server)
  const waiting = await closeWaitingCommands(store, clock.wall())
  if (waiting > 0) log.warn({ waiting }, 'commands had no answer when the cloud ended last')
  bills.wake()
  return {
    listen: (host, port) => app.listen({ host, port }),
    close: async () => {
      await stations.close()
      await commits.drain()
      watchers.stop()
      await app.close()
      await bills.stop()
    },
  }
}

/** All stations, or the one. */
async function stationViews(store: Store, stations: Pick<Csms, 'presence'>, id?: string) {
  const found = id === undefined ? await allStations(store) : [await stationById(store, id)]
  const running = await runningTransactions(store, id)
  return found
    .filter((station) => station !== null)
    .map((station) =>
      viewStation(
        station,
        stations.presence(station.id),
        running.filter((transaction) => transaction.stationId === station.id),
      ),
    )
}

function apiPorts(
  parts: CloudParts,
  stations: Csms,
  { billing, watchers }: { readonly billing: Tariff | null; readonly watchers: Pick<Live, 'stationChanged'> },
): ApiPorts {
  const { store, clock, serverKey } = parts
  return {
    stations: {
      list: () => stationViews(store, stations),
      one: async (id) => (await stationViews(store, stations, id))[0] ?? null,
      add: async ({ id, key }) => {
        const made = key ?? newStationKey()
        const hmac = keyHmac(serverKey, id, Buffer.from(made))
        if (!(await addStation(store, { id, keyHmac: hmac, createdAt: clock.wall() }))) return null
        watchers.stationChanged(id)
        const station = (await stationViews(store, stations, id))[0]
        return station ? { station, key: key === undefined ? made : null } : null
      },
      series: async ({ stationId, from, to, points }) => ({
        stationId,
        from,
        to,
        ...(await samplesOf(store, { stationId, from, to, max: points })),
      }),
      energy: async (stationId) =>
        energyChecks(
          stationId,
          await meterRegisters(store, stationId),
          await transactionsOfStation(store, stationId),
        ),
    },
    transactions: {
      list: async (query) => (await listTransactions(store, query)).map(viewTransaction),
      one: async (key) => {
        const found = await transactionByKey(store, key)
        return found && viewTransaction(found)
      },
    },
    commands: {
      list: (stationId) => commandsOf(store, stationId),
      send: async (stationId, command) => {
        const prepared = prepareCommand(command)
        const { action } = command
        const { id } = await recordCommand(store, { stationId, action, at: clock.wall() }, prepared.request)
        const socket = stations.socket(stationId)
        const outcome = socket
          ? await prepared.send(id, socket)
          : ({ ok: false, error: { kind: 'notOpen' } } as const)
        await finishCommand(store, id, outcomeOf(outcome), clock.wall())
        return commandById(store, id)
      },
    },
    tariffs: { billing: billing?.id ?? null, all: parts.tariffs.map(({ shown }) => shown) },
    ping: async () => {
      await setting(store, 'server-key-check')
    },
  }
}
