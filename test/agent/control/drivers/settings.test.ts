import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  identityWords,
  type SettingsKeeper,
  settingsKeeper,
} from '../../../../agent/control/drivers/settings.ts'
import { u16 } from '../../../../agent/control/drivers/table.ts'
import type { BusUnit } from '../../../../agent/control/ports/bus.ts'
import { type BenchBus, benchBus } from './bench-bus.ts'

const LINE = { silenceMs: 0, busSilenceMs: 0, turnaroundWorstMs: 40, latenessWorstMs: 100 }
const timeout = u16(100, 'timeout', 'ms')
const WRITES_MAX = 2

let at: BenchBus
let unit: BusUnit
let keeper: SettingsKeeper

beforeEach(async () => {
  at = await benchBus()
  unit = at.bus.unit({ name: 'board', unitId: 1, line: LINE })
  keeper = settingsKeeper({
    unit,
    writesMax: WRITES_MAX,
    write: (row, value) => unit.writeWord(row.address, value, 'identity'),
  })
  at.bank.words.set(100, 5)
})
afterEach(() => at.bus.close())

const writes = () => at.sent().filter((hex) => hex.startsWith('0106'))
const settle = (wanted: number, memory: 'kept' | 'lost' = 'kept') =>
  at.run(keeper.settle(timeout, () => wanted, memory))

describe('settle', () => {
  it('writes nothing where the word is as wanted, and tells it', async () => {
    expect(await settle(5)).toMatchObject({ ok: true, value: 5 })
    expect(writes()).toEqual([])
    expect(keeper.writes()).toBe(0)
  })

  it('is told what was found, so that a value that is good enough stays', async () => {
    const found = await at.run(keeper.settle(timeout, (value) => (value >= 4 ? value : 9), 'kept'))
    expect(found).toMatchObject({ ok: true, value: 5 })
  })

  it('writes what differs once, reads it again, and counts it', async () => {
    expect(await settle(7)).toMatchObject({ ok: true, value: 7 })
    expect(at.sent()).toEqual(['010300640001', '010600640007', '010300640001'])
    expect(keeper.writes()).toBe(1)
  })

  it('stops where the budget is used up, and says what was found, what was wanted and what to do', async () => {
    for (const wanted of [6, 7]) expect((await settle(wanted)).ok).toBe(true)
    at.sent()
    const refused = await settle(8)
    expect(refused).toMatchObject({ ok: false, error: { kind: 'configuration' } })
    expect(JSON.stringify(refused)).toMatch(
      /board \(unit 1\): register 100 \(timeout\) is 7, wanted 8, but 2 writes .* restart the agent/,
    )
    expect(writes()).toEqual([])
  })

  it('counts no write to a register that forgets', async () => {
    for (const wanted of [6, 7, 8, 9]) expect((await settle(wanted, 'lost')).ok).toBe(true)
    expect(keeper.writes()).toBe(0)
  })

  it('says so where the value does not stay', async () => {
    const { answer } = at.line
    at.line.answer = (request) => (request[1] === 6 ? [{ bytes: request, afterMs: 10 }] : answer(request))
    expect(JSON.stringify(await settle(7))).toMatch(/register 100 \(timeout\) is 5 after 7 was written/)
  })

  it('passes on what the bus says', async () => {
    at.line.answer = () => []
    expect(await settle(7)).toMatchObject({ ok: false, error: { kind: 'timedOut' } })
  })
})

describe('writeBlind', () => {
  const blind = (value: number) => at.run(keeper.writeBlind(timeout, value))

  it('writes without reading, the value that may be there too, within the same budget', async () => {
    expect(await blind(5)).toEqual({ ok: true, value: null })
    expect(at.sent()).toEqual(['010600640005'])
    await settle(7)
    at.sent()
    expect(JSON.stringify(await blind(5))).toMatch(/cannot be read back and must become 5, but 2 writes/)
    expect(at.sent()).toEqual([])
  })

  it('counts a write whose answer was lost: it may have worn', async () => {
    at.line.answer = () => []
    expect(await blind(5)).toMatchObject({ ok: false, error: { kind: 'timedOut' } })
    expect(keeper.writes()).toBe(1)
  })
})

describe('identityWords', () => {
  const identity = {
    model: 'EXAMPLE',
    rows: [
      { address: 100, name: 'kind', expected: '5', holds: (word: number) => word === 5 },
      { address: 102, name: 'series', expected: '1 to 3', holds: (word: number) => word >= 1 && word <= 3 },
    ],
  }
  const ask = () => at.run(identityWords(unit, identity))

  it('reads all rows at once and tells their words', async () => {
    at.bank.words.set(101, 77)
    at.bank.words.set(102, 3)
    expect(await ask()).toMatchObject({ ok: true, value: [5, 77, 3] })
    expect(at.sent()).toEqual(['010300640003'])
  })

  it('names device, register, what was read and what was expected where another model answers', async () => {
    at.bank.words.set(101, 77)
    at.bank.words.set(102, 4)
    expect(await ask()).toMatchObject({ ok: false, error: { kind: 'configuration' } })
    expect(JSON.stringify(await ask())).toMatch(
      /board \(unit 1\) is no EXAMPLE: register 102 \(series\) is 4, expected 1 to 3/,
    )
  })

  it('takes a refusal for another model, and trouble on the line for trouble on the line', async () => {
    at.bank.words.delete(101)
    expect(JSON.stringify(await ask())).toMatch(
      /register 100 \(kind\) is refused with exception 2, expected 5/,
    )
    at.line.answer = () => []
    expect(await ask()).toMatchObject({ ok: false, error: { kind: 'timedOut' } })
  })
})
