// The driver of the EVSE-WB/DIN over hw-sim's, a real port and real line times.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { BoardReading } from '../../../agent/control/ports/board.ts'
import type { BusUnit } from '../../../agent/control/ports/bus.ts'
import { systemClock } from '../../../shared/io/system-clock.ts'
import { amps, milliAmps } from '../../../shared/units.ts'
import { type BoardOnBus, boardOnBus } from '../board-on-bus.ts'
import { badLineContract, boardContract } from '../board-port.ts'

const ID = 'evracing-evse-din'
const LONG_MS = 90_000
const clock = systemClock()

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
const offers = (at: BoardOnBus, milliamps: number) =>
  done(at, 'an offer', () => at.board.offer(milliAmps(milliamps)))
const pauses = (at: BoardOnBus) => done(at, 'a pause', () => at.board.pause())

/** What was sent to the board since `after`, and what of it was not heard. */
const requests = (at: BoardOnBus, after = 0) =>
  at.site.frames
    .after(after)
    .entries.filter(({ direction, unitId }) => direction === 'request' && unitId === at.unitId)

describe(ID, () => {
  // Error 5, its residual current monitor's, stays until it is cleared: below.
  boardContract(() => boardOnBus(ID), [[1, 'diodeMissing']])
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

    it('was made right with two writes to its EEPROM; a second start writes nothing', async () => {
      const { retentiveWrites } = at.site.state().board
      expect(retentiveWrites).toBeLessThanOrEqual(2)
      expect(await at.board.prepare()).toEqual({
        ok: true,
        value: {
          serial: null,
          retentiveWrites,
          fallback: { timeoutMs: null, currentMilliamps: amps(6) },
        },
      })
      expect(at.site.state().board.retentiveWrites).toBe(retentiveWrites)
    })

    it('hears every request: none comes within 100 ms of its last reply, and none writes but by function code 16', async () => {
      const before = at.site.frames.after(0).next
      at.plug()
      await offers(at, 16_000)
      for (let round = 0; round < 5; round++) await at.board.read()
      await pauses(at)
      const mine = requests(at, before)
      expect(mine.length).toBeGreaterThan(6)
      expect(mine.filter(({ unanswered }) => unanswered !== undefined)).toEqual([])
      expect(new Set(mine.map(({ hex }) => hex.slice(2, 4)))).toEqual(new Set(['03', '10']))
    })

    it('offers hundredths of an ampere, and reads them back', async () => {
      expect(at.board.facts.stepMilliamps).toBe(10)
      at.plug()
      for (const milliamps of [6450, 15_990, 80_000]) {
        await offers(at, milliamps)
        await reads(at, `${milliamps} mA`, ({ offeredMilliamps }) => offeredMilliamps === milliamps)
      }
    })

    it('adopts a running charge by reading: not one write', async () => {
      at.plug()
      await offers(at, 16_000)
      await reads(at, 'charging', ({ pilot }) => pilot === 'C')
      const before = at.site.frames.after(0).next
      await done(at, 'prepared', () => at.board.prepare())
      for (let round = 0; round < 3; round++) await at.board.read()
      await offers(at, 16_000)
      expect(requests(at, before).filter(({ hex }) => hex.slice(2, 4) !== '03')).toEqual([])
    })

    it('tells a missing diode with the raw word beside it, and then waits for the car to be unplugged', async () => {
      at.plug()
      await reads(at, 'a car', ({ pilot }) => pilot === 'B')
      at.site.addFault({ kind: 'diodeMissing' })
      const seen = await reads(at, 'the fault', ({ errors }) => errors.length > 0)
      expect(seen).toMatchObject({ errors: ['diodeMissing'], pilot: 'F' })
      expect(seen.vendorError).toMatch(/^register 1007: 0x000[23]$/)
      at.site.clearFaults()
      await reads(at, 'waiting', ({ errors, pilot }) => errors[0] === 'unavailable' && pilot === 'F')
      at.unplug()
      await reads(at, 'well', ({ errors, pilot }) => errors.length === 0 && pilot === 'A')
    })

    it('is without supply when its relay lets go, at once when it is told to; back, it offers 6 A until it is paused', async () => {
      at.plug()
      await offers(at, 16_000)
      await reads(at, 'charging', () => at.currentMilliamps() > 10_000)
      at.silence()
      const releasedMs = clock.monotonic()
      await done(at, 'released', async () => (await at.relay?.release()) ?? { ok: false })
      while (at.currentMilliamps() > 0) {
        expect(clock.monotonic() - releasedMs).toBeLessThan(500)
        await clock.sleep('look again', 5)
      }
      expect(at.site.state().board.powered).toBe(false)
      at.talk()
      const seen = await reads(at, 'back', ({ offeredMilliamps }) => offeredMilliamps > 0)
      expect(seen.offeredMilliamps).toBe(amps(6))
      await pauses(at)
      await reads(at, 'paused', ({ oscillatorOn }) => !oscillatorOn)
    })
  })

  it('tells an RCD error by the other transcription of 1007, and is the same with the relay bit inverted', async () => {
    const at = await boardOnBus(ID, { keys: { rcdBits: 'other', relayBit: 'inverted' } })
    at.plug()
    await offers(at, 16_000)
    const charging = await reads(at, 'charging', ({ pilot }) => pilot === 'C')
    expect(charging).not.toHaveProperty('relay')
    expect(charging.errors).toEqual([])
    at.site.addFault({ kind: 'residualCurrent' })
    const tripped = await reads(at, 'the trip', ({ errors }) => errors.length > 0)
    expect(tripped).toMatchObject({ errors: ['residualCurrentTripped'], pilot: 'F' })
    at.site.clearFaults()
    await at.board.read()
    await reads(at, 'still tripped', ({ errors }) => errors.includes('residualCurrentTripped'))
    await at.restart()
    await reads(at, 'well', ({ errors }) => errors.length === 0)
    await at.close()
  })

  it('offers whole amperes on a firmware before 17, which leaves its scale alone', async () => {
    const at = await boardOnBus(ID, { keys: { firmware: 16 } })
    expect(at.board.facts.stepMilliamps).toBe(1000)
    at.plug()
    await offers(at, 13_000)
    await reads(at, '13 A', ({ offeredMilliamps }) => offeredMilliamps === amps(13))
    await at.close()
  })

  /** 2005 bit 4: the monitor's feedback is connected. */
  const withMonitor = async (unit: BusUnit) => {
    const found = await unit.readWords(3, 2005, 1, 'identity')
    if (!found.ok) throw new Error(found.error.kind)
    const written = await unit.writeWords(2005, [(found.value.value[0] ?? 0) | 0x10], 'identity')
    if (!written.ok) throw new Error(written.error.kind)
  }

  /** How a self-test ends, with the errors told then. */
  async function selfTest(rcdBits: 'esphome' | 'other', isSound: boolean) {
    const at = await boardOnBus(ID, { keys: { rcdBits }, fitter: withMonitor })
    expect(at.board.facts.hasSelfTest).toBe(true)
    await done(at, 'started', async () => (await at.board.startSelfTest?.()) ?? { ok: false })
    await reads(at, 'running', ({ selfTest, errors }) => selfTest === 'running' && errors.length === 0)
    if (!isSound) at.site.addFault({ kind: 'selfTestFailed' })
    const endMs = clock.monotonic() + LONG_MS / 2
    let seen = await reads(at, 'a reading', () => true)
    while (seen.selfTest === 'running' && clock.monotonic() < endMs)
      seen = await reads(at, 'a reading', () => true)
    await at.close()
    return [seen.selfTest, ...seen.errors]
  }

  it(
    'tests its residual current monitor: passed and failed, in both transcriptions',
    async () => {
      const [passed, failed] = [['passed'], ['failed', 'residualCurrentTestFailed']]
      const outcomes = await Promise.all([
        selfTest('esphome', true),
        selfTest('esphome', false),
        selfTest('other', true),
        selfTest('other', false),
      ])
      expect(outcomes).toEqual([passed, failed, passed, failed])
    },
    LONG_MS,
  )
})
