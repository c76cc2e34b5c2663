import { createServer, type Socket, connect as tcpConnect } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { mbapFrame, readMbap } from '../../../hw-sim/bus/framing.ts'
import { type Bus, frameLog } from '../../../hw-sim/bus/start-bus.ts'
import { startTcpBus, type TcpBusOptions } from '../../../hw-sim/bus/tcp-bus.ts'
import { systemClock } from '../../../shared/io/system-clock.ts'

// Real sockets on the loopback interface.

const clock = systemClock()
const open: { buses: Bus[]; clients: Client[] } = { buses: [], clients: [] }
afterEach(() => {
  for (const client of open.clients.splice(0)) client.socket.destroy()
  for (const bus of open.buses.splice(0)) bus.close()
})

interface Client {
  readonly socket: Socket
  heard: Buffer
  closed: boolean
}

async function bus(change: Partial<TcpBusOptions> = {}) {
  const frames = frameLog()
  const unit = (unitId: number) => ({
    unitId,
    silenceMs: 0,
    hearsBroadcast: false,
    answer: (pdu: Uint8Array) => Uint8Array.of(pdu[0] ?? 0, 2, unitId, pdu[2] ?? 0),
  })
  const it = startTcpBus({
    name: 'lan',
    clock,
    port: 0,
    pacing: 'none',
    turnaroundMs: { min: 0, max: 0 },
    seed: 1,
    frames,
    onTrouble: (detail) => {
      throw new Error(detail)
    },
    units: [unit(255), unit(1)],
    ...change,
  })
  open.buses.push(it)
  await it.opened
  return { bus: it, log: () => frames.after(0).entries }
}

async function client(at: Bus): Promise<Client> {
  const [host = '', port = ''] = (at.path() ?? '').split(':')
  const socket = tcpConnect({ host, port: Number(port) })
  const made: Client = { socket, heard: Buffer.alloc(0), closed: false }
  socket.on('data', (chunk: Buffer) => {
    made.heard = Buffer.concat([made.heard, chunk])
  })
  socket.on('error', () => undefined)
  socket.on('close', () => {
    made.closed = true
  })
  await new Promise<void>((resolve) => socket.once('connect', () => resolve()))
  open.clients.push(made)
  return made
}

async function until(what: string, holds: () => boolean) {
  const endMs = clock.monotonic() + 3000
  while (!holds()) {
    if (clock.monotonic() > endMs) throw new Error(`not within 3 s: ${what}`)
    await clock.sleep('look again', 5)
  }
}

const request = (transaction: number, unitId: number, address = 0) =>
  mbapFrame(transaction, { unitId, pdu: Uint8Array.of(3, 0, address, 0, 1) })
const reply = (transaction: number, unitId: number, address = 0) =>
  Buffer.from(mbapFrame(transaction, { unitId, pdu: Uint8Array.of(3, 2, unitId, address) }))

