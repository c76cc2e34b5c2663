import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isDead, spoil } from '../../../hw-sim/bus/line-faults.ts'
import { lineTime, requestLength } from '../../../hw-sim/bus/line-time.ts'
import { type FrameOnLine, receiver, type SharedLine } from '../../../hw-sim/bus/receiver.ts'
import { transmitter } from '../../../hw-sim/bus/transmitter.ts'
import { crcHolds } from '../../../shared/modbus/crc.ts'
import { prng } from '../../../shared/prng.ts'
import { virtualClock } from '../../agent/control/drivers/virtual-clock.ts'
import { frame } from './master.ts'

// Line times in virtual time: exact, whatever this machine does besides.

const READ = frame(1, '03 0000 0001')
const at19200 = lineTime({ baud: 19_200, parity: 'none', stopBits: 1 })

describe('line times', () => {
  test.each([
    [{ baud: 19_200, parity: 'none', stopBits: 1 }, 41, 21_354, 1823],
    [{ baud: 9600, parity: 'none', stopBits: 1 }, 8, 8333, 3646],
    [{ baud: 19_200, parity: 'even', stopBits: 1 }, 8, 4583, 2005],
    [{ baud: 38_400, parity: 'none', stopBits: 2 }, 8, 2292, 1750],
  ] as const)('%j: %i bytes take %i us, a frame ends after %i us', (format, bytes, micros, gapMicros) => {
    expect(lineTime(format).bytesMicros(bytes)).toBe(micros)
    expect(lineTime(format).endGapMicros).toBe(gapMicros)
  })

  test('the length of a request is known by its function code and byte count', () => {
    expect(requestLength(READ)).toBe(8)
    expect(requestLength(frame(1, '10 0fa0 0002 04 00000000'))).toBe(13)
    expect(requestLength(frame(1, '10 0fa0'))).not.toBe(13)
    expect(requestLength(frame(1, '2b 0e'))).toBeNull()
    expect(requestLength(Uint8Array.of(1))).toBeNull()
  })
})

function line() {
  const clock = virtualClock()
  const shared: SharedLine = { freeAtMicros: Number.NEGATIVE_INFINITY }
  const options = { clock, time: at19200, line: shared, pacing: 'line' as const }
  const requests: (FrameOnLine & { hex: string; notedMicros: number })[] = []
  const written: { bytes: number; atMicros: number }[] = []
  const receive = receiver({
    ...options,
    onFrame: (bytes, at) =>
      requests.push({ ...at, hex: Buffer.from(bytes).toString('hex'), notedMicros: clock.monotonicMicros() }),
  })
  const send = transmitter({
    ...options,
    write: (bytes) => {
      written.push({ bytes: bytes.length, atMicros: clock.monotonicMicros() })
      return true
    },
  })
  return { clock, receive, send, requests, written }
}

describe('a request', () => {
  test('has arrived when its last byte has crossed the line, and is noted after the end gap', async () => {
    const { clock, receive, requests } = line()
    const sentMicros = clock.monotonicMicros()
    receive.bytes(READ)
    await clock.advance(5)
    expect(requests).toEqual([])
    await clock.advance(3)
    expect(requests).toMatchObject([{ endMicros: sentMicros + 4167, spoilt: null, givenUp: false }])
    expect((requests[0]?.notedMicros ?? 0) - sentMicros).toBeGreaterThanOrEqual(4167 + 1823)
  })

  test('whose second half is a gap too late is two broken pieces', async () => {
    const { clock, receive, requests } = line()
    receive.bytes(READ.subarray(0, 4))
    await clock.advance(5)
    receive.bytes(READ.subarray(4))
    await clock.advance(20)
    expect(requests.map((it) => it.hex.length / 2)).toEqual([4, 4])
  })

  test('that follows another at once is the one that is answered, also when the two are read one after the other', async () => {
    const { clock, receive, requests } = line()
    receive.bytes(READ)
    receive.bytes(frame(2, '03 0000 0001'))
    await clock.advance(20)
    expect(requests.map((it) => [it.hex.slice(0, 2), it.givenUp, it.spoilt])).toEqual([
      ['01', true, null],
      ['02', false, null],
    ])
  })

  test('of more than 256 bytes is no frame', async () => {
    const { clock, receive, requests } = line()
    receive.bytes(new Uint8Array(300))
    await clock.advance(300)
    expect(requests).toMatchObject([{ spoilt: 'it is longer than 256 bytes' }])
  })
})

