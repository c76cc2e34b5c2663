import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { SIM_ROUTES, type SimEvent, type SimFrame, type SimState } from '../../hw-sim/api.ts'
import { startHttp } from '../../hw-sim/http.ts'
import { type RunningSite, startSite } from '../../hw-sim/running-site.ts'
import { defaultSite } from '../../hw-sim/site.ts'
import { systemClock } from '../../shared/io/system-clock.ts'
import { frame, type Master, NO_REPLY, openMaster } from './bus/master.ts'
import { siteOf, WIRED_SOCKET } from './site-files.ts'

// The whole of hw-sim but its command line: HTTP control, world, devices, a real pseudo terminal, real line times.

const clock = systemClock()
let folder = ''
let site: RunningSite
let http: Awaited<ReturnType<typeof startHttp>>
let master: Master

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'voltkeep-sim-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

beforeEach(async () => {
  site = startSite({
    site: defaultSite(),
    clock,
    wallOffsetMs: 5000,
    linkDir: folder,
    onTrouble: (detail) => {
      throw new Error(detail)
    },
  })
  http = await startHttp(site, 0)
  master = await openMaster(join(folder, 'main'), clock)
})
afterEach(async () => {
  await master.close()
  http.close()
  site.close()
})

async function call(route: string, body?: unknown) {
  const [method = '', path = ''] = route.split(' ')
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body)
  const response = await fetch(`${http.url}${path}`, {
    method,
    ...(text === undefined ? {} : { body: text }),
  })
  const value: unknown = await response.json()
  return { status: response.status, value }
}
async function good<T>(route: string, body?: unknown): Promise<T> {
  const { status, value } = await call(route, body)
  expect(status, JSON.stringify(value)).toBe(200)
  // The shapes are api.ts's; the tests look at their fields.
  return value as T
}
const state = () => good<SimState>('GET /state')
const events = async () => (await good<{ events: SimEvent[] }>('GET /events')).events
const pduOf = (bytes: Buffer) => bytes.subarray(1, Math.max(1, bytes.length - 2)).toString('hex')
const ask = async (unitId: number, pdu: string) => pduOf((await master.exchange(frame(unitId, pdu))).bytes)
const unanswered = async (unitId: number, pdu: string) =>
  (await master.exchange(frame(unitId, pdu), NO_REPLY)).bytes.length === 0

/** Polls the state until it holds; fails after `withinMs`. */
async function until(what: string, holds: (now: SimState) => boolean, withinMs = 6000): Promise<SimState> {
  const deadline = clock.monotonic() + withinMs
  for (;;) {
    const now = await state()
    if (holds(now)) return now
    if (clock.monotonic() > deadline) throw new Error(`not ${what} in ${withinMs} ms: ${JSON.stringify(now)}`)
    await clock.sleep('poll', 20)
  }
}

/** What commissioning and an agent do: relay on, coil 20000 in charge, 16 A, enabled; then a car. */
async function charge() {
  expect(await ask(3, '05 0000 ff00')).toBe('050000ff00')
  expect(await ask(1, '06 0fa0 0003')).toBe('060fa00003')
  expect(await ask(1, '06 55f0 0010')).toBe('0655f00010')
  expect(await ask(1, '05 4e20 ff00')).toBe('054e20ff00')
  await good('POST /car/plug', { followMs: 200 })
  return until('charging', (now) => now.currentsMilliamps[0] === 16_000)
}

