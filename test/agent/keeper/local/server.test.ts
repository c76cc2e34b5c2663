// The box's page server over real HTTP on the loopback.
import { createServer, request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { hostname } from 'node:os'
import { afterEach, describe, expect, it } from 'vitest'
import { startLocal } from '../../../../agent/keeper/local/server.ts'
import { systemClock } from '../../../../shared/io/system-clock.ts'
import type { Clock } from '../../../../shared/time/clock.ts'
import { amps, monotonicMs } from '../../../../shared/units.ts'
import { keptLog, until } from '../../../shared/io/link-bench.ts'
import { CONFIG, type MemoryBox, memoryBox, NOON, SESSION, SNAPSHOT, UUID } from '../port-doubles.ts'

const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

interface Parts {
  readonly box?: MemoryBox
  readonly access?: 'private' | 'public'
  readonly pin?: string
  readonly clock?: Clock
  readonly port?: number
  readonly host?: string
}

async function aPage({
  box = memoryBox(),
  access = 'private',
  pin,
  clock = systemClock(),
  port = 0,
  host = '127.0.0.1',
}: Parts = {}) {
  const log = keptLog()
  const config = { ...CONFIG, access, local: { host, port, pin: pin ?? null } }
  const handle = await startLocal({ config, box, clock, log })
  ends.push(handle.stop)
  return {
    box,
    log,
    handle,
    ask: (method: string, path: string, more: Ask = {}) => ask(handle.url(), method, path, more),
  }
}

interface Ask {
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
}

interface Told {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  readonly json: Record<string, unknown> | null
}

/** Plain HTTP, so that Host and Origin can be anything. */
function ask(url: string | null, method: string, path: string, { headers = {}, body }: Ask): Promise<Told> {
  if (url === null) throw new Error('the page is not served')
  return new Promise((resolve, reject) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    const length = String(Buffer.byteLength(text ?? ''))
    const sent = body === undefined ? {} : { 'content-type': 'application/json', 'content-length': length }
    const request = httpRequest(
      new URL(path, url),
      { method, headers: { ...sent, ...headers } },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () => {
          const all = Buffer.concat(chunks).toString()
          const isJson = response.headers['content-type']?.startsWith('application/json')
          const json = isJson ? JSON.parse(all) : null
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text: all, json })
        })
      },
    )
    request.on('error', reject)
    request.end(text)
  })
}

describe('the box as it is', () => {
  it('is its snapshot, with the reason in words', async () => {
    const { ask } = await aPage({ box: memoryBox({ session: SESSION, faults: ['METER_LOST'] }) })
    const { status, json } = await ask('GET', '/api/state')
    expect(status).toBe(200)
    expect(json).toMatchObject({
      stationId: 'VK-1',
      session: { uuid: UUID, energyWh: 456 },
      limit: { currentMilliamps: 16_000 },
      words: { en: { reason: 'The wiring of this installation allows no more.' } },
      faultsInWords: [{ code: 'METER_LOST' }],
      pinNeeded: false,
    })
  })

  it('is told without the token, but for its last two characters', async () => {
    const session = { ...SESSION, idToken: 'DE-ABC-C12345678-9' }
    const { ask, handle } = await aPage({ box: memoryBox({ session }), access: 'public' })
    const { text } = await ask('GET', '/api/state')
    expect(JSON.parse(text).session.idToken).toBe('…-9')
    expect(text).not.toContain('12345678')
    const response = await fetch(`${handle.url()}/api/events`)
    const first = await response.body?.getReader().read()
    expect(Buffer.from(first?.value ?? []).toString()).toContain('"idToken":"…-9"')
  })

  it('is told live: at once, and after changes at most twice a second', async () => {
    const { handle, box } = await aPage()
    const response = await fetch(`${handle.url()}/api/events`)
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
    const reader = response.body?.getReader()
    if (!reader) throw new Error('no body')
    ends.push(() => reader.cancel())
    let text = ''
    const read = (async () => {
      for (;;) {
        const { done, value } = await reader.read()
        if (done) return
        text += Buffer.from(value).toString()
      }
    })()
    const states = () =>
      [...text.matchAll(/^event: state\ndata: (.*)$/gm)].map((match) => JSON.parse(match[1] ?? ''))
    await until('the first', () => states().length === 1)
    for (const current of [6, 7, 8, 9, 10]) {
      box.change({ limit: { ...SNAPSHOT.limit, currentMilliamps: amps(current) } })
    }
    await until('the newest', () => states().at(-1)?.limit.currentMilliamps === 10_000)
    expect(states().length).toBeLessThanOrEqual(3)
    await handle.stop()
    await read
  })
})

