import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { heidelbergEnergyControl } from '../../../../../agent/control/drivers/evse-boards/heidelberg-energy-control.ts'
import type { Board } from '../../../../../agent/control/ports/board.ts'
import { withCrc } from '../../../../../shared/modbus/crc.ts'
import { amps } from '../../../../../shared/units.ts'
import { type BenchBus, benchBus } from '../bench-bus.ts'

let at: BenchBus
let board: Board

const put = (address: number, ...words: readonly number[]) => {
  for (const [index, word] of words.entries()) at.bank.words.set(address + index, word)
}
const word = (address: number) => at.bank.words.get(address)

beforeEach(async () => {
  at = await benchBus()
  board = heidelbergEnergyControl.create({ name: 'board', bus: at.bus, unitId: 1 })
  put(4, 0x0108)
  // State B1, no currents, 25.3 degrees.
  put(5, 4, 0, 0, 0, 253)
  put(100, 16, 6)
  put(257, 15_000, 4, 1)
  put(261, 0, 0)
})
afterEach(() => at.bus.close())

const reading = async () => {
  const read = await at.run(board.read())
  if (!read.ok) throw new Error(`no reading: ${read.error.kind}`)
  return read.value
}
const writes = () => at.sent().filter((hex) => hex.startsWith('0106') || hex.startsWith('0110'))
const FALLBACK = { timeoutMs: 15_000, currentMilliamps: 0 }

