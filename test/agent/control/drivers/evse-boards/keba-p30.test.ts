import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { kebaP30 } from '../../../../../agent/control/drivers/evse-boards/keba-p30.ts'
import type { Board } from '../../../../../agent/control/ports/board.ts'
import { amps, milliAmps } from '../../../../../shared/units.ts'
import { type BenchBus, benchBus } from '../bench-bus.ts'

let at: BenchBus
let board: Board

const put = (address: number, value: number) => {
  at.bank.words.set(address, Math.floor(value / 65_536))
  at.bank.words.set(address + 1, value % 65_536)
}
/** What can be written: one word each, read by nobody. */
const ORDERS = [5004, 5012, 5014, 5016, 5018, 5020]
const order = (address: number) => at.bank.words.get(address)

/** 1000, 1004, and what 1100 tells. */
const putState = (charging: number, cable: number, milliamps = 16_000) => {
  put(1000, charging)
  put(1004, cable)
  put(1100, milliamps)
}

beforeEach(async () => {
  at = await benchBus()
  board = kebaP30.create({ name: 'station', bus: at.bus, unitId: 1 })
  put(1014, 18_416_854)
  put(1016, 304_111)
  put(1006, 0)
  put(1110, 32_000)
  put(1602, 10)
  putState(1, 0)
  for (const address of ORDERS) at.bank.words.set(address, 0xffff)
})
afterEach(() => at.bus.close())

const reading = async () => {
  const read = await at.run(board.read())
  if (!read.ok) throw new Error(`no reading: ${JSON.stringify(read.error)}`)
  return read.value
}
const hexOf = (address: number) => address.toString(16).padStart(4, '0')
const readOf = (address: number) => `0103${hexOf(address)}0002`
const writeOf = (address: number, value: number) => `0106${hexOf(address)}${hexOf(value)}`
const writes = () => at.sent().filter((hex) => hex.startsWith('0106'))

describe('prepare', () => {
  it('writes failsafe current and time-out at each start, in this order, and reads the time-out back', async () => {
    expect(await at.run(board.prepare())).toEqual({
      ok: true,
      value: {
        serial: '18416854',
        retentiveWrites: 0,
        fallback: { timeoutMs: 10_000, currentMilliamps: 0 },
      },
    })
    expect(at.sent()).toEqual([readOf(1016), readOf(1014), writeOf(5016, 0), writeOf(5018, 10), readOf(1602)])
    await at.run(board.prepare())
    expect(writes()).toEqual([writeOf(5016, 0), writeOf(5018, 10)])
  })

  it('never stores the failsafe in the EEPROM: 5020 stays unwritten', async () => {
    await at.run(board.prepare())
    await at.run(board.offer(amps(16)))
    if (board.feed) await at.run(board.feed())
    expect(order(5020)).toBe(0xffff)
  })

  it('refuses a device that is no P30, and tells register, value and what was expected', async () => {
    put(1016, 12)
    const refused = JSON.stringify(await at.run(board.prepare()))
    expect(refused).toMatch(/"configuration".*station \(unit 1\) is no KEBA KeContact P30: register 1016/)
    expect(refused).toMatch(/is 12, expected a number of six digits that begins with 3/)
    expect(writes()).toEqual([])
  })

  it('refuses a device that has no register 1016', async () => {
    at.bank.words.delete(1016)
    expect(JSON.stringify(await at.run(board.prepare()))).toMatch(/refused with exception 2/)
  })

  it('refuses a station whose failsafe cannot be set, or does not stay set', async () => {
    put(1602, 30)
    expect(JSON.stringify(await at.run(board.prepare()))).toMatch(
      /register 1602 .* is 30 s after 10 s was written/,
    )
    at.bank.words.delete(5016)
    expect(JSON.stringify(await at.run(board.prepare()))).toMatch(/refuses to write 0 to register 5016/)
  })
})

