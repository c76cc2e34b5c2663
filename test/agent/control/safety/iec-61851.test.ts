import { describe, expect, test } from 'vitest'
import { FAULTS } from '../../../../shared/faults.ts'
import { IEC_ROWS, iecPage, NOT_COVERED } from './iec-61851.ts'

describe.each(IEC_ROWS)('$fact', ({ figure, source, agent, check }) => {
  test(`${figure} (${source}): ${agent}`, () => check())
})

test('docs/safety/iec-61851.md is the table', async () => {
  await expect(iecPage()).toMatchFileSnapshot('../../../../docs/safety/iec-61851.md')
})

test('every row says who acts; what the board does is told where it acts, and a rule of 100 ms is its own', () => {
  expect(IEC_ROWS.length).toBeGreaterThanOrEqual(25)
  expect(new Set(IEC_ROWS.map(({ fact }) => fact)).size).toBe(IEC_ROWS.length)
  for (const { fact, figure, acts, board } of IEC_ROWS) {
    expect(board === null, fact).toBe(acts === 'agent')
    if (figure.includes('100 ms')) expect(acts, fact).toBe('board')
  }
  expect(NOT_COVERED.length).toBeGreaterThan(0)
})

test('the table names only faults that there are', () => {
  const codes: readonly string[] = FAULTS.map(({ code }) => code)
  const named = [...iecPage().matchAll(/\b([A-Z]+(?:_[A-Z]+)+)\b/g)].map(([, code = '']) => code)
  const sources = ['IEC_PWM_MAX_UPDATE_INTERVAL']
  expect(named.length).toBeGreaterThan(8)
  expect(named.filter((code) => !codes.includes(code) && !sources.includes(code))).toEqual([])
})
