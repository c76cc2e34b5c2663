import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { createRequire } from 'node:module'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { type OcppClientOptions, ocppClient } from '../../../shared/io/ocpp-link.ts'
import { type OcppClient, type RequestOf, refuseCall } from '../../../shared/io/ocpp-link-types.ts'
import { systemClock } from '../../../shared/io/system-clock.ts'
import { prng } from '../../../shared/prng.ts'
import { KEY, keptLog, type RawSocket, rawPeer, type ServerBench, serverBench, until } from './link-bench.ts'

const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

async function aServer(options: Parameters<typeof serverBench>[0] = {}): Promise<ServerBench> {
  const bench = await serverBench(options)
  ends.push(bench.stop)
  return bench
}

function aClient(url: string, options: Partial<OcppClientOptions> = {}) {
  const log = keptLog()
  const client: OcppClient = ocppClient({
    url,
    stationId: 'VK-1',
    password: KEY,
    clock: systemClock(),
    random: prng(1),
    log,
    backoff: { firstMs: 20, maxMs: 80 },
    ...options,
  })
  ends.push(client.stop)
  return { client, log }
}

async function pair(
  serverOptions: Parameters<typeof serverBench>[0] = {},
  clientOptions: Partial<OcppClientOptions> = {},
) {
  const bench = await aServer(serverOptions)
  const { client, log } = aClient(bench.url, clientOptions)
  client.start()
  await until('the client is open', () => client.state() === 'open' && bench.server.station('VK-1') !== null)
  const station = bench.server.station('VK-1')
  if (!station) throw new Error('no socket')
  return { bench, client, log, station }
}

const boot: RequestOf<'BootNotification'> = {
  reason: 'PowerUp',
  chargingStation: { model: 'Demo', vendorName: 'Voltkeep' },
}
const bootAnswer = { currentTime: '2026-11-22T12:00:00.000Z', interval: 300, status: 'Accepted' as const }

describe('a call', () => {
  it('is answered in both directions', async () => {
    const { bench, client } = await pair()
    const station = bench.server.station('VK-1')
    station?.handle('BootNotification', async (request) => {
      expect(request).toEqual(boot)
      return bootAnswer
    })
    client.handle('Reset', async ({ type }) => ({ status: type === 'OnIdle' ? 'Scheduled' : 'Accepted' }))
    expect(await client.call('BootNotification', boot)).toEqual({ ok: true, value: bootAnswer })
    expect(await station?.call('Reset', { type: 'OnIdle' })).toEqual({
      ok: true,
      value: { status: 'Scheduled' },
    })
  })

  it('is not sent while the socket is closed, and not later either', async () => {
    const bench = await aServer()
    const booted: unknown[] = []
    bench.server.onStation((socket) => {
      socket.handle('BootNotification', async (request) => {
        booted.push(request)
        return bootAnswer
      })
      socket.handle('Heartbeat', async () => ({ currentTime: bootAnswer.currentTime }))
    })
    const { client } = aClient(bench.url)
    expect(await client.call('BootNotification', boot)).toEqual({ ok: false, error: { kind: 'notOpen' } })
    client.start()
    expect(await client.call('BootNotification', boot)).toEqual({ ok: false, error: { kind: 'notOpen' } })
    await until('open', () => client.state() === 'open')
    expect((await client.call('Heartbeat', {})).ok).toBe(true)
    expect(booted).toEqual([])
  })

  it('that waits for its turn when the socket closes is never sent', async () => {
    const bench = await aServer()
    const heard: string[] = []
    let release = () => {}
    bench.server.onStation((socket) => {
      socket.handle('BootNotification', async () => {
        heard.push('boot')
        await new Promise<void>((resolve) => {
          release = resolve
        })
        return bootAnswer
      })
      socket.handle('Heartbeat', async () => {
        heard.push('heartbeat')
        return { currentTime: bootAnswer.currentTime }
      })
    })
    const { client } = aClient(bench.url)
    client.start()
    await until('open', () => client.state() === 'open')
    const first = client.call('BootNotification', boot)
    const second = client.call('Heartbeat', {})
    await until('the first is heard', () => heard.length === 1)
    bench.server.station('VK-1')?.close(1001, 'for the test')
    expect(await first).toEqual({ ok: false, error: { kind: 'closed' } })
    expect(await second).toEqual({ ok: false, error: { kind: 'notOpen' } })
    release()
    await until('open again', () => client.state() === 'open')
    expect((await client.call('Heartbeat', {})).ok).toBe(true)
    expect(heard).toEqual(['boot', 'heartbeat'])
  })

  it('times out, and its late answer is nobody else’s', async () => {
    let release = () => {}
    const { client, station } = await pair({}, { callTimeoutMs: 60 })
    station.handle('BootNotification', async () => {
      await new Promise<void>((resolve) => {
        release = resolve
      })
      return bootAnswer
    })
    station.handle('Heartbeat', async () => ({ currentTime: '2026-11-22T12:00:01.000Z' }))
    expect(await client.call('BootNotification', boot)).toEqual({ ok: false, error: { kind: 'timedOut' } })
    release()
    expect(await client.call('Heartbeat', {})).toEqual({
      ok: true,
      value: { currentTime: '2026-11-22T12:00:01.000Z' },
    })
    expect(client.state()).toBe('open')
  })

  it('that does not fit its schema is not sent, and says which field', async () => {
    const { client, station } = await pair()
    let heard = 0
    station.handle('BootNotification', async () => {
      heard++
      return bootAnswer
    })
    const wrong = { reason: 'PowerUp', chargingStation: { model: 'x'.repeat(21), vendorName: 'V' } } as const
    const outcome = await client.call('BootNotification', wrong)
    expect(outcome).toMatchObject({
      ok: false,
      error: { kind: 'callError', code: 'PropertyConstraintViolation' },
    })
    expect(JSON.stringify(outcome)).toContain('BootNotification request: data/chargingStation/model')
    expect(heard).toBe(0)
  })

  it('goes to the handler in the order in which calls came, also when a peer does not wait', async () => {
    const bench = await aServer()
    const order: number[] = []
    bench.server.onStation((socket) => {
      socket.handle('TransactionEvent', async ({ seqNo }) => {
        await systemClock().sleep('test', seqNo === 0 ? 30 : 1)
        order.push(seqNo)
        return {}
      })
    })
    const peer = await rawPeer(bench.url)
    for (const seqNo of [0, 1, 2]) {
      peer.say([2, `m${seqNo}`, 'TransactionEvent', transaction(seqNo)])
    }
    await until('three answers', () => peer.frames.length === 3)
    expect(order).toEqual([0, 1, 2])
    expect(peer.frames).toEqual([0, 1, 2].map((seqNo) => [3, `m${seqNo}`, {}]))
    peer.socket.terminate()
  })
})