describe('a Modbus TCP bus', () => {
  test('tells its port on the loopback interface, and answers unit 255', async () => {
    const { bus: it, log } = await bus()
    expect(it.path()).toMatch(/^127\.0\.0\.1:\d+$/)
    const master = await client(it)
    master.socket.write(request(7, 255))
    await until('a reply', () => master.heard.length >= 11)
    expect(master.heard).toEqual(reply(7, 255))
    expect(log()).toMatchObject([
      { direction: 'request', unitId: 255, crcHolds: true, pdu: '0300000001' },
      { direction: 'reply', unitId: 255, crcHolds: true, pdu: '0302ff00' },
    ])
  })

  test('serves several clients, each its own transactions, whole or in pieces', async () => {
    const { bus: it } = await bus()
    const clients = await Promise.all([client(it), client(it), client(it)])
    for (const [index, { socket }] of clients.entries()) {
      const bytes = Buffer.concat([request(index, 1, index), request(index + 100, 255, index)])
      socket.write(bytes.subarray(0, 5))
      await clock.sleep('in pieces', 5)
      socket.write(bytes.subarray(5))
    }
    await until('all replies', () => clients.every(({ heard }) => heard.length === 22))
    for (const [index, { heard }] of clients.entries()) {
      expect(heard).toEqual(Buffer.concat([reply(index, 1, index), reply(index + 100, 255, index)]))
    }
  })

  test('is silent to a unit that nobody is, and says so in the log', async () => {
    const { bus: it, log } = await bus()
    const master = await client(it)
    master.socket.write(Buffer.concat([request(1, 9), request(2, 1)]))
    await until('the second reply', () => master.heard.length >= 11)
    expect(master.heard).toEqual(reply(2, 1))
    expect(log()[0]?.unanswered).toBe('no unit has this id')
  })

  test('hangs up on a stream that is no Modbus', async () => {
    const { bus: it, log } = await bus()
    const master = await client(it)
    master.socket.write('GET / HTTP/1.1\r\n\r\n')
    await until('the end', () => master.closed)
    expect(log()[0]).toMatchObject({ crcHolds: false, unanswered: expect.stringContaining('closed') })
  })

  test('plays dead, late, twice, truncated and noise; a turned bit is not TCP’s', async () => {
    const { bus: it } = await bus()
    const sound = reply(1, 1)
    const ask = async (faults: Parameters<Bus['setFaults']>[0], waitMs = 60) => {
      it.setFaults(faults)
      const master = await client(it)
      master.socket.write(request(1, 1))
      await clock.sleep('listen', waitMs)
      return master.heard
    }
    expect(await ask([{ kind: 'dead', unitId: 1 }])).toEqual(Buffer.alloc(0))
    expect(await ask([{ kind: 'twice', unitId: 1, probability: 1 }])).toEqual(Buffer.concat([sound, sound]))
    const short = await ask([{ kind: 'truncated', unitId: 1, probability: 1 }])
    expect(short.length).toBeLessThan(sound.length)
    expect(sound.subarray(0, short.length)).toEqual(short)
    expect((await ask([{ kind: 'noise', unitId: 1, probability: 1 }])).length).toBeGreaterThan(sound.length)
    expect(await ask([{ kind: 'badCrc', unitId: 1, probability: 1 }])).toEqual(sound)
  })

  test('a late reply comes whole, behind that of a later request', async () => {
    const { bus: it, log } = await bus({ seed: 2 })
    const master = await client(it)
    it.setFaults([{ kind: 'late', unitId: 1, maxMs: 1000, probability: 1 }])
    master.socket.write(request(1, 1))
    await until('asked', () => log().length === 1)
    it.setFaults([])
    master.socket.write(request(2, 1))
    await until('both', () => master.heard.length >= 22)
    const first = readMbap(master.heard)
    expect(typeof first === 'object' && first?.transaction).toBe(2)
  })

  test('is lost with its clients, and comes back at the same port', async () => {
    const { bus: it } = await bus()
    const path = it.path()
    const master = await client(it)
    it.loosePort()
    expect(it.path()).toBeNull()
    await until('the hang-up', () => master.closed)
    it.restorePort()
    await until('back', () => it.path() !== null)
    expect(it.path()).toBe(path)
    const again = await client(it)
    again.socket.write(request(5, 255))
    await until('a reply', () => again.heard.length >= 11)
  })

  test('comes back at another port when it is renamed, and at its own again', async () => {
    const { bus: it } = await bus()
    const path = it.path()
    it.renamePort(true)
    await until('renamed', () => it.path() !== null)
    expect(it.path()).not.toBe(path)
    const master = await client(it)
    master.socket.write(request(1, 1))
    await until('a reply', () => master.heard.length >= 11)
    it.renamePort(false)
    await until('back', () => it.path() !== null)
    expect(it.path()).toBe(path)
  })

  test('shorted, it takes connections and answers nothing', async () => {
    const { bus: it, log } = await bus()
    it.setFaults([{ kind: 'busShorted' }])
    const master = await client(it)
    master.socket.write(request(1, 1))
    await until('noted', () => log().length === 1)
    await clock.sleep('listen', 30)
    expect(master.heard.length).toBe(0)
    it.setFaults([])
    master.socket.write(request(2, 1))
    await until('a reply', () => master.heard.length >= 11)
    expect(master.heard).toEqual(reply(2, 1))
  })

  test('a unit that says another id, and one that answers for an id that nobody has', async () => {
    const { bus: it } = await bus()
    it.setFaults([
      { kind: 'saysUnit', unitId: 1, saysUnitId: 7 },
      { kind: 'answersFor', unitId: 255, asUnitId: 9 },
    ])
    const master = await client(it)
    master.socket.write(request(1, 1))
    await until('a reply', () => master.heard.length >= 11)
    expect(master.heard[6]).toBe(7)
    master.socket.write(request(2, 9))
    await until('another', () => master.heard.length >= 22)
    expect(master.heard.subarray(11)).toEqual(
      Buffer.from(mbapFrame(2, { unitId: 9, pdu: Uint8Array.of(3, 2, 255, 0) })),
    )
  })

  test('tells of a port that is taken', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen({ port: 0, host: '127.0.0.1' }, () => resolve()))
    const address = other.address()
    const port = typeof address === 'object' && address ? address.port : 0
    await expect(bus({ port })).rejects.toThrow('EADDRINUSE')
    other.close()
  })
})
