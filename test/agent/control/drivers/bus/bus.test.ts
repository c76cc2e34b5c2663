// The bus in virtual time over a line that a test speaks for. What happens over a real pseudo terminal is in
// test/contract and test/bench.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type BusOptions, openBus } from '../../../../../agent/control/drivers/bus/bus.ts'
import type { Bus, BusUnit, Outcome, UnitLine } from '../../../../../agent/control/ports/bus.ts'
import { withCrc } from '../../../../../shared/modbus/crc.ts'
import { type VirtualClock, virtualClock } from '../virtual-clock.ts'
import { BUS_19200, type Said, type VirtualLine, virtualLine } from '../virtual-line.ts'

const LINE: UnitLine = { silenceMs: 0, busSilenceMs: 0, turnaroundWorstMs: 40, latenessWorstMs: 200 }
/** A request and a reply of one word, and the margin: 8 + 7 bytes are 7.8 ms. */
const DEADLINE_MS = 8 + 40 + 15

let clock: VirtualClock
let line: VirtualLine
let bus: Bus
let board: BusUnit
let meter: BusUnit
let logged: string[]

/** The reply of a unit whose register holds its own address plus 1000 times its unit id. */
const truthful = (request: Buffer): Uint8Array => {
  const [unitId = 0, fc = 0] = request
  if (fc === 5 || fc === 6) return request
  const count = request.readUInt16BE(4)
  const address = request.readUInt16BE(2)
  const words = Array.from({ length: count }, (_, index) => 1000 * unitId + address + index)
  return withCrc(Uint8Array.of(unitId, fc, 2 * count, ...words.flatMap((word) => [word >> 8, word & 0xff])))
}
const soon = (request: Buffer): readonly Said[] => [{ bytes: truthful(request), afterMs: 10 }]
/** Says these things one request after the other, then answers soon. */
const script = (...answers: ((request: Buffer) => readonly Said[])[]) => {
  line.answer = (request) => (answers.shift() ?? soon)(request)
}
const silent = () => []

beforeEach(async () => {
  clock = virtualClock()
  line = virtualLine(clock)
  line.answer = soon
  logged = []
  const log: BusOptions['log'] = {
    info: (_fields: unknown, message?: string) => logged.push(`info ${message}`),
    warn: (_fields: unknown, message?: string) => logged.push(`warn ${message}`),
  }
  bus = openBus({ config: BUS_19200, clock, log, openLine: line.open })
  board = bus.unit({ name: 'board', unitId: 1, line: LINE })
  meter = bus.unit({ name: 'meter', unitId: 2, line: { ...LINE, silenceMs: 100 } })
  await clock.advance(10)
})
afterEach(async () => {
  await bus.close()
})

/** Watches an outcome without waiting for it. */
function watch<T>(promise: Promise<Outcome<T>>): { outcome: Outcome<T> | null; atMicros: number } {
  const seen: { outcome: Outcome<T> | null; atMicros: number } = { outcome: null, atMicros: 0 }
  void promise.then((outcome) => {
    seen.outcome = outcome
    seen.atMicros = clock.monotonicMicros()
  })
  return seen
}
async function within<T>(ms: number, promise: Promise<Outcome<T>>): Promise<Outcome<T> | null> {
  const seen = watch(promise)
  await clock.advance(ms)
  return seen.outcome
}
const value = <T>(outcome: Outcome<T> | null): T | string =>
  outcome === null ? 'pending' : outcome.ok ? outcome.value.value : outcome.error.kind
const sent = () => line.requests.map(({ hex }) => hex.slice(0, 12))

