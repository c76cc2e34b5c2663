import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { FAULTS } from '../../../../shared/faults.ts'

const page = readFileSync('docs/safety/hazards.md', 'utf8')
const named = [...page.matchAll(/`([A-Z]+(?:_[A-Z]+)+)`/g)].map(([, code]) => code)
const codes: readonly string[] = FAULTS.map((row) => row.code)

test('docs/safety/hazards.md names only faults of the table', () => {
  expect(named.length).toBeGreaterThan(10)
  expect(named.filter((code) => code !== undefined && !codes.includes(code))).toEqual([])
})

test('every fault of the table guards a hazard of the page', () => {
  expect(codes.filter((code) => !named.includes(code))).toEqual([])
})
