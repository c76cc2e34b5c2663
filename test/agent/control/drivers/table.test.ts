import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  bits16,
  f32,
  float32,
  numberOf,
  planBlocks,
  text,
  u16,
  u32,
  unsigned,
  wordsOf,
} from '../../../../agent/control/drivers/table.ts'
import { registry } from '../../../../agent/control/registry.ts'
import { floatWords } from './bench-bus.ts'

describe('blocks', () => {
  it('hold every row once, whole, and never more words or longer holes than allowed', () => {
    const rows = fc
      .uniqueArray(fc.integer({ min: 0, max: 200 }), { minLength: 1, maxLength: 30 })
      .map((addresses) => addresses.map((at) => f32(2 * at, `row${at}`)))
    const limits = fc.record({
      wordsMax: fc.integer({ min: 2, max: 80 }),
      holeWordsMax: fc.integer({ min: 0, max: 40 }),
    })
    fc.assert(
      fc.property(rows, limits, (table, { wordsMax, holeWordsMax }) => {
        const blocks = planBlocks(table, { wordsMax, holeWordsMax })
        expect(blocks.flatMap((block) => block.rows.map(({ name }) => name)).sort()).toEqual(
          table.map(({ name }) => name).sort(),
        )
        for (const block of blocks) {
          expect(block.count).toBeLessThanOrEqual(wordsMax)
          let end = block.address
          for (const row of block.rows) {
            expect(row.address - end).toBeLessThanOrEqual(holeWordsMax)
            end = row.address + row.count
          }
          expect(end).toBe(block.address + block.count)
        }
      }),
    )
  })

  it('touch no barrier, in a hole or beside a row; a row in one is read by itself', () => {
    const rows = fc
      .uniqueArray(fc.integer({ min: 0, max: 100 }), { minLength: 1, maxLength: 30 })
      .map((addresses) => addresses.map((at) => u32(2 * at, `row${at}`)))
    const barrier = fc
      .record({ from: fc.integer({ min: 0, max: 200 }), words: fc.integer({ min: 1, max: 6 }) })
      .map(({ from, words }) => ({ fc: 3 as const, from, to: from + words - 1 }))
    fc.assert(
      fc.property(rows, fc.array(barrier, { maxLength: 4 }), (table, barriers) => {
        const blocks = planBlocks(table, { wordsMax: 60, holeWordsMax: 20, barriers })
        expect(blocks.flatMap((block) => block.rows).length).toBe(table.length)
        for (const { address, count, rows: within } of blocks) {
          if (within.length === 1) continue
          for (const { from, to } of barriers) expect(from >= address + count || to < address).toBe(true)
        }
      }),
    )
  })

  it('touch registers around a barrier of another function code as they please', () => {
    const table = [u16(0, 'one'), u16(4, 'two')]
    const barriers = [{ fc: 4, from: 2, to: 2 }] as const
    expect(planBlocks(table, { wordsMax: 10, holeWordsMax: 4, barriers })).toHaveLength(1)
    expect(
      planBlocks(table, { wordsMax: 10, holeWordsMax: 4, barriers: [{ fc: 3, from: 2, to: 2 }] }),
    ).toHaveLength(2)
  })

  it('are single rows where the device answers to exact reads only', () => {
    const table = [u32(1000, 'state'), u32(1002, 'next'), u16(1004, 'last')]
    const blocks = planBlocks(table, { wordsMax: 80, holeWordsMax: 8, rowByRow: true })
    expect(blocks.map(({ address, count }) => [address, count])).toEqual([
      [1000, 2],
      [1002, 2],
      [1004, 1],
    ])
  })

  it('of one function code each', () => {
    const blocks = planBlocks([u16(0, 'holding'), f32(1, 'input')], { wordsMax: 80, holeWordsMax: 8 })
    expect(blocks.map(({ fc: code }) => code)).toEqual([3, 4])
  })
})

describe('values', () => {
  it('are what the words say', () => {
    expect(float32([0x4366, 0x3333])).toBeCloseTo(230.2, 4)
    expect(unsigned([1, 2])).toBe(65_538)
    expect(text([0x4132])).toBe('A2')
    expect(text([0x4142, 0x0000])).toBe('AB')
    expect(text([0xffff])).toBeNull()
    expect(text([0])).toBeNull()
    expect(wordsOf(u32(12, 'x'), { address: 10 }, [1, 2, 3, 4])).toEqual([3, 4])
    expect(numberOf(bits16(0, 'x'), [0x8001])).toBe(0x8001)
  })

  it('of a float are the float, or told as implausible: NaN, infinite, out of range', () => {
    const volts = f32(0, 'volts', 'V', { range: { min: 0, max: 400 } })
    fc.assert(
      fc.property(fc.float(), (value) => {
        const read = numberOf(volts, floatWords(value))
        if (Number.isFinite(value) && value >= 0 && value <= 400) expect(read).toBe(Math.fround(value))
        else expect(read).toHaveProperty('implausible')
      }),
    )
  })
})

describe('the registry', () => {
  it('lists each driver under its own id', () => {
    const { boards, meters, io } = registry
    const entries = [...Object.entries(boards), ...Object.entries(meters), ...Object.entries(io)]
    expect(entries.length).toBeGreaterThan(2)
    for (const [id, driver] of entries) expect(driver.id).toBe(id)
  })
})