describe('a request and its reply', () => {
  it('gives the value and the time at which its last byte came in', async () => {
    const seen = watch(board.readWords(3, 7, 1, 'board'))
    await clock.advance(100)
    expect(seen.outcome).toEqual({
      ok: true,
      value: { value: [1007], takenAtMonotonicMs: Math.floor(seen.atMicros / 1000) },
    })
    expect(board.statistics()).toMatchObject({ requests: 1, timeOuts: 0, discardedBytes: 0 })
  })

  it('reads and writes with function codes 1 to 6, and sends a coil value of a device’s own', async () => {
    line.answer = (request) =>
      (request[1] ?? 0) <= 2
        ? [{ bytes: withCrc(Uint8Array.of(1, request[1] ?? 0, 2, 0b101, 0b1)), afterMs: 5 }]
        : soon(request)
    expect(value(await within(50, board.readBits(1, 0, 10, 'board')))).toEqual([
      true,
      false,
      true,
      false,
      false,
      false,
      false,
      false,
      true,
      false,
    ])
    expect(value(await within(50, board.readBits(2, 0, 10, 'board')))).toHaveLength(10)
    expect(value(await within(50, board.readWords(4, 9, 2, 'board')))).toEqual([1009, 1010])
    expect(value(await within(50, board.writeCoil(20_000, true, 'offer')))).toBeNull()
    expect(value(await within(50, board.writeCoil(0x200, 20, 'hold')))).toBeNull()
    expect(value(await within(50, board.writeWord(22_000, 16, 'offer')))).toBeNull()
    expect(sent().slice(-3)).toEqual(['01054e20ff00', '010502000014', '010655f00010'])
  })

  it('tells an exception of the device as one', async () => {
    script(() => [{ bytes: withCrc(Uint8Array.of(1, 0x83, 2)), afterMs: 5 }])
    expect(await within(50, board.readWords(3, 7, 1, 'board'))).toEqual({
      ok: false,
      error: { kind: 'exception', code: 2 },
    })
    expect(board.statistics().exceptions).toBe(1)
  })

  it('is given up at its deadline: line time, turn-around, line time, margin', async () => {
    line.answer = silent
    const startMicros = clock.monotonicMicros()
    const seen = watch(board.readWords(3, 7, 1, 'board'))
    await clock.advance(200)
    expect(value(seen.outcome)).toBe('timedOut')
    expect((seen.atMicros - startMicros) / 1000).toBeCloseTo(DEADLINE_MS, 0)
  })

  it('is not given up when the reply came in while the process itself was held up', async () => {
    script(silent)
    const seen = watch(board.readWords(3, 7, 1, 'board'))
    await clock.advance(20)
    clock.holdUp(500)
    clock.after('what the kernel had', 1, () => line.say(truthful(Buffer.from('010300070001', 'hex'))))
    await clock.advance(20)
    expect(value(seen.outcome)).toEqual([1007])
  })

  it('is put together from lumps', async () => {
    script((request) => {
      const bytes = truthful(request)
      return [
        { bytes: bytes.subarray(0, 2), afterMs: 5 },
        { bytes: bytes.subarray(2, 6), afterMs: 25 },
        { bytes: bytes.subarray(6), afterMs: 30 },
      ]
    })
    expect(value(await within(100, board.readWords(3, 7, 1, 'board')))).toEqual([1007])
  })
})

