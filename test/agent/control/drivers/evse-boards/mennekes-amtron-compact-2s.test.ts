import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { mennekesAmtronCompact2s } from '../../../../../agent/control/drivers/evse-boards/mennekes-amtron-compact-2s.ts'
import type { Board } from '../../../../../agent/control/ports/board.ts'
import { amps } from '../../../../../shared/units.ts'
import { type BenchBus, benchBus, floatWords } from '../bench-bus.ts'

let at: BenchBus
let board: Board
let lowFirst: boolean

const put = (address: number, ...words: readonly number[]) => {
  for (const [index, word] of words.entries()) at.bank.words.set(address + index, word)
}
const putText = (address: number, text: string) => {
  const bytes = Buffer.alloc(16)
  bytes.write(text, 'latin1')
  put(address, ...Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(2 * index)))
}
const putFloat = (address: number, value: number) => {
  const words = floatWords(value)
  put(address, ...(lowFirst ? [...words].reverse() : words))
}
const float = (address: number) => {
  const words = [at.bank.words.get(address) ?? 0, at.bank.words.get(address + 1) ?? 0]
  if (lowFirst) words.reverse()
  const bytes = Buffer.alloc(4)
  bytes.writeUInt16BE(words[0] ?? 0, 0)
  bytes.writeUInt16BE(words[1] ?? 0, 2)
  return bytes.readFloatBE(0)
}
const word = (address: number) => at.bank.words.get(address)

const fill = (order: 'highFirst' | 'lowFirst') => {
  lowFirst = order === 'lowFirst'
  put(0, 0x0103)
  putText(1, 'V2.03.04')
  putText(0x13, '1384202.00042')
  put(0x108, 11)
  putFloat(0x114, 0)
  putFloat(0x302, 0)
  put(0x30e, 1)
  putFloat(0x506, 230.4)
  putFloat(0x508, 229.8)
  putFloat(0x50a, 231.1)
  put(0x73a, 1)
  putFloat(0x900, 31.5)
  put(0xd00, 0, 0)
  put(0xd02, 3, 0, 0, 0, 0)
  put(0xe00, 0, 0)
}

beforeEach(async () => {
  at = await benchBus()
  board = mennekesAmtronCompact2s.create({ name: 'board', bus: at.bus, unitId: 50 })
  fill('highFirst')
})
afterEach(() => at.bus.close())

const reading = async () => {
  const read = await at.run(board.read())
  if (!read.ok) throw new Error(`no reading: ${JSON.stringify(read.error)}`)
  return read.value
}
/** Each kind of reading once. */
const readings = async () => {
  for (let round = 0; round < 15; round++) await reading()
  return reading()
}
const writes = () => at.sent().filter((hex) => hex.startsWith('3206') || hex.startsWith('3210'))
const PAUSE = '32060d050000'
const RELEASE = '32060d050001'