describe('prepare', () => {
  it('writes nothing where watchdog, failsafe current and stand-by are right', async () => {
    expect(await at.run(board.prepare())).toEqual({
      ok: true,
      value: { serial: null, retentiveWrites: 0, fallback: FALLBACK },
    })
    expect(writes()).toEqual([])
  })

  it('switches the watchdog on, the failsafe current to 0 A, stand-by off and the lock open, and reads each again', async () => {
    put(257, 0, 0, 0)
    put(262, 60)
    expect(await at.run(board.prepare())).toEqual({
      ok: true,
      value: { serial: null, retentiveWrites: 4, fallback: FALLBACK },
    })
    const sent = at.sent().slice(3)
    expect(sent).toEqual([
      '010301020001',
      '010601020004',
      '010301020001',
      '010301030001',
      '010601030001',
      '010301030001',
      '010301010001',
      '010601013a98',
      '010301010001',
      '010301060001',
      '010601060000',
      '010301060001',
    ])
    expect(await at.run(board.prepare())).toMatchObject({ ok: true, value: { retentiveWrites: 4 } })
    expect(writes()).toEqual([])
  })

  it('leaves a shorter watchdog as it is and tells it; one too short for a control that restarts is made longer', async () => {
    put(257, 6000)
    expect(await at.run(board.prepare())).toMatchObject({
      ok: true,
      value: { retentiveWrites: 0, fallback: { timeoutMs: 6000 } },
    })
    put(257, 3999)
    expect(await at.run(board.prepare())).toMatchObject({
      ok: true,
      value: { fallback: { timeoutMs: 15_000 } },
    })
  })

  it('on layout 1.0.7 writes stand-by and lock without reading them: once, and again after each silence, four times at most', async () => {
    put(4, 0x0107)
    at.bank.words.delete(258)
    at.bank.words.delete(259)
    const { answer } = at.line
    const blind: string[] = []
    at.line.answer = (request) => {
      const hex = request.toString('hex').slice(0, 8)
      if (hex === '01060102' || hex === '01060103') {
        blind.push(hex)
        return [{ bytes: request, afterMs: 10 }]
      }
      return answer(request)
    }
    expect(await at.run(board.prepare())).toMatchObject({ ok: true, value: { retentiveWrites: 2 } })
    expect(await at.run(board.prepare())).toMatchObject({ ok: true, value: { retentiveWrites: 2 } })
    expect(blind).toEqual(['01060102', '01060103'])
    for (const retentiveWrites of [4, 6, 8, 8]) {
      await at.clock.advance(3000)
      expect(await at.run(board.prepare())).toMatchObject({ ok: true, value: { retentiveWrites } })
    }
    expect(at.sent().filter((hex) => hex === '010301020001' || hex === '010301030001')).toEqual([])
  })

  it('on layout 1.0.7 writes both again after a short silence, where the current that is set is not ours', async () => {
    put(4, 0x0107)
    await at.run(board.prepare())
    await at.run(board.offer(amps(10)))
    await at.run(board.prepare())
    await at.run(board.pause())
    expect(await at.run(board.prepare())).toMatchObject({ ok: true, value: { retentiveWrites: 2 } })
    put(261, 160)
    expect(await at.run(board.prepare())).toMatchObject({ ok: true, value: { retentiveWrites: 4 } })
    expect(await at.run(board.prepare())).toMatchObject({ ok: true, value: { retentiveWrites: 4 } })
  })

  it('on layout 1.0.7 writes both again where the second of them was lost', async () => {
    put(4, 0x0107)
    const { answer } = at.line
    at.line.answer = (request) => (request.toString('hex').startsWith('01060103') ? [] : answer(request))
    expect(await at.run(board.prepare())).toMatchObject({ ok: false, error: { kind: 'timedOut' } })
    at.line.answer = answer
    await at.clock.advance(500)
    expect(await at.run(board.prepare())).toMatchObject({ ok: true, value: { retentiveWrites: 4 } })
    expect(word(259)).toBe(1)
  })

  it('says so where a setting does not stay', async () => {
    put(262, 100)
    const { answer } = at.line
    at.line.answer = (request) =>
      request.toString('hex').startsWith('01060106') ? [{ bytes: request, afterMs: 10 }] : answer(request)
    const refused = await at.run(board.prepare())
    expect(refused).toMatchObject({ ok: false, error: { kind: 'configuration' } })
    expect(JSON.stringify(refused)).toMatch(
      /board \(unit 1\): register 262 \(failsafeCurrent\) is 100 after 0 was written/,
    )
  })

  it('stops writing after twelve writes since the start, and says what to do', async () => {
    for (let round = 0; round < 12; round++) {
      put(262, 60)
      expect(await at.run(board.prepare())).toMatchObject({ ok: true, value: { retentiveWrites: round + 1 } })
    }
    put(262, 60)
    at.sent()
    const refused = await at.run(board.prepare())
    expect(JSON.stringify(refused)).toMatch(
      /register 262 \(failsafeCurrent\) is 60, wanted 0, but 12 writes .* restart the agent/,
    )
    expect(writes()).toEqual([])
  })

  it.each([
    [
      'a layout that is none',
      () => put(4, 0x4366),
      /register 4 \(layout\) is 0x4366, expected 0x0100 to 0x01ff/,
    ],
    ['no such register', () => at.bank.words.delete(4), /register 4 \(layout\) is refused with exception 2/],
    [
      'currents that no such box has',
      () => put(100, 300, 6),
      /100 \(highest and lowest current\) is 300 and 6/,
    ],
    ['a highest current below the lowest', () => put(100, 8, 10), /is 8 and 10, expected the highest/],
  ])('refuses another model: %s', async (_what, change, told) => {
    change()
    const refused = await at.run(board.prepare())
    expect(refused).toMatchObject({ ok: false, error: { kind: 'configuration' } })
    expect(JSON.stringify(refused)).toMatch(/board \(unit 1\) is no Heidelberg Energy Control/)
    expect(JSON.stringify(refused)).toMatch(told)
    expect(writes()).toEqual([])
  })

  it('takes a device failure (exception 4) for trouble on the line, not for another model', async () => {
    at.line.answer = (request) => [
      { bytes: withCrc(Uint8Array.of(request[0] ?? 0, (request[1] ?? 0) | 0x80, 4)), afterMs: 10 },
    ]
    expect(await at.run(board.prepare())).toMatchObject({ ok: false, error: { kind: 'exception', code: 4 } })
  })
})