const transaction = (seqNo: number) => ({
  eventType: 'Updated',
  timestamp: '2026-11-22T12:00:00.000Z',
  triggerReason: 'MeterValuePeriodic',
  seqNo,
  transactionInfo: { transactionId: 'd1f9c3c6-7d6d-4b3e-9b2a-0f8b5c9f4c11' },
})

describe('a frozen payload', () => {
  it('is sent byte for byte', async () => {
    const peerFrames: string[] = []
    const { client } = aClient(await frameCatcher(peerFrames))
    client.start()
    await until('open', () => client.state() === 'open')
    const payload = JSON.stringify({ ...transaction(7), offline: true })
    void client.callFrozen('TransactionEvent', payload)
    await until('the frame came', () => peerFrames.length === 1)
    expect(peerFrames[0]).toMatch(/^\[2,"[0-9a-f-]{36}","TransactionEvent",/)
    expect(peerFrames[0]?.endsWith(`,${payload}]`)).toBe(true)
  })

  it.each([
    ['white space', '{ "seqNo": 1 }'],
    ['a number written otherwise', '{"seqNo":1.0}'],
    ['a repeated key', '{"seqNo":1,"seqNo":1}'],
    ['no JSON', 'seqNo'],
  ])('is refused when it would not keep its bytes: %s', async (_name, payload) => {
    const { client } = await pair()
    expect(await client.callFrozen('TransactionEvent', payload)).toMatchObject({
      ok: false,
      error: { kind: 'callError', code: 'FormatViolation' },
    })
  })
})

/** A WebSocket end that only keeps what it hears. */
async function frameCatcher(frames: string[]) {
  const http = createHttpServer()
  const sockets: RawServer = new (createRequire(import.meta.url)('ws').WebSocketServer)({ server: http })
  sockets.on('connection', (socket) => socket.on('message', (data) => frames.push(data.toString())))
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  ends.push(async () => {
    for (const socket of sockets.clients) socket.terminate()
    await new Promise((resolve) => http.close(resolve))
  })
  return `ws://127.0.0.1:${portOf(http)}/ocpp`
}

interface RawServer {
  readonly clients: ReadonlySet<RawSocket>
  on(event: 'connection', listener: (socket: RawSocket) => void): void
}

function portOf(server: Server): number {
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('the server has no port')
  return address.port
}

describe('the connection', () => {
  it('is tried again after a first refusal', async () => {
    const free = await aServer()
    const { port } = free
    await free.stop()
    const { client, log } = aClient(`ws://127.0.0.1:${port}/ocpp`)
    client.start()
    await until('it was refused', () =>
      log.lines.some((line) => line.message === 'the server is not reached'),
    )
    const back = await aServer({ port })
    await until('open', () => client.state() === 'open')
    expect(back.server.station('VK-1')).not.toBeNull()
    expect(log.lines.filter((line) => line.level === 'warn')).toHaveLength(1)
  })

  it('is tried again after 401, which is said once', async () => {
    let password = 'another'
    let tries = 0
    const bench = await aServer({
      authenticate: async (shown) => {
        tries++
        return shown.password?.toString() === password ? 'accepted' : 'wrongPassword'
      },
    })
    const { client, log } = aClient(bench.url)
    client.start()
    await until('refused', () => log.lines.length > 0)
    await until('it was tried again', () => tries >= 3)
    password = KEY
    await until('open', () => client.state() === 'open')
    expect(log.lines.map((line) => [line.message, (line.fields as { why?: string }).why])).toEqual([
      ['the server is not reached', 'refused with HTTP 401'],
      ['the server is connected', undefined],
    ])
    expect(bench.log.lines.map((line) => line.message)).toEqual(['a station was refused'])
  })

  it('comes back after the server went away, and tells both', async () => {
    const { bench, client } = await pair()
    const told: string[] = []
    client.onClose((why) => told.push(why))
    client.onOpen(() => told.push('open'))
    const { port } = bench
    await bench.stop()
    await until('closed', () => told.length === 1)
    await aServer({ port })
    await until('open', () => client.state() === 'open')
    expect(told).toEqual(['closed with 1001: the server stops', 'open'])
  })

  it('that is half open is found within two ping intervals by the station', async () => {
    const silent = new Set<Socket>()
    const bench = await aServer()
    // Passes bytes on until it is told to be deaf: the far end is gone, and nobody says so.
    let deaf = false
    const relay = createServer((near) => {
      const far = connect(bench.port, '127.0.0.1')
      silent.add(near).add(far)
      near.on('data', (bytes) => deaf || far.write(bytes))
      far.on('data', (bytes) => deaf || near.write(bytes))
      for (const socket of [near, far]) socket.on('error', () => socket.destroy())
    })
    await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve))
    ends.push(async () => {
      for (const socket of silent) socket.destroy()
      await new Promise((resolve) => relay.close(resolve))
    })
    const port = portOf(relay)
    const { client } = aClient(`ws://127.0.0.1:${port}/ocpp`, { pingIntervalMs: 500 })
    client.start()
    await until('open', () => client.state() === 'open')
    const clock = systemClock()
    let closedAt = 0
    client.onClose(() => {
      closedAt ||= clock.monotonic()
    })
    deaf = true
    const since = clock.monotonic()
    await until('found', () => closedAt > 0)
    expect(closedAt - since).toBeLessThanOrEqual(2 * 500 + 400)
  })

  it('that is half open is found within two ping intervals by the server', async () => {
    const bench = await aServer({ pingIntervalMs: 500 })
    const peer = await rawPeer(bench.url, { autoPong: false })
    await until('known', () => bench.server.station('VK-1') !== null)
    const clock = systemClock()
    const since = clock.monotonic()
    await until('found', () => bench.server.station('VK-1') === null)
    expect(clock.monotonic() - since).toBeLessThanOrEqual(2 * 500 + 400)
    peer.socket.terminate()
  })

  it('offers no compression', async () => {
    const { bench } = await pair()
    const peer = await rawPeer(bench.url, { stationId: 'VK-2' })
    expect(peer.socket.extensions).toBe('')
    peer.socket.terminate()
  })
})