describe('a reply that is not the one', () => {
  it('comes late and is never taken for the next request’s, as modbus-serial by itself would for ever', async () => {
    script((request) => [{ bytes: truthful(request), afterMs: 150 }])
    expect(value(await within(70, board.readWords(3, 999, 1, 'board')))).toBe('timedOut')
    expect(value(await within(70, board.readWords(3, 7, 1, 'board')))).toBe('quarantined')
    await clock.advance(150)
    for (const address of [7, 8, 9]) {
      expect(value(await within(70, board.readWords(3, address, 1, 'board')))).toEqual([1000 + address])
    }
    expect(board.statistics()).toMatchObject({ timeOuts: 1, discardedBytes: 7 })
  })

  it('comes late while another unit is asked, which gets its own', async () => {
    script(
      (request) => [{ bytes: truthful(request), afterMs: 80 }],
      (request) => [{ bytes: truthful(request), afterMs: 38 }],
    )
    expect(value(await within(64, board.readWords(3, 999, 4, 'board')))).toBe('pending')
    expect(value(await within(100, meter.readWords(4, 52, 2, 'meter')))).toEqual([2052, 2053])
    expect(board.statistics().discardedBytes).toBe(13)
    expect(meter.statistics().discardedBytes).toBe(0)
  })

  it('comes twice: the second is thrown away even where the next reply would look just like it', async () => {
    for (const gapMs of [0, 2, 6, 10]) {
      script((request) => [
        { bytes: truthful(request), afterMs: 10 },
        { bytes: truthful(request), afterMs: 10 + gapMs },
      ])
      const first = watch(board.readWords(3, 999, 1, 'board'))
      const second = watch(board.readWords(3, 7, 1, 'board'))
      await clock.advance(150)
      expect(value(first.outcome)).toEqual([1999])
      expect(value(second.outcome)).toEqual([1007])
    }
    expect(board.statistics().discardedBytes).toBe(4 * 7)
  })

  it('is cut: the unit is left alone until the rest cannot come any more', async () => {
    script((request) => [{ bytes: truthful(request).subarray(0, 5), afterMs: 10 }])
    expect(value(await within(70, board.readWords(3, 999, 1, 'board')))).toBe('badReply')
    expect(value(await within(10, board.readWords(3, 7, 1, 'board')))).toBe('quarantined')
    await clock.advance(200)
    expect(value(await within(70, board.readWords(3, 7, 1, 'board')))).toEqual([1007])
  })

  it('has a wrong CRC: told as a bad reply, and the unit may be asked again at once', async () => {
    script((request) => {
      const bytes = Buffer.from(truthful(request))
      bytes[4] = (bytes[4] ?? 0) ^ 1
      return [{ bytes, afterMs: 10 }]
    })
    expect(value(await within(70, board.readWords(3, 999, 1, 'board')))).toBe('badReply')
    expect(value(await within(70, board.readWords(3, 7, 1, 'board')))).toEqual([1007])
    expect(board.statistics().badCrc).toBe(1)
  })

  it('has noise around it and is found', async () => {
    script((request) => [
      { bytes: Buffer.concat([Buffer.of(0, 1, 3), truthful(request), Buffer.of(9)]), afterMs: 10 },
    ])
    expect(value(await within(70, board.readWords(3, 7, 1, 'board')))).toEqual([1007])
    expect(board.statistics().discardedBytes).toBe(4)
  })

  it('comes unasked and is counted', async () => {
    line.say(truthful(Buffer.from('010300070001', 'hex')))
    await clock.advance(10)
    expect(value(await within(70, board.readWords(3, 8, 1, 'board')))).toEqual([1008])
    expect(bus.status().total.discardedBytes).toBe(7)
  })
})

