// The driver of the Phoenix EV-CC-AC1-M3 over hw-sim's, a real port and real line times.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../../shared/io/system-clock.ts'
import { amps } from '../../../shared/units.ts'
import { type BoardOnBus, boardOnBus } from '../board-on-bus.ts'
import { boardContract } from '../board-port.ts'

const ID = 'phoenix-ev-cc-ac1-m3-rtu'
const clock = systemClock()

describe(ID, () => {
  boardContract(() => boardOnBus(ID))

  describe('and what is its own', () => {
    let at: BoardOnBus
    beforeAll(async () => {
      at = await boardOnBus(ID)
    })
    afterAll(() => at?.close())
    const reading = (what: string, holds: (read: Awaited<ReturnType<typeof at.board.read>>) => boolean) =>
      at.until(what, () => at.board.read(), holds)

    const offers = () =>
      at.until(
        'an offer',
        () => at.board.offer(amps(16)),
        (offered) => offered.ok,
      )

    it('is not enabled after a restart until it is told to offer', async () => {
      at.site.setCar({ plugged: true })
      await offers()
      await reading('charging', (read) => read.ok && read.value.pilot === 'C')
      await at.restart()
      await at.until(
        'prepared',
        () => at.board.prepare(),
        (it) => it.ok,
      )
      await reading('not offered', (read) => read.ok && read.value.pilot === 'B' && !read.value.oscillatorOn)
    })

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
      at.silence()
      const heldAtMs = clock.monotonic()
      await reading('F', (read) => read.ok && read.value.pilot === 'F')
      expect(clock.monotonic() - heldAtMs).toBeLessThan(at.deadmanMs + 600)
      await reading('XR off', (read) => read.ok && read.value.releaseInputOn === false)
      expect(await at.relay?.hold()).toEqual({ ok: true, value: null })
      await reading('in service', inService)
      const releasedAtMs = clock.monotonic()
      expect(await at.relay?.release()).toEqual({ ok: true, value: null })
      await reading('F', (read) => read.ok && read.value.pilot === 'F')
      expect(clock.monotonic() - releasedAtMs).toBeLessThan(500)
      at.talk()
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