describe('a stranger', () => {
  it.each([
    ['an unknown station', 'NOBODY', KEY, 404],
    ['a wrong password', 'VK-1', 'guessed', 401],
    ['an id with a slash in it', 'a%2Fb', KEY, 404],
    ['an id that is no text', '%E0%A4%A', KEY, 404],
  ])('is refused before the upgrade: %s', async (_name, stationId, password, status) => {
    const bench = await aServer()
    for (const _ of [1, 2]) {
      await expect(rawPeer(bench.url, { stationId, password })).rejects.toThrow(`HTTP ${status}`)
    }
    expect(bench.log.lines.map((line) => line.message)).toEqual(['a station was refused'])
    expect(bench.server.station(stationId)).toBeNull()
  })

  it('on another path is refused with 404', async () => {
    const bench = await aServer()
    await expect(rawPeer(bench.url.replace('/ocpp', '/other'))).rejects.toThrow('HTTP 404')
  })

  it('without our subprotocol is let in and closed at once, as OCPP asks', async () => {
    const bench = await aServer()
    const peer = await rawPeer(bench.url, { protocols: [] })
    expect((await peer.closed).code).toBe(1002)
    expect(bench.server.station('VK-1')).toBeNull()
  })

  it('that goes away while it is being looked up disturbs nobody', async () => {
    let admit = () => {}
    let asked = 0
    const bench = await aServer({
      authenticate: () =>
        new Promise((resolve) => {
          asked++
          admit = () => resolve('accepted')
        }),
    })
    const socket = connect(bench.port, '127.0.0.1')
    socket.write(
      'GET /ocpp/VK-1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: ocpp2.0.1\r\n\r\n',
    )
    await until('it is being looked up', () => asked === 1)
    socket.resetAndDestroy()
    await once(socket, 'close')
    admit()
    const other = rawPeer(bench.url, { stationId: 'VK-2' })
    await until('the other is being looked up', () => asked === 2)
    admit()
    await other
    expect(bench.server.station('VK-1')).toBeNull()
    expect(bench.server.station('VK-2')).not.toBeNull()
  })
})

