// What a site can do wrong, with real processes: another device at the board's address, two boxes' meters swapped, a USB
// adapter that comes back under another name. Each is told, is safe, and is over without a restart.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../shared/io/system-clock.ts'
import { type BoardSite, boardSite } from './board-site.ts'
import { until } from './test-keeper.ts'

const clock = systemClock()
let at: BoardSite
beforeEach(async () => {
  at = await boardSite('phoenix-ev-cc-ac1-m3-rtu')
})
afterEach(async (context) => {
  if (context.task.result?.state === 'fail') process.stderr.write(at.log())
  await at.close()
})

const current = async () => Math.max(...(await at.sim.state()).currentsMilliamps)
const has = (code: string) => at.keeper.status()?.faults.some((fault) => fault === code) ?? false
const charging = () =>
  until(
    'a charge',
    async () => at.keeper.status()?.chargingState === 'charging' && (await current()) >= 15_200,
  )
const detailOf = (code: string) =>
  at.keeper.facts().findLast(({ fact }) => fact.kind === 'faultRaised' && fact.code === code)?.fact

async function charge() {
  await at.sim.plug()
  await at.keeper.charge('s1')
  await charging()
}
/** The same car, which control may have lost sight of. */
const goesOn = () =>
  until('a charge again', async () => {
    const status = at.keeper.status()
    if (status?.chargingState === 'occupied' && status.plugId !== null) await at.keeper.charge('s1')
    return status?.chargingState === 'charging' && (await current()) >= 15_200
  })

describe('bad devices', { timeout: 60_000 }, () => {
  test('another model answers in the place of the board: told by its register, no current, and over when the board is back', async () => {
    await charge()
    await at.sim.setFault({ kind: 'otherModel', unitId: 1, device: 'evracing-evse-din', bus: 'main' })
    await until('told', () => has('BOARD_LOST') && has('BOARD_CONFIGURATION'))
    await until('no current', async () => (await current()) === 0)
    expect(JSON.stringify(detailOf('BOARD_CONFIGURATION'))).toMatch(/unit 1.*expected/)
    const running = at.control().running()
    await at.sim.clearFaults()
    await goesOn()
    await until('cleared', () => at.keeper.status()?.faults.length === 0)
    expect([running, at.control().running()]).toEqual([true, true])
  })

  test("two boxes' meters are swapped: METER_REPLACED tells both serial numbers, and again when they are back", async () => {
    await charge()
    const before = at.keeper.status()?.meter?.serial
    await at.sim.setFault({ kind: 'meter', how: 'swapped' })
    await until('told', () => has('METER_REPLACED'))
    const replaced = at.keeper.facts().flatMap(({ fact }) => (fact.kind === 'meterReplaced' ? [fact] : []))
    expect(replaced).toHaveLength(1)
    expect(replaced[0]?.fromSerial).toBe(before)
    expect(replaced[0]?.toSerial).not.toBe(before)
    at.keeper.link.send({ kind: 'revoke', uuid: 's1', reason: 'meterReplaced' })
    await until('no current', async () => (await current()) === 0)
    at.keeper.link.send({ kind: 'factsStored', number: at.keeper.facts().at(-1)?.number ?? 0 })
    await until('stored', () => !has('METER_REPLACED'))
    await until('the other meter is read', () => at.keeper.status()?.meter?.serial === replaced[0]?.toSerial)
    await at.sim.clearFaults()
    await until('its own meter again', () => at.keeper.status()?.meter?.serial === before)
    expect(has('METER_REPLACED')).toBe(true)
  })

  test('the adapter comes back under another name: BUS_LOST tells the port, the dead-man opens, and its own name mends it', async () => {
    await charge()
    await at.sim.setFault({ kind: 'portRenamed', bus: 'main' })
    await until('told', () => has('BUS_LOST'))
    await until('no current', async () => (await current()) === 0)
    expect(at.log()).toMatch(/"port":"[^"]*main"[^}]*bus lost/)
    await clock.sleep('it stays so', 2000)
    expect(has('BUS_LOST')).toBe(true)
    await at.sim.clearFaults()
    await goesOn()
    await until('cleared', () => at.keeper.status()?.faults.length === 0)
    expect(at.control().running()).toBe(true)
  })
})
