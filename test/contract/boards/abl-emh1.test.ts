// The driver of the ABL eMH1 over hw-sim's, a real port with real line times, by Modbus ASCII.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { BoardReading } from '../../../agent/control/ports/board.ts'
import { systemClock } from '../../../shared/io/system-clock.ts'
import { milliAmps } from '../../../shared/units.ts'
import { type BoardOnBus, boardOnBus } from '../board-on-bus.ts'
import { boardContract } from '../board-port.ts'

const ID = 'abl-emh1'
/** Its upstream time-out, and how long it then derates before F4: what a silence test would find. */
const keys = { upstreamTimeoutMs: 3000, derateMs: 2000 }
const OFFER = milliAmps(15_960)
const clock = systemClock()

describe(ID, () => {
  boardContract(
    () => boardOnBus(ID, { keys, deadmanMs: 5000 }),
    [
      [1, 'contactorFault'],
      [2, 'internalFault'],
      [3, 'residualCurrentTripped'],
      [5, 'lockFailed'],
      [6, 'proximityInvalid'],
      [7, 'ventilationRejected'],
      [8, 'pilotInvalid'],
      [9, 'currentExceeded'],
      [10, 'overTemperature'],
      [11, 'contactorFault'],
    ],
  )

  describe('and what is its own', () => {
    let at: BoardOnBus
    beforeAll(async () => {
      at = await boardOnBus(ID, { keys, deadmanMs: 5000 })
    })
    afterAll(() => at?.close())

    const reads = async (what: string, holds: (reading: BoardReading) => boolean) => {
      const seen = await at.until(
        what,
        () => at.board.read(),
        (read) => read.ok && holds(read.value),
      )
      if (!seen.ok) throw new Error(what)
      return seen.value
    }
    const done = (what: string, act: () => Promise<{ readonly ok: boolean }>) =>
      at.until(what, act, (result) => result.ok)
    const charges = async () => {
      at.plug()
      await done('an offer', () => at.board.offer(OFFER))
      await reads('charging', ({ pilot }) => pilot === 'C' && at.currentMilliamps() > 6000)
    }
    const unanswered = (after: number) =>
      at.site.frames
        .after(after)
        .entries.filter(({ direction, unanswered: why }) => direction === 'request' && why !== undefined)

    it('answers with `>`, each register with its own count, and loses the first request after it slept', async () => {
      await clock.sleep('until it sleeps', 1500)
      const after = at.site.frames.after(0).next
      await reads('a reading', () => true)
      const lost = unanswered(after)
      expect(lost).toHaveLength(1)
      for (let round = 0; round < 10; round++) await reads('another', () => true)
      expect(unanswered(after)).toHaveLength(1)
      const replies = at.site.frames.after(after).entries.filter(({ direction }) => direction === 'reply')
      expect(replies.length).toBeGreaterThan(10)
      expect(replies.filter(({ hex }) => !hex.startsWith('3e'))).toEqual([])
    })

    it('is paused though it slept and lost the first pause', async () => {
      await charges()
      await clock.sleep('until it sleeps', 1500)
      const after = at.site.frames.after(0).next
      // The driver has no reason to think that it sleeps: one of the caller's own tries shows it.
      await done('a pause', () => at.board.pause())
      expect(unanswered(after).length).toBeGreaterThan(0)
      await reads('paused', ({ oscillatorOn }) => !oscillatorOn)
    })

    it('is fed by any request: it charges on for longer than its time-out while it is only read', async () => {
      await charges()
      const endMs = clock.monotonic() + 6500
      while (clock.monotonic() < endMs) {
        await reads('charging', ({ pilot, offeredMilliamps }) => pilot === 'C' && offeredMilliamps === OFFER)
        await clock.sleep('look again', 300)
      }
      expect(at.currentMilliamps()).toBeGreaterThan(6000)
    })

    it('goes to F4 when nobody talks, tells it, and comes back when somebody does', async () => {
      await charges()
      await clock.sleep('nobody talks', 5600)
      expect(at.currentMilliamps()).toBe(0)
      const tripped = await reads('F4', ({ pilot }) => pilot !== 'C')
      expect(tripped.oscillatorOn).toBe(false)
      expect(tripped.vendorError).toMatch(/F4|flags/)
      await charges()
    })

    it('can be taken out of service and back: the next offer charges again', async () => {
      await charges()
      await done('out', async () => (await at.board.setService?.(false)) ?? { ok: false })
      await reads('out', ({ errors, oscillatorOn }) => errors.includes('unavailable') && !oscillatorOn)
      await at.until(
        'no current',
        async () => at.currentMilliamps(),
        (current) => current === 0,
      )
      await done('in', async () => (await at.board.setService?.(true)) ?? { ok: false })
      await reads('in', ({ errors }) => errors.length === 0)
      await charges()
      at.orders()
      await done('in already', async () => (await at.board.setService?.(true)) ?? { ok: false })
      expect(at.orders()).toEqual([])
    })
  })

  it('is refused where its upstream time-out is off: nothing would end a charge', async () => {
    const off = await boardOnBus(ID, { keys: { upstreamTimeout: false }, unprepared: true })
    const refused = await off.until(
      'an answer',
      () => off.board.prepare(),
      (prepared) => prepared.ok || prepared.error.kind === 'configuration',
    )
    expect(JSON.stringify(refused)).toMatch(/the upstream time-out is off/)
    await off.close()
  })
})
