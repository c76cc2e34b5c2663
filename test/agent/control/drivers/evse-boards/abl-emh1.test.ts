import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ablEmh1 } from '../../../../../agent/control/drivers/evse-boards/abl-emh1.ts'
import type { Board, BoardError } from '../../../../../agent/control/ports/board.ts'
import { amps, milliAmps } from '../../../../../shared/units.ts'
import { type BenchBus, benchBus } from '../bench-bus.ts'

let at: BenchBus
let board: Board

const put = (address: number, ...words: readonly number[]) => {
  for (const [index, word] of words.entries()) at.bank.words.set(address + index, word)
}
const CAR = 0x8000
const REDUCED = 0x4000
/** 0x2E: state, car, reduced, EN1, duty, and no meter. */
const putState = (state: number, duty: number, bits = CAR) =>
  put(0x2e, 0x2e00 | state, bits | 0x1000 | duty, 0x3e8, 0x3e8, 0x3e8)
const TIMEOUT_ON = 0x0040

beforeEach(async () => {
  at = await benchBus()
  board = ablEmh1.create({ name: 'box', bus: at.bus, unitId: 1 })
  put(0x01, 0x0181, 0x1200 | TIMEOUT_ON)
  put(0x06, 0x0600, 0)
  put(0x0f, 0x0f00, 0, 0, 267, 0)
  put(0x14, 0x3e8)
  const name = Buffer.from('2W224012345678', 'latin1')
  put(0x50, 0x5032, ...Array.from({ length: 7 }, (_, index) => name.readUInt16BE(2 * index)))
  putState(0xa1, 267, 0)
})
afterEach(() => at.bus.close())

const reading = async () => {
  const read = await at.run(board.read())
  if (!read.ok) throw new Error(`no reading: ${JSON.stringify(read.error)}`)
  return read.value
}
const dutyWritten = (duty: number) => `01100014000102${duty.toString(16).padStart(4, '0')}`
const FULL = '0103002e0005'
const FLAGS = '010300060002'

/** The next so many requests are lost, as when it sleeps. */
const loose = (count: number) => {
  const { answer } = at.line
  let left = count
  at.line.answer = (request) => (left-- > 0 ? [] : answer(request))
}

describe('prepare', () => {
  it('tells serial number and dead-man, writes nothing, and leaves the length of the time-out to a silence test', async () => {
    expect(await at.run(board.prepare())).toEqual({
      ok: true,
      value: {
        serial: '2W224012345678',
        retentiveWrites: 0,
        fallback: { timeoutMs: null, currentMilliamps: 0 },
      },
    })
    expect(at.sent()).toEqual(['010300010002', '010300500008'])
    expect(board.facts.deadman).toEqual({ kind: 'own', fedBy: 'anyRequest', feedMs: 1000 })
  })

  it('makes its first request twice where it is lost, at once', async () => {
    loose(1)
    expect(await at.run(board.prepare())).toMatchObject({ ok: true })
    expect(at.sent()).toEqual(['010300010002', '010300010002', '010300500008'])
  })

  it('gives up after the second one', async () => {
    loose(2)
    expect(await at.run(board.prepare())).toMatchObject({ ok: false, error: { kind: 'timedOut' } })
    expect(at.sent()).toHaveLength(2)
  })

  it('refuses a board whose upstream time-out is off, and says how to switch it on', async () => {
    put(0x01, 0x0181, 0x1200)
    expect(JSON.stringify(await at.run(board.prepare()))).toMatch(
      /"configuration".*box \(unit 1\): the upstream time-out is off .*0181 1200.*set-up mode/,
    )
  })

  it.each([
    [
      'answers with other bytes',
      () => put(0x01, 0, 0x40),
      /register 0x0001 .* is 0x0000 0040, expected 0x01/,
    ],
    ['has no such register', () => at.bank.words.delete(0x01), /refused with exception 2/],
  ] as const)('refuses a device that %s', async (_what, change, told) => {
    change()
    const refused = JSON.stringify(await at.run(board.prepare()))
    expect(refused).toMatch(/is no ABL/)
    expect(refused).toMatch(told)
  })
})