describe('the order on the bus', () => {
  it('is by urgency, not by time of asking', async () => {
    void meter.readWords(3, 1, 1, 'identity')
    void board.readWords(3, 2, 1, 'offer')
    void board.readWords(3, 3, 1, 'board')
    void board.writeCoil(4, 20, 'hold')
    void board.writeCoil(5, false, 'withdraw')
    await clock.advance(300)
    // The first was asked for while the bus was idle; its flush was under way when the others came, and they went first.
    expect(sent().map((hex) => hex.slice(4, 8))).toEqual(['0001', '0005', '0004', '0003'])
  })

  it('keeps t3.5 between frames', async () => {
    void board.readWords(3, 1, 1, 'board')
    void board.readWords(3, 2, 2, 'board')
    await clock.advance(100)
    const [first, second] = line.requests
    // 8 bytes out (4.17 ms), the reply's last byte after 10 ms.
    expect((second?.atMicros ?? 0) - (first?.atMicros ?? 0)).toBeGreaterThanOrEqual(4167 + 10_000 + 1823)
  })

  it('counts a device’s silence from its own last reply and serves others meanwhile', async () => {
    void meter.readWords(4, 0, 2, 'meter')
    void meter.readWords(4, 52, 4, 'meter')
    await clock.advance(20)
    for (let round = 0; round < 3; round++) await within(25, board.readWords(3, round, 1 + round, 'board'))
    await clock.advance(150)
    const [first, ...others] = line.requests
    expect(sent().map((hex) => hex.slice(0, 2))).toEqual(['02', '01', '01', '01', '02'])
    const replyMicros = (first?.atMicros ?? 0) + 4167 + 10_000
    expect((others.at(-1)?.atMicros ?? 0) - replyMicros).toBeGreaterThanOrEqual(100_000)
  })

  it('keeps a whole-bus silence before each request, whoever it is for, where a unit asks for that', async () => {
    bus.unit({ name: 'shy', unitId: 3, line: { ...LINE, busSilenceMs: 50 } })
    void board.readWords(3, 1, 1, 'board')
    void board.readWords(3, 2, 2, 'board')
    await clock.advance(300)
    const gaps = line.requests.map(({ atMicros }) => atMicros)
    expect((gaps[1] ?? 0) - (gaps[0] ?? 0)).toBeGreaterThanOrEqual(4167 + 10_000 + 50_000)
  })

  it('lets a pause overtake what waits, drop the offers of its board, and pass the quarantine', async () => {
    line.answer = silent
    void board.readWords(3, 1, 1, 'board')
    await clock.advance(5)
    const offer = watch(board.writeCoil(20_000, true, 'offer'))
    const other = watch(meter.readWords(4, 0, 2, 'meter'))
    const pause = watch(board.writeCoil(20_000, false, 'withdraw'))
    await clock.advance(1)
    expect(value(offer.outcome)).toBe('overtaken')
    line.answer = soon
    await clock.advance(75)
    expect(value(pause.outcome)).toBeNull()
    expect(value(await within(5, board.readWords(3, 1, 1, 'board')))).toBe('quarantined')
    await clock.advance(50)
    expect(value(other.outcome)).toEqual([2000, 2001])
    expect(sent().map((hex) => hex.slice(0, 4))).toEqual(['0103', '0105', '0204'])
  })

  it('lets a pause by function code 16 pass the quarantine, but for one that a late reply would confirm', async () => {
    line.answer = silent
    expect(value(await within(70, board.readWords(3, 1, 1, 'board')))).toBe('timedOut')
    line.answer = (request) => [{ bytes: withCrc(request.subarray(0, 6)), afterMs: 10 }]
    expect(value(await within(70, board.writeWords(1000, [0], 'withdraw')))).toBeNull()
    await clock.advance(300)
    line.answer = silent
    expect(value(await within(80, board.writeWords(1000, [16], 'offer')))).toBe('timedOut')
    line.answer = (request) => [{ bytes: withCrc(request.subarray(0, 6)), afterMs: 10 }]
    expect(value(await within(5, board.writeWords(1000, [0], 'withdraw')))).toBe('quarantined')
    expect(value(await within(70, board.writeWords(1004, [1], 'withdraw')))).toBeNull()
  })

  it('keeps the line free for a pause whose board still needs its silence', async () => {
    const shy = bus.unit({ name: 'shy board', unitId: 5, line: { ...LINE, silenceMs: 100 } })
    await within(30, shy.readWords(3, 1, 1, 'board'))
    line.requests.splice(0)
    const pause = watch(shy.writeCoil(7, false, 'withdraw'))
    await clock.advance(40)
    void meter.readWords(4, 0, 18, 'meter')
    await clock.advance(80)
    expect(value(pause.outcome)).toBeNull()
    expect(sent().map((hex) => hex.slice(0, 2))).toEqual(['05', '02'])
  })

  it('does not take a late read for the echo of the pause that was sent meanwhile', async () => {
    script(
      (request) => [{ bytes: truthful(request), afterMs: 75 }],
      (request) => [{ bytes: truthful(request), afterMs: 35 }],
    )
    void board.readWords(3, 1, 1, 'board')
    await clock.advance(66)
    const pause = watch(board.writeCoil(20_000, false, 'withdraw'))
    await clock.advance(25)
    expect(pause.outcome).toBeNull()
    await clock.advance(30)
    expect(value(pause.outcome)).toBeNull()
    expect(pause.outcome?.ok).toBe(true)
    expect(board.statistics().discardedBytes).toBe(7)
  })

  it('does not wait for ever for a line that is never quiet', async () => {
    const babble = clock.every('babble', 1, () => line.say(Buffer.of(0x55)))
    const read = watch(board.readWords(3, 7, 1, 'board'))
    await clock.advance(35)
    babble.cancel()
    await clock.advance(100)
    expect(line.requests).toHaveLength(1)
    expect(value(read.outcome)).toEqual([1007])
  })
})

