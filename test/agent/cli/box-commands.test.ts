// The built command against an HTTP peer that speaks as the box's page does.
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { BOX_STATE } from '../../../agent/cli/box-client.ts'
import {
  BEFORE_COMMISSIONING,
  clearFault,
  commission,
  override,
  showParked,
  showStatus,
} from '../../../agent/cli/box-commands.ts'
import type { BoxSnapshot } from '../../../agent/keeper/ports.ts'
import { message } from '../../../shared/message.ts'
import { amps, epochMs, milliVolts, monotonicMs, wattHours, watts } from '../../../shared/units.ts'

const BUILT = fileURLToPath(new URL('../../../dist/voltkeep.mjs', import.meta.url))
const REASON = message('limit.schedule')
const AT = epochMs(Date.UTC(2026, 0, 15, 20, 20))

const CHARGING: BoxSnapshot = {
  stationId: 'BOX-1',
  at: AT,
  timeQuality: 'synchronised',
  timeZone: 'Europe/Copenhagen',
  control: {
    atMonotonicMs: monotonicMs(1),
    pilot: 'C',
    plugId: 'p',
    chargingState: 'charging',
    relay: 'closed',
    offeredMilliamps: amps(16),
    binding: { currentMilliamps: amps(16), source: 'installation', reason: REASON, untilMonotonicMs: null },
    permissionUuid: 'u',
    planVersion: 1,
    meter: {
      takenAtMonotonicMs: monotonicMs(1),
      serial: '21334455',
      registerWh: wattHours(110_904),
      powerWatts: watts(11_040),
      currentsMilliamps: [amps(16), amps(15.9), amps(16)],
      voltagesMillivolts: [milliVolts(230_000), milliVolts(230_000), milliVolts(230_000)],
    },
    faults: [],
    devices: [
      {
        name: 'board',
        driver: 'phoenix-ev-cc-ac1-m3-rtu',
        bus: 'main',
        unitId: 1,
        reachable: true,
        lastReplyAgeMs: 4,
        requests: 100,
        errors: 2,
        roundTripMs: 20,
      },
    ],
  },
  meterAgeMs: 400,
  installation: {
    version: 1,
    limitMilliamps: amps(16),
    phasesWired: 3,
    mandatory: ['installation'],
    commissionedBy: 'Karen Holm',
    commissionedAt: AT,
  },
  schedule: null,
  session: {
    uuid: 'u',
    idToken: 'FREE',
    startedAt: AT,
    startRegisterWh: wattHours(100_000),
    energyWh: wattHours(10_904),
    chargingState: 'charging',
  },
  override: null,
  userLimitMilliamps: null,
  limit: { currentMilliamps: amps(0), reason: REASON, until: epochMs(AT + 3_600_000) },
  faults: [],
  csms: 'accepted',
  outbox: { pending: 1, parked: 0, oldestAgeMs: 5 },
  energyAccount: {
    meterSerial: '21334455',
    unattributedWh: wattHours(0),
    sessionsWh: wattHours(10_904),
    registerAtEpochStartWh: wattHours(100_000),
  },
}

interface Order {
  readonly path: string
  readonly body: unknown
  readonly pin: IncomingHttpHeaders[string]
}
let server: Server
let url = ''
let dir = ''
let orders: Order[] = []
let said: { readonly words: string; readonly ordersBefore: number }[] = []
const say = (words: string) => void said.push({ words, ordersBefore: orders.length })
let state: BoxSnapshot = CHARGING
let parked: readonly { at: number; what: string; reason: string }[] = []
const shown = (path: string | undefined) => (path === '/api/outbox' ? { parked } : state)
let answer: { status: number; getStatus?: number; body: unknown } = { status: 200, body: {} }

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'voltkeep-box-'))
  orders = []
  said = []
  state = CHARGING
  answer = { status: 200, body: {} }
  server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    if (request.method === 'GET') {
      response
        .writeHead(answer.getStatus ?? 200)
        .end(JSON.stringify(answer.status === 200 ? shown(request.url) : answer.body))
      return
    }
    orders.push({
      path: request.url ?? '',
      body: JSON.parse(Buffer.concat(chunks).toString()),
      pin: request.headers['x-pin'],
    })
    response.writeHead(answer.status).end(JSON.stringify(answer.body))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  url = typeof address === 'object' && address ? `http://127.0.0.1:${address.port}` : ''
})

afterEach(async () => {
  server.closeAllConnections()
  if (server.listening) await new Promise((resolve) => server.close(resolve))
  await rm(dir, { recursive: true })
})

/** As a process, for what stands between the command line and the calls. */
const run = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  new Promise<{ code: number; out: string; error: string }>((resolve) => {
    execFile(
      process.execPath,
      [BUILT, ...args],
      { cwd: dir, env: { ...process.env, ...env } },
      (error, out, stderr) => resolve({ code: error ? Number(error.code) : 0, out, error: stderr }),
    )
  })

