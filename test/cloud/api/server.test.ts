import { mkdtemp, rm } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { errorSchema } from '../../../shared/api/common.ts'
import { eventSchemas } from '../../../shared/api/events.ts'
import { type EnergyCheck, type StationView, stationListSchema } from '../../../shared/api/stations.ts'
import { tariffListSchema } from '../../../shared/api/tariffs.ts'
import { type TransactionView, transactionListSchema } from '../../../shared/api/transactions.ts'
import { type CloudProcess, startCloud, until } from '../support/cloud-process.ts'
import { connectStation, KEY, transactionEvent } from '../support/station.ts'

let dir: string
let cloud: CloudProcess
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'voltkeep-api-'))
  cloud = await startCloud(['--data', dir])
})
afterAll(async () => {
  await cloud?.stop()
  await rm(dir, { recursive: true, force: true })
})

test('the API describes itself: every route that is served is in it, with the shape of its answer', async () => {
  const { body } = await cloud.api<{ openapi: string; paths: Record<string, Record<string, unknown>> }>(
    'GET',
    '/api/openapi.json',
  )
  expect(body.openapi).toBe('3.1.0')
  const routes = Object.entries(body.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  )
  expect(routes.sort()).toEqual([
    'GET /api/stations',
    'GET /api/stations/{id}',
    'GET /api/stations/{id}/commands',
    'GET /api/stations/{id}/energy',
    'GET /api/stations/{id}/series',
    'GET /api/stations/{id}/transactions/{transactionId}',
    'GET /api/tariffs',
    'GET /api/transactions',
    'POST /api/stations',
    'POST /api/stations/{id}/commands',
  ])
})

test.each([
  ['an unknown key', 'POST', '/api/stations', { id: 'A', colour: 'red' }, 400, 'INVALID_REQUEST'],
  ['a key that is too short', 'POST', '/api/stations', { id: 'A', key: 'short' }, 400, 'INVALID_REQUEST'],
  ['an id with a slash', 'POST', '/api/stations', { id: 'A/B' }, 400, 'INVALID_REQUEST'],
  ['a station that is not there', 'GET', '/api/stations/none', undefined, 404, 'NO_SUCH_STATION'],
  [
    'a command to nobody',
    'POST',
    '/api/stations/none/commands',
    { action: 'Reset', type: 'OnIdle' },
    404,
    'NO_SUCH_STATION',
  ],
  [
    'an unknown command',
    'POST',
    '/api/stations/none/commands',
    { action: 'Explode' },
    400,
    'INVALID_REQUEST',
  ],
  [
    'a transaction that is not there',
    'GET',
    '/api/stations/none/transactions/t',
    undefined,
    404,
    'NO_SUCH_TRANSACTION',
  ],
  ['a limit that is none', 'GET', '/api/transactions?limit=many', undefined, 400, 'INVALID_REQUEST'],
  ['an unknown question', 'GET', '/api/transactions?sort=up', undefined, 400, 'INVALID_REQUEST'],
  ['a route that is not there', 'GET', '/api/nothing', undefined, 404, 'NO_SUCH_ROUTE'],
] as const)('%s is refused in the one shape of errors', async (_name, method, path, body, status, code) => {
  const answer = await cloud.api(method, path, body)
  expect(answer.status).toBe(status)
  expect(errorSchema.parse(answer.body).code).toBe(code)
})

test('text that is no JSON and a body that is too large are refused in the same shape', async () => {
  const post = async (body: string) => {
    const response = await fetch(`${cloud.url}/api/stations`, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json' },
    })
    return { status: response.status, body: errorSchema.parse(await response.json()) }
  }
  expect((await post('{"id":')).status).toBe(400)
  expect((await post(JSON.stringify({ id: 'x'.repeat(300_000) }))).status).toBe(413)
})

test('a station that is made twice is a conflict, and the first stays', async () => {
  expect((await cloud.api('POST', '/api/stations', { id: 'ONCE', key: KEY })).status).toBe(201)
  const again = await cloud.api('POST', '/api/stations', { id: 'ONCE', key: `${KEY}-other` })
  expect(again.status).toBe(409)
  await (await connectStation(cloud.url, 'ONCE')).stop()
})

test('a page of another site gets nothing, whatever name it gave this machine', async () => {
  const foreign = await rawStatus({ host: 'evil.example' })
  expect(foreign).toBe(403)
  expect(await rawStatus({ host: 'localhost' })).toBe(200)
})

test('lists, tariffs and health answer in their shapes', async () => {
  expect(stationListSchema.safeParse((await cloud.api('GET', '/api/stations')).body).success).toBe(true)
  expect(transactionListSchema.safeParse((await cloud.api('GET', '/api/transactions')).body).success).toBe(
    true,
  )
  const tariffs = tariffListSchema.parse((await cloud.api('GET', '/api/tariffs')).body)
  expect(tariffs.tariffs.map((tariff) => tariff.id)).toContain(tariffs.billing)
  expect((await cloud.api('GET', '/healthz')).status).toBe(200)
  expect((await cloud.api('GET', '/readyz')).body).toEqual({ ready: true })
})

test('the page is there, or plain words on how to get it', async () => {
  const response = await fetch(`${cloud.url}/`)
  expect(response.status).toBe(200)
  expect(await response.text()).toMatch(/<html|npm run build/)
})

