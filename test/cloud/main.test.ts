import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import type { EnergyCheck } from '../../shared/api/stations.ts'
import type { TransactionView } from '../../shared/api/transactions.ts'
import { type CloudProcess, refusedStart, startCloud, until } from './support/cloud-process.ts'
import { startPostgres } from './support/postgres.ts'
import { connectStation, KEY, transactionEvent } from './support/station.ts'

const undo: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})
const folder = async () => {
  const dir = await mkdtemp(join(tmpdir(), 'voltkeep-main-'))
  undo.push(() => rm(dir, { recursive: true, force: true }))
  return dir
}
const start = async (args: string[], env: Record<string, string> = {}) => {
  const cloud = await startCloud(args, env)
  undo.push(() => cloud.stop())
  return cloud
}

test('a wrong option starts nothing, says what to do, and ends with 2', async () => {
  const refused = await refusedStart(['--port', 'http'])
  expect(refused.code).toBe(2)
  expect(refused.stderr).toMatch(/--port[\s\S]*expected[\s\S]*got +http[\s\S]*do /)
  expect(refused.stdout).toBe('')
})

test('another address without a token is refused; with it the API asks for it', async () => {
  const dir = await folder()
  expect(await refusedStart(['--data', dir, '--host', '0.0.0.0'])).toMatchObject({ code: 2 })
  expect(await readdir(dir)).toEqual([])
  const cloud = await start(['--data', dir, '--host', '0.0.0.0'], {
    VOLTKEEP_API_TOKEN: 'a-long-enough-token',
  })
  const ask = (authorization?: string) =>
    fetch(`http://127.0.0.1:${new URL(cloud.url).port}/api/stations`, {
      headers: authorization === undefined ? {} : { authorization },
    }).then((response) => response.status)
  expect(await ask()).toBe(401)
  expect(await ask('Bearer a-long-enough-token')).toBe(200)
})

/** The status of a request whose first line is exactly this; fetch would tidy the path. */
const rawStatus = (url: string, line: string) =>
  new Promise<number>((resolve, reject) => {
    const { host, hostname, port } = new URL(url)
    const socket = connect(Number(port), hostname)
    let answer = ''
    socket.setEncoding('latin1').on('data', (text) => {
      answer += text
    })
    socket.on('error', reject).on('close', () => resolve(Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1])))
    socket.write(`${line} HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`)
  })

test('however a route is spelled, nothing but page and health is answered without the token', async () => {
  const cloud = await start(['--data', await folder()], { VOLTKEEP_API_TOKEN: 'a-long-enough-token' })
  const paths = [
    '/api/stations',
    '/%61pi/stations',
    '/%61%70%69/stations?limit=1',
    'http://x/api/stations',
    'http://x/%61pi/stations',
    '//api/stations',
    '/./api/stations',
    '/x/../api/stations',
    '/api/stations/',
    '/API/stations',
    '/api;/stations',
    '/api/%73tations',
    '/api/openapi.json',
    '/api/events',
    '/api/nothing',
  ]
  // Paths of no route are looked for among the console's files: not there (404), or never there (403).
  for (const method of ['GET', 'HEAD'])
    for (const path of paths)
      expect([401, 403, 404], `${method} ${path}`).toContain(await rawStatus(cloud.url, `${method} ${path}`))
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS'])
    for (const path of paths)
      expect(await rawStatus(cloud.url, `${method} ${path}`), `${method} ${path}`).toBe(401)
  for (const path of [
    '/api/stations',
    '/%61pi/stations',
    'http://x/api/stations',
    '/api/%73tations',
    '/api/events',
  ])
    expect(await rawStatus(cloud.url, `GET ${path}`), path).toBe(401)
  for (const path of ['/', '/healthz', '/readyz']) expect(await rawStatus(cloud.url, `GET ${path}`)).toBe(200)
})

test("the server's key is made once, for its owner only; with another key the cloud does not start", async () => {
  const dir = await folder()
  const first = await start(['--data', dir])
  const path = join(dir, 'server.key')
  expect((await stat(path)).mode & 0o777).toBe(0o600)
  const key = await readFile(path, 'utf8')
  expect(await first.stop()).toBe(0)
  await (await start(['--data', dir])).stop()
  expect(await readFile(path, 'utf8')).toBe(key)
  await writeFile(path, `${Buffer.alloc(32, 7).toString('base64')}\n`)
  const refused = await refusedStart(['--data', dir, '--port', '0'])
  expect(refused.code).toBe(1)
  expect(refused.stdout).toMatch(/server key/)
  await writeFile(path, 'damaged\n')
  expect(await refusedStart(['--data', dir, '--port', '0'])).toMatchObject({ code: 1 })
})

