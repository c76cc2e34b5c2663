import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { evracingEvseDin } from '../../../../../agent/control/drivers/evse-boards/evracing-evse-din.ts'
import type { Board } from '../../../../../agent/control/ports/board.ts'
import { amps, milliAmps } from '../../../../../shared/units.ts'
import { type BenchBus, benchBus } from '../bench-bus.ts'

let at: BenchBus
let board: Board

const put = (address: number, ...words: readonly number[]) => {
  for (const [index, word] of words.entries()) at.bank.words.set(address + index, word)
}
interface Shown {
  readonly vehicle?: number
  readonly actual?: number
  readonly pp?: number
  readonly evse?: number
  readonly status?: number
  readonly testing?: number
}
/** 1001-1003 and 1006-1009. */
const show = ({ vehicle = 1, actual = 0, pp = 0, evse = 1, status = 0, testing = 0 }: Shown = {}) => {
  put(1001, actual, vehicle, pp)
  put(1006, evse, status, 0, testing)
}
/** 2005 as it should be: 0.01 A, no state D, button enabled. */
const BITS_RIGHT = 0b1000_0001

beforeEach(async () => {
  at = await benchBus()
  board = evracingEvseDin.create({ name: 'board', bus: at.bus, unitId: 1 })
  put(1000, 0)
  put(1004, 0, 17)
  show()
  put(2000, 6, 1, 5, 1, 0, BITS_RIGHT, 0, 0)
})
afterEach(() => at.bus.close())

const reading = async () => {
  const read = await at.run(board.read())
  if (!read.ok) throw new Error(`no reading: ${read.error.kind}`)
  return read.value
}
const prepared = async () => {
  const result = await at.run(board.prepare())
  if (!result.ok) throw new Error(JSON.stringify(result.error))
  at.sent()
  return result.value
}
const writes = () => at.sent().filter((hex) => !hex.startsWith('0103'))
const refusal = async () => {
  const refused = await at.run(board.prepare())
  expect(refused).toMatchObject({ ok: false, error: { kind: 'configuration' } })
  return JSON.stringify(refused)
}

describe('prepare', () => {
  it('writes nothing where all is right; what the board offers by itself is told', async () => {
    expect(await at.run(board.prepare())).toEqual({
      ok: true,
      value: { serial: null, retentiveWrites: 0, fallback: { timeoutMs: null, currentMilliamps: 6000 } },
    })
    expect(writes()).toEqual([])
    expect(board.facts).toMatchObject({ stepMilliamps: 10, deadman: { kind: 'external', cuts: 'supply' } })
  })

  it('changes two bits of 2005 and no other, and lowers 2000; the board is paused before its scale changes', async () => {
    put(1000, 16)
    put(2000, 32)
    put(2005, 0b10_0010_1001)
    expect(await at.run(board.prepare())).toMatchObject({ ok: true, value: { retentiveWrites: 2 } })
    expect(writes()).toEqual(['011003e80001020000', '011007d500010202a1', '011007d00001020006'])
  })

  it('leaves the scale alone on a firmware before 17, and offers in whole amperes there', async () => {
    put(1005, 16)
    put(2005, 0b0000_0001)
    await prepared()
    expect(board.facts.stepMilliamps).toBe(1000)
    await at.run(board.offer(amps(13)))
    expect(writes()).toEqual(['011003e8000102000d'])
  })

  it('stops writing after four writes since the start, and says what to do', async () => {
    for (let round = 0; round < 4; round++) {
      put(2000, 16)
      expect(await at.run(board.prepare())).toMatchObject({ ok: true })
    }
    put(2000, 16)
    at.sent()
    expect(await refusal()).toMatch(/register 2000 \(defaultCurrentAfterBoot\) is 16, wanted 6, but 4 writes/)
    expect(writes()).toEqual([])
  })

  it.each([
    [1005, 0, /register 1005 \(firmware\) is 0/],
    [2000, 0, /register 2000 \(defaultCurrentAfterBoot\) is 0, expected 6 to 80 A/],
    [2001, 2, /register 2001 \(slaveAddressMode\) is 2, expected its unit id 1/],
    [2002, 900, /register 2002 \(minCurrent\) is 900/],
    [2005, 0x4001, /register 2005 \(configBits\) is 16385, expected none of the bits 13 to 15/],
  ])('refuses a device with another register %i', async (address, word, says) => {
    put(address, word)
    expect(await refusal()).toMatch(says)
    expect(writes()).toEqual([])
  })

  it('refuses a device that has no such registers, and names it', async () => {
    at.bank.words.delete(2003)
    expect(await refusal()).toMatch(
      /board \(unit 1\) is no EVSE-WB or EVSE-DIN: register 2000 .* is refused with exception 2/,
    )
  })
})

