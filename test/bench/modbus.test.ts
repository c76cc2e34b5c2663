// A short soak with each test run; the long one is `npm run bench -- --only modbus`.
import { expect, it } from 'vitest'
import { benchModbus } from './modbus.ts'

it('a short soak with 10 % of all replies spoilt: no wrong value, no stuck request, and the reaction bound holds (seed 7)', async () => {
  const figures = await benchModbus({ seed: 7, rounds: 2000, probability: 0.02 })
  expect(figures.filter(({ met }) => !met)).toEqual([])
  expect(figures.map(({ name }) => name)).toContain('modbus.paced.reaction')
}, 120_000)