describe('read', () => {
  it.each([
    // 1000, 1004 → pilot, offered, lock
    [1, 0, 'A', 0, 'unlocked'],
    [1, 1, 'A', 0, 'unlocked'],
    [2, 3, 'A', 0, 'locked'],
    [1, 5, 'B', 0, 'unlocked'],
    [1, 7, 'B', 0, 'locked'],
    [5, 7, 'B', 0, 'locked'],
    [2, 7, 'B', 16_000, 'locked'],
    [3, 7, 'C', 16_000, 'locked'],
    [3, 5, 'C', 16_000, 'unlocked'],
    [5, 0, 'A', 0, 'unlocked'],
  ] as const)('1000 = %i and 1004 = %i is %s, %i mA, %s', async (charging, cable, pilot, offered, lock) => {
    putState(charging, cable)
    expect(await reading()).toMatchObject({
      pilot,
      oscillatorOn: offered > 0,
      offeredMilliamps: offered,
      lock,
      errors: [],
    })
  })

  it('is F with a car and A without one in an error, so that no next car passes for this one', async () => {
    put(1006, 0x40000)
    putState(4, 7)
    expect(await reading()).toMatchObject({
      pilot: 'F',
      oscillatorOn: false,
      errors: ['internalFault'],
      vendorError: '1006: 0x40000',
    })
    putState(4, 0)
    await reading()
    expect(await reading()).toMatchObject({ pilot: 'A', errors: ['internalFault'] })
  })

  it.each([
    ['while the station starts', 0, 0],
    ['of a state that is none', 6, 0],
    ['of a cable state that is none', 1, 2],
    ['of charging without a car', 3, 0],
  ] as const)('has no reading %s', async (_what, charging, cable) => {
    putState(charging, cable)
    expect(await at.run(board.read())).toMatchObject({ ok: false, error: { kind: 'badReply' } })
  })

  it('tells the rating of station and cable, open without a cable, and a fault where it is no current', async () => {
    expect((await reading()).proximity).toEqual({ kind: 'open' })
    putState(1, 7)
    put(1110, 20_000)
    for (let round = 0; round < 8; round++) await reading()
    expect((await reading()).proximity).toEqual({ kind: 'rating', currentMilliamps: 20_000 })
    put(1110, 0)
    for (let round = 0; round < 8; round++) await reading()
    expect((await reading()).proximity).toEqual({ kind: 'fault' })
  })

  it('asks for one register at a time, two a reading, and for the state with each', async () => {
    await reading()
    expect(at.sent()).toEqual([1000, 1004, 1100, 1110, 1006].map(readOf))
    for (let round = 0; round < 8; round++) await reading()
    const sent = at.sent()
    expect(sent.filter((_, index) => index % 2 === 0)).toEqual(Array.from({ length: 8 }, () => readOf(1000)))
    const beside = sent.filter((_, index) => index % 2 === 1)
    expect(beside.filter((_, index) => index % 2 === 1)).toEqual(
      Array.from({ length: 4 }, () => readOf(1004)),
    )
    expect([...beside.filter((_, index) => index % 2 === 0)].sort()).toEqual(
      [1100, 1110, 1100, 1006].map(readOf).sort(),
    )
  })

  it('reads what the station makes of a new current within two readings, and never more than two registers for it', async () => {
    putState(2, 7, 16_000)
    await reading()
    await at.run(board.offer(amps(13)))
    put(1100, 13_000)
    at.sent()
    const told = [(await reading()).offeredMilliamps, (await reading()).offeredMilliamps]
    expect(told).toContain(13_000)
    expect(at.sent()).toHaveLength(4)
  })

  it('has whole readings while it is prepared anew and offers, at whatever moment that begins', async () => {
    putState(3, 7)
    await reading()
    for (let ms = 0; ms < 120; ms += 3) {
      const read = board.read()
      await at.clock.advance(ms)
      const [seen] = await at.run(Promise.all([read, board.prepare(), board.offer(amps(10))]))
      expect(seen).toMatchObject({ ok: true, value: { pilot: 'C', lock: 'locked' } })
      expect(await reading()).toMatchObject({ pilot: 'C', lock: 'locked' })
    }
  })

  it('tells an unplugging at once where the state changes with it, and with the next reading where not', async () => {
    putState(3, 7)
    await reading()
    await reading()
    putState(1, 0)
    expect((await reading()).pilot).toBe('A')
    putState(2, 7)
    await reading()
    await reading()
    put(1004, 0)
    const seen = [(await reading()).pilot, (await reading()).pilot]
    expect(seen).toContain('A')
  })
})

