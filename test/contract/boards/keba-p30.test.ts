// The driver of the KEBA P30 over hw-sim's, by Modbus TCP.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { BoardReading } from '../../../agent/control/ports/board.ts'
import { systemClock } from '../../../shared/io/system-clock.ts'
import { amps } from '../../../shared/units.ts'
import { type BoardOnBus, boardOnBus } from '../board-on-bus.ts'
import { boardContract } from '../board-port.ts'

const ID = 'keba-p30'
const clock = systemClock()
const FAILSAFE_MS = 10_000

describe(ID, () => {
  boardContract(() => boardOnBus(ID, { cable: 'socket', boardLock: true }), [[0x40000, 'internalFault']])

  describe('and what is its own', () => {
    let at: BoardOnBus
    beforeAll(async () => {
      at = await boardOnBus(ID, { cable: 'socket', boardLock: true })
    })
    afterAll(() => at?.close())
    beforeEach(() => at.talk())

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
      await done('16 A', () => at.board.offer(amps(16)))
      await reads('charging', ({ pilot }) => pilot === 'C' && at.currentMilliamps() > 6000)
    }

    it('is fed by writes: it charges on while they come, and stops though it is read', async () => {
      await charges()
      const endMs = clock.monotonic() + FAILSAFE_MS + 1500
      while (clock.monotonic() < endMs) {
        await reads('charging', ({ pilot }) => pilot === 'C')
        await clock.sleep('look again', 200)
      }
      expect(at.currentMilliamps()).toBeGreaterThan(6000)
      at.silence()
      const silentMs = clock.monotonic()
      await reads('its failsafe', ({ oscillatorOn }) => !oscillatorOn)
      const tookMs = clock.monotonic() - silentMs
      // The last feed was at most 3 s before.
      expect(tookMs).toBeGreaterThan(FAILSAFE_MS - 3500)
      expect(tookMs).toBeLessThan(FAILSAFE_MS + 1000)
      expect(at.site.state().board.watchdog).toBe('tripped')
    }, 60_000)

    it('wants current and enabling again after its failsafe: feeding alone brings nothing back, an offer does', async () => {
      await done('fed', async () => (await at.board.feed?.()) ?? { ok: false })
      await clock.sleep('what feeding brings', 1000)
      await reads('nothing', ({ oscillatorOn }) => !oscillatorOn)
      expect(at.currentMilliamps()).toBe(0)
      at.orders()
      await done('16 A', () => at.board.offer(amps(16)))
      expect(at.orders().filter((pdu) => /^06(138c|1396)/.test(pdu))).toEqual(['06138c3e80', '0613960001'])
      await reads('charging', ({ pilot }) => pilot === 'C')
    })

    it('is locked while it charges, and unlocks once it is suspended', async () => {
      expect((await reads('locked', ({ lock }) => lock === 'locked')).pilot).toBe('C')
      await done('unlocked', async () => (await at.board.unlock?.()) ?? { ok: false })
      await reads('unlocked', ({ lock, pilot }) => lock === 'unlocked' && pilot === 'B')
    })

    it('never wears its memory: nothing of all this was stored', () => {
      expect(at.site.state().board.retentiveWrites).toBe(0)
      const { entries } = at.site.frames.after(0)
      expect(
        entries.filter(({ direction, pdu }) => direction === 'request' && pdu.startsWith('06139c')),
      ).toEqual([])
    })

    it('is asked for one value of two registers at a time', () => {
      const reading = at.site.frames
        .after(0)
        .entries.filter(({ direction, pdu }) => direction === 'request' && pdu.startsWith('03'))
      expect(reading.length).toBeGreaterThan(50)
      expect(reading.filter(({ pdu }) => !pdu.endsWith('0002'))).toEqual([])
    })

    it.each(['E', 'F'] as const)('with its pilot in %s gives no current and is no C', async (state) => {
      at.unplug()
      await reads('gone', ({ pilot }) => pilot === 'A')
      await charges()
      at.site.addFault({ kind: 'pilot', state })
      await reads('no current', ({ pilot, oscillatorOn }) => pilot !== 'C' && !oscillatorOn)
      at.site.clearFaults()
    })
  })
})