describe('a second socket of the same station', () => {
  it('closes the older, and the newer works', async () => {
    const bench = await aServer()
    bench.server.onStation((socket) => {
      socket.handle('Heartbeat', async () => ({ currentTime: bootAnswer.currentTime }))
    })
    const older = await rawPeer(bench.url)
    const other = await rawPeer(bench.url, { stationId: 'VK-2' })
    const newer = await rawPeer(bench.url)
    expect(await older.closed).toEqual({ code: 1008, reason: 'another socket of this station came' })
    newer.say([2, '1', 'Heartbeat', {}])
    other.say([2, '1', 'Heartbeat', {}])
    await until('both answered', () => newer.frames.length === 1 && other.frames.length === 1)
    expect(bench.log.lines.filter((line) => line.message.startsWith('a second socket'))).toHaveLength(1)
    for (const peer of [newer, other]) peer.socket.terminate()
  })

  it('closes the older within 2 s also when that one does not answer', async () => {
    const bench = await aServer()
    const older = await rawPeer(bench.url)
    older.socket.pause()
    const newer = await rawPeer(bench.url)
    const clock = systemClock()
    const since = clock.monotonic()
    const gone = bench.server
    await until('one is left', () => gone.station('VK-1') !== null)
    older.socket.resume()
    await older.closed
    expect(clock.monotonic() - since).toBeLessThan(3500)
    newer.socket.terminate()
  })
})