describe('the port', () => {
  it('vanishes: all that waits ends at once, and what is asked later too', async () => {
    line.answer = silent
    const inFlight = watch(board.readWords(3, 1, 1, 'board'))
    const waiting = watch(meter.readWords(4, 1, 1, 'meter'))
    await clock.advance(5)
    line.vanish('EIO')
    await clock.advance(0)
    for (const { outcome } of [inFlight, waiting]) {
      expect(outcome).toEqual({ ok: false, error: { kind: 'portClosed', detail: 'EIO' } })
    }
    expect(value(await within(0, board.readWords(3, 1, 1, 'board')))).toBe('portClosed')
    expect(bus.status().state).toMatchObject({ kind: 'lost' })
  })

  it('is opened again with back-off, said once down and once up', async () => {
    const states: string[] = []
    const stop = bus.onState((state) => states.push(state.kind))
    line.vanish('EIO')
    await clock.advance(10_000)
    // 0.1, 0.2, 0.4, 0.8, 1.6, 2, 2, 2 s: and the opening at the start.
    expect(line.attempts).toBe(1 + 8)
    line.present = true
    await clock.advance(2100)
    expect(value(await within(70, board.readWords(3, 7, 1, 'board')))).toEqual([1007])
    expect(states).toEqual(['open', 'lost', 'open'])
    expect(logged).toEqual(['info bus open', 'warn bus lost; opening it again and again', 'info bus open'])
    expect(bus.status().reopened).toBe(1)
    stop()
  })

  it('is closed on demand: what waits ends, nothing is opened again', async () => {
    line.answer = silent
    const inFlight = watch(board.readWords(3, 1, 1, 'board'))
    await clock.advance(5)
    await bus.close()
    await bus.close()
    await clock.advance(5000)
    expect(value(inFlight.outcome)).toBe('portClosed')
    expect(line.attempts).toBe(1)
  })

  it('is shorted for minutes: each request ends, nothing piles up, and the first one after it is answered', async () => {
    line.answer = silent
    const kinds = new Set<unknown>()
    const asked = clock.every('loop', 50, () => {
      for (const unit of [board, meter]) {
        void unit.readWords(3, 7, 1, 'board').then((outcome) => kinds.add(value(outcome)))
      }
    })
    await clock.advance(180_000)
    asked.cancel()
    await clock.advance(500)
    expect([...kinds].sort()).toEqual(['quarantined', 'timedOut'])
    expect(bus.status().state.kind).toBe('open')
    line.answer = soon
    expect(value(await within(150, board.readWords(3, 7, 1, 'board')))).toEqual([1007])
    expect(value(await within(150, meter.readWords(3, 7, 1, 'board')))).toEqual([2007])
  })

  it('carries a slave that answers for another: its frames are nobody’s, and it ends with it', async () => {
    line.answer = (request) => {
      const own = truthful(request)
      return [{ bytes: withCrc(Uint8Array.of(9, ...own.subarray(1, -2))), afterMs: 10 }]
    }
    expect(value(await within(80, board.readWords(3, 7, 1, 'board')))).toBe('badReply')
    line.answer = soon
    await clock.advance(300)
    expect(value(await within(80, board.readWords(3, 7, 1, 'board')))).toEqual([1007])
  })

  it('is missing at the start: requests end at once, and it is opened when it comes', async () => {
    const late = virtualLine(clock)
    late.present = false
    late.answer = soon
    const other = openBus({
      config: BUS_19200,
      clock,
      log: { info: () => undefined, warn: () => undefined },
      openLine: late.open,
    })
    const unit = other.unit({ name: 'x', unitId: 1, line: LINE })
    expect(value(await within(50, unit.readWords(3, 1, 1, 'board')))).toBe('portClosed')
    late.present = true
    await clock.advance(1000)
    expect(value(await within(70, unit.readWords(3, 1, 1, 'board')))).toEqual([1001])
    await other.close()
  })
})

describe('the figures', () => {
  it('tell load, round trip beyond line time, and each frame to who asks', async () => {
    const seen: string[] = []
    const other = openBus({
      config: BUS_19200,
      clock,
      log: { info: () => undefined, warn: () => undefined },
      openLine: line.open,
      onFrame: ({ kind, bytes }) => seen.push(`${kind} ${bytes.length}`),
    })
    await clock.advance(10)
    const unit = other.unit({ name: 'x', unitId: 1, line: LINE })
    for (let round = 0; round < 20; round++) await within(500, unit.readWords(3, 1, 1, 'board'))
    await clock.advance(1000)
    expect(seen.slice(0, 2)).toEqual(['request 8', 'reply 7'])
    // 20 exchanges of 14.2 ms in 10 s.
    expect(other.status().loadPercent).toBe(3)
    expect(unit.statistics().roundTripMs).toBe(6)
    await other.close()
  })

  it('refuses two units with one id and ids outside 1-247: our own mistake', () => {
    expect(() => bus.unit({ name: 'again', unitId: 1, line: LINE })).toThrow(/declared twice/)
    expect(() => bus.unit({ name: 'none', unitId: 248, line: LINE })).toThrow(/1-247/)
  })
})
