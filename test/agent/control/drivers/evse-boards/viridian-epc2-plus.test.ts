import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { viridianEpc2Plus } from '../../../../../agent/control/drivers/evse-boards/viridian-epc2-plus.ts'
import type { Board } from '../../../../../agent/control/ports/board.ts'
import { amps } from '../../../../../shared/units.ts'
import { type BenchBus, benchBus } from '../bench-bus.ts'

let at: BenchBus
let board: Board

const put = (address: number, ...words: readonly number[]) => {
  for (const [index, word] of words.entries()) at.bank.words.set(address + index, word)
}
/** 11-16. */
const putState = (letter: number, { errors = 0, pp = 32, advertised = 0 } = {}) =>
  put(11, letter, 0, 0, errors, pp, advertised)

beforeEach(async () => {
  at = await benchBus()
  board = viridianEpc2Plus.create({ name: 'board', bus: at.bus, unitId: 101 })
  put(4, 0, 0, 6)
  putState(0)
  put(21, 19_200, 1, 101)
  put(28, 2000)
  put(30, 0)
  put(44, 16)
})
afterEach(() => at.bus.close())

const reading = async () => {
  const read = await at.run(board.read())
  if (!read.ok) throw new Error(`no reading: ${read.error.kind}`)
  return read.value
}
const writes = () => at.sent().filter((hex) => hex.startsWith('6506'))
const refusal = async () => {
  const refused = await at.run(board.prepare())
  expect(refused).toMatchObject({ ok: false, error: { kind: 'configuration' } })
  return JSON.stringify(refused)
}

describe('prepare', () => {
  it('writes nothing where all is right, and tells the watchdog as read back', async () => {
    expect(await at.run(board.prepare())).toEqual({
      ok: true,
      value: { serial: null, retentiveWrites: 0, fallback: { timeoutMs: 2000, currentMilliamps: 0 } },
    })
    expect(writes()).toEqual([])
    expect(board.facts.currentMaxMilliamps).toBe(amps(16))
  })

  it('writes what a board as delivered needs: no charge by itself, fallback before time-out', async () => {
    put(13, 1)
    put(28, 0)
    put(30, 16)
    expect(await at.run(board.prepare())).toEqual({
      ok: true,
      value: { serial: null, retentiveWrites: 1, fallback: { timeoutMs: 2000, currentMilliamps: 0 } },
    })
    expect(writes()).toEqual(['6506000d0000', '6506001e0000', '6506001c07d0'])
  })

  it('writes register 13 four times at most; the watchdog, which a restart may forget, as often as it is forgotten', async () => {
    for (let round = 0; round < 4; round++) {
      put(13, 1)
      put(28, 0)
      expect(await at.run(board.prepare())).toMatchObject({ ok: true })
    }
    put(28, 0)
    expect(await at.run(board.prepare())).toMatchObject({ ok: true, value: { retentiveWrites: 4 } })
    put(13, 1)
    at.sent()
    expect(await refusal()).toMatch(/register 13 \(chargeDisablePowerLoss\) is 1, wanted 0, but 4 writes/)
    expect(writes()).toEqual([])
  })

  it('says so where a setting does not stay', async () => {
    put(28, 0)
    const { answer } = at.line
    at.line.answer = (request) =>
      request.toString('hex').startsWith('6506001c') ? [{ bytes: request, afterMs: 10 }] : answer(request)
    expect(await refusal()).toMatch(/register 28 \(commsTimeout\) is 0 after 2000 was written/)
  })

  it.each([
    [23, 1, /register 23 \(slaveAddress\) is 1, expected its unit id 101/],
    [21, 7, /register 21 \(baud\) is 7, expected a baud rate/],
    [22, 9, /register 22 \(parity\) is 9/],
    [44, 80, /register 44 \(maxChargingCurrent\) is 80, expected a maximum of 6 to 32 A/],
  ])('refuses a device with another register %i', async (address, word, says) => {
    put(address, word)
    expect(await refusal()).toMatch(says)
  })

  it('refuses a device that has no such registers, and names it', async () => {
    at.bank.words.delete(21)
    expect(await refusal()).toMatch(
      /board \(unit 101\) is no Viridian EPC 2.0 Plus: register 21 \(baud\) is refused with exception 2/,
    )
  })

  it('takes a silent board for trouble of the bus, not for another model', async () => {
    at.line.answer = () => []
    expect(await at.run(board.prepare())).toMatchObject({ ok: false, error: { kind: 'timedOut' } })
  })
})