describe('a site under control by HTTP and Modbus', () => {
  test('charges, and state, meter and events agree', async () => {
    const before = await state()
    expect(before).toMatchObject({ wallOffsetMs: 5000, meter: { serial: '23110007', registerWh: 1_234_567 } })
    const now = await charge()
    expect(now.board).toMatchObject({ state: 'C2', enabled: true, available: true, contactorClosed: true })
    expect(now.relay.channels[0]).toBe(true)
    const current = Buffer.from(await ask(2, '04 0006 0002'), 'hex').readFloatBE(2)
    expect(current).toBe(16)
    await until('counting', (later) => later.energyMilliwattHours > 1000)
    const kinds = (await events()).map((it) => it.kind)
    expect(kinds).toEqual(expect.arrayContaining(['relay', 'retentiveWrite', 'plugged', 'pilot', 'offer']))
    expect(kinds.indexOf('contactorClosed')).toBeLessThan(kinds.indexOf('currentStarted'))
  })

  test('loses its supply: no answers, no current, nothing volatile; the plug and the register stay', async () => {
    await charge()
    const cut = await good<SimState>('POST /power/cut')
    expect(cut).toMatchObject({ currentsMilliamps: [0, 0, 0], relay: { powered: false } })
    expect(cut.board).toMatchObject({ powered: false, state: '--', enabled: false })
    await until('open', (now) => !now.board.contactorClosed)
    for (const [unitId, pdu] of [
      [1, '03 5dc0 0001'],
      [2, '04 0048 0002'],
      [3, '01 0000 0008'],
    ] as const) {
      expect(await unanswered(unitId, pdu)).toBe(true)
    }
    const register = (await state()).meter.registerWh
    await good('POST /power/restore')
    await until('started', (now) => now.board.state === 'F0')
    const back = await state()
    expect(back).toMatchObject({ car: { plugged: true }, meter: { registerWh: register } })
    expect(await ask(1, '01 4e20 0001')).toBe('010100')
    expect(await ask(1, '03 0fa0 0001')).toBe('03020003')
    expect(await ask(3, '01 0000 0008')).toBe('010100')
  })

  test('ends the current by its dead-man when nobody refreshes the relay', async () => {
    await charge()
    await ask(3, '05 0200 0005')
    await until('dark', (now) => now.currentsMilliamps[0] === 0, 2000)
    expect((await state()).board.state).toBe('F0')
    const list = await events()
    const off = list.findLast((it) => it.kind === 'relay')?.atMicros ?? 0
    const stopped = list.findLast((it) => it.kind === 'currentStopped')?.atMicros ?? 0
    expect(stopped - off).toBeLessThanOrEqual(100_000)
  })

  test('counts at the meter what another load took, and nowhere else', async () => {
    const now = await good<SimState>('POST /meter/advance', { milliwattHours: 2_000_000 })
    expect(now.meter.registerWh).toBe(1_236_567)
    expect(now.energyMilliwattHours).toBe(0)
  })

  test('plays faults until they are cleared; the same kind at the same place replaces', async () => {
    await good('POST /faults', { kind: 'late', unitId: 1, maxMs: 10, probability: 1 })
    await good('POST /faults', { kind: 'late', unitId: 1, maxMs: 20, probability: 0.5 })
    const hurt = await good<SimState>('POST /faults', { kind: 'dead', unitId: 2 })
    expect(hurt.faults).toEqual([
      { kind: 'late', unitId: 1, maxMs: 20, probability: 0.5 },
      { kind: 'dead', unitId: 2 },
    ])
    expect(await unanswered(2, '04 0048 0002')).toBe(true)
    expect((await good<SimState>('DELETE /faults')).faults).toEqual([])
    expect((await ask(2, '04 0048 0002')).slice(0, 4)).toBe('0404')
  })

  test('has a device of another make in its place: its reads tell another device, and it forgets what is written', async () => {
    await good('POST /faults', { kind: 'otherModel', unitId: 3, device: 'eastron-sdm630-v2' })
    expect(await ask(3, '01 0000 0008')).toBe('8101')
    expect(await ask(3, '03 fc00 0002')).toBe(`0304${(23_110_007).toString(16).padStart(8, '0')}`)
    await good('POST /faults', { kind: 'otherModel', unitId: 1, device: 'waveshare-modbus-rtu-relay-8ch' })
    expect(await ask(1, '03 0fa0 0001')).toBe('8301')
    expect(await ask(1, '05 0000 ff00')).toBe('050000ff00')
    expect(await ask(1, '01 0000 0008')).toBe('010100')
    await good('DELETE /faults')
    expect(
      Buffer.from(await ask(1, '04 03fd 0006'), 'hex')
        .subarray(2)
        .toString(),
    ).toBe('SIM000000001')
    expect(await ask(3, '01 0000 0008')).toBe('010100')
  })

  test('plays a fault of one bus on that bus only', async () => {
    await good('POST /faults', { kind: 'busShorted', bus: 'main' })
    expect(await unanswered(1, '03 0fa0 0001')).toBe(true)
    await good('DELETE /faults')
    expect(await ask(1, '03 0fa0 0001')).toBe('03020001')
  })

  test('refuses a fault of which nothing would come, and says what would', async () => {
    for (const [fault, expected] of [
      [{ kind: 'protectiveEarthMissing' }, 'protectiveEarthMissing'],
      [{ kind: 'busShorted', bus: 'other' }, 'main'],
      [{ kind: 'dead', unitId: 9 }, '1, 2, 3'],
      [{ kind: 'lock', how: 'jammed' }, 'a lock'],
      [{ kind: 'releaseWelded' }, 'a release contactor'],
      [{ kind: 'inputStuck', inputs: 'inputs', channel: 1, closed: true }, 'none'],
    ] as const) {
      const { status, value } = await call('POST /faults', fault)
      expect(status).toBe(400)
      expect(value).toMatchObject({ expected: expect.stringContaining(expected) })
    }
    expect((await state()).faults).toEqual([])
  })

  test('loses its port, and gets one at the same path when faults are cleared', async () => {
    await good('POST /faults', { kind: 'portGone' })
    expect(site.ports()).toEqual({ main: null })
    await master.close()
    await good('DELETE /faults')
    expect(site.ports()).toEqual({ main: join(folder, 'main') })
    master = await openMaster(join(folder, 'main'), clock)
    expect(await ask(1, '03 0fa0 0001')).toBe('03020001')
  })

  test('gives events and frames after a number', async () => {
    await ask(1, '03 0fa0 0001')
    const all = await good<{ frames: SimFrame[]; next: number }>('GET /frames')
    expect(all.frames.map((it) => it.direction)).toEqual(['request', 'reply'])
    expect(all.next).toBe(2)
    const rest = await good<{ frames: SimFrame[]; next: number }>('GET /frames?after=1')
    expect(rest.frames.map((it) => it.number)).toEqual([2])
    expect(await good('GET /frames?after=2')).toEqual({ frames: [], next: 2 })
  })
})