describe('nonsense on the socket', () => {
  const frames: readonly (readonly [string, string | Buffer, unknown])[] = [
    ['no JSON', '{', [4, '-1', 'RpcFrameworkError', 'Message must be a JSON structure', {}]],
    ['no list', '{}', [4, '-1', 'RpcFrameworkError', 'Message must be an array', {}]],
    [
      'a type in words',
      '["2","1","Heartbeat",{}]',
      [4, '-1', 'RpcFrameworkError', 'Message type must be a number', {}],
    ],
    [
      'an unknown type',
      '[9,"1","Heartbeat",{}]',
      [4, '-1', 'MessageTypeNotSupported', 'Unrecognised message type', {}],
    ],
    [
      'a message id that is a number',
      '[2,1,"Heartbeat",{}]',
      [4, '-1', 'RpcFrameworkError', 'Message ID must be a string', {}],
    ],
    [
      'an action that nobody knows',
      '[2,"1","Explode",{}]',
      [4, '1', 'NotImplemented', "Unable to handle 'Explode' calls", {}],
    ],
    [
      'an action of the prototype',
      '[2,"1","__proto__",{}]',
      [4, '1', 'NotImplemented', "Unable to handle '__proto__' calls", {}],
    ],
    [
      'a payload that is no object',
      '[2,"1","Heartbeat",[]]',
      [4, '1', 'FormatViolation', expect.any(String), {}],
    ],
    [
      'a field of a wrong type',
      '[2,"1","BootNotification",{"reason":"PowerUp","chargingStation":{"model":1,"vendorName":"V"}}]',
      [4, '1', 'TypeConstraintViolation', expect.stringContaining('model'), {}],
    ],
    [
      'a missing field',
      '[2,"1","BootNotification",{}]',
      [4, '1', 'OccurrenceConstraintViolation', expect.stringContaining('required'), {}],
    ],
    [
      'a field that nobody knows',
      '[2,"1","Heartbeat",{"x":1}]',
      [4, '1', 'PropertyConstraintViolation', expect.any(String), {}],
    ],
    [
      'a word out of the list',
      '[2,"1","BootNotification",{"reason":"Whim","chargingStation":{"model":"M","vendorName":"V"}}]',
      [4, '1', 'PropertyConstraintViolation', expect.any(String), {}],
    ],
    ['bytes', Buffer.from([0, 1, 2]), [4, '-1', 'RpcFrameworkError', 'Message must be a JSON structure', {}]],
  ]

  it.each(frames)('gets the right error: %s', async (_name, frame, answer) => {
    const bench = await aServer()
    bench.server.onStation((socket) => {
      socket.handle('Heartbeat', async () => ({ currentTime: bootAnswer.currentTime }))
      socket.handle('BootNotification', async () => bootAnswer)
    })
    const peer = await rawPeer(bench.url)
    peer.socket.send(frame)
    await until('answered', () => peer.frames.length === 1)
    expect(peer.frames[0]).toEqual(answer)
    peer.say([2, 'after', 'Heartbeat', {}])
    await until('still served', () => peer.frames.length === 2)
    expect(peer.frames[1]).toEqual([3, 'after', { currentTime: bootAnswer.currentTime }])
    peer.socket.terminate()
  })

  it('closes the socket at the sixth bad frame in a row, and is said once', async () => {
    const bench = await aServer()
    const peer = await rawPeer(bench.url)
    for (let count = 0; count < 6; count++) peer.say('nonsense')
    expect((await peer.closed).code).toBe(1002)
    expect(peer.frames).toHaveLength(5)
    expect(bench.log.lines.map((line) => line.message)).toEqual(['a frame that is no OCPP message'])
  })

  it('that is too large closes the socket, and others are undisturbed', async () => {
    const bench = await aServer()
    bench.server.onStation((socket) => {
      socket.handle('Heartbeat', async () => ({ currentTime: bootAnswer.currentTime }))
    })
    const [peer, other] = [await rawPeer(bench.url), await rawPeer(bench.url, { stationId: 'VK-2' })]
    peer.say(JSON.stringify([2, '1', 'Heartbeat', { x: 'x'.repeat(300_000) }]))
    expect((await peer.closed).code).toBe(1009)
    other.say([2, '1', 'Heartbeat', {}])
    await until('the other is answered', () => other.frames.length === 1)
    other.socket.terminate()
  })

  it('that pipelines without end is closed', async () => {
    const bench = await aServer()
    bench.server.onStation((socket) => {
      socket.handle('Heartbeat', () => new Promise(() => {}))
    })
    const peer = await rawPeer(bench.url)
    for (let count = 0; count < 70; count++) peer.say([2, `m${count}`, 'Heartbeat', {}])
    await until('closed', () => bench.server.station('VK-1') === null)
  })
})

describe('a handler', () => {
  it('that fails is answered with InternalError, without its text', async () => {
    const { bench, client, station } = await pair()
    station.handle('Heartbeat', async () => {
      throw new TypeError('a secret')
    })
    expect(await client.call('Heartbeat', {})).toEqual({
      ok: false,
      error: {
        kind: 'callError',
        code: 'InternalError',
        description: 'Heartbeat failed inside the receiver',
      },
    })
    expect(bench.log.lines).toEqual([
      {
        level: 'error',
        message: 'a handler failed',
        fields: { peer: 'VK-1', action: 'Heartbeat', why: 'a secret' },
      },
    ])
  })

  it('may refuse with an error code of its choice', async () => {
    const { client, station } = await pair()
    station.handle('Heartbeat', async () => {
      throw refuseCall('SecurityError', 'boot first')
    })
    expect(await client.call('Heartbeat', {})).toEqual({
      ok: false,
      error: { kind: 'callError', code: 'SecurityError', description: 'boot first' },
    })
  })
})
