// The meter driver's port over hw-sim's device, a real serial port and real line times. Boards: boards/.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { wattHours } from '../../shared/units.ts'
import { type SiteOnBus, siteOnBus } from './site-on-bus.ts'

describe('eastron-sdm630-v2', () => {
  let at: SiteOnBus
  beforeAll(async () => {
    at = await siteOnBus()
  })
  afterAll(() => at.close())

  const pass = async () => {
    for (let block = 1; block < at.meter.blocks; block++) {
      expect(await at.meter.readNext()).toEqual({ ok: true, value: null })
    }
    return at.meter.readNext()
  }

  it('tells register, power, currents and voltages as they are', async () => {
    const read = await pass()
    expect(read).toMatchObject({
      ok: true,
      value: {
        registerWh: at.site.state().meter.registerWh,
        powerWatts: 0,
        currentsMilliamps: [0, 0, 0],
        voltagesMillivolts: [230_400, 229_800, 231_100],
      },
    })
  })

  it('follows its register to the Wh', async () => {
    for (const milliwattHours of [1_000_000, 123_000, 7_654_321]) {
      at.site.advanceMeter(milliwattHours)
      const read = await pass()
      expect(read.ok && read.value?.registerWh).toBe(at.site.state().meter.registerWh)
    }
    expect(at.meter.resolutionWh(wattHours(at.site.state().meter.registerWh))).toBe(1)
  })

  it('tells its serial number, and another one after it was replaced', async () => {
    const { serial } = at.site.state().meter
    expect(await at.meter.readSerial()).toEqual({ ok: true, value: serial })
    at.site.addFault({ kind: 'meter', how: 'otherSerial' })
    expect(await at.meter.readSerial()).toEqual({ ok: true, value: at.site.state().meter.serial })
    expect(at.site.state().meter.serial).not.toBe(serial)
    at.site.clearFaults()
  })

  it('has no value where the device tells NaN, and has one again after', async () => {
    at.site.addFault({ kind: 'meter', how: 'nan' })
    expect(await at.meter.readNext()).toMatchObject({ ok: false, error: { kind: 'implausible' } })
    at.site.clearFaults()
    expect((await pass()).ok).toBe(true)
  })

  it('is asked no sooner than 100 ms after its own reply, so that it hears each request', async () => {
    const before = at.site.frames.after(0).next
    await pass()
    await pass()
    const { entries } = at.site.frames.after(before)
    const mine = entries.filter(({ unitId, direction }) => unitId === 2 && direction === 'request')
    expect(mine).toHaveLength(2 * at.meter.blocks)
    expect(mine.filter(({ unanswered }) => unanswered !== undefined)).toEqual([])
  })
})
