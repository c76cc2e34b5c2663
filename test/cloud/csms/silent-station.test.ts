import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { composeCloud } from '../../../cloud/compose.ts'
import { STATION_PING_MS } from '../../../cloud/csms/server.ts'
import { openStore } from '../../../cloud/store/database.ts'
import type { StationView } from '../../../shared/api/stations.ts'
import { systemClock } from '../../../shared/io/system-clock.ts'
import { rawPeer } from '../../shared/io/link-bench.ts'
import { until } from '../support/cloud-process.ts'
import { connectStation, KEY } from '../support/station.ts'

const undo: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

const clock = systemClock()

/** The whole cloud in this process, which pings its stations so often. */
async function cloudThatPings(stationPingMs: number): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'voltkeep-silent-'))
  undo.push(() => rm(dir, { recursive: true, force: true }))
  const workerFile = new URL('../../../dist/cloud-store-worker.mjs', import.meta.url)
  const store = await openStore({ kind: 'sqlite', file: join(dir, 'cloud.sqlite'), workerFile }, (error) => {
    throw error
  })
  undo.push(() => store.close())
  const cloud = await composeCloud({
    store,
    clock,
    log: { info: () => {}, warn: () => {}, error: () => {} },
    serverKey: Buffer.alloc(32, 7),
    stationPingMs,
    tariffs: [],
    access: { host: '127.0.0.1', token: null },
    consoleDir: join(dir, 'no-console'),
    version: '0.0.0',
  })
  undo.push(() => cloud.close())
  return cloud.listen('127.0.0.1', 0)
}

test('a station whose socket stays open but answers nothing is shown offline within two pings, others stay', async () => {
  const pingMs = 500
  const url = await cloudThatPings(pingMs)
  for (const id of ['SILENT', 'LIVELY'])
    await fetch(`${url}/api/stations`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ id, key: KEY }),
    })
  const isOnline = async (id: string) =>
    ((await (await fetch(`${url}/api/stations/${id}`)).json()) as StationView).online
  const lively = await connectStation(url, 'LIVELY')
  undo.push(() => lively.stop())
  const silent = await rawPeer(`${url.replace(/^http/, 'ws')}/ocpp`, {
    stationId: 'SILENT',
    password: KEY,
    autoPong: false,
  })
  // Not even the end of the connection is answered.
  silent.socket.pause()
  undo.push(async () => silent.socket.terminate())
  await until(
    () => isOnline('SILENT'),
    (online) => online,
  )
  const since = clock.monotonic()
  await until(
    () => isOnline('SILENT'),
    (online) => !online,
  )
  expect(clock.monotonic() - since).toBeLessThanOrEqual(2 * pingMs + 500)
  expect(await isOnline('LIVELY')).toBe(true)
  expect(lively.closures).toEqual([])
})

test('by the default a silent station is offline within 60 s, with a third of it to spare', () => {
  expect(2 * STATION_PING_MS).toBeLessThanOrEqual(40_000)
})
