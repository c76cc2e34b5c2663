// Modbus TCP: in virtual time over a line that a test speaks for, and over a real connection on loopback.
import { createServer, type Server, type Socket } from 'node:net'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openBus } from '../../../../../agent/control/drivers/bus/bus.ts'
import type { Bus, BusUnit, UnitLine } from '../../../../../agent/control/ports/bus.ts'
import { systemClock } from '../../../../../shared/io/system-clock.ts'
import { withCrc } from '../../../../../shared/modbus/crc.ts'
import { type BenchBus, benchBus } from '../bench-bus.ts'
import { bankReply, mbap, TCP } from '../virtual-line.ts'

const LINE: UnitLine = { silenceMs: 0, busSilenceMs: 0, turnaroundWorstMs: 40, latenessWorstMs: 200 }
const silentLog = { info: () => undefined, warn: () => undefined }

describe('a bus over TCP', () => {
  let bench: BenchBus
  let unit: BusUnit
  const read = (address: number) => bench.run(unit.readWords(3, address, 1, 'board'))

  beforeEach(async () => {
    bench = await benchBus(TCP)
    unit = bench.bus.unit({ name: 'KEBA', unitId: 255, line: LINE })
    for (let at = 0; at < 400; at++) bench.bank.words.set(at, 5000 + at)
  })

  it('reads, writes and tells exceptions, of unit ids to 255', async () => {
    expect(await read(7)).toMatchObject({ ok: true, value: { value: [5007] } })
    expect(await bench.run(unit.writeWord(20, 16_000, 'offer'))).toMatchObject({ ok: true })
    expect(bench.bank.words.get(20)).toBe(16_000)
    expect(await read(999)).toEqual({ ok: false, error: { kind: 'exception', code: 2 } })
    expect(bench.sent()).toEqual(['ff0300070001', 'ff0600143e80', 'ff0303e70001'])
    expect(() => bench.bus.unit({ name: 'x', unitId: 256, line: LINE })).toThrow(/1-255/)
  })

  it('knows a late reply by its transaction id: the unit is asked again at once, and gets its own', async () => {
    bench.line.answer = (frame) => [{ bytes: bankReply(bench.bank, frame), afterMs: 150 }]
    expect(await read(7)).toMatchObject({ error: { kind: 'timedOut' } })
    bench.line.answer = (frame) => [{ bytes: bankReply(bench.bank, frame), afterMs: 60 }]
    for (const address of [8, 9]) {
      expect(await read(address)).toMatchObject({ ok: true, value: { value: [5000 + address] } })
    }
    expect(unit.statistics()).toMatchObject({ timeOuts: 1, discardedBytes: 11 })
  })

  it('refuses a reply of another unit or length under the request’s transaction id, and goes on', async () => {
    bench.line.answer = (frame) => {
      const reply = bankReply(bench.bank, frame)
      return [{ bytes: withCrc(Uint8Array.of(3, ...reply.subarray(1, -2))), afterMs: 5 }]
    }
    expect(await read(7)).toMatchObject({ error: { kind: 'badReply' } })
    bench.line.answer = () => [{ bytes: withCrc(Uint8Array.of(255, 3, 4, 0, 1, 0, 2)), afterMs: 5 }]
    expect(await read(7)).toMatchObject({ error: { kind: 'badReply' } })
    bench.line.answer = (frame) => [{ bytes: bankReply(bench.bank, frame), afterMs: 5 }]
    expect(await read(7)).toMatchObject({ ok: true, value: { value: [5007] } })
  })

  it('stays in step when replies come in pieces and several at once', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 12 }), async (cuts) => {
        bench.line.answer = (frame) => {
          // A late one of long ago, the reply, and the reply again.
          const reply = bankReply(bench.bank, frame)
          const stray = mbap(0xfff0, reply)
          let rest = Buffer.concat([stray, mbap(lastId(bench), reply), stray])
          const pieces: Buffer[] = []
          for (const cut of cuts) {
            pieces.push(rest.subarray(0, cut))
            rest = rest.subarray(cut)
          }
          return [...pieces, rest]
            .filter((piece) => piece.length > 0)
            .map((bytes, index) => ({ bytes, afterMs: 1 + index }))
        }
        const address = cuts.length
        expect(await read(address)).toMatchObject({ ok: true, value: { value: [5000 + address] } })
        await bench.clock.advance(20)
      }),
      { numRuns: 60 },
    )
    expect(bench.line.attempts).toBe(1)
  })

  it('gives up a connection whose stream is no Modbus TCP, and opens it again', async () => {
    bench.line.answer = () => [{ bytes: Buffer.from('HTTP/1.1 400 Bad Request\r\n'), afterMs: 2 }]
    expect(await read(7)).toMatchObject({
      error: { kind: 'portClosed', detail: expect.stringContaining('485454502f31') },
    })
    bench.line.answer = (frame) => [{ bytes: bankReply(bench.bank, frame), afterMs: 2 }]
    bench.line.present = true
    await bench.clock.advance(1000)
    expect(await read(7)).toMatchObject({ ok: true, value: { value: [5007] } })
    expect(bench.bus.status().reopened).toBe(1)
  })

  it('makes the connection anew when nothing at all comes back for 3 s: the peer lost its power and could not say so', async () => {
    bench.line.answer = () => []
    for (let round = 0; round < 100; round++) {
      await bench.run(unit.readWords(3, 7, 1, 'board'))
      if (bench.bus.status().state.kind === 'lost') break
    }
    expect(bench.bus.status().state).toMatchObject({
      kind: 'lost',
      detail: expect.stringMatching(/nothing came for 3\d{3} ms/),
    })
  })

  it('ends each request once, whatever comes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 4 }), async (junk) => {
        const one = await benchBus(TCP)
        const asked = one.bus.unit({ name: 'x', unitId: 1, line: LINE })
        const script = [...junk]
        one.bank.words.set(7, 1234)
        one.line.answer = (frame) => [{ bytes: script.shift() ?? bankReply(one.bank, frame), afterMs: 3 }]
        for (let round = 0; round < junk.length + 1; round++) {
          let ends = 0
          const outcome = await one.run(
            asked.readWords(3, 7, 1, 'board').finally(() => {
              ends++
            }),
          )
          expect(ends).toBe(1)
          if (outcome.ok) expect(outcome.value.value).toEqual([1234])
          one.line.present = true
          await one.clock.advance(2500)
        }
        await one.bus.close()
      }),
      { numRuns: 60 },
    )
  })
})

