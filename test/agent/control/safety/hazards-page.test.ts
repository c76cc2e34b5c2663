import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { FAULTS } from '../../../../shared/faults.ts'

test('docs/safety/hazards.md names only faults of the table', () => {
  const page = readFileSync('docs/safety/hazards.md', 'utf8')
  const named = [...page.matchAll(/`([A-Z]+(?:_[A-Z]+)+)`/g)].map(([, code]) => code)
  expect(named.length).toBeGreaterThan(10)
  const codes: readonly string[] = FAULTS.map((row) => row.code)
  expect(named.filter((code) => code !== undefined && !codes.includes(code))).toEqual([])
})
