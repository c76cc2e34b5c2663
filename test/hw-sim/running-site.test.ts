import { expect, test } from 'vitest'
import { startSite } from '../../hw-sim/running-site.ts'
import { defaultSite } from '../../hw-sim/site.ts'
import { virtualClock } from '../agent/control/drivers/virtual-clock.ts'

/** The built-in site on a clock that only the test moves. */
function siteOnVirtualClock() {
  const clock = virtualClock()
  const site = startSite({
    site: { ...defaultSite(), seed: 5 },
    clock,
    wallOffsetMs: 0,
    linkDir: null,
    onTrouble: (detail) => {
      throw new Error(detail)
    },
  })
  return { clock, site }
}

test('a world whose process was held up has gone its own pace: each event at its own time', async () => {
  const { clock, site } = siteOnVirtualClock()
  try {
    site.setCar({ plugged: true })
    site.setSupply(false)
    await clock.advance(20)
    site.setSupply(true)
    const restoredMicros = site.events.after(0).entries.at(-1)?.atMicros ?? 0
    // The board takes 800 ms to start; the process sleeps through it.
    clock.holdUp(3000)
    expect(site.state().board.state).toBe('F0')
    const started = site.events.after(0).entries.findLast((it) => it.kind === 'boardPower')
    expect(started?.detail).toBe('on')
    expect((started?.atMicros ?? 0) - restoredMicros).toBeLessThanOrEqual(805_000)
  } finally {
    site.close()
  }
})

test('an absence of hours is passed over in one step', async () => {
  const { clock, site } = siteOnVirtualClock()
  try {
    site.setSupply(false)
    site.setSupply(true)
    clock.holdUp(10 * 3_600_000)
    expect(site.state().board.state).toBe('F0')
    expect(site.state().energyMilliwattHours).toBe(0)
  } finally {
    site.close()
  }
})
