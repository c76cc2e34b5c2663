import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { eastronSdm630V2 } from '../../../../../agent/control/drivers/meters/eastron-sdm630-v2.ts'
import type { Meter } from '../../../../../agent/control/ports/meter.ts'
import { wattHours } from '../../../../../shared/units.ts'
import { type BenchBus, benchBus, floatWords } from '../bench-bus.ts'

let at: BenchBus
let meter: Meter

const put = (address: number, value: number) => {
  for (const [index, word] of floatWords(value).entries()) at.bank.words.set(address + index, word)
}

beforeEach(async () => {
  at = await benchBus()
  meter = eastronSdm630V2.create({ name: 'meter', bus: at.bus, unitId: 2, sharesBusWithBoard: true })
  for (let address = 0; address < 0x50; address++) at.bank.words.set(address, 0)
  for (const [index, volts] of [230.1, 229.9, 231].entries()) put(2 * index, volts)
  for (const [index, amps] of [16.0004, 15.9996, -0].entries()) put(6 + 2 * index, amps)
  put(0x34, 11_040.4)
  put(0x48, 1234.567)
})
afterEach(() => at.bus.close())

const pass = async () => {
  for (let block = 0; block < meter.blocks; block++) {
    const read = await at.run(meter.readNext())
    if (!read.ok || read.value !== null) return read
  }
  throw new Error('no reading after all blocks')
}

describe('a reading', () => {
  it('takes three reads of at most 18 words, no two neighbours of one length', async () => {
    await pass()
    await pass()
    const reads = at.sent()
    expect(reads).toEqual([
      '020400000012',
      '020400340002',
      '020400480004',
      '020400000012',
      '020400340002',
      '020400480004',
    ])
  })

  it('is one read on a bus of its own', async () => {
    const own = eastronSdm630V2.create({ name: 'own', bus: at.bus, unitId: 3, sharesBusWithBoard: false })
    expect(own.blocks).toBe(1)
    expect((await at.run(own.readNext())).ok).toBe(true)
    expect(at.sent()).toEqual(['03040000004c'])
  })

  it('is in integers, the register rounded to whole Wh', async () => {
    expect(await pass()).toMatchObject({
      ok: true,
      value: {
        registerWh: 1_234_567,
        powerWatts: 11_040,
        currentsMilliamps: [16_000, 16_000, 0],
        voltagesMillivolts: [230_100, 229_900, 231_000],
      },
    })
  })

  it('is as old as its oldest block', async () => {
    await at.run(meter.readNext())
    const first = at.clock.monotonic()
    await at.clock.advance(700)
    await at.run(meter.readNext())
    const whole = await at.run(meter.readNext())
    if (!whole.ok || whole.value === null) throw new Error('no reading')
    expect(Math.abs(whole.value.takenAtMonotonicMs - first)).toBeLessThanOrEqual(2)
  })

  it('begins anew after a failed block', async () => {
    await at.run(meter.readNext())
    const { answer } = at.line
    at.line.answer = () => []
    expect(await at.run(meter.readNext())).toMatchObject({ ok: false, error: { kind: 'timedOut' } })
    at.line.answer = answer
    await at.clock.advance(1000)
    at.sent()
    expect((await pass()).ok).toBe(true)
    expect(at.sent()[0]).toBe('020400000012')
  })
})

describe('a value that is none', () => {
  it.each([
    ['NaN', 0x48, Number.NaN, 'energyImport'],
    ['infinite', 0x06, Number.POSITIVE_INFINITY, 'currentL1'],
    ['negative energy', 0x48, -1, 'energyImport'],
    ['an impossible voltage', 0x02, 401, 'voltageL2'],
    ['an impossible current', 0x0a, 121, 'currentL3'],
    ['an impossible power', 0x34, -1e9, 'power'],
  ])('is implausible: %s', async (_name, address, value, quantity) => {
    put(address, value)
    expect(await pass()).toMatchObject({ ok: false, error: { kind: 'implausible', quantity } })
  })

  it('is implausible: all ones', async () => {
    at.bank.words.set(0x48, 0xffff)
    at.bank.words.set(0x49, 0xffff)
    const read = await pass()
    expect(read).toMatchObject({ ok: false, error: { kind: 'implausible', quantity: 'energyImport' } })
    expect(JSON.stringify(read)).toMatch(/raw ffff ffff/)
    put(0x48, 1)
    expect((await pass()).ok).toBe(true)
  })
})

describe('the register', () => {
  it('has the resolution of a float32 of kWh', () => {
    const steps = [0, 1_000_000, 8_191_999, 8_192_000, 16_383_999, 16_384_000, 32_768_000, 9_999_999_000]
    expect(steps.map((wh) => meter.resolutionWh(wattHours(wh)))).toEqual([1, 1, 1, 1, 1, 2, 4, 1000])
  })

  it('belongs to the serial number', async () => {
    at.bank.words.set(0xfc00, 0x0123)
    at.bank.words.set(0xfc01, 0x4567)
    expect(await at.run(meter.readSerial())).toEqual({ ok: true, value: '19088743' })
    expect(at.sent()).toEqual(['0203fc000002'])
  })
})