describe('read', () => {
  it.each([
    [1, 1, 0, 'A', false, 0],
    [2, 1, 0, 'B', false, 0],
    [2, 2, 16, 'B', true, 16_000],
    [3, 2, 1600, 'C', true, 16_000],
    [3, 2, 645, 'C', true, 6450],
    [3, 3, 0, 'C', false, 0],
    [4, 2, 80, 'D', true, 80_000],
    [4, 2, 8000, 'D', true, 80_000],
  ] as const)(
    'tells vehicle %i, EVSE %i, %i in 1001',
    async (vehicle, evse, actual, pilot, oscillatorOn, offered) => {
      show({ vehicle, evse, actual })
      expect(await reading()).toMatchObject({ pilot, oscillatorOn, offeredMilliamps: offered, errors: [] })
    },
  )

  it.each([
    [0, { kind: 'open' }],
    [13, { kind: 'rating', currentMilliamps: 13_000 }],
    [3200, { kind: 'rating', currentMilliamps: 32_000 }],
    [3, { kind: 'fault' }],
    [200, { kind: 'fault' }],
  ])('tells a proximity of %i in amperes or hundredths', async (pp, proximity) => {
    show({ vehicle: 2, pp })
    expect((await reading()).proximity).toEqual(proximity)
  })

  it.each([
    [5, 0b0000_0010, ['diodeMissing']],
    [4, 0b0000_0100, ['ventilationRejected']],
    [5, 0b0010_0000, ['residualCurrentTripped']],
    // Bit 4: an error in one transcription, "test in progress" in the other; no test runs.
    [5, 0b0001_0000, ['residualCurrentTripped']],
    [5, 0b0000_0000, ['internalFault']],
    // What was wrong is over; the board waits for the pilot's release.
    [5, 0b0000_1000, ['unavailable']],
  ])('tells failure %i with status bits %i', async (vehicle, status, errors) => {
    show({ vehicle, status })
    expect(await reading()).toMatchObject({
      pilot: vehicle === 5 ? 'F' : 'D',
      errors,
      vendorError: `register 1007: 0x${status.toString(16).padStart(4, '0')}`,
    })
  })

  it('trusts the relay bit in neither polarity', async () => {
    for (const status of [0, 1]) {
      show({ vehicle: 3, evse: 2, actual: 1600, status })
      const seen = await reading()
      expect(seen).toMatchObject({ errors: [] })
      expect(seen.relay).toBeUndefined()
    }
    expect(board.facts.hasRelayFeedback).toBe(false)
  })

  it('keeps 100 ms of silence after each reply, and neighbouring reads differ in length', async () => {
    for (let round = 0; round < 4; round++) await reading()
    const requests = at.line.requests.splice(0)
    expect(requests.map(({ hex }) => hex.slice(0, -4))).toEqual([
      '010303e8000a',
      '010303e90009',
      '010303e8000a',
      '010303e90009',
    ])
    const gaps = requests.slice(1).map(({ atMicros }, index) => atMicros - (requests[index]?.atMicros ?? 0))
    for (const gap of gaps) expect(gap).toBeGreaterThanOrEqual(100_000)
  })

  it('is a bad reply where the registers hold no state or no current that a pilot can tell', async () => {
    for (const shown of [
      { vehicle: 0 },
      { vehicle: 6 },
      { evse: 0 },
      { evse: 4 },
      { actual: 81 },
      { actual: 8001 },
    ]) {
      show(shown)
      expect(await at.run(board.read())).toMatchObject({ ok: false, error: { kind: 'badReply' } })
    }
  })
})

