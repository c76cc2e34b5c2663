// The box on a real broker (aedes) over real sockets of the loopback.
import { createServer, type Server, type Socket } from 'node:net'
import { Aedes } from 'aedes'
import { connect, type IPublishPacket, type MqttClient } from 'mqtt'
import { afterEach, describe, expect, it } from 'vitest'
import { startMqtt } from '../../../../agent/keeper/mqtt/publisher.ts'
import { systemClock } from '../../../../shared/io/system-clock.ts'
import type { OverrideCommand } from '../../../../shared/mqtt/topics.ts'
import { prng } from '../../../../shared/prng.ts'
import { isoOf } from '../../../../shared/time/iso.ts'
import { amps, epochMs } from '../../../../shared/units.ts'
import { keptLog, until } from '../../../shared/io/link-bench.ts'
import { CONFIG, CONTROL, type MemoryBox, memoryBox, NOON, SESSION, SNAPSHOT } from '../port-doubles.ts'

const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

const BASE = 'voltkeep/site/VK-1'

async function aBroker(port = 0) {
  const aedes = await Aedes.createBroker()
  const sockets: Socket[] = []
  const server: Server = createServer((socket) => {
    sockets.push(socket)
    aedes.handle(socket)
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const address = server.address()
  if (typeof address !== 'object' || !address) throw new Error('the broker has no port')
  let stopped = false
  const stop = async () => {
    if (stopped) return
    stopped = true
    const closed = new Promise((resolve) => server.close(resolve))
    await new Promise<void>((resolve) => aedes.close(resolve))
    for (const socket of sockets) socket.destroy()
    await closed
  }
  ends.push(stop)
  return { sockets, port: address.port, url: `mqtt://127.0.0.1:${address.port}`, stop }
}

interface Listener {
  readonly client: MqttClient
  readonly packets: { readonly topic: string; readonly text: string; readonly retain: boolean }[]
  last(topic: string): Record<string, unknown> | null
}

async function aListener(url: string): Promise<Listener> {
  const client = connect(url, { reconnectPeriod: 0 })
  const packets: { topic: string; text: string; retain: boolean }[] = []
  client.on('message', (topic: string, payload: Buffer, packet: IPublishPacket) => {
    packets.push({ topic, text: payload.toString(), retain: packet.retain })
  })
  ends.push(() => client.endAsync(true))
  await new Promise<void>((resolve, reject) => {
    client.once('connect', () => resolve())
    client.once('error', reject)
  })
  await client.subscribeAsync(`${BASE}/#`)
  return {
    client,
    packets,
    last: (topic) => {
      const packet = packets.findLast((one) => one.topic === `${BASE}/${topic}`)
      return packet ? JSON.parse(packet.text) : null
    },
  }
}

function aBox(url: string, parts: { box?: MemoryBox; config?: Partial<typeof CONFIG> } = {}) {
  const box = parts.box ?? memoryBox()
  const log = keptLog()
  const handle = startMqtt({
    config: { ...CONFIG, mqtt: { url, username: null, password: null }, ...parts.config },
    box,
    clock: systemClock(),
    random: prng(5),
    log,
    reconnectMs: 50,
  })
  ends.push(handle.stop)
  return { box, log, handle }
}

describe('the broker', () => {
  it('is told state, meter and reason, retained, and that the box is online', async () => {
    const broker = await aBroker()
    aBox(broker.url, { box: memoryBox({ session: SESSION }) })
    const first = await aListener(broker.url)
    await until('all came', () => first.last('meter') !== null)
    // A listener that comes later gets the retained ones.
    const later = await aListener(broker.url)
    await until('all are retained', () => later.packets.length === 4)
    expect(later.packets.every((packet) => packet.retain)).toBe(true)
    expect(later.packets.find(({ topic }) => topic === `${BASE}/status`)?.text).toBe('online')
    expect(later.last('state')).toEqual({
      state: 'idle',
      plugged: false,
      current_offered_a: 0,
      session_id: SESSION.uuid,
      session_e_wh: 456,
      override: false,
      override_until: null,
      faults: [],
      csms: 'disconnected',
      time_quality: 'held',
      ts: '2026-11-22T12:00:00.000Z',
    })
    expect(later.last('meter')).toEqual({
      p_w: 0,
      i_l1_a: 0,
      i_l2_a: 0,
      i_l3_a: 0,
      u_l1_v: 230.1,
      u_l2_v: 229.9,
      u_l3_v: 230.4,
      e_wh: 123_456,
      serial: 'SDM-1',
      ts: '2026-11-22T11:59:59.900Z',
    })
    expect(later.last('reason')).toMatchObject({
      current_a: 16,
      key: 'limit.installation',
      text: 'The wiring of this installation allows no more.',
      until: null,
    })
  })

  it('tells offline by the last will when the box dies, and by the box when it stops', async () => {
    const broker = await aBroker()
    const listener = await aListener(broker.url)
    const { handle } = aBox(broker.url)
    const told = () =>
      listener.packets.filter(({ topic }) => topic === `${BASE}/status`).map(({ text }) => text)
    await until('online', () => told().includes('online'))
    // The socket is cut without a word, as by a power cut.
    broker.sockets.at(-1)?.destroy()
    await until('the last will', () => told().includes('offline'))
    await until('online again', () => told().at(-1) === 'online')
    await handle.stop()
    await until('offline', () => told().at(-1) === 'offline')
  })

  it('that was away gets the newest state, and nothing of what was between', async () => {
    const first = await aBroker()
    const { box, log } = aBox(first.url)
    await until('connected', () => log.lines.some(({ message }) => message === 'the broker is connected'))
    await first.stop()
    await until('it is said', () => log.lines.some(({ message }) => message === 'the broker is not reached'))
    for (const current of [6, 8, 10, 13]) {
      box.change({ limit: { ...SNAPSHOT.limit, currentMilliamps: amps(current) } })
    }
    const second = await aBroker(first.port)
    const listener = await aListener(second.url)
    await until('the newest', () => listener.last('reason') !== null)
    const reasons = listener.packets.filter(({ topic }) => topic === `${BASE}/reason`)
    expect(new Set(reasons.map(({ text }) => JSON.parse(text).current_a))).toEqual(new Set([13]))
    expect(log.lines.filter(({ level }) => level === 'warn')).toHaveLength(1)
  })

  it('is told each change, at most twice a second', async () => {
    const broker = await aBroker()
    const { box } = aBox(broker.url)
    const listener = await aListener(broker.url)
    await until('first', () => listener.last('state') !== null)
    for (let count = 0; count < 20; count++) {
      box.change({
        control: { ...CONTROL, chargingState: count % 2 ? 'charging' : 'suspendedEv', plugId: 'p' },
      })
    }
    await until('the last one', () => listener.last('state')?.['state'] === 'charging')
    expect(listener.packets.filter(({ topic }) => topic === `${BASE}/state`).length).toBeLessThanOrEqual(4)
  })
})

describe('an override command', () => {
  async function asked(command: unknown, parts: Parameters<typeof aBox>[1] = {}, retain = false) {
    const broker = await aBroker()
    const { box, log } = aBox(broker.url, parts)
    const listener = await aListener(broker.url)
    await until('connected', () => listener.last('state') !== null)
    const text = typeof command === 'string' ? command : JSON.stringify(command)
    const send = () => listener.client.publishAsync(`${BASE}/cmd/override`, text, { qos: 1, retain })
    await send()
    return { box, log, listener, send }
  }
  const acked = async ({ listener }: { listener: Listener }) => {
    await until('acknowledged', () => listener.last('cmd/override/ack') !== null)
    return listener.last('cmd/override/ack')
  }
  const ts = isoOf(NOON)

  it('is carried out and acknowledged', async () => {
    const command: OverrideCommand = { id: 'a', ts, on: true, until: '2026-11-22T18:00:00+01:00' }
    const bench = await asked(command)
    expect(await acked(bench)).toEqual({ id: 'a', ok: true })
    expect(bench.box.orders).toEqual([['override', { by: 'mqtt', until: epochMs(NOON + 5 * 3_600_000) }]])
    await until('the state shows it', () => bench.listener.last('state')?.['override'] === true)
  })

  it('that comes twice is carried out once', async () => {
    const bench = await asked({ id: 'a', ts, on: false })
    await acked(bench)
    await bench.send()
    const acks = () => bench.listener.packets.filter(({ topic }) => topic.endsWith('/ack'))
    await until('both are acknowledged', () => acks().length === 2)
    expect(bench.box.orders).toEqual([['endOverride', null]])
  })

  it.each([
    ['too old', { id: 'a', ts: isoOf(epochMs(NOON - 31_000)), on: true }, 'STALE', 'a'],
    ['of the future', { id: 'a', ts: isoOf(epochMs(NOON + 31_000)), on: true }, 'STALE', 'a'],
    ['without a time', { id: 'a', on: true }, 'MALFORMED', 'a'],
    ['with a key that nobody knows', { id: 'a', ts, on: true, force: true }, 'MALFORMED', 'a'],
    ['with a word for a boolean', { id: 'a', ts, on: 'yes' }, 'MALFORMED', 'a'],
    ['that is no JSON', 'on', 'MALFORMED', null],
    ['that is huge', `"${'x'.repeat(5000)}"`, 'MALFORMED', null],
  ] as const)('is refused when it is %s', async (_name, command, code, id) => {
    const bench = await asked(command)
    expect(await acked(bench)).toMatchObject({ id, ok: false, error: { code } })
    expect(bench.box.orders).toEqual([])
  })

  it('is refused while the box does not know the time', async () => {
    const bench = await asked({ id: 'a', ts, on: true }, { box: memoryBox({ timeQuality: 'unknown' }) })
    expect(await acked(bench)).toMatchObject({ ok: false, error: { code: 'TIME_UNKNOWN' } })
  })

  it('needs the PIN on a public box', async () => {
    const config = { access: 'public', local: { ...CONFIG.local, pin: '4711' } } as const
    const without = await asked({ id: 'a', ts, on: true }, { config })
    expect(await acked(without)).toMatchObject({ ok: false, error: { code: 'PIN_NEEDED' } })
    const withPin = await asked({ id: 'b', ts, on: true, pin: '4711' }, { config })
    expect(await acked(withPin)).toEqual({ id: 'b', ok: true })
  })

  it('with a fifth wrong PIN lets all rest: none of a thousand guesses after it is checked', async () => {
    const config = { access: 'public', local: { ...CONFIG.local, pin: '471100' } } as const
    const bench = await asked({ id: 'g0', ts, on: true, pin: '0' }, { config })
    for (let guess = 1; guess < 1000; guess++) {
      const text = JSON.stringify({ id: `g${guess}`, ts, on: true, pin: String(guess) })
      await bench.listener.client.publishAsync(`${BASE}/cmd/override`, text, { qos: 0 })
    }
    const right = JSON.stringify({ id: 'right', ts, on: true, pin: '471100' })
    await bench.listener.client.publishAsync(`${BASE}/cmd/override`, right, { qos: 1 })
    const acks = () =>
      bench.listener.packets.filter(({ topic }) => topic.endsWith('/ack')).map(({ text }) => JSON.parse(text))
    await until('all are answered', () => acks().length === 1001)
    const codes = acks().map(({ error }) => error?.code)
    expect(codes.filter((code) => code === 'PIN_NEEDED')).toHaveLength(5)
    expect(codes.filter((code) => code === 'TOO_MANY_PINS')).toHaveLength(996)
    expect(bench.box.orders).toEqual([])
  })

  it('that the box refuses says why', async () => {
    const box = memoryBox()
    box.refuse = { code: 'NO_CAR', message: 'No car.', do: 'Plug in.' }
    const bench = await asked({ id: 'a', ts, on: true }, { box })
    expect(await acked(bench)).toEqual({
      id: 'a',
      ok: false,
      error: { code: 'NO_CAR', message: 'No car.', do: 'Plug in.' },
    })
  })

  it('that the broker kept is not taken', async () => {
    const broker = await aBroker()
    const early = await aListener(broker.url)
    await early.client.publishAsync(`${BASE}/cmd/override`, JSON.stringify({ id: 'a', ts, on: true }), {
      qos: 1,
      retain: true,
    })
    const { box, log } = aBox(broker.url)
    await until('it is said', () =>
      log.lines.some(({ message }) => message === 'a retained command was not taken'),
    )
    expect(box.orders).toEqual([])
    expect(early.last('cmd/override/ack')).toBeNull()
  })
})