/** The transaction id of the newest request: they count from 1. */
const lastId = (bench: BenchBus) => bench.line.requests.length

describe('a connection on loopback', () => {
  const clock = systemClock()
  let server: Server
  let sockets: Socket[]
  let bus: Bus
  let unit: BusUnit
  let answers: boolean

  const listen = (port: number) =>
    new Promise<number>((resolve) => {
      server = createServer((socket) => {
        sockets.push(socket)
        socket.on('error', () => undefined)
        socket.on('data', (bytes) => {
          if (answers) {
            socket.write(mbap(bytes.readUInt16BE(0), withCrc(Uint8Array.of(bytes[6] ?? 0, 3, 2, 0x12, 0x34))))
          }
        })
      })
      server.listen(port, '127.0.0.1', () => {
        const address = server.address()
        resolve(typeof address === 'object' && address !== null ? address.port : 0)
      })
    })
  const until = async (holds: () => boolean) => {
    const endMs = clock.monotonic() + 10_000
    while (!holds()) {
      if (clock.monotonic() > endMs) throw new Error(`not within 10 s: ${JSON.stringify(bus.status())}`)
      await clock.sleep('look again', 10)
    }
  }
  const stop = async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  }

  beforeEach(async () => {
    sockets = []
    answers = true
    const port = await listen(0)
    bus = openBus({
      config: { kind: 'tcp', name: 'lan', host: '127.0.0.1', port },
      clock,
      log: silentLog,
    })
    unit = bus.unit({ name: 'KEBA', unitId: 255, line: LINE })
    await until(() => bus.status().state.kind === 'open')
  })
  afterEach(async () => {
    await bus.close()
    await stop()
  })

  it('carries a request, is lost with the peer, and is there again when the peer is', async () => {
    expect(await unit.readWords(3, 0, 1, 'board')).toMatchObject({ ok: true, value: { value: [0x1234] } })
    const address = server.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    answers = false
    const waiting = unit.readWords(3, 0, 1, 'board')
    await until(() => bus.status().total.requests === 2)
    await stop()
    expect(await waiting).toMatchObject({ ok: false, error: { kind: 'portClosed' } })
    await until(() => bus.status().state.kind === 'lost')
    answers = true
    sockets = []
    await listen(port)
    await until(() => bus.status().state.kind === 'open')
    expect(await unit.readWords(3, 0, 1, 'board')).toMatchObject({ ok: true, value: { value: [0x1234] } })
    // One connection at a time.
    expect(sockets).toHaveLength(1)
  })
})
