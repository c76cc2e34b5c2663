// The driver of the Viridian EPC 2.0 Plus over hw-sim's, a real port and real line times.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { BoardReading } from '../../../agent/control/ports/board.ts'
import { amps } from '../../../shared/units.ts'
import { type BoardOnBus, boardOnBus } from '../board-on-bus.ts'
import { badLineContract, boardContract } from '../board-port.ts'

const ID = 'viridian-epc2-plus'

const reads = async (at: BoardOnBus, what: string, holds: (reading: BoardReading) => boolean) => {
  const seen = await at.until(
    what,
    () => at.board.read(),
    (read) => read.ok && holds(read.value),
  )
  if (!seen.ok) throw new Error(what)
  return seen.value
}
const done = (at: BoardOnBus, what: string, turn: () => Promise<{ readonly ok: boolean }>) =>
  at.until(what, turn, ({ ok }) => ok)
const offers = (at: BoardOnBus, currentAmps: number) =>
  done(at, 'an offer', () => at.board.offer(amps(currentAmps)))
const pauses = (at: BoardOnBus) => done(at, 'a pause', () => at.board.pause())
const prepares = (at: BoardOnBus) => done(at, 'prepared', () => at.board.prepare())

/** What was sent to the board since `after`. */
const requests = (at: BoardOnBus, after: number) =>
  at.site.frames
    .after(after)
    .entries.filter(({ direction, unitId }) => direction === 'request' && unitId === at.unitId)
const writes = (at: BoardOnBus, after: number) =>
  requests(at, after)
    .map(({ hex }) => hex.slice(2, -4))
    .filter((hex) => !hex.startsWith('03'))

describe(ID, () => {
  boardContract(
    () => boardOnBus(ID),
    [
      [0, 'residualCurrentTestFailed'],
      [1, 'residualCurrentTripped'],
      [2, 'diodeMissing'],
    ],
  )
  badLineContract(() => boardOnBus(ID))

  describe('and what is its own', () => {
    let at: BoardOnBus
    beforeAll(async () => {
      at = await boardOnBus(ID)
    })
    afterAll(() => at?.close())
    beforeEach(async () => {
      at.site.clearFaults()
      at.unplug()
      await pauses(at)
      await reads(at, 'nothing plugged in', ({ pilot, errors }) => pilot === 'A' && errors.length === 0)
    })

    it('was made right with one write that wears, and its watchdog runs with 2 s and no current', async () => {
      const { board } = at.site.state()
      expect(board).toMatchObject({ retentiveWrites: 1, watchdog: 'running' })
      expect(await at.board.prepare()).toEqual({
        ok: true,
        value: { serial: null, retentiveWrites: 1, fallback: { timeoutMs: 2000, currentMilliamps: 0 } },
      })
      expect(at.site.state().board.retentiveWrites).toBe(1)
    })

    it('gets its watchdog back after a restart that forgot it, and no write that wears', async () => {
      await at.restart()
      const before = at.site.frames.after(0).next
      await prepares(at)
      // 30 before 28: no time-out without its fallback.
      expect(writes(at, before)).toEqual(
        ['06001e0000', '06001c07d0'].filter((hex) => writes(at, before).includes(hex)),
      )
      expect(writes(at, before)).toContain('06001c07d0')
      expect(at.site.state().board).toMatchObject({ retentiveWrites: 1, watchdog: 'running' })
    })

    it('charges nobody by itself after a power cut', async () => {
      at.plug()
      await offers(at, 16)
      await reads(at, 'charging', ({ pilot }) => pilot === 'C')
      await at.restart()
      const back = await reads(at, 'back', () => true)
      expect(back).toMatchObject({ oscillatorOn: false, offeredMilliamps: 0 })
      await prepares(at)
    })

    it('has its watchdog fed by readings alone', async () => {
      at.plug()
      await offers(at, 16)
      await reads(at, 'the current', () => at.currentMilliamps() === 16_000)
      const before = at.site.frames.after(0).next
      const endMicros = at.site.state().atMicros + 5_000_000
      while (at.site.state().atMicros < endMicros) await reads(at, 'a reading', () => true)
      expect(writes(at, before)).toEqual([])
      expect(at.currentMilliamps()).toBe(16_000)
    })

    it('adopts a running charge by reading: not one write', async () => {
      at.plug()
      await offers(at, 16)
      await reads(at, 'charging', ({ pilot }) => pilot === 'C')
      const before = at.site.frames.after(0).next
      await prepares(at)
      for (let round = 0; round < 3; round++) await at.board.read()
      await offers(at, 16)
      expect(requests(at, before).length).toBeGreaterThan(5)
      expect(writes(at, before)).toEqual([])
    })

    it('tells the raw word of its errors, and keeps a residual current until the car has gone', async () => {
      at.plug()
      await reads(at, 'a car', ({ pilot }) => pilot === 'B')
      at.site.addFault({ kind: 'boardError', bit: 1 })
      const seen = await reads(at, 'an error', ({ errors }) => errors.length > 0)
      expect(seen.vendorError).toBe('register 14: 0x0002')
      at.site.clearFaults()
      for (let round = 0; round < 5; round++) {
        await reads(at, 'still told', ({ errors }) => errors.includes('residualCurrentTripped'))
      }
      at.unplug()
      expect(await reads(at, 'no error', ({ errors }) => errors.length === 0)).not.toHaveProperty(
        'vendorError',
      )
    })

    it('asks for nothing that the board refuses', async () => {
      const before = at.site.frames.after(0).next
      await prepares(at)
      for (let round = 0; round < 4; round++) await at.board.read()
      await offers(at, 16)
      const replies = at.site.frames.after(before).entries.filter(({ direction }) => direction === 'reply')
      expect(replies.length).toBeGreaterThan(8)
      expect(replies.filter(({ hex }) => Number.parseInt(hex.slice(2, 4), 16) >= 0x80)).toEqual([])
      expect(requests(at, before).filter(({ unanswered }) => unanswered !== undefined)).toEqual([])
    })
  })

  it('offers up to what its fitter has set in register 44', async () => {
    const at = await boardOnBus(ID, {
      fitter: async (unit) => {
        const written = await unit.writeWord(44, 32, 'identity')
        if (!written.ok) throw new Error(written.error.kind)
      },
    })
    expect(at.board.facts.currentMaxMilliamps).toBe(amps(32))
    at.plug()
    await offers(at, 32)
    await reads(at, '32 A', ({ offeredMilliamps }) => offeredMilliamps === amps(32))
    await at.close()
  })

  it('holds and frees the plug of a socket as it is told, and reads the cable', async () => {
    const at = await boardOnBus(ID, { cable: 'socket', boardLock: true })
    at.plug()
    await reads(
      at,
      'the cable',
      ({ proximity }) => proximity.kind === 'rating' && proximity.currentMilliamps === amps(32),
    )
    await done(at, 'locked', async () => (await at.board.lock?.()) ?? { ok: false })
    await reads(at, 'locked', () => at.site.state().lock?.position === 'locked')
    await done(at, 'unlocked', async () => (await at.board.unlock?.()) ?? { ok: false })
    await reads(at, 'unlocked', () => at.site.state().lock?.position === 'unlocked')
    await at.close()
  })
})
