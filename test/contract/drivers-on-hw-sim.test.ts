// The drivers' ports over hw-sim's devices, real serial ports and real line times.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../shared/io/system-clock.ts'
import type { Timer } from '../../shared/time/clock.ts'
import { amps, wattHours } from '../../shared/units.ts'
import { boardContract } from './board-port.ts'
import { type SiteOnBus, siteOnBus } from './site-on-bus.ts'

const clock = systemClock()
/** As the loop does: refreshed each 0.5 s. */
const holding = ({ deadman }: SiteOnBus): Timer => {
  void deadman.hold()
  return clock.every('hold', 500, () => void deadman.hold())
}

describe('phoenix-ev-cc-ac1-m3-rtu', () => {
  boardContract(async () => {
    const at = await siteOnBus()
    const hold = holding(at)
    await at.until(
      'prepared',
      () => at.board.prepare(),
      (prepared) => prepared.ok,
    )
    return {
      board: at.board,
      plug: () => at.site.setCar({ plugged: true }),
      unplug: () => at.site.setCar({ plugged: false }),
      async restart() {
        at.site.setSupply(false)
        await clock.sleep('without supply', 300)
        at.site.setSupply(true)
      },
      until: at.until,
      async close() {
        hold.cancel()
        await at.close()
      },
    }
  })

  describe('and what is its own', () => {
    let at: SiteOnBus
    let hold: Timer
    beforeAll(async () => {
      at = await siteOnBus()
      hold = holding(at)
    })
    afterAll(async () => {
      hold.cancel()
      await at.close()
    })
    const reading = (what: string, holds: (read: Awaited<ReturnType<typeof at.board.read>>) => boolean) =>
      at.until(what, () => at.board.read(), holds)

    const offers = () =>
      at.until(
        'an offer',
        () => at.board.offer(amps(16)),
        (offered) => offered.ok,
      )

    it('sets 4000 and 4001 once: a second start writes nothing', async () => {
      const prepared = await at.until(
        'prepared',
        () => at.board.prepare(),
        (it) => it.ok,
      )
      const { retentiveWrites } = at.site.state().board
      expect(prepared).toMatchObject({ ok: true, value: { retentiveWrites } })
      expect(retentiveWrites).toBeLessThanOrEqual(2)
      await at.board.prepare()
      expect(at.site.state().board.retentiveWrites).toBe(retentiveWrites)
    })

    it('adopts a running charge by reading: not one write', async () => {
      at.site.setCar({ plugged: true })
      await offers()
      await reading('charging', (read) => read.ok && read.value.pilot === 'C')
      const before = at.site.frames.after(0).next
      for (let round = 0; round < 3; round++) await at.board.read()
      await at.board.offer(amps(16))
      const { entries } = at.site.frames.after(before)
      const writes = entries.filter(({ unitId, hex }) => unitId === 1 && /^010[56f]/.test(hex))
      expect(writes).toEqual([])
    })

    it('tells a trip by its error bit', async () => {
      at.site.addFault({ kind: 'boardError', bit: 15 })
      await reading('the trip', (read) => read.ok && read.value.errors.includes('residualCurrentTripped'))
      at.site.clearFaults()
      await reading('no trip', (read) => read.ok && read.value.errors.length === 0)
    })

    it('goes to F within the hold time when nobody refreshes the dead-man, and on release at once', async () => {
      const inService = (read: Awaited<ReturnType<typeof at.board.read>>) =>
        read.ok && read.value.pilot === 'C' && read.value.releaseInputOn === true
      await offers()
      await reading('charging', inService)
      hold.cancel()
      const heldAtMs = clock.monotonic()
      await reading('F', (read) => read.ok && read.value.pilot === 'F')
      expect(clock.monotonic() - heldAtMs).toBeLessThan(at.deadman.holdMs + 600)
      await reading('XR off', (read) => read.ok && read.value.releaseInputOn === false)
      expect(await at.deadman.hold()).toEqual({ ok: true, value: null })
      await reading('in service', inService)
      const releasedAtMs = clock.monotonic()
      expect(await at.deadman.release()).toEqual({ ok: true, value: null })
      await reading('F', (read) => read.ok && read.value.pilot === 'F')
      expect(clock.monotonic() - releasedAtMs).toBeLessThan(500)
      hold = holding(at)
    })

    it('is lost with its port and found again, without an uncaught error', async () => {
      at.site.addFault({ kind: 'portGone' })
      const lost = await at.until(
        'lost',
        () => at.board.read(),
        (read) => !read.ok && read.error.kind === 'portClosed',
      )
      expect(lost.ok).toBe(false)
      expect(at.bus.status().state.kind).toBe('lost')
    })
  })
})

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
