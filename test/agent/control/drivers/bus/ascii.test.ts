// Modbus ASCII: frames among other text, and a bus of them in virtual time.
import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { asciiFraming } from '../../../../../agent/control/drivers/bus/ascii.ts'
import { frameMicros, lineMicros } from '../../../../../agent/control/drivers/bus/line-time.ts'
import { expectedReply } from '../../../../../agent/control/drivers/bus/reply.ts'
import type { BusUnit, UnitLine } from '../../../../../agent/control/ports/bus.ts'
import { withCrc } from '../../../../../shared/modbus/crc.ts'
import { type BenchBus, benchBus } from '../bench-bus.ts'
import { ASCII_38400, asciiText, bankReply } from '../virtual-line.ts'

const LINE: UnitLine = { silenceMs: 0, busSilenceMs: 0, turnaroundWorstMs: 40, latenessWorstMs: 200 }
const ABL: UnitLine = { ...LINE, asciiReplyStart: '>' }

const request = (unitId: number, code: number, address: number, quantity: number) =>
  withCrc(Uint8Array.of(unitId, code, address >> 8, address & 0xff, quantity >> 8, quantity & 0xff))
const wordsReply = (unitId: number, code: number, words: readonly number[]) =>
  withCrc(Uint8Array.of(unitId, code, 2 * words.length, ...words.flatMap((word) => [word >> 8, word & 0xff])))

const words = fc.array(fc.integer({ min: 0, max: 0xffff }), { minLength: 1, maxLength: 18 })
const unitIds = fc.integer({ min: 1, max: 247 })
const noise = fc.uint8Array({ maxLength: 12 })
/** Text that begins no frame. */
const hum = noise.map((bytes) => bytes.filter((byte) => byte !== 0x3a && byte !== 0x3e))

describe('an ASCII frame', () => {
  it('is what the Modbus documents show: :010300000001FB', () => {
    expect(asciiFraming.encode(request(1, 3, 0, 1)).toString()).toBe(':010300000001FB\r\n')
  })

  it('costs its characters, with 7 or 8 data bits', () => {
    const line = { kind: 'ascii', baud: 9600, dataBits: 7, parity: 'even', stopBits: 1 } as const
    const frame = request(1, 3, 0, 1)
    expect(frameMicros(line, frame.length)).toBe(lineMicros(line, asciiFraming.encode(frame).length))
    expect(frameMicros({ ...line, dataBits: 8 }, 8)).toBe(Math.ceil((17 * 11 * 1e6) / 9600))
  })
})

describe('the reply among other text', () => {
  it('is found as soon as its LF is in, whatever is around it, and not before', () => {
    fc.assert(
      fc.property(unitIds, words, noise, hum, (unitId, values, before, behind) => {
        const expected = expectedReply(request(unitId, 3, 100, values.length))
        const frame = wordsReply(unitId, 3, values)
        const text = asciiText(frame)
        const came = Buffer.concat([before, text, behind])
        for (const end of [before.length + 1, before.length + text.length - 1]) {
          expect(asciiFraming.look(came.subarray(0, end), expected, LINE).kind).toBe('wait')
        }
        expect(asciiFraming.look(came, expected, LINE)).toEqual({
          kind: 'reply',
          found: { frame, from: before.length, to: before.length + text.length },
        })
      }),
    )
  })

  it('is never bytes at random, nor a frame that differs in unit, function code, length or start', () => {
    const expected = expectedReply(request(7, 3, 100, 2))
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        expect(asciiFraming.search(bytes, expected, LINE, [])).toEqual({ kind: 'none' })
      }),
    )
    const good = wordsReply(7, 3, [1, 2])
    for (const frame of [
      wordsReply(8, 3, [1, 2]),
      wordsReply(7, 4, [1, 2]),
      wordsReply(7, 3, [1, 2, 3]),
      wordsReply(7, 3, [1]),
    ]) {
      expect(asciiFraming.search(asciiText(frame), expected, LINE, [])).toEqual({ kind: 'none' })
    }
    expect(asciiFraming.search(asciiText(good, '>'), expected, LINE, [])).toEqual({ kind: 'none' })
    expect(asciiFraming.search(asciiText(good), expected, ABL, [])).toEqual({ kind: 'none' })
    expect(asciiFraming.search(asciiText(good, '>'), expected, ABL, [])).toMatchObject({ kind: 'reply' })
  })

  it('with one character changed is lost: told as damaged, or as nothing, and never taken', () => {
    fc.assert(
      fc.property(words, fc.nat(), fc.integer({ min: 0, max: 255 }), (values, at, byte) => {
        const expected = expectedReply(request(7, 3, 100, values.length))
        const text = asciiText(wordsReply(7, 3, values))
        const index = at % text.length
        fc.pre(String.fromCharCode(byte).toUpperCase() !== String.fromCharCode(text[index] ?? 0))
        text[index] = byte
        expect(asciiFraming.look(text, expected, LINE)).toEqual({ kind: 'wait' })
        expect(asciiFraming.search(text, expected, LINE, []).kind).not.toBe('reply')
      }),
    )
  })

  it('is known to be used up when its text is whole and its LRC wrong', () => {
    const expected = expectedReply(request(7, 3, 100, 1))
    const text = asciiText(wordsReply(7, 3, [0x1234]))
    text[8] = 0x35
    expect(asciiFraming.search(text, expected, LINE, [])).toEqual({ kind: 'damaged' })
  })

  it('may be an exception', () => {
    const expected = expectedReply(request(7, 3, 100, 2))
    const exception = withCrc(Uint8Array.of(7, 0x83, 2))
    expect(asciiFraming.look(asciiText(exception), expected, LINE)).toMatchObject({
      kind: 'reply',
      found: { frame: exception },
    })
  })
})