describe('offer and pause', () => {
  beforeEach(async () => {
    putState(5, 7)
    await at.run(board.prepare())
    at.sent()
  })

  it('writes the current first, then enables; and nothing that is so already', async () => {
    expect(await at.run(board.offer(amps(16)))).toEqual({ ok: true, value: null })
    expect(writes()).toEqual([writeOf(5004, 16_000), writeOf(5014, 1)])
    expect(await at.run(board.offer(amps(16)))).toEqual({ ok: true, value: null })
    expect(at.sent()).toEqual([])
    await at.run(board.offer(milliAmps(10_400)))
    expect(writes()).toEqual([writeOf(5004, 10_400)])
  })

  it('adopts a running charge without a write', async () => {
    putState(3, 7, 16_000)
    await at.run(board.offer(amps(16)))
    expect(at.sent()).toEqual([readOf(1000), readOf(1100)])
  })

  it('pauses by one write of 5014, always, and writes the current again after it', async () => {
    await at.run(board.offer(amps(16)))
    at.sent()
    await at.run(board.pause())
    await at.run(board.pause())
    expect(at.sent()).toEqual([writeOf(5014, 0), writeOf(5014, 0)])
    await at.run(board.offer(amps(16)))
    expect(at.sent()).toEqual([writeOf(5004, 16_000), writeOf(5014, 1)])
  })

  it('writes current and enabling again after its failsafe came', async () => {
    await at.run(board.offer(amps(16)))
    putState(3, 7, 16_000)
    for (let round = 0; round < 4; round++) await reading()
    at.sent()
    await at.run(board.offer(amps(16)))
    expect(at.sent()).toEqual([])
    // The station stopped by itself; its current is told as before.
    putState(5, 7, 16_000)
    await reading()
    at.sent()
    await at.run(board.offer(amps(16)))
    expect(writes()).toEqual([writeOf(5004, 16_000), writeOf(5014, 1)])
  })

  it('writes again where the station offers another current, but not for what a cable holds back', async () => {
    await at.run(board.offer(amps(16)))
    putState(2, 7, 13_000)
    put(1110, 13_000)
    for (let round = 0; round < 8; round++) await reading()
    at.sent()
    await at.run(board.offer(amps(16)))
    expect(at.sent()).toEqual([])
    put(1110, 32_000)
    for (let round = 0; round < 8; round++) await reading()
    at.sent()
    await at.run(board.offer(amps(16)))
    expect(writes()).toEqual([writeOf(5004, 16_000)])
  })

  it('does not enable after a pause that came while the offer was under way', async () => {
    for (let ms = 0; ms < 160; ms += 4) {
      putState(5, 7)
      at.bank.words.set(5014, 0)
      await at.run(board.prepare())
      let isOver = false
      const offered = board.offer(amps(16)).finally(() => {
        isOver = true
      })
      await at.clock.advance(ms)
      const wasOver = isOver
      const [offer, pause] = await at.run(Promise.all([offered, board.pause()]))
      expect(pause.ok).toBe(true)
      expect(order(5014)).toBe(0)
      expect(offer).toEqual(wasOver ? { ok: true, value: null } : { ok: false, error: { kind: 'overtaken' } })
    }
  })

  it('reads while it offers without taking an old value for a contradiction', async () => {
    for (let ms = 0; ms < 120; ms += 3) {
      putState(5, 7)
      await at.run(board.prepare())
      await reading()
      const read = board.read()
      await at.clock.advance(ms)
      const [seen, offered] = await at.run(Promise.all([read, board.offer(amps(16))]))
      expect([seen.ok, offered.ok]).toEqual([true, true])
      at.sent()
      await at.run(board.offer(amps(16)))
      expect(at.sent()).toEqual([])
    }
  })

  it('takes 6 to 63 A in tenths only: anything else is our own mistake', async () => {
    for (const current of [amps(0), amps(5.9), milliAmps(6050), amps(63.1)]) {
      await expect(board.offer(current)).rejects.toThrow(/6 to 63 A in steps of 100 mA/)
    }
  })
})

describe('feed', () => {
  const feed = async () => {
    if (board.feed === undefined) throw new Error('a station with a watchdog is fed')
    expect(await at.run(board.feed())).toEqual({ ok: true, value: null })
    return writes()
  }

  it('declares that reading does not feed it, and how often it must be fed', () => {
    expect(board.facts.deadman).toEqual({ kind: 'own', fedBy: 'feed', feedMs: 3000 })
  })

  it('writes the time-out, and the order that stands: the current, or the pause', async () => {
    putState(5, 7)
    await at.run(board.prepare())
    at.sent()
    expect(await feed()).toEqual([writeOf(5018, 10)])
    await at.run(board.offer(amps(16)))
    at.sent()
    expect(await feed()).toEqual([writeOf(5018, 10), writeOf(5004, 16_000)])
    await at.run(board.pause())
    at.sent()
    expect(await feed()).toEqual([writeOf(5018, 10), writeOf(5014, 0)])
  })

  it('never enables and never raises what was paused meanwhile', async () => {
    putState(5, 7)
    await at.run(board.prepare())
    for (let ms = 0; ms < 80; ms += 3) {
      await at.run(board.offer(amps(16)))
      if (board.feed === undefined) throw new Error('a station with a watchdog is fed')
      const fed = board.feed()
      await at.clock.advance(ms)
      const [, pause] = await at.run(Promise.all([fed, board.pause()]))
      expect(pause.ok).toBe(true)
      expect(order(5014)).toBe(0)
    }
  })
})

describe('unlock', () => {
  const unlock = () => {
    if (board.unlock === undefined) throw new Error('the station has a lock')
    return at.run(board.unlock())
  }

  it('pauses, sees that it is suspended, and only then unlocks', async () => {
    putState(5, 7)
    expect(await unlock()).toEqual({ ok: true, value: null })
    expect(at.sent()).toEqual([writeOf(5014, 0), readOf(1000), writeOf(5012, 0)])
  })

  it('leaves the lock shut while it still charges', async () => {
    putState(3, 7)
    expect(await unlock()).toMatchObject({ ok: false, error: { kind: 'badReply' } })
    expect(order(5012)).toBe(0xffff)
  })
})