it('status tells what the box does, its amps and their reason', async () => {
  expect(await showStatus(url, false)).toEqual({
    exitCode: 0,
    out: `station   BOX-1
state     charging
limit     0.0 A until 15/01/2026, 22:20:00. The schedule holds charging back now.
offered   16.0 A
meter     11040 W; 16.0 A, 15.9 A, 16.0 A; 110.904 kWh; serial 21334455
session   10.904 kWh since 15/01/2026, 21:20:00, token FREE
installed 16.0 A on 3 phases, by Karen Holm, version 1
device    board, phoenix-ev-cc-ac1-m3-rtu, bus main unit 1: answers, 2 of 100 requests failed
server    accepted; 1 waiting, 0 parked
time      15/01/2026, 21:20:00 Europe/Copenhagen, synchronised
faults    none`,
  })
})

it('status tells old values by their age only, and does not tell an offer that nobody can know', async () => {
  const faults = ['BUS_LOST'] as const
  state = { ...CHARGING, meterAgeMs: 12_400, faults }
  const { out } = await showStatus(url, false)
  expect(out).toContain('\nmeter     –, last read 12 s ago; 110.904 kWh then; serial 21334455\n')
  expect(out).toContain('\noffered   not known, the board does not answer; last 16.0 A\n')
  expect(out).not.toContain('11040 W')
})

it('clear-fault sends the code and the PIN, and tells why a box refuses', async () => {
  expect(await clearFault('CONTACTOR_WELDED', { url, pin: '4711' })).toEqual({
    exitCode: 0,
    out: 'CONTACTOR_WELDED may clear; it does where its cause is gone (voltkeep status)',
  })
  expect(orders).toEqual([{ path: '/api/clear-fault', body: { code: 'CONTACTOR_WELDED' }, pin: '4711' }])
  const refusal = {
    code: 'FAULT_NOT_LATCHED',
    message: 'METER_LOST is not latched.',
    do: 'Remove its cause.',
  }
  answer = { status: 409, body: refusal }
  const refused = await clearFault('METER_LOST', { url })
  expect(refused.exitCode).toBe(1)
  expect(refused.error).toContain('METER_LOST is not latched. (FAULT_NOT_LATCHED)')
})

it('outbox tells what the server refused for good and with which words, and has it told again', async () => {
  const reason = 'refused 5 times, last with FormatViolation: no'
  parked = [{ at: Date.parse('2026-01-15T20:00:00Z'), what: 'Started 0 of 6f2b', reason }]
  const { out } = await showParked(url)
  expect(out).toBe(
    `2026-01-15T20:00:00.000Z  Started 0 of 6f2b\n  ${reason}\n` +
      'when its cause is gone at the server: voltkeep outbox retry',
  )
  parked = []
  expect((await showParked(url)).out).toBe('nothing is parked')
  expect(await run(['outbox', 'retry', '--url', url, '--pin', '4711'])).toMatchObject({ code: 0 })
  expect(orders).toEqual([{ path: '/api/outbox/retry', body: {}, pin: '4711' }])
})

it('commission says before it sends that a limit is not raised again from afar', async () => {
  await commission({ ...ORDER, url }, say)
  expect(said).toEqual([{ words: expect.stringContaining('but not raised again'), ordersBefore: 0 }])
  expect(said[0]?.words).toContain('docs/safety/hazards.md')
  const { error } = await run(['commission', '--url', url, '--limit', '16 A', '--phases', '3', '--by', 'K'])
  expect(error).toContain('but not raised again')
})

it('status --json is what the command knows of the box', async () => {
  const { code, out } = await run(['status', '--url', url, '--json'])
  expect(code).toBe(0)
  expect(JSON.parse(out)).toEqual(BOX_STATE.parse(CHARGING))
})

it('status says what to do when nobody answers', async () => {
  await new Promise((resolve) => server.close(resolve))
  const { exitCode, out, error } = await showStatus(url, false)
  expect({ exitCode, out }).toEqual({ exitCode: 1, out: undefined })
  expect(error).toBe(`${url}
  expected  the page of a box that runs (voltkeep agent)
  got       connect ECONNREFUSED ${url.slice('http://'.length)}
  do        name the address with --url, or look whether keeper runs; its log says where it listens`)
})

it('status says when something else answers', async () => {
  answer = { status: 500, body: { hello: 'world' } }
  const { exitCode, error } = await showStatus(url, false)
  expect(exitCode).toBe(1)
  expect(error).toContain(
    `${url}/api/state\n  expected  the state of a Voltkeep box\n  got       stationId: `,
  )
})

const ORDER = { limit: '16 A', phases: '3', by: 'Karen Holm' }
const COMMISSION = ['commission', '--limit', '16 A', '--phases', '3', '--by', 'Karen Holm']

