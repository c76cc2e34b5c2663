import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { phoenixEvCcAc1M3Rtu } from '../../../../../agent/control/drivers/evse-boards/phoenix-ev-cc-ac1-m3-rtu.ts'
import type { Board, BoardError } from '../../../../../agent/control/ports/board.ts'
import { amps } from '../../../../../shared/units.ts'
import { type BenchBus, benchBus } from '../bench-bus.ts'

let at: BenchBus
let board: Board

const put = (address: number, ...words: readonly number[]) => {
  for (const [index, word] of words.entries()) at.bank.words.set(address + index, word)
}
const putText = (address: number, count: number, text: string) => {
  const bytes = Buffer.alloc(2 * count)
  bytes.write(text, 'latin1')
  put(address, ...Array.from({ length: count }, (_, index) => bytes.readUInt16BE(2 * index)))
}
const putState = (state: string, pp = 32, duty = 0, current = 0) => {
  putText(24000, 1, state)
  put(24001, pp, duty, current)
}

beforeEach(async () => {
  at = await benchBus()
  board = phoenixEvCcAc1M3Rtu.create({ name: 'board', bus: at.bus, unitId: 1 })
  putText(1000, 16, 'EV-CC-AC1-M3-CBC-SER-HS')
  putText(1021, 6, '123456789012')
  put(4000, 3, 1, 0)
  put(22000, 6)
  at.bank.coils.set(20000, 0)
  putState('A1')
  put(24004, 0b10)
  put(24025, 0)
})
afterEach(() => at.bus.close())

const reading = async () => {
  const read = await at.run(board.read())
  if (!read.ok) throw new Error(`no reading: ${read.error.kind}`)
  return read.value
}

describe('prepare', () => {
  it('writes nothing where the retentive settings are right', async () => {
    expect(await at.run(board.prepare())).toEqual({
      ok: true,
      value: {
        serial: '123456789012',
        retentiveWrites: 0,
        fallback: { timeoutMs: null, currentMilliamps: 0 },
      },
    })
    expect(at.sent().filter((hex) => hex.startsWith('0106'))).toEqual([])
  })

  it('writes only what differs and reads it again', async () => {
    put(4000, 1, 1, 0)
    expect(await at.run(board.prepare())).toMatchObject({ ok: true, value: { retentiveWrites: 1 } })
    expect(at.sent().slice(2)).toEqual(['01030fa00003', '01060fa00003', '01030fa00003'])
  })

  it('stops writing after four writes since the start, and says what to do', async () => {
    for (let round = 0; round < 2; round++) {
      put(4000, 1, 2, 0)
      expect(await at.run(board.prepare())).toMatchObject({ ok: true })
    }
    put(4000, 1, 2, 0)
    at.sent()
    const refused = await at.run(board.prepare())
    expect(refused).toMatchObject({ ok: false, error: { kind: 'configuration' } })
    expect(JSON.stringify(refused)).toMatch(/register 4000 is 1, wanted 3, but 4 retentive writes/)
    expect(at.sent().filter((hex) => hex.startsWith('0106'))).toEqual([])
  })

  it('says so where a setting does not stay: a DIP switch', async () => {
    put(4001, 0)
    const { answer } = at.line
    // The device takes the write and keeps what its switch says.
    at.line.answer = (request) =>
      request.toString('hex').startsWith('01060fa1') ? [{ bytes: request, afterMs: 10 }] : answer(request)
    const refused = await at.run(board.prepare())
    expect(refused).toMatchObject({ ok: false, error: { kind: 'configuration' } })
    expect(JSON.stringify(refused)).toMatch(/register 4001 is 0 after 1 was written; check the DIP switches/)
  })

  it('refuses a device that is no EV-CC', async () => {
    putText(1000, 16, 'SDM630')
    expect(JSON.stringify(await at.run(board.prepare()))).toMatch(
      /board \(unit 1\) is no Phoenix.*register 1000 .*is \\"SDM630\\", expected a name that starts with EV-CC/,
    )
  })
})

