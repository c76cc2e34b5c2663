import { expect, it } from 'vitest'
import { DRIVERS } from '../../../agent/cli/drivers.ts'
import { registry } from '../../../agent/control/registry.ts'
import { benchBus } from '../control/drivers/bench-bus.ts'

it.each([
  ['board', registry.boards],
  ['meter', registry.meters],
  ['relay', registry.io],
  ['inputs', registry.inputs],
] as const)('a configuration may name each %s driver of the registry and no other', (role, drivers) => {
  const known = DRIVERS.filter((driver) => driver.role === role).map(({ id }) => id)
  expect(known.length).toBeGreaterThan(0)
  expect(known.sort()).toEqual(Object.keys(drivers).sort())
})

it.each(Object.entries(registry.boards))(
  'the configuration check knows of %s what the driver says',
  async (id, driver) => {
    const { bus } = await benchBus()
    const { currentMaxMilliamps, deadman, lock } = driver.create({ name: 'board', bus, unitId: 1 }).facts
    const known = DRIVERS.find((one) => one.id === id)
    expect({ ...known, lock: known?.lock ?? 'none' }).toMatchObject({
      currentMaxMilliamps,
      deadman: deadman.kind === 'own' ? 'own' : deadman.cuts,
      lock,
    })
  },
)
