// What every EVSE board driver owes its port, over a board that is there: today hw-sim's, later a real one on a bench.
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import type { Board, BoardError, BoardReading } from '../../agent/control/ports/board.ts'
import { systemClock } from '../../shared/io/system-clock.ts'
import { amps, milliAmps } from '../../shared/units.ts'

export interface BoardBench {
  readonly board: Board
  /** T_deadman, ms: the relay's hold time, or the board's own time-out. */
  readonly deadmanMs: number
  /** From the dead-man's end to the open contactor, at worst, ms. */
  readonly openingMs: number
  /** The same driver at the address of a device that is no such board. */
  onAnotherModel(): Board
  plug(): void
  unplug(): void
  /** What flows to the car now, the highest phase. */
  currentMilliamps(): number
  /** The supply goes and comes back: volatile registers are lost. */
  restart(): Promise<void>
  /** Nobody refreshes its dead-man any more (the test itself must not talk to it either); `talk` begins again. */
  silence(): void
  talk(): void
  setDead(dead: boolean): void
  /** The board's own error number begins (BoardInputs.heldErrors); null: all are over. */
  setError(number: number | null): void
  /** The serial port or connection goes; and comes back. */
  setPort(there: boolean): void
  /** Function codes and data of the requests since the last call that tell a unit to do something, without those to others. */
  orders(): readonly string[]
  /** Of its replies so many come late, twice, cut, with noise or damaged, each with this probability; 0: none. */
  setBadLine(probability: number): void
  until<T>(what: string, look: () => Promise<T>, holds: (seen: T) => boolean): Promise<T>
  close(): Promise<void>
}

const clock = systemClock()
const STAYS_MS = 1000
const LONG_MS = 60_000

/** What the board tells by which of its own error numbers. */
export type ToldErrors = readonly (readonly [number: number, error: BoardError])[]