describe('prepare', () => {
  it('writes nothing where a lost heartbeat pauses, and tells who it is', async () => {
    expect(await at.run(board.prepare())).toEqual({
      ok: true,
      value: {
        serial: '1384202.00042',
        retentiveWrites: 0,
        fallback: { timeoutMs: 10_000, currentMilliamps: 0 },
      },
    })
    expect(writes()).toEqual([])
  })

  it.each([0, 6, 16])('sets the fallback to a pause where it is %i, once', async (fallback) => {
    put(0x73a, fallback)
    expect(await at.run(board.prepare())).toMatchObject({ ok: true, value: { retentiveWrites: 1 } })
    expect(writes()).toEqual(['3206073a0001'])
    expect(await at.run(board.prepare())).toMatchObject({ ok: true, value: { retentiveWrites: 1 } })
    expect(writes()).toEqual([])
  })

  it('says so where the station keeps its old fallback', async () => {
    put(0x30e, 0)
    put(0x73a, 0)
    const refused = await at.run(board.prepare())
    expect(refused).toMatchObject({ ok: false, error: { kind: 'configuration' } })
    expect(JSON.stringify(refused)).toMatch(/board \(unit 50\): register 0x030E .* is 0 though 0x073A is 1/)
  })

  it('on an older layout reads the fallback and tells it; 0 is refused, for nobody says what it does', async () => {
    put(0, 0x0102)
    at.bank.words.delete(0x73a)
    put(0x30e, 10)
    expect(await at.run(board.prepare())).toMatchObject({
      ok: true,
      value: { fallback: { currentMilliamps: 10_000 } },
    })
    for (const fallback of [0, 2, 33]) {
      put(0x30e, fallback)
      const refused = await at.run(board.prepare())
      expect(JSON.stringify(refused)).toMatch(/0x030E .* expected 1 \(pause\) or 6 to 32 A/)
    }
  })

  it('stops writing after four writes since the start', async () => {
    for (let round = 0; round < 4; round++) {
      put(0x73a, 16)
      expect(await at.run(board.prepare())).toMatchObject({ ok: true })
    }
    put(0x73a, 16)
    expect(JSON.stringify(await at.run(board.prepare()))).toMatch(/4 writes to settings that wear/)
  })

  it.each([
    ['a layout that is none', () => put(0, 0x4366), /0x0000 \(layout\) and 0x0001 \(firmware\) is 4366 5632/],
    [
      'no such register',
      () => at.bank.words.delete(0),
      /is refused with exception 2, expected 0x0100 to 0x01ff/,
    ],
    ['a firmware that is no text', () => put(1, 0xffff), /is 0103 ffff/],
    ['a serial number that is no text', () => put(0x13, 0x0102), /0x0013 \(serial number\) is 0102/],
  ])('refuses another model: %s', async (_what, change, told) => {
    change()
    const refused = await at.run(board.prepare())
    expect(refused).toMatchObject({ ok: false, error: { kind: 'configuration' } })
    expect(JSON.stringify(refused)).toMatch(/board \(unit 50\) is no Mennekes AMTRON Compact 2.0: register/)
    expect(JSON.stringify(refused)).toMatch(told)
    expect(writes()).toEqual([])
  })
})

describe.each(['highFirst', 'lowFirst'] as const)('a station whose floats are %s', (order) => {
  beforeEach(() => fill(order))

  it('is understood by its voltages', async () => {
    expect(await at.run(board.prepare())).toMatchObject({ ok: true })
    await at.run(board.offer(amps(13.5)))
    expect(float(0x302)).toBe(13.5)
    put(0x108, 27)
    putFloat(0x114, 13.5)
    expect(await readings()).toMatchObject({ offeredMilliamps: 13_500, temperatureMilliCelsius: 31_500 })
  })

  it('is understood on one phase, and before it was prepared', async () => {
    putFloat(0x508, 0)
    putFloat(0x50a, 0)
    put(0x108, 28)
    putFloat(0x114, 16)
    expect((await reading()).offeredMilliamps).toBe(16_000)
  })

  it('is not guessed without a voltage', async () => {
    for (const address of [0x506, 0x508, 0x50a]) putFloat(address, 0)
    const refused = await at.run(board.prepare())
    expect(refused).toMatchObject({ ok: false, error: { kind: 'configuration' } })
    expect(JSON.stringify(refused)).toMatch(/0x0506 to 0x050B are 0000 0000/)
    expect(await at.run(board.offer(amps(16)))).toMatchObject({ ok: false, error: { kind: 'badReply' } })
    expect(writes()).toEqual([])
  })

  it('is read again where both orders fit by chance', async () => {
    // 230.2626 V and, turned round, 230.2627 V.
    for (const address of [0x506, 0x508, 0x50a]) put(address, 0x4366, 0x4367)
    expect(JSON.stringify(await at.run(board.prepare()))).toMatch(/badReply.*voltages in either order/)
  })

  it('is not believed where one phase does not fit', async () => {
    putFloat(0x50a, 5000)
    expect(await at.run(board.prepare())).toMatchObject({ ok: false, error: { kind: 'configuration' } })
  })
})

