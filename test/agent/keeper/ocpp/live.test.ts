import { describe, expect, it } from 'vitest'
import type { ControlStatus } from '../../../../agent/control-link/messages.ts'
import { type Flow, liveReports } from '../../../../agent/keeper/ocpp/live.ts'
import { liveMeterValues } from '../../../../agent/keeper/ocpp/v201/builders/meter-values.ts'
import { amps, epochMs, milliAmps, monotonicMs, watts } from '../../../../shared/units.ts'
import { keptLog } from '../../../shared/io/link-bench.ts'
import { virtualClock } from '../../control/drivers/virtual-clock.ts'
import { CONTROL, memoryBox, NOON, SESSION } from '../port-doubles.ts'

/** A box whose control tells a fresh reading each second, as the real one does. */
function bench() {
  const clock = virtualClock()
  const box = memoryBox({ timeQuality: 'synchronised', control: null })
  const told: Flow[] = []
  const line = { ready: true }
  const startedAt = clock.monotonic()
  const live = liveReports({
    box,
    clock,
    log: keptLog(),
    ready: () => line.ready,
    sendStatus: async () => ({ ok: true, value: {} }),
    sendLimit: async () => ({ ok: true, value: {} }),
    sendFlow: async (flow) => {
      told.push(flow)
      return { ok: true, value: {} }
    },
  })
  const second = async (part: Partial<ControlStatus>, flowMilliamps: number) => {
    await clock.advance(1000)
    const now = clock.monotonic()
    const current = milliAmps(flowMilliamps)
    const meter = CONTROL.meter && {
      ...CONTROL.meter,
      takenAtMonotonicMs: now,
      powerWatts: watts(Math.round(flowMilliamps * 0.69)),
      currentsMilliamps: [current, current, current] as const,
    }
    box.change({
      at: epochMs(NOON + now - startedAt),
      control: { ...CONTROL, ...part, atMonotonicMs: monotonicMs(now), meter },
    })
    await clock.advance(0)
  }
  const seconds = async (count: number, part: Partial<ControlStatus>, flowMilliamps: number) => {
    for (let left = count; left > 0; left--) await second(part, flowMilliamps)
  }
  return { clock, box, told, line, live, seconds }
}
const CHARGING = { chargingState: 'charging', offeredMilliamps: amps(16) } as const
const HELD = { chargingState: 'suspendedEvse', offeredMilliamps: milliAmps(0) } as const

describe('what flows', () => {
  it('is told once in 10 s while current flows, with the time of its reading', async () => {
    const { told, seconds } = bench()
    await seconds(60, CHARGING, 16_000)
    expect(told.length).toBeGreaterThanOrEqual(6)
    expect(told.length).toBeLessThanOrEqual(8)
    expect(told.at(-1)).toMatchObject({ offeredMilliamps: 16_000, meter: { powerWatts: 11_040 } })
    expect(new Set(told.map(({ at }) => at)).size).toBe(told.length)
    for (const { at } of told) expect((at - NOON) % 1000).toBe(0)
  })

  it('carries the register of the open session as its account holds it, and none between sessions', async () => {
    const { box, told, seconds } = bench()
    await seconds(2, CHARGING, 16_000)
    expect(told.at(-1)?.register).toBeNull()
    box.change({ session: SESSION })
    await seconds(10, CHARGING, 16_000)
    const flow = told.at(-1)
    expect(flow?.register).toEqual({ registerWh: 123_456, meterSerial: 'SDM-1' })
    expect(flow && liveMeterValues({ ...flow, phasesWired: 3 })).toMatchObject({
      customData: { vendorId: 'voltkeep', meterSerial: 'SDM-1' },
      meterValue: [
        {
          sampledValue: expect.arrayContaining([
            expect.objectContaining({ value: 123_456, measurand: 'Energy.Active.Import.Register' }),
          ]),
        },
      ],
    })
  })

  it('is told within 2 s of a change of the state or of what is offered, never with a reading from before it', async () => {
    const { told, seconds } = bench()
    await seconds(5, CHARGING, 16_000)
    const before = told.length
    await seconds(2, HELD, 0)
    expect(told.slice(before)).toMatchObject([{ offeredMilliamps: 0, meter: { powerWatts: 0 } }])
    await seconds(2, { ...CHARGING, offeredMilliamps: amps(10) }, 10_000)
    expect(told.at(-1)).toMatchObject({ offeredMilliamps: 10_000, meter: { powerWatts: 6900 } })
  })

  it('is told when it begins and ends, and else not while nothing flows', async () => {
    const { told, seconds } = bench()
    await seconds(5, CHARGING, 0)
    await seconds(1, CHARGING, 16_000)
    expect(told.at(-1)?.meter.powerWatts).toBe(11_040)
    await seconds(1, CHARGING, 0)
    expect(told.at(-1)?.meter.powerWatts).toBe(0)
    const before = told.length
    await seconds(100, CHARGING, 30)
    expect(told).toHaveLength(before)
  })

  it('is told at most once a second, however fast the box changes', async () => {
    const { clock, box, told, seconds } = bench()
    await seconds(2, CHARGING, 16_000)
    const before = told.length
    for (let step = 0; step < 50; step++) {
      await clock.advance(20)
      const { control } = box.snapshot()
      if (!control?.meter) throw new Error('control is heard')
      const meter = { ...control.meter, takenAtMonotonicMs: clock.monotonic() }
      box.change({ control: { ...control, offeredMilliamps: milliAmps(6000 + step), meter } })
    }
    await clock.advance(0)
    expect(told.length - before).toBeLessThanOrEqual(2)
  })

  it('waits for nobody: nothing is kept while there is no server, then only the newest is told', async () => {
    const { told, line, live, seconds } = bench()
    line.ready = false
    live.forget()
    await seconds(60, CHARGING, 16_000)
    expect(told).toEqual([])
    line.ready = true
    await seconds(1, CHARGING, 12_000)
    expect(told).toMatchObject([{ meter: { powerWatts: 8280 } }])
  })

  it('is not told while control or its meter is not heard', async () => {
    const { clock, box, told, seconds } = bench()
    await seconds(3, CHARGING, 16_000)
    const before = told.length
    const { control } = box.snapshot()
    for (let step = 0; step < 30; step++) {
      await clock.advance(1000)
      if (control) box.change({ control: { ...control, atMonotonicMs: clock.monotonic() } })
    }
    box.change({ control: null })
    await clock.advance(30_000)
    expect(told).toHaveLength(before)
  })
})
