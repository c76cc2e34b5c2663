import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openBus } from '../../../../../agent/control/drivers/bus/bus.ts'
import {
  bitsPerCharacter,
  frameGapMicros,
  lineMicros,
  SHORT_FRAME_BYTES,
  wordsReplyBytes,
} from '../../../../../agent/control/drivers/bus/line-time.ts'
import {
  type ReactionConfig,
  reactionBound,
} from '../../../../../agent/control/drivers/bus/reaction-bound.ts'
import type { UnitLine } from '../../../../../agent/control/ports/bus.ts'
import { virtualClock } from '../virtual-clock.ts'
import { BUS_19200, bankReply, virtualLine } from '../virtual-line.ts'

const line = { kind: 'rtu', baud: 19_200, dataBits: 8, parity: 'none', stopBits: 1 } as const

const words = (name: string, count: number) => ({
  name,
  requestBytes: SHORT_FRAME_BYTES,
  replyBytes: wordsReplyBytes(count),
})
const short = (name: string) => ({ name, requestBytes: SHORT_FRAME_BYTES, replyBytes: SHORT_FRAME_BYTES })
const answers = (turnaroundWorstMs: number, silenceMs = 0): UnitLine => ({
  silenceMs,
  busSilenceMs: 0,
  turnaroundWorstMs,
  latenessWorstMs: 250,
})

function site(change: Partial<ReactionConfig['board']> = {}, boardPeriodMs = 50): ReactionConfig {
  return {
    line,
    boardPeriodMs,
    boardGapMs: 15,
    holdPeriodMs: 500,
    decisionMs: 2,
    board: {
      line: answers(40),
      read: words('state', 5),
      readErrors: words('errors', 1),
      pause: short('pause'),
      offer: short('offer'),
      readsPerErrorReading: 2,
      ...change,
    },
    others: [
      { name: 'relay', line: answers(20), turns: [{ ...short('hold'), priority: 'hold' }] },
      { name: 'meter', line: answers(60, 100), turns: [{ ...words('block', 18), priority: 'meter' }] },
    ],
  }
}

describe('line time', () => {
  it('is that of the characters with start, parity and stop bits', () => {
    expect(bitsPerCharacter(line)).toBe(10)
    expect(bitsPerCharacter({ baud: 9600, dataBits: 8, parity: 'even', stopBits: 1 })).toBe(11)
    expect(lineMicros(line, 41)).toBe(21_355)
    expect(frameGapMicros(line)).toBe(1823)
    expect(frameGapMicros({ ...line, baud: 115_200 })).toBe(1750)
    expect(frameGapMicros({ kind: 'tcp' })).toBe(0)
  })
})

describe('the reaction bound', () => {
  it('is the sum of its lines', () => {
    for (const config of [site(), site({ line: answers(60, 100) }), site({ readErrors: null })]) {
      const { lines, pilotMs, errorMs } = reactionBound(config)
      const terms = lines.filter((text) => !text.includes('at worst'))
      const total = terms.reduce((sum, text) => sum + Number.parseFloat(text), 0)
      expect(Math.abs(total - errorMs)).toBeLessThanOrEqual(1.5)
      expect(pilotMs).toBeLessThanOrEqual(errorMs)
    }
  })

  it('grows with the period, with a slower device, with longer blocks and with silences', () => {
    const quick = { line: answers(1), readErrors: null, read: words('state', 1) }
    expect(reactionBound(site(quick, 150)).pilotMs - reactionBound(site(quick, 100)).pilotMs).toBe(50)
    const config = site()
    const base = reactionBound(config).pilotMs
    const others = (change: (party: ReactionConfig['others'][number]) => ReactionConfig['others'][number]) =>
      reactionBound({ ...config, others: config.others.map(change) }).pilotMs
    // Both the meter's exchange and the dead-man's may come before the board's.
    expect(others((party) => ({ ...party, line: answers(party.line.turnaroundWorstMs + 50) }))).toBe(
      base + 100,
    )
    const longer = others((party) => ({
      ...party,
      turns: party.turns.map((turn) => ({ ...turn, replyBytes: 165 })),
    }))
    expect(longer).toBeGreaterThan(base + 100)
    // Between its two exchanges, before its next reading and before its pause.
    expect(reactionBound(site({ line: answers(40, 100) })).pilotMs).toBeGreaterThan(base + 3 * 100 - 15)
  })

  it('of a board alone on its bus has no other device in it', () => {
    const alone = reactionBound({ ...site(), others: [] })
    expect(alone.lines.some((text) => text.includes('another device'))).toBe(false)
    expect(alone.pilotMs).toBeLessThan(330)
  })

  it('counts the bytes of an FC16 pause', () => {
    const bytes = (requestBytes: number) =>
      reactionBound(site({ pause: { name: 'pause', requestBytes, replyBytes: 8 } })).pilotMs
    expect(bytes(8 + 48) - bytes(8)).toBe(25)
  })

  it('counts no line time on TCP, but the network', () => {
    const tcp = reactionBound({ ...site(), line: { kind: 'tcp' }, others: [] })
    // 70 for each of reading and errors; 15 to others; an offer; the next reading; 2.
    expect(tcp.pilotMs).toBe(2 * 70 + 15 + 70 + 70 + 2)
  })
})