describe('read', () => {
  it.each([
    [10, 'A', false],
    [11, 'B', false],
    [12, 'C', false],
    [13, 'D', false],
    [14, 'E', false],
    [15, 'F', false],
    [26, 'A', true],
    [27, 'B', true],
    [28, 'C', true],
    [29, 'D', true],
  ] as const)('tells state %i', async (state, pilot, oscillatorOn) => {
    put(0x108, state)
    putFloat(0x114, 16)
    expect(await reading()).toMatchObject({
      pilot,
      oscillatorOn,
      offeredMilliamps: oscillatorOn ? 16_000 : 0,
      proximity: { kind: 'open' },
      errors: [],
    })
  })

  it.each([0, 1, 25, 0xffff])('is a bad reply where 0x0108 holds %i', async (state) => {
    put(0x108, state)
    expect(await at.run(board.read())).toMatchObject({ ok: false, error: { kind: 'badReply' } })
  })

  it('is a bad reply where the current that is signalled can be none', async () => {
    put(0x108, 28)
    for (const current of [Number.NaN, -1, 81]) {
      putFloat(0x114, current)
      expect(JSON.stringify(await at.run(board.read()))).toMatch(/0x0114 holds no current/)
    }
  })

  it('does not carry a current over a stop of the oscillator', async () => {
    put(0x108, 28)
    putFloat(0x114, 16)
    await reading()
    put(0x108, 12)
    await reading()
    put(0x108, 28)
    putFloat(0x114, 6)
    expect((await reading()).offeredMilliamps).toBe(6000)
  })

  it('tells an error number within two readings, and the station’s own lock', async () => {
    put(0xe00, 123)
    await reading()
    expect(await reading()).toMatchObject({ errors: ['internalFault'], vendorError: '0x0E00 = 123' })
    put(0xe00, 0)
    put(0xd06, 1)
    expect(await readings()).toMatchObject({ errors: ['unavailable'] })
    put(0xd06, 0)
    expect(await readings()).toMatchObject({ errors: [] })
    expect(await readings()).not.toHaveProperty('vendorError')
  })

  it('reads errors with every second reading, and never two neighbours of one length', async () => {
    put(0x108, 28)
    putFloat(0x114, 16)
    await at.run(board.prepare())
    await readings()
    at.sent()
    for (let round = 0; round < 32; round++) await reading()
    const sent = at.sent()
    const lengths = sent.map((hex) => Number.parseInt(hex.slice(8), 16))
    for (const [index, length] of lengths.entries()) expect(length).not.toBe(lengths[index + 1])
    expect(sent.filter((hex) => hex.startsWith('32030e00'))).toHaveLength(16)
    expect(sent).toHaveLength(64)
  })

  it('tells a pilot that has changed at once, and the errors with the reading after it', async () => {
    await readings()
    put(0x108, 14)
    put(0xe00, 7)
    at.sent()
    expect(await reading()).toMatchObject({ pilot: 'E', errors: [] })
    expect(at.sent()).toHaveLength(1)
    put(0x108, 11)
    expect(await reading()).toMatchObject({ pilot: 'B', errors: ['internalFault'] })
  })

  it('tells a running charge with its first reading', async () => {
    put(0x108, 28)
    putFloat(0x114, 16)
    await at.run(board.prepare())
    expect(await reading()).toMatchObject({ pilot: 'C', offeredMilliamps: 16_000 })
  })

  it.each([
    [0, undefined],
    [1, 'unlocked'],
    [2, 'locked'],
    [3, undefined],
  ])('tells lock status %i', async (status, lock) => {
    put(0xd02, status)
    expect((await readings()).lock).toBe(lock)
  })

  it('tells no temperature that can be none', async () => {
    putFloat(0x900, 1000)
    expect(await readings()).not.toHaveProperty('temperatureMilliCelsius')
  })
})

