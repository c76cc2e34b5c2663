// What every EVSE board driver owes its port, over a board that is there: today hw-sim's, later a real one on a bench.
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import type { Board, BoardReading } from '../../agent/control/ports/board.ts'
import { amps } from '../../shared/units.ts'

export interface BoardBench {
  readonly board: Board
  plug(): void
  unplug(): void
  /** The supply goes and comes back: volatile registers are lost. */
  restart(): Promise<void>
  until<T>(what: string, look: () => Promise<T>, holds: (seen: T) => boolean): Promise<T>
  close(): Promise<void>
}

/** Runs within a `describe`. `open` gives a board in service (its dead-man held), nothing plugged in. */
export function boardContract(open: () => Promise<BoardBench>) {
  let at: BoardBench
  beforeAll(async () => {
    at = await open()
  })
  afterAll(() => at.close())
  beforeEach(async () => {
    at.unplug()
    await pauses()
    await reads('nothing plugged in', ({ pilot }) => pilot === 'A')
  })

  /** Reads until a good reading holds. */
  const reads = async (what: string, holds: (reading: BoardReading) => boolean) => {
    const seen = await at.until(
      what,
      () => at.board.read(),
      (read) => read.ok && holds(read.value),
    )
    if (!seen.ok) throw new Error(what)
    return seen.value
  }

  // A loaded machine may time one out; the port says that nothing is retried for its caller.
  const offers = (currentAmps: number) =>
    at.until(
      `${currentAmps} A offered`,
      () => at.board.offer(amps(currentAmps)),
      (offered) => offered.ok,
    )
  const pauses = () =>
    at.until(
      'a pause',
      () => at.board.pause(),
      (paused) => paused.ok,
    )
  const prepares = () =>
    at.until(
      'prepared',
      () => at.board.prepare(),
      (prepared) => prepared.ok,
    )

  it('is prepared, tells its serial number, and writes nothing the second time', async () => {
    const first = await prepares()
    expect(first.ok && first.value.serial).toMatch(/\S/)
    expect(await prepares()).toEqual(first)
  })

  it('offers exactly what it is told, and the offer is read back', async () => {
    at.plug()
    await reads('a car', ({ pilot, oscillatorOn }) => pilot === 'B' && !oscillatorOn)
    for (const offer of [16, 6, 13, at.board.facts.currentMaxMilliamps >= amps(32) ? 32 : 16]) {
      await offers(offer)
      await reads(`${offer} A`, (seen) => seen.oscillatorOn && seen.offeredMilliamps === amps(offer))
    }
    await reads('charging', ({ pilot }) => pilot === 'C')
  })

  it('pauses: the oscillator is off and nothing is offered', async () => {
    at.plug()
    await offers(16)
    await reads('charging', ({ pilot, oscillatorOn }) => pilot === 'C' && oscillatorOn)
    await pauses()
    await reads('paused', (seen) => !seen.oscillatorOn && seen.offeredMilliamps === 0)
    await offers(10)
    await reads('offered again', ({ offeredMilliamps }) => offeredMilliamps === amps(10))
  })

  it('offers nothing to the next car after a pause', async () => {
    at.plug()
    await offers(16)
    await reads('charging', ({ pilot }) => pilot === 'C')
    at.unplug()
    await reads('gone', ({ pilot }) => pilot === 'A')
    await pauses()
    at.plug()
    await reads('the next car', ({ pilot, oscillatorOn }) => pilot === 'B' && !oscillatorOn)
  })

  it('offers again after a restart, once asked, though its volatile registers are lost', async () => {
    at.plug()
    await offers(16)
    await reads('charging', ({ pilot }) => pilot === 'C')
    await at.restart()
    await prepares()
    await reads('not offered', ({ pilot, oscillatorOn }) => pilot === 'B' && !oscillatorOn)
    await offers(16)
    await reads('offered', ({ offeredMilliamps }) => offeredMilliamps === amps(16))
  })

  it('never has a reading from the future, nor an old one', async () => {
    const first = await reads('one', () => true)
    const second = await reads('two', () => true)
    expect(second.takenAtMonotonicMs).toBeGreaterThan(first.takenAtMonotonicMs)
  })
}