describe('an order', () => {
  const schedule = {
    timeZone: 'Europe/Copenhagen',
    windows: [{ days: [1, 7], from: '23:00', to: '06:00' }],
    outsideMilliamps: 0,
  }
  it.each([
    ['POST', '/api/override', {}, ['override', { by: 'localPage', until: null }]],
    ['POST', '/api/override', { until: NOON }, ['override', { by: 'localPage', until: NOON }]],
    ['POST', '/api/override', undefined, ['override', { by: 'localPage', until: null }]],
    ['DELETE', '/api/override', undefined, ['endOverride', null]],
    ['POST', '/api/user-limit', { limitMilliamps: 10_000 }, ['setUserLimit', 10_000]],
    ['POST', '/api/user-limit', { limitMilliamps: null }, ['setUserLimit', null]],
    [
      'POST',
      '/api/commission',
      { limitMilliamps: 16_000, phasesWired: 3, by: 'A' },
      ['commission', { limitMilliamps: 16_000, phasesWired: 3, by: 'A' }],
    ],
    ['POST', '/api/schedule', { schedule }, ['setSchedule', schedule]],
    ['POST', '/api/schedule', { schedule: null }, ['setSchedule', null]],
    [
      'POST',
      '/api/clear-fault',
      { code: 'CONTACTOR_WELDED' },
      ['clearFault', { code: 'CONTACTOR_WELDED', by: 'local page, 127.0.0.1' }],
    ],
    ['POST', '/api/outbox/retry', {}, ['retryParked', { by: 'local page, 127.0.0.1' }]],
    ['POST', '/api/stop', {}, ['stop', { uuid: UUID, by: 'local' }]],
  ] as const)('%s %s %j reaches the box', async (method, path, body, order) => {
    const { ask, box } = await aPage({ box: memoryBox({ session: SESSION }) })
    expect((await ask(method, path, { body })).status).toBe(200)
    expect(box.orders).toEqual([order])
  })

  it.each([
    ['an unknown key', '/api/override', { until: null, force: true }],
    ['a time outside the calendar', '/api/override', { until: Number.MAX_SAFE_INTEGER }],
    ['a time in words', '/api/override', { until: 'tonight' }],
    ['3 A', '/api/user-limit', { limitMilliamps: 3000 }],
    ['a text for a number', '/api/user-limit', { limitMilliamps: '10000' }],
    ['a fraction', '/api/user-limit', { limitMilliamps: 10_000.5 }],
    ['a missing key', '/api/user-limit', {}],
    ['two phases', '/api/commission', { limitMilliamps: 16_000, phasesWired: 2, by: 'A' }],
    ['a fault that nobody knows', '/api/clear-fault', { code: 'TIRED' }],
    ['nobody', '/api/commission', { limitMilliamps: 16_000, phasesWired: 3, by: ' ' }],
    [
      'a day twice',
      '/api/schedule',
      { schedule: { ...schedule, windows: [{ days: [1, 1], from: '23:00', to: '06:00' }] } },
    ],
    [
      '25 o’clock',
      '/api/schedule',
      { schedule: { ...schedule, windows: [{ days: [1], from: '25:00', to: '06:00' }] } },
    ],
    ['no such zone', '/api/schedule', { schedule: { ...schedule, timeZone: 'Europe/Atlantis' } }],
    ['no JSON', '/api/override', '{'],
    ['a list', '/api/override', []],
  ])('with %s is refused, and says what was expected', async (_name, path, body) => {
    const { ask, box } = await aPage()
    const { status, json } = await ask('POST', path, { body })
    expect(status).toBe(400)
    expect(Object.keys(json ?? {}).sort()).toEqual(['code', 'do', 'expected', 'got', 'message'])
    expect(json).toMatchObject({ code: 'MALFORMED' })
    expect(box.orders).toEqual([])
  })

  it('that is too long is refused unread', async () => {
    const { ask, box } = await aPage()
    const { status, json } = await ask('POST', '/api/override', { body: `{"x":"${'x'.repeat(20_000)}"}` })
    expect([status, json?.['code']]).toEqual([413, 'TOO_LONG'])
    expect(box.orders).toEqual([])
  })

  it('that the box refuses says why and what to do', async () => {
    const { ask, box } = await aPage()
    box.refuse = { code: 'NO_CAR', message: 'No car is plugged in.', do: 'Plug a car in.' }
    expect(await ask('POST', '/api/override', { body: {} })).toMatchObject({
      status: 409,
      json: { code: 'NO_CAR', message: 'No car is plugged in.', do: 'Plug a car in.' },
    })
  })

  it('to no address is told which there are', async () => {
    const { ask } = await aPage()
    for (const [method, path] of [
      ['POST', '/api/state'],
      ['GET', '/api/override'],
      ['PUT', '/'],
      ['GET', '/../etc'],
    ] as const) {
      expect(await ask(method, path)).toMatchObject({ status: 404, json: { code: 'NOT_FOUND' } })
    }
  })
})