/** Runs within a `describe`. `open` gives a prepared board in service (its dead-man held), nothing plugged in. */
export function boardContract(open: () => Promise<BoardBench>, toldErrors: ToldErrors = []) {
  let at: BoardBench
  beforeAll(async () => {
    at = await open()
  })
  afterAll(() => at?.close())
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

  /** As the caller of an offer does: floored to the board's step. */
  const stepped = (currentAmps: number) => {
    const { stepMilliamps } = at.board.facts
    return milliAmps(Math.floor(amps(currentAmps) / stepMilliamps) * stepMilliamps)
  }
  // A loaded machine may time one out; the port says that nothing is retried for its caller.
  const offers = (currentAmps: number) =>
    at.until(
      `${currentAmps} A offered`,
      () => at.board.offer(stepped(currentAmps)),
      (offered) => offered.ok,
    )
  const pauses = () =>
    at.until(
      'a pause',
      () => at.board.pause(),
      (paused) => paused.ok,
    )
  const prepares = async () => {
    const prepared = await at.until(
      'prepared',
      () => at.board.prepare(),
      (result) => result.ok,
    )
    if (!prepared.ok) throw new Error('not prepared')
    return prepared.value
  }
  const charges = async () => {
    at.plug()
    await offers(16)
    await reads('charging', ({ pilot, offeredMilliamps }) => pilot === 'C' && offeredMilliamps > 0)
  }

  it('is prepared, tells a serial number or that it has none, and writes nothing the second time', async () => {
    const first = await prepares()
    if (first.serial !== null) expect(first.serial).toMatch(/\S/)
    expect(await prepares()).toEqual(first)
  })

  it('is refused where another model answers, and names device, register, what was read and what was expected', async () => {
    const refused = await at.until(
      'an answer',
      () => at.onAnotherModel().prepare(),
      (result) => result.ok || result.error.kind === 'configuration',
    )
    expect(refused).toMatchObject({ ok: false, error: { kind: 'configuration' } })
    expect(JSON.stringify(refused)).toMatch(/stranger \(unit 2\).*register \S+.*expected \S+/)
  })

  it('offers exactly what it is told, and the offer is read back', async () => {
    at.plug()
    await reads('a car', ({ pilot, oscillatorOn }) => pilot === 'B' && !oscillatorOn)
    for (const offer of [16, 6, 13, at.board.facts.currentMaxMilliamps >= amps(32) ? 32 : 16]) {
      await offers(offer)
      await reads(`${offer} A`, (seen) => seen.oscillatorOn && seen.offeredMilliamps === stepped(offer))
    }
    await reads('charging', ({ pilot }) => pilot === 'C')
  })

  it('pauses: the oscillator is off and nothing is offered', async () => {
    await charges()
    await pauses()
    await reads('paused', (seen) => !seen.oscillatorOn && seen.offeredMilliamps === 0)
    await offers(10)
    await reads('offered again', ({ offeredMilliamps }) => offeredMilliamps === stepped(10))
  })

  it('adopts a running charge: what is offered already is not ordered again', async () => {
    await charges()
    await prepares()
    await reads('a reading', () => true)
    // Where orders feed the watchdog, they come by themselves.
    at.silence()
    at.orders()
    await offers(16)
    expect(at.orders()).toEqual([])
    at.talk()
  })

  it('offers nothing to the next car after a pause', async () => {
    await charges()
    at.unplug()
    await reads('gone', ({ pilot }) => pilot === 'A')
    await pauses()
    at.plug()
    await reads('the next car', ({ pilot, oscillatorOn }) => pilot === 'B' && !oscillatorOn)
  })

  it('can be paused and offers again after a restart, though its volatile registers are lost', async () => {
    await charges()
    await at.restart()
    await prepares()
    await pauses()
    await reads(
      'not offered',
      ({ oscillatorOn, offeredMilliamps }) => !oscillatorOn && offeredMilliamps === 0,
    )
    await offers(16)
    await reads('offered', ({ offeredMilliamps }) => offeredMilliamps === stepped(16))
  })

  it('never has a reading from the future, nor an old one', async () => {
    const first = await reads('one', () => true)
    const second = await reads('two', () => true)
    expect(second.takenAtMonotonicMs).toBeGreaterThan(first.takenAtMonotonicMs)
  })

  it('is lost while it does not answer, with no reading at all, and is back as it was', async () => {
    await charges()
    at.setDead(true)
    const lost = await at.until(
      'lost',
      () => at.board.read(),
      (read) => !read.ok,
    )
    expect(lost.ok).toBe(false)
    at.setDead(false)
    await reads('back', ({ pilot, offeredMilliamps }) => pilot === 'C' && offeredMilliamps === stepped(16))
  })

  it('is lost with its port and found again', async () => {
    await charges()
    at.setPort(false)
    await at.until(
      'lost',
      () => at.board.read(),
      (read) => !read.ok && read.error.kind === 'portClosed',
    )
    at.setPort(true)
    await prepares()
    await pauses()
    await reads('paused', ({ offeredMilliamps }) => offeredMilliamps === 0)
  })

  it.each(toldErrors)('tells its error %i as %s, and that it is over', async (number, error) => {
    at.plug()
    at.setError(number)
    await reads(error, ({ errors }) => errors.includes(error))
    at.unplug()
    at.setError(null)
    await reads(`no ${error}`, ({ errors, pilot }) => errors.length === 0 && pilot === 'A')
  })

  it(
    'when nobody talks to it, offers within its dead-man and opening time at most what `prepare` told; then it is back',
    async () => {
      const { fallback } = await prepares()
      await charges()
      await at.until(
        'the current',
        () => at.board.read(),
        () => at.currentMilliamps() > Math.max(6000, fallback.currentMilliamps),
      )
      at.silence()
      const silentSinceMs = clock.monotonic()
      while (at.currentMilliamps() > fallback.currentMilliamps) {
        expect(clock.monotonic() - silentSinceMs).toBeLessThan(at.deadmanMs + at.openingMs)
        await clock.sleep('look again', 20)
      }
      const endMs = clock.monotonic() + STAYS_MS
      while (clock.monotonic() < endMs) {
        expect(at.currentMilliamps()).toBeLessThanOrEqual(fallback.currentMilliamps)
        await clock.sleep('look again', 20)
      }
      at.talk()
      await prepares()
      await pauses()
      await reads('paused', ({ offeredMilliamps }) => offeredMilliamps === 0)
      await charges()
    },
    LONG_MS,
  )
}

/**
 * What a driver owes on a bad line: whatever comes back, it never believes what is not so. Each round something is
 * ordered until it is confirmed, over the bad line; then, over a good one, the board has it.
 */
export function badLineContract(open: () => Promise<BoardBench>) {
  it(
    'on a bad line what it confirms is so, and it tells nothing that is not',
    async () => {
      const at = await open()
      at.plug()
      const told: number[] = []
      for (const orderAmps of [16, 10, 0, 6, 13, 0, 0, 16, 8, 0, 12, 12, 0, 7]) {
        at.setBadLine(BAD)
        const order = () => (orderAmps === 0 ? at.board.pause() : at.board.offer(amps(orderAmps)))
        await at.until(`${orderAmps} A`, order, (result) => result.ok)
        told.push(orderAmps)
        const known = [0, ...told.slice(-2)].map(amps)
        for (let round = 0; round < 5; round++) {
          const read = await at.board.read()
          // What was ordered just before may be seen still; nothing else ever.
          if (read.ok) expect(known).toContain(read.value.offeredMilliamps)
        }
        at.setBadLine(0)
        await at.until(
          `${orderAmps} A read back`,
          () => at.board.read(),
          (read) => read.ok && read.value.offeredMilliamps === amps(orderAmps),
        )
      }
      await at.close()
    },
    LONG_MS,
  )
}
const BAD = 0.15