describe('offer and pause', () => {
  const CURRENT_16 = '011003e80001020640'
  const PAUSE = '011003e80001020000'

  it('writes one register by function code 16, and nothing that is so already', async () => {
    await prepared()
    expect(await at.run(board.offer(amps(16)))).toEqual({ ok: true, value: null })
    expect(writes()).toEqual([CURRENT_16])
    expect(await at.run(board.offer(amps(16)))).toEqual({ ok: true, value: null })
    expect(at.sent()).toEqual([])
    await at.run(board.offer(milliAmps(6450)))
    expect(writes()).toEqual(['011003e80001020285'])
  })

  it('adopts a running charge without a write', async () => {
    put(1000, 1600)
    show({ vehicle: 3, evse: 2, actual: 1600 })
    await prepared()
    await at.run(board.offer(amps(16)))
    expect(writes()).toEqual([])
  })

  it('learns the scale before the first offer where it was not prepared', async () => {
    put(2005, 0)
    await at.run(board.offer(amps(16)))
    expect(writes()).toEqual(['011003e80001020010'])
  })

  it('learns the scale anew when a reading makes no sense in it', async () => {
    await prepared()
    put(2005, 0)
    show({ vehicle: 2, evse: 2, actual: 200 })
    await at.run(board.read())
    show({ vehicle: 2 })
    await at.run(board.offer(amps(16)))
    expect(writes()).toEqual(['011003e80001020010'])
    expect(board.facts.stepMilliamps).toBe(1000)
  })

  it('floors to whole amperes where the scale is no longer the one that the step was told in', async () => {
    put(2005, 0)
    await at.run(board.offer(milliAmps(6990)))
    expect(writes()).toEqual(['011003e80001020006'])
  })

  it('turns on again what somebody has turned off, after the current', async () => {
    put(1004, 1)
    await prepared()
    await at.run(board.offer(amps(16)))
    expect(writes()).toEqual([CURRENT_16, '011003ec0001020000'])
  })

  it('pauses by one frame, always', async () => {
    await prepared()
    await at.run(board.offer(amps(16)))
    at.sent()
    await at.run(board.pause())
    await at.run(board.pause())
    expect(at.sent()).toEqual([PAUSE, PAUSE])
    await at.run(board.offer(amps(16)))
    expect(at.sent()).toEqual([CURRENT_16])
  })

  it('writes again after a restart of the board, which offers by itself what 2000 says', async () => {
    await prepared()
    await at.run(board.offer(amps(16)))
    put(1000, 6)
    await reading()
    await reading()
    at.sent()
    await at.run(board.offer(amps(16)))
    expect(writes()).toEqual([CURRENT_16])
  })

  it('is paused at the end when a pause comes while an offer is under way', async () => {
    const ends = new Set<string>()
    for (let ms = 0; ms < 500; ms += 7) {
      put(1000, 0)
      await prepared()
      const offered = board.offer(amps(16))
      await at.clock.advance(ms)
      const [, pause] = await at.run(Promise.all([offered, board.pause()]))
      expect(pause.ok).toBe(true)
      expect(at.bank.words.get(1000)).toBe(0)
      ends.add(writes().join(' '))
    }
    // Both happened: the offer was dropped, and it was on the bus already and the pause followed it.
    expect(ends).toContain(PAUSE)
    expect(ends).toContain(`${CURRENT_16} ${PAUSE}`)
  })

  it('forgets what it believed after a write without an answer', async () => {
    await prepared()
    await at.run(board.offer(amps(16)))
    const { answer } = at.line
    at.line.answer = () => []
    expect(await at.run(board.offer(amps(10)))).toMatchObject({ ok: false, error: { kind: 'timedOut' } })
    at.line.answer = answer
    await at.clock.advance(1000)
    at.sent()
    await at.run(board.offer(amps(16)))
    expect(at.sent()[0]).toBe('010303e80006')
  })

  it('takes 6 to 80 A in steps of 10 mA only: anything else is our own mistake', async () => {
    for (const current of [amps(0), amps(5), milliAmps(6005), amps(81)]) {
      await expect(board.offer(current)).rejects.toThrow(/6 to 80 A in steps of 10 mA/)
    }
  })
})

describe('the self-test', () => {
  const starts = () => at.run(board.startSelfTest?.() ?? Promise.reject(new Error('no self-test')))
  const monitored = async () => {
    put(2005, BITS_RIGHT | 0b1_0000)
    await prepared()
  }

  it('is there only where a residual current monitor is connected (2005 bit 4)', async () => {
    await prepared()
    expect(board.facts.hasSelfTest).toBe(false)
    await monitored()
    expect(board.facts.hasSelfTest).toBe(true)
  })

  it.each([
    ['esphome: bit 4 while it runs', 0b1_0000, 0, 'passed', []],
    ['the other: nothing while it runs', 0, 0, 'passed', []],
    ['esphome: bit 5 is its failure', 0b1_0000, 0b10_0000, 'failed', ['residualCurrentTestFailed']],
    ['the other: bit 4 is its failure', 0, 0b1_0000, 'failed', ['residualCurrentTestFailed']],
  ])('is judged by both transcriptions: %s', async (_which, whileRunning, after, outcome, errors) => {
    await monitored()
    expect((await reading()).selfTest).toBe('idle')
    at.sent()
    expect(await starts()).toEqual({ ok: true, value: null })
    expect(at.sent()).toEqual(['011003ec0001020002'])
    expect((await reading()).selfTest).toBe('running')
    show({ testing: 29, status: whileRunning })
    expect(await reading()).toMatchObject({ selfTest: 'running', errors: [] })
    show({ status: after })
    expect(await reading()).toMatchObject({ selfTest: outcome, errors })
  })

  it('clears an old error before it begins', async () => {
    await monitored()
    show({ vehicle: 5, status: 0b10_0000 })
    await reading()
    at.sent()
    await starts()
    expect(at.sent()).toEqual(['011003ec0001020004', '011003ec0001020002'])
  })

  it('has failed when it was not seen to run within 5 s', async () => {
    await monitored()
    await starts()
    await at.clock.advance(4000)
    expect((await reading()).selfTest).toBe('running')
    await at.clock.advance(1200)
    expect(await reading()).toMatchObject({ selfTest: 'failed', errors: ['residualCurrentTestFailed'] })
    await starts()
    expect(await reading()).toMatchObject({ selfTest: 'running', errors: [] })
  })
})