/** To just before the deadlines of 40, 60 and 20 ms and a slow adapter's 15. */
const units = fc.record({
  board: fc.record({ turnaroundMs: fc.integer({ min: 0, max: 54 }), silenceMs: fc.constantFrom(0, 100) }),
  meterMs: fc.integer({ min: 0, max: 74 }),
  relayMs: fc.integer({ min: 0, max: 34 }),
  /** Answers never. */
  isMeterDead: fc.boolean(),
  changeAtMs: fc.integer({ min: 0, max: 1200 }),
  baud: fc.constantFrom(9600, 19_200),
})

describe('in virtual time', () => {
  it('no pause comes later than the bound, however slowly each unit answers, with a dead one too', async () => {
    await fc.assert(
      fc.asyncProperty(units, async (play) => {
        const silenceMs = play.board.silenceMs
        const config = site({ line: answers(40, silenceMs) })
        const bound = reactionBound({ ...config, line: { ...line, baud: play.baud } })
        expect(await played(config, play)).toBeLessThanOrEqual(bound.pilotMs)
      }),
      { numRuns: 150 },
    )
  }, 60_000)
})

type Play = typeof units extends fc.Arbitrary<infer P> ? P : never

/** From the pilot's change to the end of the pause on the line, ms: loops as control's, a meter and a hold beside. */
async function played(config: ReactionConfig, play: Play): Promise<number> {
  const clock = virtualClock()
  const virtual = virtualLine(clock)
  const bank = {
    words: new Map<number, number>(),
    coils: new Map([
      [7, 0xff00],
      [9, 0],
    ]),
  }
  for (let at = 0; at < 20; at++) bank.words.set(at, 0)
  const turnaround = [play.board.turnaroundMs, play.meterMs, play.relayMs]
  let pausedMicros = 0
  virtual.answer = (request) => {
    const unitId = request[0] ?? 0
    if (unitId === 1 && request[1] === 5) pausedMicros ||= clock.monotonicMicros()
    if (unitId === 2 && play.isMeterDead) return []
    const reply = bankReply(bank, request)
    const onLineMs = lineMicros({ ...line, baud: play.baud }, reply.length) / 1000
    return [{ bytes: reply, afterMs: (turnaround[unitId - 1] ?? 0) + onLineMs }]
  }
  const bus = openBus({
    config: { ...BUS_19200, baud: play.baud },
    clock,
    log: { info: () => undefined, warn: () => undefined },
    openLine: virtual.open,
  })
  const unit = (name: string, unitId: number, unitLine: UnitLine) =>
    bus.unit({ name, unitId, line: unitLine })
  const board = unit('board', 1, config.board.line)
  const meter = unit('meter', 2, config.others[1]?.line ?? answers(60, 100))
  const relay = unit('relay', 3, config.others[0]?.line ?? answers(20))
  let isOver = false
  let changedMicros = 0

  const boardLoop = async () => {
    for (let round = 0; !isOver; round++) {
      const begun = clock.monotonic()
      const read = await board.readWords(3, 0, 5, 'board')
      if (round % 2 === 0) await board.readWords(3, 10, 1, 'board')
      if (read.ok && read.value.value[0] === 1) await board.writeCoil(7, false, 'withdraw')
      await clock.sleep(
        'gap',
        Math.max(config.boardGapMs, config.boardPeriodMs - (clock.monotonic() - begun)),
      )
    }
  }
  const meterLoop = async () => {
    while (!isOver) {
      await meter.readWords(4, 0, 18, 'meter')
      await clock.sleep('meter', 1)
    }
  }
  const holdLoop = async () => {
    while (!isOver) {
      await relay.writeCoil(9, 20, 'hold')
      await clock.sleep('hold', config.holdPeriodMs)
    }
  }
  await clock.advance(5)
  const loops = [boardLoop(), meterLoop(), holdLoop()]
  await clock.advance(200 + play.changeAtMs)
  bank.words.set(0, 1)
  changedMicros = clock.monotonicMicros()
  for (let ms = 0; ms < 3000 && pausedMicros === 0; ms++) await clock.advance(1)
  isOver = true
  await clock.advance(1000)
  await Promise.all(loops)
  await bus.close()
  return (pausedMicros - changedMicros) / 1000
}