describe('read', () => {
  it.each([
    [0, 'A'],
    [1, 'B'],
    [2, 'C'],
    [3, 'D'],
    [4, 'F'],
  ] as const)('tells state %i as %s', async (letter, pilot) => {
    putState(letter)
    expect(await reading()).toMatchObject({ pilot, oscillatorOn: false, offeredMilliamps: 0, errors: [] })
  })

  it('offers what is advertised, unless state C is disabled', async () => {
    putState(1, { advertised: 16 })
    expect((await reading()).offeredMilliamps).toBe(0)
    put(5, 1)
    await reading()
    expect(await reading()).toMatchObject({ offeredMilliamps: 16_000, oscillatorOn: true })
  })

  it('tells a pilot that has changed at once, and puts the rest off once at most', async () => {
    await reading()
    await reading()
    const frames: number[] = []
    for (const letter of [1, 0, 1, 0]) {
      putState(letter)
      at.sent()
      expect((await reading()).pilot).toBe(letter === 1 ? 'B' : 'A')
      frames.push(at.sent().length)
    }
    expect(frames).toEqual([1, 2, 1, 1])
  })

  it.each([
    [0, { kind: 'open' }],
    [13, { kind: 'rating', currentMilliamps: 13_000 }],
    [63, { kind: 'rating', currentMilliamps: 63_000 }],
    [3, { kind: 'fault' }],
    [0xffff, { kind: 'fault' }],
  ])('tells a proximity of %i A', async (pp, proximity) => {
    putState(1, { pp })
    expect((await reading()).proximity).toEqual(proximity)
  })

  it.each([
    [0b001, ['residualCurrentTestFailed']],
    [0b010, ['residualCurrentTripped']],
    [0b100, ['diodeMissing']],
    [0b111, ['residualCurrentTestFailed', 'residualCurrentTripped', 'diodeMissing']],
    [0b1000_0000, ['internalFault']],
    [0b1010, ['residualCurrentTripped', 'internalFault']],
  ])('tells error word %i in the first reading that has it', async (errors, named) => {
    putState(1)
    expect(await reading()).not.toHaveProperty('vendorError')
    putState(1, { errors })
    expect(await reading()).toMatchObject({
      errors: named,
      vendorError: `register 14: 0x${errors.toString(16).padStart(4, '0')}`,
    })
  })

  it('never asks for a register that is in no list: the holes at 10 and 17 ff.', async () => {
    for (let round = 0; round < 4; round++) expect((await reading()).pilot).toBe('A')
    expect(new Set(at.sent())).toEqual(new Set(['6503000b0006', '650300040003']))
  })

  it('is a bad reply where register 11 holds no state, or 16 no current', async () => {
    putState(5)
    expect(await at.run(board.read())).toMatchObject({ ok: false, error: { kind: 'badReply' } })
    putState(1, { advertised: 33 })
    expect(await at.run(board.read())).toMatchObject({ ok: false, error: { kind: 'badReply' } })
  })
})

