// The driver of the Mennekes AMTRON Compact 2.0s over hw-sim's, a real port and real line times.
import { afterEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../../shared/io/system-clock.ts'
import { amps } from '../../../shared/units.ts'
import { type BoardOnBus, type BoardOptions, boardOnBus } from '../board-on-bus.ts'
import { boardContract } from '../board-port.ts'

const ID = 'mennekes-amtron-compact-2s'
const clock = systemClock()

describe(ID, () => {
  boardContract(() => boardOnBus(ID))

  describe('and what is its own', () => {
    let at: BoardOnBus
    const open = async (options: BoardOptions = {}) => {
      at = await boardOnBus(ID, options)
    }
    afterEach(() => at?.close())

    type Read = Awaited<ReturnType<BoardOnBus['board']['read']>>
    const reading = (what: string, holds: (read: Read) => boolean) =>
      at.until(what, () => at.board.read(), holds)
    const prepares = () =>
      at.until(
        'prepared',
        () => at.board.prepare(),
        (it) => it.ok,
      )
    const offers = (currentAmps: number) =>
      at.until(
        'an offer',
        () => at.board.offer(amps(currentAmps)),
        (offered) => offered.ok,
      )
    const charges = async (currentAmps = 16) => {
      at.plug()
      await offers(currentAmps)
      await reading('charging', (read) => read.ok && read.value.pilot === 'C' && read.value.oscillatorOn)
    }
    const unit = () => at.unitId.toString(16).padStart(2, '0')
    const requestsOf = (from: number) =>
      at.site.frames.after(from).entries.filter(({ direction }) => direction === 'request')
    const writesOf = (from: number) =>
      requestsOf(from).filter(({ hex }) => hex.startsWith(`${unit()}06`) || hex.startsWith(`${unit()}10`))
    const newest = () => at.site.frames.after(0).next

    it.each(['highFirst', 'lowFirst'])('finds the order of the words: %s', async (wordOrder) => {
      await open({ keys: { wordOrder } })
      await charges(13.5)
      await reading('13.5 A', (read) => read.ok && read.value.offeredMilliamps === amps(13.5))
      expect(at.site.state().board.offeredMilliamps).toBe(13_500)
      const read = await reading('warm', (it) => it.ok && it.value.temperatureMilliCelsius !== undefined)
      expect(read.ok && read.value.temperatureMilliCelsius).toBe(25_000)
    })

    it('sets the fallback to a pause once: a second start writes nothing that wears', async () => {
      await open()
      const first = await prepares()
      const { retentiveWrites } = at.site.state().board
      expect(first).toMatchObject({ ok: true, value: { retentiveWrites, fallback: { currentMilliamps: 0 } } })
      await prepares()
      expect(at.site.state().board.retentiveWrites).toBe(retentiveWrites)
    })

    it('adopts a running charge by reading: only the heartbeat is written', async () => {
      await open()
      await charges()
      const from = newest()
      for (let round = 0; round < 6; round++) await at.board.read()
      await at.board.offer(amps(16))
      expect(writesOf(from).filter(({ hex }) => !hex.startsWith(`${unit()}060d0055aa`))).toEqual([])
    })

    it('never writes less than 6 A to the register where 0 means unlimited', async () => {
      await open()
      const from = newest()
      for (const current of [16, 6, 32, 10]) {
        await charges(current)
        await at.board.pause()
        await reading('paused', (read) => read.ok && !read.value.oscillatorOn)
      }
      const limits = writesOf(from)
        .filter(({ hex }) => hex.startsWith(`${unit()}100302`))
        .map(({ hex }) => Buffer.from(hex.slice(14, 22), 'hex').readFloatBE(0))
      expect(limits).toEqual([16, 6, 32, 10])
    })

    it('a station that starts released and without a limit is ended by one pause', async () => {
      await open({ keys: { releasedAtStart: true } })
      at.plug()
      await at.restart()
      await reading('it offers by itself', (read) => read.ok && read.value.oscillatorOn)
      expect(at.site.state().board.offeredMilliamps).toBe(32_000)
      await prepares()
      await at.until(
        'a pause',
        () => at.board.pause(),
        (paused) => paused.ok,
      )
      await reading('paused', (read) => read.ok && !read.value.oscillatorOn)
      await at.until(
        'no current',
        async () => at.currentMilliamps(),
        (current) => current === 0,
      )
      await offers(10)
      await reading('10 A', (read) => read.ok && read.value.offeredMilliamps === amps(10))
    })

    it('reading alone feeds nothing: without the heartbeat it pauses, says so, and comes back with an offer', async () => {
      await open()
      await charges()
      at.silence()
      const silentMs = clock.monotonic()
      await reading('paused by itself', (read) => read.ok && !read.value.oscillatorOn)
      const tookMs = clock.monotonic() - silentMs
      expect(tookMs).toBeGreaterThan(4000)
      expect(tookMs).toBeLessThan(at.deadmanMs + 1500)
      const told = await reading('told', (read) => read.ok && read.value.vendorError !== undefined)
      expect(told.ok && told.value.vendorError).toBe('0x0E01 = 1, the heartbeat was lost')
      at.talk()
      await charges(10)
      await reading('10 A', (read) => read.ok && read.value.offeredMilliamps === amps(10))
    }, 40_000)

    it('tells an error number that nobody explains', async () => {
      await open()
      at.site.addFault({ kind: 'boardError', bit: 2 })
      const told = await reading(
        'the error',
        (read) => read.ok && read.value.errors.includes('internalFault'),
      )
      expect(told.ok && told.value.vendorError).toBe('0x0E00 = 2')
      at.site.clearFaults()
      await reading('no error', (read) => read.ok && read.value.errors.length === 0)
    })
  })
})
