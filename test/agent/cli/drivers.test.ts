import { expect, it } from 'vitest'
import { DRIVERS } from '../../../agent/cli/drivers.ts'
import { registry } from '../../../agent/control/registry.ts'

it.each([
  ['board', registry.boards],
  ['meter', registry.meters],
  ['relay', registry.io],
] as const)('a configuration may name each %s driver of the registry and no other', (role, drivers) => {
  const known = DRIVERS.filter((driver) => driver.role === role).map(({ id }) => id)
  expect(known.length).toBeGreaterThan(0)
  expect(known.sort()).toEqual(Object.keys(drivers).sort())
})