describe('offer and pause', () => {
  const CURRENT_16 = '650600060010'
  const ENABLE = '650600050001'
  const DISABLE = '650600050000'

  it('writes the current first, then enables; and nothing that is so already', async () => {
    expect(await at.run(board.offer(amps(16)))).toEqual({ ok: true, value: null })
    expect(writes()).toEqual([CURRENT_16, ENABLE])
    expect(await at.run(board.offer(amps(16)))).toEqual({ ok: true, value: null })
    expect(at.sent()).toEqual([])
    await at.run(board.offer(amps(10)))
    expect(writes()).toEqual(['65060006000a'])
  })

  it('adopts a running charge without a write', async () => {
    put(4, 0, 1, 16)
    putState(2, { advertised: 16 })
    await reading()
    at.sent()
    await at.run(board.offer(amps(16)))
    expect(at.sent()).toEqual([])
  })

  it('enables again what an earlier one-shot permission left', async () => {
    put(5, 2)
    await at.run(board.offer(amps(16)))
    expect(writes()).toEqual([CURRENT_16, ENABLE])
  })

  it('pauses by one frame, always; the pause counts when it has read back', async () => {
    await at.run(board.offer(amps(16)))
    putState(2, { advertised: 16 })
    await reading()
    expect((await reading()).offeredMilliamps).toBe(16_000)
    at.sent()
    await at.run(board.pause())
    await at.run(board.pause())
    expect(at.sent()).toEqual([DISABLE, DISABLE])
    expect(await reading()).toMatchObject({ oscillatorOn: false, offeredMilliamps: 0 })
    expect(at.sent()).toEqual(['6503000b0006', '650300040003'])
  })

  it('offers again after the watchdog took current and enable', async () => {
    await at.run(board.offer(amps(16)))
    put(5, 0, 0)
    await reading()
    await reading()
    at.sent()
    await at.run(board.offer(amps(16)))
    expect(writes()).toEqual([CURRENT_16, ENABLE])
  })

  it('does not enable after a pause that came while the offer was under way', async () => {
    const ends = new Set<string>()
    for (let ms = 0; ms < 90; ms += 3) {
      put(5, 0, 6)
      await at.run(board.prepare())
      let isOver = false
      const offered = board.offer(amps(16)).finally(() => {
        isOver = true
      })
      await at.clock.advance(ms)
      const wasOver = isOver
      const [offer, pause] = await at.run(Promise.all([offered, board.pause()]))
      expect(pause.ok).toBe(true)
      expect(at.bank.words.get(5)).toBe(0)
      expect(offer).toEqual(wasOver ? { ok: true, value: null } : { ok: false, error: { kind: 'overtaken' } })
      ends.add(at.sent().slice(-2).join(' '))
    }
    // Both happened: the enabling was dropped, and it was on the bus already and the pause followed it.
    expect(ends).toContain(`${CURRENT_16} ${DISABLE}`)
    expect(ends).toContain(`${ENABLE} ${DISABLE}`)
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
    expect(at.sent()[0]).toBe('650300040003')
  })

  it('takes whole amperes from 6 to 32 only: anything else is our own mistake', async () => {
    for (const current of [amps(0), amps(5), amps(6.5), amps(33)]) {
      await expect(board.offer(current)).rejects.toThrow(/6 to 32 whole amperes/)
    }
  })
})

describe('the lock', () => {
  it('is latched and unlatched by one frame each; where it is nobody tells', async () => {
    expect(board.facts.lock).toBe('commanded')
    expect(await at.run(board.lock?.() ?? Promise.reject(new Error('no lock')))).toEqual({
      ok: true,
      value: null,
    })
    await at.run(board.unlock?.() ?? Promise.reject(new Error('no unlock')))
    expect(at.sent()).toEqual(['650600040001', '650600040002'])
    expect((await reading()).lock).toBeUndefined()
  })

  it('is not dropped by a pause that comes meanwhile', async () => {
    const locked = board.lock?.()
    const paused = board.pause()
    expect(await at.run(Promise.all([locked, paused]))).toEqual([
      { ok: true, value: null },
      { ok: true, value: null },
    ])
    expect(at.bank.words.get(4)).toBe(1)
  })
})