it('commission sends the limit in mA, and the PIN only where there is one', async () => {
  expect(await run([...COMMISSION, '--url', url])).toEqual({
    code: 0,
    error: `${BEFORE_COMMISSIONING}\n`,
    out: 'commissioned: 16 A on 3 phases, by Karen Holm\n',
  })
  await run([...COMMISSION, '--url', url], { VOLTKEEP_PIN: '4711' })
  await commission({ ...ORDER, url, pin: '0815' }, say)
  const body = { limitMilliamps: 16_000, phasesWired: 3, by: 'Karen Holm' }
  expect(orders).toEqual([
    { path: '/api/commission', body, pin: undefined },
    { path: '/api/commission', body, pin: '4711' },
    { path: '/api/commission', body, pin: '0815' },
  ])
})

it('commission sends the schedule of the documentation', async () => {
  const file = fileURLToPath(new URL('../../../docs/operate/schedule.example.yaml', import.meta.url))
  expect((await commission({ ...ORDER, url, schedule: file }, say)).exitCode).toBe(0)
  expect(orders.at(-1)).toEqual({
    path: '/api/schedule',
    body: {
      schedule: {
        timeZone: 'Europe/Copenhagen',
        windows: [{ days: [1, 2, 3, 4, 5, 6, 7], from: '23:00', to: '06:00' }],
        outsideMilliamps: 0,
      },
    },
    pin: undefined,
  })
})

it.each([
  [
    'a limit without a unit',
    { limit: '16' },
    '--limit\n  expected  a current with its unit, such as "16 A"\n  got       16\n',
  ],
  ['two phases', { phases: '2' }, '--phases\n  expected  1 or 3\n  got       2\n'],
  [
    'a schedule that is not there',
    { schedule: 'none.yaml' },
    'none.yaml\n  expected  a schedule that can be read\n',
  ],
])('commission sends nothing with %s', async (_what, more, told) => {
  const { exitCode, error } = await commission({ ...ORDER, url, ...more }, say)
  expect(exitCode).toBe(2)
  expect(error).toContain(told)
  expect(error).toContain('nothing was sent')
  expect(orders).toEqual([])
})

it('commission sends nothing with a schedule that is wrong, and says where', async () => {
  await writeFile(
    join(dir, 's.yaml'),
    'timeZone: Europe/Copenhagen\nwindows:\n  - days: [8]\n    from: "23:00"\n    to: "25:00"\noutside: 0\n',
  )
  const { exitCode, error } = await commission({ ...ORDER, url, schedule: join(dir, 's.yaml') }, say)
  expect(exitCode).toBe(2)
  for (const place of ['s.yaml:3  windows[0].days[0]', 's.yaml:5  windows[0].to', 's.yaml:6  outside']) {
    expect(error).toContain(place)
  }
  expect(orders).toEqual([])
})

it.each(['5 A', '0', '16 kW'])(
  'commission sends no schedule that leaves %s outside its windows',
  async (outside) => {
    await writeFile(join(dir, 's.yaml'), `timeZone: Europe/Copenhagen\nwindows: []\noutside: "${outside}"\n`)
    const { exitCode, error } = await commission({ ...ORDER, url, schedule: join(dir, 's.yaml') }, say)
    expect(exitCode).toBe(2)
    expect(error).toBe(`${dir}/s.yaml:3  outside
  expected  a current with its unit: 0 A to hold back, or 6 A and more
  got       ${outside}
  do        write a number and A or mA
nothing was sent`)
    expect(orders).toEqual([])
  },
)

it("a refusal is told in the box's own words", async () => {
  answer = { status: 403, body: { code: 'WRONG_PIN', message: 'The PIN is wrong.', do: 'Ask the owner.' } }
  expect(await run(['override', '--url', url])).toEqual({
    code: 1,
    out: '',
    error: `POST ${url}/api/override: The PIN is wrong. (WRONG_PIN)\n  do        Ask the owner.\n`,
  })
  expect(orders).toEqual([{ path: '/api/override', body: {}, pin: undefined }])
})

it('override says how long it holds', async () => {
  expect((await override({ url })).out).toBe('the schedule is overridden until the car is full or unplugged')
})

it.each(['NO_SUCH_ROUTE', 'TOKEN_NEEDED', 'FOREIGN_HOST'])(
  'the cloud in place of a box is named as such (%s)',
  async (code) => {
    answer = {
      status: 404,
      getStatus: 404,
      body: { code, message: 'There is nothing.', do: 'Read /api/openapi.json.' },
    }
    const told = `
  expected  the page of a box
  got       the Voltkeep cloud
  do        name the box's own address with --url; its port is 8081 where agent.yaml names none (local.port)`
    expect((await showStatus(url, false)).error).toBe(`GET ${url}/api/state${told}`)
    expect((await override({ url })).error).toBe(`POST ${url}/api/override${told}`)
  },
)

it.each([
  ['127.0.0.1:8081', 'http://127.0.0.1:8081'],
  ['localhost:8081', 'http://localhost:8081'],
  ['ftp://box', 'http://127.0.0.1:8081'],
])('an address as %s gets a hint', async (written, hint) => {
  expect(await showStatus(written, false)).toEqual({
    exitCode: 1,
    error: `--url ${written}
  expected  an address that begins with http:// or https://
  got       ${written}
  do        write --url ${hint}`,
  })
})