describe('a bus of ASCII units', () => {
  let bench: BenchBus
  let unit: BusUnit
  const read = (address: number) => bench.run(unit.readWords(3, address, 1, 'board'))

  beforeEach(async () => {
    bench = await benchBus(ASCII_38400)
    bench.line.replyStart = '>'
    unit = bench.bus.unit({ name: 'ABL', unitId: 1, line: ABL })
    bench.bank.words.set(20, 100).set(7, 1007).set(8, 1008)
  })

  it('reads, writes and tells exceptions', async () => {
    expect(await read(7)).toMatchObject({ ok: true, value: { value: [1007] } })
    expect(await bench.run(unit.writeWords(20, [0x3e8], 'withdraw'))).toMatchObject({ ok: true })
    expect(bench.bank.words.get(20)).toBe(0x3e8)
    expect(await read(99)).toEqual({ ok: false, error: { kind: 'exception', code: 2 } })
    expect(bench.sent()).toEqual(['010300070001', '01100014000102 03e8'.replace(' ', ''), '010300630001'])
  })

  it('gives up by line time: 17 characters out, 15 in, 40 ms, and the margin', async () => {
    bench.line.answer = () => []
    const startMs = bench.clock.monotonic()
    expect(await read(7)).toEqual({ ok: false, error: { kind: 'timedOut' } })
    // 32 characters of 11 bits at 38400 are 9.2 ms.
    expect(bench.clock.monotonic() - startMs).toBeLessThanOrEqual(10 + 40 + 15 + 1)
    expect(bench.clock.monotonic() - startMs).toBeGreaterThanOrEqual(9 + 40 + 15)
  })

  it('leaves a unit alone after a time-out, and never takes the late reply for another’s', async () => {
    bench.line.answer = (frame) => [{ bytes: bankReply(bench.bank, frame), afterMs: 150 }]
    expect(await read(7)).toMatchObject({ error: { kind: 'timedOut' } })
    bench.line.answer = (frame) => [{ bytes: bankReply(bench.bank, frame), afterMs: 10 }]
    expect(await read(8)).toMatchObject({ error: { kind: 'quarantined' } })
    await bench.clock.advance(250)
    expect(await read(8)).toMatchObject({ ok: true, value: { value: [1008] } })
  })

  it('finds the reply behind noise, and a reply that comes in lumps with pauses between', async () => {
    bench.line.answer = (frame) => {
      const text = asciiText(bankReply(bench.bank, frame), '>')
      return [
        { bytes: Buffer.from('\0:01'), afterMs: 2 },
        { bytes: text.subarray(0, 4), afterMs: 5 },
        { bytes: text.subarray(4), afterMs: 35 },
      ]
    }
    expect(await read(7)).toMatchObject({ ok: true, value: { value: [1007] } })
    expect(unit.statistics().discardedBytes).toBe(4)
  })

  it('does not take the echo of its own write for the unit’s word', async () => {
    bench.line.answer = (frame) => [{ bytes: asciiText(frame), afterMs: 1 }]
    bench.bank.words.set(5, 0)
    expect(await bench.run(unit.writeWord(5, 1, 'offer'))).toMatchObject({ error: { kind: 'badReply' } })
  })

  it('keeps no value of random lines: each request ends once, with what its register holds, or as a failure', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(trouble, { minLength: 1, maxLength: 6 }), async (troubles) => {
        const one = await benchBus(ASCII_38400)
        const asked = one.bus.unit({ name: 'x', unitId: 1, line: LINE })
        for (let at = 0; at < 400; at++) one.bank.words.set(at, 5000 + at)
        const script = [...troubles]
        one.line.answer = (frame) => {
          const reply = asciiText(bankReply(one.bank, frame))
          return spoilt(script.shift() ?? 'none', reply)
        }
        for (let round = 0; round < troubles.length + 3; round++) {
          const address = 10 * round + 1
          const outcome = await one.run(asked.readWords(3, address, 1, 'board'))
          if (outcome.ok) expect(outcome.value.value).toEqual([5000 + address])
          await one.clock.advance(30)
        }
        script.length = 0
        await one.clock.advance(500)
        const last = await one.run(asked.readWords(3, 399, 1, 'board'))
        expect(last).toMatchObject({ ok: true, value: { value: [5399] } })
        await one.bus.close()
      }),
      { numRuns: 60 },
    )
  })
})

const trouble = fc.constantFrom('none', 'late', 'twice', 'cut', 'noisy', 'flipped', 'silent')

function spoilt(kind: string, reply: Buffer): { readonly bytes: Uint8Array; readonly afterMs: number }[] {
  switch (kind) {
    case 'late':
      return [{ bytes: reply, afterMs: 150 }]
    case 'twice':
      return [
        { bytes: reply, afterMs: 10 },
        { bytes: reply, afterMs: 15 },
      ]
    case 'cut':
      return [{ bytes: reply.subarray(0, 7), afterMs: 10 }]
    case 'noisy':
      return [{ bytes: Buffer.concat([Buffer.from(':0103'), reply, Buffer.from('\r\n')]), afterMs: 10 }]
    case 'flipped': {
      const bytes = Buffer.from(reply)
      bytes[8] = (bytes[8] ?? 0) ^ 1
      return [{ bytes, afterMs: 10 }]
    }
    case 'silent':
      return []
    default:
      return [{ bytes: reply, afterMs: 10 }]
  }
}