test('every file of the cloud is for its owner only, also in a folder that others may read', async () => {
  const dir = await folder()
  await chmod(dir, 0o755)
  const cloud = await start(['--data', dir])
  await cloud.api('POST', '/api/stations', { id: 'S', key: KEY })
  const files = await readdir(dir)
  expect(files).toEqual(expect.arrayContaining(['cloud.sqlite', 'cloud.sqlite-wal', 'server.key']))
  for (const file of files) expect((await stat(join(dir, file))).mode & 0o077, file).toBe(0)
})

test('SIGTERM ends it with 0, also with a station and a watcher connected, and says good-bye to the station', async () => {
  const cloud = await start(['--data', await folder()])
  await cloud.api('POST', '/api/stations', { id: 'S', key: KEY })
  const station = await connectStation(cloud.url, 'S')
  undo.push(() => station.stop())
  const watcher = fetch(`${cloud.url}/api/events`).then((response) => response.text())
  watcher.catch(() => {})
  await until(
    () => cloud.log.length,
    (count) => count > 1,
  )
  expect(await cloud.stop()).toBe(0)
  expect(station.closures[0]).toMatch(/1001/)
})

/** What one station was told is stored: its transactions with the events that were answered. */
type Acknowledged = Map<string, Set<number>>

/** Charges one after the other until it is told to end; what was not answered is sent again, as a box does. */
async function driveStation(
  cloudUrl: () => string,
  id: string,
  acknowledged: Acknowledged,
  ends: () => boolean,
) {
  let station = await connectStation(cloudUrl(), id)
  let register = 0
  for (let charge = 0; !ends(); charge++) {
    for (let seqNo = 0; seqNo < 6; seqNo++) {
      register += seqNo === 0 ? 0 : 250
      const kind = seqNo === 0 ? 'Started' : seqNo === 5 ? 'Ended' : 'Updated'
      const minute = charge * 6 + seqNo
      const event = transactionEvent(`${id}-${charge}`, seqNo, kind, { minute, registerWh: register })
      for (;;) {
        const outcome = await station.link.call('TransactionEvent', event)
        if (outcome.ok) break
        if (new URL(cloudUrl()).host !== station.host) {
          await station.stop()
          station = await connectStation(cloudUrl(), id)
        }
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
      const numbers = acknowledged.get(`${id}-${charge}`) ?? new Set()
      acknowledged.set(`${id}-${charge}`, numbers.add(seqNo))
    }
  }
  await station.stop()
}

test.each(['sqlite', 'postgres'] as const)(
  'SIGKILL under load on %s: every answered event is there, once, and every charge is billed to the Wh',
  async (database) => {
    const dir = await folder()
    const args = ['--data', dir]
    if (database === 'postgres') {
      const postgres = await startPostgres()
      undo.push(() => postgres.stop())
      args.push('--database-url', await postgres.newDatabase())
    }
    let cloud: CloudProcess = await start(args)
    const ids = Array.from({ length: 6 }, (_, index) => `KILL-${index}`)
    for (const id of ids) await cloud.api('POST', '/api/stations', { id, key: KEY })
    const acknowledged: Acknowledged = new Map()
    const answered = () => [...acknowledged.values()].reduce((sum, numbers) => sum + numbers.size, 0)
    let done = false
    const load = ids.map((id) =>
      driveStation(
        () => cloud.url,
        id,
        acknowledged,
        () => done,
      ),
    )
    for (let kill = 0; kill < 3; kill++) {
      const before = answered()
      await until(answered, (count) => count > before + 60, 30_000)
      await cloud.stop('SIGKILL')
      cloud = await start(args)
    }
    done = true
    await Promise.all(load)

    const stored = await until(
      async () => {
        const lists = await Promise.all(
          ids.map((id) =>
            cloud.api<{ transactions: TransactionView[] }>(
              'GET',
              `/api/transactions?stationId=${id}&limit=500`,
            ),
          ),
        )
        return lists.flatMap(({ body }) => body.transactions)
      },
      (all) => all.every((one) => one.bill.kind === 'billed'),
      30_000,
    )
    expect(stored.map((one) => one.transactionId).sort()).toEqual([...acknowledged.keys()].sort())
    for (const one of stored) {
      expect(one).toMatchObject({ events: 6, missingSeqNos: [], energyWh: 1250, bill: { quantityWh: 1250 } })
    }
    for (const id of ids) {
      const { body } = await cloud.api<{ meters: EnergyCheck[] }>('GET', `/api/stations/${id}/energy`)
      expect(body.meters).toMatchObject([{ differenceWh: 0, unattributedWh: 0 }])
    }
  },
  120_000,
)