describe('offer and pause', () => {
  beforeEach(async () => {
    await at.run(board.prepare())
    at.sent()
  })

  it('writes the current first, then releases; and nothing that is so already', async () => {
    expect(await at.run(board.offer(amps(16)))).toEqual({ ok: true, value: null })
    expect(writes()).toEqual(['321003020002044180', RELEASE].map((hex) => expect.stringContaining(hex)))
    expect([float(0x302), word(0xd05)]).toEqual([16, 1])
    expect(await at.run(board.offer(amps(16)))).toEqual({ ok: true, value: null })
    expect(at.sent()).toEqual([])
    await at.run(board.offer(amps(6.1)))
    expect(float(0x302)).toBe(Math.fround(6.1))
    expect(writes()).toHaveLength(1)
  })

  it('never leaves the unlimited 0 under a release', async () => {
    put(0xd05, 1)
    await at.run(board.offer(amps(6)))
    expect(float(0x302)).toBe(6)
  })

  it('adopts a running charge by reading, tenths of an ampere too', async () => {
    putFloat(0x302, 13.7)
    put(0xd05, 1)
    await at.run(board.offer(amps(13.7)))
    expect(writes()).toEqual([])
  })

  it('pauses by the release alone: 0x0302 is left as it is', async () => {
    await at.run(board.offer(amps(16)))
    at.sent()
    await at.run(board.pause())
    await at.run(board.pause())
    expect(at.sent()).toEqual([PAUSE, PAUSE])
    expect(float(0x302)).toBe(16)
    await at.run(board.offer(amps(16)))
    expect(at.sent()).toEqual([RELEASE])
  })

  it('does not release after a pause that came while the offer was under way', async () => {
    const ends = new Set<string>()
    for (let ms = 0; ms < 120; ms += 3) {
      put(0xd05, 0)
      putFloat(0x302, 0)
      await at.run(board.prepare())
      let isOver = false
      const offered = board.offer(amps(16)).finally(() => {
        isOver = true
      })
      await at.clock.advance(ms)
      const wasOver = isOver
      const paused = board.pause()
      const [offer, pause] = await at.run(Promise.all([offered, paused]))
      expect(pause.ok).toBe(true)
      expect(word(0xd05)).toBe(0)
      expect(offer).toEqual(wasOver ? { ok: true, value: null } : { ok: false, error: { kind: 'overtaken' } })
      ends.add(at.sent().slice(-2)[0]?.slice(0, 8) ?? '')
    }
    // The pause followed the reading of what is set, the writing of the current, and the release.
    expect(ends).toContain('32030302')
    expect(ends).toContain('32100302')
    expect(ends).toContain('32060d05')
  })

  it.each([
    ['the station was restarted: x1 with a car', () => put(0x108, 11)],
    ['more is signalled than was written', () => putFloat(0x114, 32)],
    ['the heartbeat was lost', () => put(0xe01, 1)],
  ])('writes again where %s', async (_what, change) => {
    put(0x108, 28)
    putFloat(0x114, 16)
    await at.run(board.offer(amps(16)))
    await readings()
    change()
    await readings()
    putFloat(0x302, 0)
    put(0xd05, 0)
    at.sent()
    await at.run(board.offer(amps(16)))
    expect(writes()).toEqual([expect.stringMatching(/^32100302/), RELEASE])
  })

  it('an offer that is under way when the board is prepared anew ends well, and what was read is not mixed up', async () => {
    for (let ms = 0; ms < 100; ms += 5) {
      put(0xd05, 0)
      putFloat(0x302, 0)
      await at.run(board.pause())
      await at.run(board.prepare())
      const offered = board.offer(amps(16))
      await at.clock.advance(ms)
      const [offer, prepared] = await at.run(Promise.all([offered, board.prepare()]))
      expect([offer.ok, prepared.ok]).toEqual([true, true])
      expect([float(0x302), word(0xd05)]).toEqual([16, 1])
    }
  })

  it('forgets what it believed after a write without an answer', async () => {
    await at.run(board.offer(amps(16)))
    const { answer } = at.line
    at.line.answer = () => []
    expect(await at.run(board.offer(amps(10)))).toMatchObject({ ok: false, error: { kind: 'timedOut' } })
    at.line.answer = answer
    await at.clock.advance(1000)
    at.sent()
    await at.run(board.offer(amps(16)))
    expect(at.sent()[0]).toBe('320303020002')
  })

  it('takes 6 to 32 A in tenths only: anything else is our own mistake', async () => {
    for (const current of [amps(0), amps(5.9), amps(6.05), amps(32.1)]) {
      await expect(board.offer(current)).rejects.toThrow(/6 to 32 A in steps of 0.1 A/)
    }
  })

  it('feeds its watchdog by the heartbeat, and by nothing else', async () => {
    await readings()
    await at.run(board.offer(amps(16)))
    expect(word(0xd00)).toBe(0)
    expect(await at.run(board.feed?.() ?? Promise.reject())).toEqual({ ok: true, value: null })
    expect(word(0xd00)).toBe(0x55aa)
    expect(board.facts.deadman).toEqual({ kind: 'own', fedBy: 'feed', feedMs: 5000 })
  })
})