describe('a reply', () => {
  test('of 41 bytes leaves byte by byte, none early, and its end is that of its last byte', async () => {
    const { clock, send, written } = line()
    const dueMicros = clock.monotonicMicros() + 3000
    const sent: number[] = []
    send.queue(new Uint8Array(41), dueMicros, (endMicros) => sent.push(endMicros))
    await clock.advance(40)
    let count = 0
    for (const piece of written) {
      count += piece.bytes
      expect(piece.atMicros).toBeGreaterThanOrEqual(dueMicros + at19200.bytesMicros(count))
    }
    expect(count).toBe(41)
    expect(written.length).toBeGreaterThan(5)
    expect(sent[0]).toBeGreaterThanOrEqual(dueMicros + 21_354)
    expect(sent[0]).toBeLessThan(dueMicros + 21_354 + 1000)
  })

  test('that is held up ends late, and says so', async () => {
    const { clock, send } = line()
    const dueMicros = clock.monotonicMicros()
    const sent: number[] = []
    send.queue(new Uint8Array(8), dueMicros, (endMicros) => sent.push(endMicros))
    clock.holdUp(50)
    await clock.advance(5)
    expect(sent[0]).toBeGreaterThanOrEqual(dueMicros + 50_000)
  })

  test('waits for the one before it and a gap, and for a request that is on the line', async () => {
    const { clock, receive, send } = line()
    const ends: number[] = []
    const nowMicros = clock.monotonicMicros()
    send.queue(new Uint8Array(8), nowMicros + 1000, (endMicros) => ends.push(endMicros))
    send.queue(new Uint8Array(8), nowMicros + 1000, (endMicros) => ends.push(endMicros))
    await clock.advance(30)
    expect((ends[1] ?? 0) - (ends[0] ?? 0)).toBeGreaterThanOrEqual(4167 + 1823)
    receive.bytes(READ)
    const requestEndMicros = clock.monotonicMicros() + 4167
    send.queue(new Uint8Array(8), clock.monotonicMicros() + 1000, (endMicros) => ends.push(endMicros))
    await clock.advance(30)
    expect(ends[2]).toBeGreaterThanOrEqual(requestEndMicros + 1823 + 4167)
  })

  test('that is late does not hold back one that is due before it', async () => {
    const { clock, send } = line()
    const order: string[] = []
    const nowMicros = clock.monotonicMicros()
    send.queue(new Uint8Array(8), nowMicros + 100_000, () => order.push('late'))
    send.queue(new Uint8Array(8), nowMicros + 2000, () => order.push('prompt'))
    await clock.advance(200)
    expect(order).toEqual(['prompt', 'late'])
  })
})

describe('line faults', () => {
  const reply = frame(1, '03 02 0001')
  const kinds = fc.constantFrom('twice', 'truncated', 'noise', 'badCrc', 'late')
  const fault = (kind: 'twice' | 'truncated' | 'noise' | 'badCrc' | 'late', probability = 1) =>
    kind === 'late' ? { kind, unitId: 1, maxMs: 50, probability } : { kind, unitId: 1, probability }

  test('play the same again with the same seed', () => {
    fc.assert(
      fc.property(fc.array(kinds, { maxLength: 4 }), fc.nat(), (list, seed) => {
        const faults = list.map((kind) => fault(kind, 0.5))
        expect(spoil(reply, faults, 1, prng(seed))).toEqual(spoil(reply, faults, 1, prng(seed)))
      }),
    )
  })

  test('badCrc and truncated are always found by the CRC; late changes no byte; another unit is spared', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const random = prng(seed)
        expect(crcHolds(spoil(reply, [fault('badCrc')], 1, random).frames[0] ?? reply)).toBe(false)
        const cut = spoil(reply, [fault('truncated')], 1, random).frames[0] ?? reply
        expect(cut.length).toBeGreaterThanOrEqual(1)
        expect(cut.length).toBeLessThan(reply.length)
        const late = spoil(reply, [fault('late')], 1, random)
        expect(late.frames).toEqual([reply])
        expect(late.lateMs).toBeGreaterThanOrEqual(1)
        expect(late.lateMs).toBeLessThanOrEqual(50)
        expect(spoil(reply, [fault('badCrc')], 2, random)).toEqual({ frames: [reply], lateMs: 0 })
      }),
    )
  })

  test('come with their probability', () => {
    const random = prng(11)
    const spoilt = Array.from({ length: 10_000 }, () => spoil(reply, [fault('badCrc', 0.02)], 1, random))
    const share = spoilt.filter(({ frames }) => !frames.every(crcHolds)).length / 10_000
    expect(share).toBeGreaterThan(0.015)
    expect(share).toBeLessThan(0.025)
  })

  test('a dead unit is dead alone', () => {
    expect(isDead([{ kind: 'dead', unitId: 1 }], 1)).toBe(true)
    expect(isDead([{ kind: 'dead', unitId: 1 }], 2)).toBe(false)
  })
})