describe('what hangs on the modules, over HTTP and Modbus', () => {
  let socket: RunningSite
  let control: Awaited<ReturnType<typeof startHttp>>
  beforeEach(async () => {
    socket = startSite({
      site: siteOf(WIRED_SOCKET.replaceAll('main', 'wired')),
      clock,
      wallOffsetMs: 0,
      linkDir: folder,
      onTrouble: (detail) => {
        throw new Error(detail)
      },
    })
    control = await startHttp(socket, 0)
  })
  afterEach(() => {
    control.close()
    socket.close()
  })

  const post = async (path: string, body: unknown) => {
    const response = await fetch(`${control.url}${path}`, { method: 'POST', body: JSON.stringify(body) })
    const value: unknown = await response.json()
    return { status: response.status, value }
  }

  test('grid contact, stop button and cable move the contacts that the input module tells', async () => {
    const wire = await openMaster(join(folder, 'wired'), clock)
    const inputs = async () => pduOf((await wire.exchange(frame(4, '02 0000 0008'))).bytes)
    expect(await inputs()).toBe('020112')
    expect(await post('/grid-limit', { limited: true })).toMatchObject({ value: { gridLimited: true } })
    expect(await post('/button/stop', { ms: 60_000 })).toMatchObject({ value: { stopPressed: true } })
    expect(await post('/cable', { inSocket: true, amps: 13 })).toMatchObject({
      value: { cable: { inSocket: true, amps: 13 } },
    })
    expect(await inputs()).toBe('02010a')
    await wire.close()
  })

  test('a token goes out on the reader’s own terminal; without such a reader it is refused', async () => {
    expect(Object.keys(socket.ports())).toEqual(['wired', 'reader'])
    expect(await post('/rfid', { token: '0A00B8C2F1', reader: 'other' })).toMatchObject({
      status: 400,
      value: { where: 'reader' },
    })
    expect(await post('/rfid', { token: 'xyz' })).toMatchObject({ status: 400, value: { where: 'token' } })
    expect((await post('/rfid', { token: '0A00B8C2F1' })).status).toBe(200)
    expect(socket.events.after(0).entries.at(-1)).toMatchObject({ kind: 'token', detail: '0A00B8C2F1' })
  })

  test('portGone takes one port, and leaves the other', async () => {
    await post('/faults', { kind: 'portGone', bus: 'reader' })
    expect(socket.ports()).toEqual({ wired: join(folder, 'wired'), reader: null })
    await fetch(`${control.url}/faults`, { method: 'DELETE' })
    expect(socket.ports()).toEqual({ wired: join(folder, 'wired'), reader: join(folder, 'reader') })
  })
})

describe('bad input over HTTP is refused with what was expected', () => {
  test.each([
    ['POST /car/plug', { maxMilliamps: 3000 }, 'maxMilliamps', '>=6000'],
    ['POST /car/set', { phases: 2 }, 'phases', '1|3'],
    ['POST /car/set', { speed: 1 }, '(body)', 'speed'],
    ['POST /car/unplug', { plugged: true }, '(body)', 'plugged'],
    ['POST /faults', { kind: 'gremlin' }, 'kind', 'Invalid'],
    ['POST /faults', { kind: 'late', unitId: 1, maxMs: 5 }, 'probability', 'number'],
    ['POST /faults', { kind: 'meter', how: 'melted' }, 'how', 'frozen'],
    ['POST /faults', { kind: 'otherModel', unitId: 1, device: 'toaster' }, 'device', 'eastron'],
    ['POST /faults', { kind: 'overdraw', percent: 100 }, 'percent', '>=101'],
    ['POST /cable', { inSocket: true, amps: 16 }, 'amps', 'Invalid'],
    ['POST /button/stop', { ms: 0 }, 'ms', '>=1'],
    ['POST /grid-limit', {}, 'limited', 'boolean'],
    ['POST /rfid', { token: '0a00b8c2f1' }, 'token', 'upper-case'],
    ['POST /meter/advance', { milliwattHours: -1 }, 'milliwattHours', '>=0'],
    ['POST /meter/advance', 'watt', '(body)', 'JSON'],
    ['GET /events?after=x', undefined, 'after', 'whole number'],
  ])('%s %j', async (route, body, where, expected) => {
    const { status, value } = await call(route, body)
    expect(status).toBe(400)
    expect(value).toMatchObject({ where, expected: expect.stringContaining(expected) })
    expect((await state()).faults).toEqual([])
  })

  test('an unknown route names those that are known', async () => {
    expect(await call('GET /nowhere')).toMatchObject({ status: 404, value: { expected: SIM_ROUTES } })
    expect((await call('GET /car/plug')).status).toBe(404)
  })

  test('every route of api.ts answers', async () => {
    expect(SIM_ROUTES.length).toBe(15)
    for (const route of SIM_ROUTES) expect([200, 400], route).toContain((await call(route)).status)
  })
})