describe('read', () => {
  it.each([
    [0xa1, 267, 'A', 0],
    [0xb1, 267, 'B', 0],
    [0xb2, 267, 'B', 16_020],
    [0xb2, 1000, 'B', 0],
    [0xc2, 100, 'C', 6000],
    [0xc2, 533, 'C', 31_980],
    [0xc2, 1000, 'C', 0],
    [0xc3, 100, 'C', 6000],
    [0xc4, 110, 'C', 6600],
  ] as const)('state %i with duty %i is %s and %i mA', async (state, duty, pilot, offered) => {
    putState(state, duty, state === 0xa1 ? 0 : CAR)
    expect(await reading()).toMatchObject({
      pilot,
      oscillatorOn: offered > 0,
      offeredMilliamps: offered,
      proximity: { kind: 'open' },
      errors: [],
    })
  })

  it.each([
    [80, 6000],
    [100, 6000],
    [850, 51_000],
    [960, 80_000],
    [970, 80_000],
    [79, 0],
    [971, 0],
  ])('a duty of %i in 0.1 %% tells %i mA (IEC 61851-1 Annex A)', async (duty, milliamps) => {
    putState(0xc2, duty)
    expect((await reading()).offeredMilliamps).toBe(milliamps)
  })

  it.each<readonly [number, BoardError]>([
    [0xe0, 'unavailable'],
    [0xe1, 'unavailable'],
    [0xe2, 'unavailable'],
    [0xe3, 'unavailable'],
    [0xf1, 'contactorFault'],
    [0xf2, 'internalFault'],
    [0xf3, 'residualCurrentTripped'],
    [0xf4, 'unavailable'],
    [0xf5, 'lockFailed'],
    [0xf6, 'proximityInvalid'],
    [0xf7, 'ventilationRejected'],
    [0xf8, 'pilotInvalid'],
    [0xf9, 'currentExceeded'],
    [0xfa, 'overTemperature'],
    [0xfb, 'contactorFault'],
  ])('state %i is F with %s, and A once the car has gone', async (state, error) => {
    putState(state, 1000)
    const vendorError = `state ${state.toString(16).toUpperCase()}`
    expect(await reading()).toMatchObject({ pilot: 'F', oscillatorOn: false, errors: [error], vendorError })
    putState(state, 1000, 0)
    expect(await reading()).toMatchObject({ pilot: 'A', errors: [error] })
  })

  it('is a bad reply where the first byte is another register, the state is none, or the duty is none', async () => {
    put(0x2e, 0x33c2, CAR | 267)
    expect(JSON.stringify(await at.run(board.read()))).toMatch(/does not begin with its register 0x2e/)
    putState(0xd1, 267)
    expect(await at.run(board.read())).toMatchObject({ ok: false, error: { kind: 'badReply' } })
    putState(0xc2, 1001)
    expect(await at.run(board.read())).toMatchObject({ ok: false, error: { kind: 'badReply' } })
  })

  it('reads the flags with every second reading, so that neighbours differ in length, and tells them', async () => {
    for (let round = 0; round < 5; round++) await reading()
    expect(at.sent()).toEqual([FULL, FULL, FLAGS, FULL, FULL, FLAGS, FULL])
    put(0x06, 0x0600, 0x0082)
    await reading()
    await reading()
    expect((await reading()).vendorError).toBe('state A1, flags 0x000082')
  })

  it('asks again at once when it was asleep, and not when it was awake', async () => {
    loose(1)
    expect((await reading()).pilot).toBe('A')
    at.sent()
    loose(1)
    expect(await at.run(board.read())).toMatchObject({ ok: false, error: { kind: 'timedOut' } })
    expect(at.sent()).toHaveLength(1)
    loose(1)
    expect((await reading()).pilot).toBe('A')
  })
})

