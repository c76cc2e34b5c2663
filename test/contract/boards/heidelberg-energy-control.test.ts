// The driver of the Heidelberg Energy Control over hw-sim's, a real port and real line times.
import { afterEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../../shared/io/system-clock.ts'
import { amps } from '../../../shared/units.ts'
import { type BoardOnBus, type BoardOptions, boardOnBus } from '../board-on-bus.ts'
import { boardContract } from '../board-port.ts'

const ID = 'heidelberg-energy-control'
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
    const charges = async (currentAmps = 16) => {
      at.plug()
      await at.until(
        'an offer',
        () => at.board.offer(amps(currentAmps)),
        (offered) => offered.ok,
      )
      await reading('charging', (read) => read.ok && read.value.pilot === 'C' && read.value.oscillatorOn)
    }
    const framesOf = (from: number) => at.site.frames.after(from).entries
    const newest = () => at.site.frames.after(0).next
    const answersFor = async (ms: number) => {
      const endMs = clock.monotonic() + ms
      while (clock.monotonic() < endMs) expect((await at.board.read()).ok).toBe(true)
    }

    it('on layout 1.0.8 is right as delivered but for stand-by and lock, and a second start writes nothing', async () => {
      await open({ keys: { layout: 0x0108 } })
      const from = newest()
      expect(await prepares()).toEqual(await prepares())
      expect(framesOf(from).filter(({ hex }) => /^0106|^0110/.test(hex))).toEqual([])
    })

    it('adopts a running charge by reading: not one write', async () => {
      await open()
      await charges()
      const from = newest()
      for (let round = 0; round < 6; round++) await at.board.read()
      await at.board.offer(amps(16))
      expect(framesOf(from).filter(({ hex }) => /^0106|^0110/.test(hex))).toEqual([])
    })

    it('offers tenths of an ampere', async () => {
      await open()
      await charges(6.1)
      await reading('6.1 A', (read) => read.ok && read.value.offeredMilliamps === amps(6.1))
      expect(at.site.state().board.offeredMilliamps).toBe(6100)
    })

    it('is asked no sooner than 100 ms after its own reply, so that it hears each request, pauses too', async () => {
      await open()
      const from = newest()
      at.plug()
      for (const current of [16, 10, 6]) {
        await at.board.offer(amps(current))
        await at.board.read()
        await at.board.pause()
        await at.board.read()
      }
      const requests = framesOf(from).filter(({ direction }) => direction === 'request')
      expect(requests.length).toBeGreaterThan(10)
      expect(requests.filter(({ unanswered }) => unanswered !== undefined)).toEqual([])
    })

    it('does not fall asleep while nobody is plugged in, nor after a restart that was shorter than a silence', async () => {
      await open({ keys: { standbyAfterMs: 1000, bootMs: 500 } })
      await answersFor(2500)
      await charges(10)
      at.unplug()
      await at.restart()
      await reading('back', (read) => read.ok)
      await prepares()
      await at.board.pause()
      await answersFor(2500)
    })

    it('tells a fault without a number as an internal one', async () => {
      await open()
      at.site.addFault({ kind: 'boardError', bit: 2 })
      await reading('the fault', (read) => read.ok && read.value.errors.includes('internalFault'))
      at.site.clearFaults()
      await reading('no fault', (read) => read.ok && read.value.errors.length === 0)
    })

    it('shows E as it is, and nothing flows', async () => {
      await open()
      await charges()
      at.site.addFault({ kind: 'pilot', state: 'E' })
      await reading('E', (read) => read.ok && read.value.pilot === 'E')
      await at.until(
        'no current',
        async () => at.currentMilliamps(),
        (current) => current === 0,
      )
    })

    it('after its watchdog is in F for about 10 s, then goes on by itself with what was set: so a pause comes first', async () => {
      await open({ keys: { layout: 0x0108 } })
      await charges()
      await clock.sleep('nobody talks', at.deadmanMs + 500)
      await reading('F', (read) => read.ok && read.value.pilot === 'F' && read.value.offeredMilliamps === 0)
      expect(at.currentMilliamps()).toBe(0)
      const heardMs = clock.monotonic()
      await reading('it goes on', (read) => read.ok && read.value.pilot === 'C' && read.value.oscillatorOn)
      const tookMs = clock.monotonic() - heardMs
      expect(tookMs).toBeGreaterThan(8000)
      expect(tookMs).toBeLessThan(13_000)
    }, 60_000)
  })
})