describe('read', () => {
  it.each([
    ['A1', 0, 'A', false, 0, { kind: 'open' }],
    ['B1', 20, 'B', false, 0, { kind: 'rating', currentMilliamps: 20_000 }],
    ['B2', 32, 'B', true, 16_000, { kind: 'rating', currentMilliamps: 32_000 }],
    ['C2', 32, 'C', true, 16_000, { kind: 'rating', currentMilliamps: 32_000 }],
    ['D2', 63, 'D', true, 16_000, { kind: 'rating', currentMilliamps: 63_000 }],
    ['E0', 0xffff, 'E', false, 0, { kind: 'fault' }],
    ['F0', 3, 'F', false, 0, { kind: 'fault' }],
  ] as const)('tells %s with proximity %i', async (state, pp, pilot, oscillatorOn, offered, proximity) => {
    putState(state, pp, oscillatorOn ? 27 : 0, oscillatorOn ? 16 : 0)
    expect(await reading()).toMatchObject({
      pilot,
      oscillatorOn,
      offeredMilliamps: offered,
      proximity,
      errors: [],
    })
  })

  it('counts the error bits from 1, as the manual does', async () => {
    const bits: readonly (readonly [number, BoardError])[] = [
      [2, 'cableRejected'],
      [3, 'proximityInvalid'],
      [4, 'pilotInvalid'],
      [5, 'unavailable'],
      [6, 'lockFailed'],
      [7, 'unlockFailed'],
      [8, 'lockLost'],
      [11, 'ventilationRejected'],
      [12, 'contactorFault'],
      [13, 'diodeMissing'],
      [15, 'residualCurrentTripped'],
      [16, 'residualCurrentTestFailed'],
    ]
    for (const [bit, error] of bits) {
      put(24025, 1 << (bit - 1))
      await reading()
      expect((await reading()).errors).toEqual([error])
    }
    put(24025, 0b1)
    await reading()
    expect((await reading()).errors).toEqual([])
  })

  it('reads the errors with every second reading, and never two neighbours of one length', async () => {
    for (let round = 0; round < 6; round++) await reading()
    const lengths = at.sent().map((hex) => Number.parseInt(hex.slice(8), 16))
    expect(lengths).toEqual([4, 1, 5, 4, 1, 5, 4, 1, 5])
  })

  it('tells a pilot that has changed at once; the errors come with the reading after it', async () => {
    await reading()
    await reading()
    putState('E0')
    put(24025, 1 << 3)
    at.sent()
    expect(await reading()).toMatchObject({ pilot: 'E', errors: [] })
    expect(at.sent()).toHaveLength(1)
    expect(await reading()).toMatchObject({ pilot: 'E', errors: ['pilotInvalid'] })
  })

  it('puts the errors off once at most, however often the pilot changes', async () => {
    await reading()
    await reading()
    put(24025, 1 << 14)
    const seen: (readonly BoardError[])[] = []
    for (const state of ['B1', 'A1', 'B1', 'A1']) {
      putState(state)
      seen.push((await reading()).errors)
    }
    expect(seen.slice(1)).toContainEqual(['residualCurrentTripped'])
  })

  it('tells the release input once it was read', async () => {
    expect((await reading()).releaseInputOn).toBeUndefined()
    expect((await reading()).releaseInputOn).toBe(true)
    put(24004, 0)
    expect((await reading()).releaseInputOn).toBe(true)
    expect((await reading()).releaseInputOn).toBe(false)
  })

  it('is a bad reply where register 24000 holds no pilot state or the pilot signal is none', async () => {
    for (const state of ['G1', 'A3', '\0\0', 'A', '\xff\xff']) {
      putState(state)
      expect(await at.run(board.read())).toMatchObject({ ok: false, error: { kind: 'badReply' } })
    }
    putState('C2', 32, 0xffff, 0xffff)
    expect(await at.run(board.read())).toMatchObject({ ok: false, error: { kind: 'badReply' } })
  })
})

describe('offer and pause', () => {
  const CURRENT_16 = '010655f00010'
  const ENABLE = '01054e20ff00'
  const DISABLE = '01054e200000'
  const writes = () => at.sent().filter((hex) => !/^010[134]/.test(hex))

  it('writes the current first, then enables; and nothing that is so already', async () => {
    expect(await at.run(board.offer(amps(16)))).toEqual({ ok: true, value: null })
    expect(writes()).toEqual([CURRENT_16, ENABLE])
    expect(await at.run(board.offer(amps(16)))).toEqual({ ok: true, value: null })
    expect(at.sent()).toEqual([])
    await at.run(board.offer(amps(10)))
    expect(writes()).toEqual(['010655f0000a'])
  })

  it('learns what the board has before it writes: a running charge is adopted without a write', async () => {
    put(22000, 16)
    at.bank.coils.set(20000, 0xff00)
    await at.run(board.offer(amps(16)))
    expect(at.sent()).toEqual(['010355f00001', '01014e200001'])
  })

  it('pauses by one frame, always, and never by the value 0', async () => {
    await at.run(board.offer(amps(16)))
    at.sent()
    await at.run(board.pause())
    await at.run(board.pause())
    expect(at.sent()).toEqual([DISABLE, DISABLE])
    await at.run(board.offer(amps(16)))
    expect(at.sent()).toEqual([ENABLE])
  })

  it('does not enable after a pause that came while the offer was under way', async () => {
    const ends = new Set<string>()
    for (let ms = 0; ms < 90; ms += 3) {
      at.bank.coils.set(20000, 0)
      put(22000, 6)
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
      expect(at.bank.coils.get(20000)).toBe(0)
      expect(offer).toEqual(wasOver ? { ok: true, value: null } : { ok: false, error: { kind: 'overtaken' } })
      ends.add(at.sent().slice(-2).join(' '))
    }
    // Both happened: the enabling was dropped, and it was on the bus already and the pause followed it.
    expect(ends).toContain(`${CURRENT_16} ${DISABLE}`)
    expect(ends).toContain(`${ENABLE} ${DISABLE}`)
  })

  it('writes again after a restart of the board, which forgets both registers', async () => {
    await at.run(board.offer(amps(16)))
    put(22000, 6)
    at.bank.coils.set(20000, 0)
    putState('B1')
    await reading()
    at.sent()
    await at.run(board.offer(amps(16)))
    expect(writes()).toEqual([CURRENT_16, ENABLE])
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
    expect(at.sent()[0]).toBe('010355f00001')
  })

  it('takes whole amperes from 6 to 63 only: anything else is our own mistake', async () => {
    for (const current of [amps(0), amps(5), amps(6.5), amps(64)]) {
      await expect(board.offer(current)).rejects.toThrow(/6 to 63 whole amperes/)
    }
  })
})