describe('offer and pause', () => {
  it('writes the duty of the current, and nothing that is so already', async () => {
    putState(0xb1, 267)
    expect(await at.run(board.offer(milliAmps(15_960)))).toEqual({ ok: true, value: null })
    expect(at.sent()).toEqual(['0103000f0005', dutyWritten(266)])
    expect(await at.run(board.offer(milliAmps(15_960)))).toEqual({ ok: true, value: null })
    expect(at.sent()).toEqual([])
    await at.run(board.offer(amps(6)))
    expect(at.sent()).toEqual([dutyWritten(100)])
  })

  it('adopts a running charge without a write', async () => {
    await at.run(board.offer(milliAmps(267 * 60)))
    expect(at.sent()).toEqual(['0103000f0005'])
  })

  it('pauses with 100 %, always, also when the first request is lost, and never with 0', async () => {
    loose(1)
    expect(await at.run(board.pause())).toEqual({ ok: true, value: null })
    expect(at.sent()).toEqual([dutyWritten(1000), dutyWritten(1000)])
    await at.run(board.pause())
    expect(at.sent()).toEqual([dutyWritten(1000)])
    await at.run(board.offer(amps(6)))
    expect(at.sent()).toEqual([dutyWritten(100)])
  })

  it('asks what it has after it offers something else: it restarted; but not where it lowered it itself', async () => {
    await at.run(board.offer(amps(6)))
    putState(0xb2, 100)
    await reading()
    at.sent()
    await at.run(board.offer(amps(6)))
    expect(at.sent()).toEqual([])
    putState(0xc4, 90, CAR | REDUCED)
    await reading()
    at.sent()
    await at.run(board.offer(amps(6)))
    expect(at.sent()).toEqual([])
    putState(0xb2, 267)
    await reading()
    at.sent()
    await at.run(board.offer(amps(6)))
    expect(at.sent()).toEqual(['0103000f0005', dutyWritten(100)])
  })

  it('lets no offer stand after a pause that came while it was under way', async () => {
    for (let ms = 0; ms < 90; ms += 3) {
      put(0x14, 0x3e8)
      await at.run(board.prepare())
      let isOver = false
      const offered = board.offer(amps(6)).finally(() => {
        isOver = true
      })
      await at.clock.advance(ms)
      const wasOver = isOver
      const [offer, pause] = await at.run(Promise.all([offered, board.pause()]))
      expect(pause.ok).toBe(true)
      expect(at.bank.words.get(0x14)).toBe(0x3e8)
      expect(offer).toEqual(wasOver ? { ok: true, value: null } : { ok: false, error: { kind: 'overtaken' } })
    }
  })

  it('writes nothing but the duty: 0x05 with 0xF1F1 would trip the residual current device', async () => {
    await at.run(board.prepare())
    await at.run(board.offer(amps(6)))
    await at.run(board.pause())
    const written = at.sent().filter((hex) => hex.startsWith('0110'))
    expect(written.filter((hex) => !hex.startsWith('01100014'))).toEqual([])
  })

  it('takes 6 to 32 A in steps of 60 mA only: anything else is our own mistake', async () => {
    for (const current of [amps(0), milliAmps(5940), amps(10), milliAmps(32_040)]) {
      await expect(board.offer(current)).rejects.toThrow(/6 to 32 A in steps of 60 mA/)
    }
  })
})

describe('setService', () => {
  const setService = (inService: boolean) => {
    if (board.setService === undefined) throw new Error('the outlet can be disabled')
    return at.run(board.setService(inService))
  }
  beforeEach(() => put(0x05, 0))

  it('disables the outlet at once, and asks anew for its duty after it', async () => {
    await at.run(board.offer(amps(6)))
    at.sent()
    expect(await setService(false)).toEqual({ ok: true, value: null })
    expect(at.sent()).toEqual(['01100005000102e0e0'])
    await at.run(board.offer(amps(6)))
    expect(at.sent()[0]).toBe('0103000f0005')
  })

  it('enables it where it is disabled, and never interrupts a charge', async () => {
    putState(0xe0, 1000)
    await setService(true)
    expect(at.sent()).toEqual([FULL, '01100005000102a1a1'])
    putState(0xc2, 267)
    await setService(true)
    expect(at.sent()).toEqual([FULL])
  })
})