describe('read', () => {
  it.each([
    [2, 'A', false],
    [3, 'A', true],
    [4, 'B', false],
    [5, 'B', true],
    [6, 'C', false],
    [7, 'C', true],
    [8, 'C', true],
    [9, 'E', false],
    [10, 'F', false],
    [11, 'F', false],
  ] as const)('tells state %i', async (state, pilot, oscillatorOn) => {
    put(5, state)
    put(261, 105)
    expect(await reading()).toMatchObject({
      pilot,
      oscillatorOn,
      offeredMilliamps: oscillatorOn ? 10_500 : 0,
      proximity: { kind: 'open' },
      errors: state === 11 ? ['internalFault'] : [],
      temperatureMilliCelsius: 25_300,
    })
  })

  it('tells a fault and a derating in words', async () => {
    put(5, 11)
    expect((await reading()).vendorError).toBe('state 11, error')
    put(5, 8)
    expect((await reading()).vendorError).toMatch(/held back for its temperature/)
    put(5, 7)
    expect((await reading()).vendorError).toBeUndefined()
  })

  it('tells a temperature below zero, and none where it can be none', async () => {
    put(9, 0xff9c)
    expect((await reading()).temperatureMilliCelsius).toBe(-10_000)
    put(9, 0x7fff)
    expect(await reading()).not.toHaveProperty('temperatureMilliCelsius')
  })

  it('never tells more than the hardware gives', async () => {
    put(100, 10, 6)
    put(5, 7)
    put(261, 160)
    await at.run(board.prepare())
    expect((await reading()).offeredMilliamps).toBe(10_000)
  })

  it('reads what is set with the first reading, the one after a change, and each fourth', async () => {
    const commandReads: boolean[] = []
    const round = async () => {
      at.sent()
      await reading()
      commandReads.push(at.sent().includes('010301050001'))
    }
    for (let n = 0; n < 10; n++) await round()
    expect(commandReads).toEqual([true, true, false, false, false, true, false, false, false, true])
    await round()
    put(5, 5)
    commandReads.length = 0
    await round()
    await round()
    await round()
    expect(commandReads.slice(1)).toEqual([true, false])
  })

  it.each([0, 1, 12, 0xffff])('is a bad reply where register 5 holds %i', async (state) => {
    put(5, state)
    expect(await at.run(board.read())).toMatchObject({ ok: false, error: { kind: 'badReply' } })
  })

  it('is a bad reply where 261 holds no current', async () => {
    put(261, 0xffff)
    expect(JSON.stringify(await at.run(board.read()))).toMatch(/register 261 holds no current: 6553\.5 A/)
  })

  it('leaves the board 100 ms of silence after each of its replies', async () => {
    for (let round = 0; round < 4; round++) await reading()
    const times = at.line.requests.map(({ atMicros }) => atMicros)
    const gaps = times.slice(1).map((time, index) => time - (times[index] ?? 0))
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(100_000)
  })
})

describe('offer and pause', () => {
  const CURRENT_16 = '0106010500a0'
  const PAUSE = '010601050000'

  it('writes tenths of an ampere, and nothing that is so already', async () => {
    expect(await at.run(board.offer(amps(16)))).toEqual({ ok: true, value: null })
    expect(at.sent()).toEqual(['010301050001', CURRENT_16])
    expect(await at.run(board.offer(amps(16)))).toEqual({ ok: true, value: null })
    expect(at.sent()).toEqual([])
    await at.run(board.offer(amps(6.1)))
    expect(at.sent()).toEqual(['01060105003d'])
  })

  it('adopts a running charge by reading', async () => {
    put(261, 160)
    await at.run(board.offer(amps(16)))
    expect(writes()).toEqual([])
  })

  it('pauses by one frame, always, in quarantine too', async () => {
    await at.run(board.offer(amps(16)))
    at.sent()
    await at.run(board.pause())
    await at.run(board.pause())
    expect(at.sent()).toEqual([PAUSE, PAUSE])
    const { answer } = at.line
    at.line.answer = () => []
    expect(await at.run(board.read())).toMatchObject({ ok: false, error: { kind: 'timedOut' } })
    at.line.answer = answer
    expect(await at.run(board.read())).toMatchObject({ ok: false, error: { kind: 'quarantined' } })
    expect(await at.run(board.pause())).toEqual({ ok: true, value: null })
  })

  it('does not offer after a pause that came while the offer was under way', async () => {
    const ends = new Set<string>()
    for (let ms = 0; ms < 260; ms += 10) {
      put(261, 60)
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
      expect(word(261)).toBe(0)
      expect(offer).toEqual(wasOver ? { ok: true, value: null } : { ok: false, error: { kind: 'overtaken' } })
      ends.add(at.sent().slice(-2).join(' '))
    }
    expect(ends).toContain(`${CURRENT_16} ${PAUSE}`)
    expect(ends).toContain(`010301060001 ${PAUSE}`)
  })

  it('offers again after the board was restarted by somebody: the change is seen and what is set is read', async () => {
    put(5, 7)
    await at.run(board.offer(amps(16)))
    await reading()
    put(5, 6)
    put(261, 0)
    await reading()
    await reading()
    at.sent()
    await at.run(board.offer(amps(16)))
    expect(writes()).toEqual([CURRENT_16])
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
    expect(at.sent()[0]).toBe('010301050001')
  })

  it('takes 6 to 16 A in tenths only: anything else is our own mistake', async () => {
    for (const current of [amps(0), amps(5.9), amps(6.05), amps(16.1)]) {
      await expect(board.offer(current)).rejects.toThrow(/6 to 16 A in steps of 0.1 A/)
    }
  })
})