test('a station that is made known is told to whoever watches, before it ever calls', async () => {
  const stream = await openStream(cloud.url)
  await until(
    () => stream.kinds(),
    (kinds) => kinds.includes('hello'),
  )
  await cloud.api('POST', '/api/stations', { id: 'MADE-KNOWN', key: KEY })
  const told = await until(
    () =>
      stream.events.find(
        ({ kind, data }) => kind === 'station' && JSON.stringify(data).includes('MADE-KNOWN'),
      ),
    (event) => event !== undefined,
    2000,
  )
  stream.close()
  expect(told?.data).toMatchObject({ id: 'MADE-KNOWN', online: false, lastSeenAt: null })
})

test('what stations tell is heard live, and who comes back gets what was missed', async () => {
  await cloud.api('POST', '/api/stations', { id: 'LIVE', key: KEY })
  const stays = await openStream(cloud.url)
  const leaves = await openStream(cloud.url)
  await until(
    () => leaves.events.length,
    (count) => count === 1,
  )
  const station = await connectStation(cloud.url, 'LIVE')
  await station.link.call(
    'TransactionEvent',
    transactionEvent('t', 0, 'Started', { minute: 0, registerWh: 10 }),
  )
  await until(
    () => leaves.kinds(),
    (kinds) => kinds.includes('transaction'),
  )
  expect(leaves.kinds()).toContain('sample')
  expect(leaves.kinds()).toContain('station')
  leaves.close()
  const seen = leaves.events.at(-1)?.id ?? ''
  await station.link.call(
    'TransactionEvent',
    transactionEvent('t', 1, 'Ended', { minute: 10, registerWh: 99 }),
  )
  const billed = await until(
    () =>
      stays.events.find(
        (event) => event.kind === 'transaction' && JSON.stringify(event.data).includes('"billed"'),
      ),
    (event) => event !== undefined,
  )
  const back = await openStream(cloud.url, seen)
  await until(
    () => back.events.map((event) => event.id),
    (ids) => ids.includes(billed?.id ?? ''),
  )
  expect(back.kinds()[0]).toBe('hello')
  expect(back.kinds()).not.toContain('reset')
  for (const { kind, data } of [...stays.events, ...back.events]) {
    expect(eventSchemas[kind as keyof typeof eventSchemas].safeParse(data)).toMatchObject({ success: true })
  }
  const lost = await openStream(cloud.url, 'another-run-17')
  await until(
    () => lost.kinds(),
    (kinds) => kinds.length >= 2,
  )
  expect(lost.kinds().slice(0, 2)).toEqual(['hello', 'reset'])
  for (const stream of [stays, back, lost]) stream.close()
  await station.stop()
})

test('a running charge shows the live register of its own meter; the bill and the account stay with what is stored', async () => {
  await cloud.api('POST', '/api/stations', { id: 'LIVE-WH', key: KEY })
  const station = await connectStation(cloud.url, 'LIVE-WH')
  await station.link.call(
    'TransactionEvent',
    transactionEvent('t', 0, 'Started', { minute: 0, registerWh: 1000 }),
  )
  const tellLive = (minute: number, evseId: number, registerWh: number) =>
    station.link.call('MeterValues', {
      evseId,
      meterValue: [
        {
          timestamp: new Date(Date.parse('2026-06-01T08:00:00Z') + minute * 60_000).toISOString(),
          sampledValue: [{ value: registerWh }],
        },
      ],
    })
  const runningWh = async () =>
    (await cloud.api<StationView>('GET', '/api/stations/LIVE-WH')).body.running?.energyWh
  expect(await runningWh()).toBe(0)
  await tellLive(1, 1, 1094)
  expect(await runningWh()).toBe(94)
  await tellLive(2, 2, 9999)
  expect(await runningWh()).toBe(0)
  await tellLive(3, 1, 1200)
  const { body: checks } = await cloud.api<{ meters: EnergyCheck[] }>('GET', '/api/stations/LIVE-WH/energy')
  expect(checks.meters.find(({ evseId }) => evseId === 1)).toMatchObject({
    runningWh: 200,
    unattributedWh: 0,
  })
  await station.link.call(
    'TransactionEvent',
    transactionEvent('t', 1, 'Ended', { minute: 10, registerWh: 1190 }),
  )
  expect(await runningWh()).toBeUndefined()
  const ended = await cloud.api<TransactionView>('GET', '/api/stations/LIVE-WH/transactions/t')
  expect(ended.body.energyWh).toBe(190)
  await station.stop()
})

/** GET /api/stations with a Host header of one's own, which fetch does not allow. */
function rawStatus(headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request(`${cloud.url}/api/stations`, { headers }, (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    })
    asked.on('error', reject)
    asked.end()
  })
}

interface Stream {
  readonly events: { id: string; kind: string; data: unknown }[]
  kinds(): string[]
  close(): void
}

async function openStream(url: string, lastEventId?: string): Promise<Stream> {
  const abort = new AbortController()
  const response = await fetch(`${url}/api/events`, {
    signal: abort.signal,
    headers: lastEventId === undefined ? {} : { 'last-event-id': lastEventId },
  })
  expect(response.headers.get('content-type')).toBe('text/event-stream')
  const events: Stream['events'] = []
  const read = async () => {
    let text = ''
    if (!response.body) return
    for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
      text += chunk
      const blocks = text.split('\n\n')
      text = blocks.pop() ?? ''
      for (const block of blocks) {
        const field = (name: string) =>
          block
            .split('\n')
            .find((line) => line.startsWith(`${name}: `))
            ?.slice(name.length + 2)
        const data = field('data')
        if (data !== undefined)
          events.push({ id: field('id') ?? '', kind: field('event') ?? '', data: JSON.parse(data) })
      }
    }
  }
  read().catch((error: unknown) => {
    if (!abort.signal.aborted) throw error
  })
  return { events, kinds: () => events.map((event) => event.kind), close: () => abort.abort() }
}