describe('a foreign page', () => {
  it.each(['evil.example', 'evil.example:80', '127.0.0.1.evil.example', 'local', 'x.local.evil.example'])(
    'whose name was pointed at the box gets nothing: %j',
    async (host) => {
      const { ask } = await aPage()
      for (const path of ['/', '/api/state', '/api/events']) {
        expect((await ask('GET', path, { headers: { host } })).status).toBe(421)
      }
    },
  )

  it.each([
    '192.168.1.20',
    '192.168.1.20:8080',
    '[fe80::1]:80',
    'localhost:8080',
    'wallbox.local',
    hostname(),
  ])('is not what a visitor of %s has opened', async (host) => {
    const { ask } = await aPage()
    expect((await ask('GET', '/api/state', { headers: { host } })).status).toBe(200)
  })

  it.each([
    ['another origin', { origin: 'http://evil.example' }, 'FOREIGN_ORIGIN'],
    ['no origin that it tells', { origin: 'null' }, 'FOREIGN_ORIGIN'],
    ['another site', { 'sec-fetch-site': 'cross-site' }, 'FOREIGN_ORIGIN'],
    ['a plain form', { 'content-type': 'text/plain' }, 'NOT_JSON'],
    ['a form', { 'content-type': 'application/x-www-form-urlencoded' }, 'NOT_JSON'],
  ] as const)('gives no orders: %s', async (_name, headers, code) => {
    const { ask, box } = await aPage()
    expect((await ask('POST', '/api/override', { body: '{}', headers })).json).toMatchObject({ code })
    expect(box.orders).toEqual([])
  })

  it('is not our own, which may', async () => {
    const { ask, handle, box } = await aPage()
    const headers = { origin: handle.url() ?? '', 'sec-fetch-site': 'same-origin' }
    expect((await ask('POST', '/api/override', { body: {}, headers })).status).toBe(200)
    expect(box.orders).toHaveLength(1)
  })
})

describe('the PIN', () => {
  it('is needed for every order where there is one, and not to look', async () => {
    const { ask, box } = await aPage({ pin: '4711' })
    expect((await ask('GET', '/api/state')).json).toMatchObject({ pinNeeded: true })
    for (const [method, path] of [
      ['POST', '/api/override'],
      ['DELETE', '/api/override'],
      ['POST', '/api/stop'],
    ] as const) {
      expect(await ask(method, path, { body: {} })).toMatchObject({
        status: 401,
        json: { code: 'PIN_NEEDED' },
      })
    }
    expect(box.orders).toEqual([])
    expect((await ask('POST', '/api/override', { body: {}, headers: { 'x-pin': '4711' } })).status).toBe(200)
  })

  it('that is wrong five times in a row lets orders rest for a minute', async () => {
    const real = systemClock()
    let shiftMs = 0
    const clock: Clock = { ...real, monotonic: () => monotonicMs(real.monotonic() + shiftMs) }
    const { ask, box } = await aPage({ pin: '4711', clock })
    const tried = async (pin: string) =>
      (await ask('POST', '/api/override', { body: {}, headers: { 'x-pin': pin } })).status
    for (let count = 0; count < 5; count++) expect(await tried('0000')).toBe(401)
    expect(await tried('4711')).toBe(429)
    shiftMs = 61_000
    expect(await tried('4711')).toBe(200)
    expect(box.orders).toHaveLength(1)
  })

  it.each([
    ['/api/commission', { limitMilliamps: 6000, phasesWired: 1, by: 'A' }],
    ['/api/schedule', { schedule: null }],
    ['/api/clear-fault', { code: 'METER_WENT_BACK' }],
  ])('is needed for %s on a private box whose page is on the network', async (path, body) => {
    const open = await aPage({ host: '0.0.0.0' })
    expect(await open.ask('POST', path, { body })).toMatchObject({
      status: 403,
      json: { code: 'NO_PIN_SET' },
    })
    expect(open.box.orders).toEqual([])
    expect((await open.ask('POST', '/api/override', { body: {} })).status).toBe(200)
    const locked = await aPage({ host: '0.0.0.0', pin: '4711' })
    expect((await locked.ask('POST', path, { body, headers: { 'x-pin': '4711' } })).status).toBe(200)
  })

  it('that is not set on a public box means that there are no orders', async () => {
    const { ask, box } = await aPage({ access: 'public' })
    expect(await ask('POST', '/api/override', { body: {} })).toMatchObject({
      status: 403,
      json: { code: 'NO_PIN_SET' },
    })
    expect(box.orders).toEqual([])
  })
})

describe('the port', () => {
  it('that is taken is said once, and served when it is free', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const address = other.address()
    const port = typeof address === 'object' && address ? address.port : 0
    // Five seconds of the box pass at once.
    const real = systemClock()
    const clock: Clock = { ...real, after: (name, ms, action) => real.after(name, ms / 100, action) }
    const { handle, log } = await aPage({ port, clock })
    expect(handle.url()).toBeNull()
    await new Promise((resolve) => other.close(resolve))
    await until('served', () => handle.url() !== null)
    expect(log.lines.filter(({ level }) => level === 'error')).toHaveLength(1)
    expect((await ask(handle.url(), 'GET', '/', {})).status).toBe(200)
  })
})
