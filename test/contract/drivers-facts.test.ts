// Drivers and hw-sim's devices are written apart, both from the facts: here all three are laid side by side, so that a
// wrong address cannot hide on both sides.
import { describe, expect, it } from 'vitest'
import { registry } from '../../agent/control/registry.ts'
import type { RowSight } from '../../hw-sim/devices/board-kind.ts'
import { BOARDS } from '../../hw-sim/devices/boards.ts'
import { SDM630_TABLE } from '../../hw-sim/devices/eastron-sdm630.ts'
import { INPUTS_TABLE } from '../../hw-sim/devices/waveshare-inputs.ts'
import { RELAY_TABLE } from '../../hw-sim/devices/waveshare-relay.ts'
import { camelCase, factsOf } from '../facts/facts.ts'
import { driverFactsFile, qualityPage } from './quality-page.ts'

const drivers = [
  ...Object.entries(registry.boards),
  ...Object.entries(registry.meters),
  ...Object.entries(registry.io),
  ...Object.entries(registry.inputs),
]

/** How a driver's table calls the facts' types. */
const FACT_TYPES: Readonly<Record<string, readonly string[]>> = {
  f32: ['float32'],
  u16: ['uint16', 'uint16[5]'],
  i16: ['int16'],
  u32: ['uint32'],
  ascii: ['ascii', 'ascii2'],
  bits16: ['bitfield16'],
  bits32: ['bitfield32'],
  packed: ['packed'],
  coil: ['bool', 'bool[8]'],
  coilValue: ['uint16'],
}

const SIM_ROWS: Readonly<Record<string, readonly RowSight[]>> = {
  ...Object.fromEntries(Object.entries(BOARDS).map(([id, { rows }]) => [id, rows])),
  'eastron-sdm630-v2': SDM630_TABLE.rows,
  'waveshare-modbus-rtu-relay-8ch': RELAY_TABLE.rows,
  'waveshare-modbus-rtu-io-8ch': INPUTS_TABLE.rows,
}

it('has a simulated device for each driver', () => {
  expect(drivers.map(([id]) => id).filter((id) => SIM_ROWS[id] === undefined)).toEqual([])
})

/** What is only written as a register need not be readable; the port's suite shows that it takes the write. */
function isThereFor(fc: number, sim: RowSight): boolean {
  if (fc === 5) return sim.rawCoil === true
  return fc > 5 || sim.reads.includes(fc)
}

describe.each(drivers)('%s', (id, driver) => {
  const facts = factsOf(id)

  it('is registered under its own id and has rows', () => {
    expect(driver.id).toBe(id)
    expect(driver.rows.length).toBeGreaterThan(0)
  })

  it.each(driver.rows.map((row) => [row.name, row] as const))('%s is as the facts tell it', (name, row) => {
    const fact = facts.registers.find((it) => camelCase(it.name) === name && it.address === row.address)
    expect(fact, `no fact ${name} at ${row.address}`).toBeDefined()
    if (fact === undefined) return
    expect({ fc: row.fc, count: row.count, unit: row.unit, scale: row.scale }).toEqual({
      fc: fact.fc,
      count: fact.count,
      unit: fact.unit,
      scale: fact.scale,
    })
    expect(FACT_TYPES[row.type]).toContain(fact.type)
    if (row.type === 'f32' || row.type === 'u32') expect(fact.wordOrder).toBe('msw-first')
    expect(fact.confidence ?? facts.confidence, 'rows of low confidence are not relied on').not.toBe('low')
  })

  const rows = SIM_ROWS[id]
  if (rows !== undefined)
    it.each(driver.rows.map((row) => [row.name, row] as const))('%s is there in hw-sim', (_name, row) => {
      for (let at = row.address; at < row.address + row.count; at++) {
        const there = rows.some(
          (sim) => at >= sim.address && at < sim.address + (sim.count ?? 1) && isThereFor(row.fc, sim),
        )
        expect(there, `hw-sim has nothing at ${at} for function code ${row.fc}`).toBe(true)
      }
    })

  it('keeps the silence that the device asks for', () => {
    expect(driver.line.silenceMs).toBeGreaterThanOrEqual(facts.serialDefaults.minGapMs ?? 0)
  })
})

describe('docs/drivers/quality.md', () => {
  it('says what the drivers are and which facts they leave unused (vitest -u writes it)', async () => {
    await expect(qualityPage(drivers.map(([, driver]) => driver))).toMatchFileSnapshot(
      '../../docs/drivers/quality.md',
    )
  })
})

describe('agent/cli/driver-facts.json', () => {
  it('tells the command what the facts tell (vitest -u writes it)', async () => {
    await expect(driverFactsFile(drivers.map(([, driver]) => driver))).toMatchFileSnapshot(
      '../../agent/cli/driver-facts.json',
    )
  })
})
