// The soak of the bus: our transport against slaves that answer late, twice, cut, with noise or a wrong CRC, one of them
// never. Without line times for the number of requests, at 19200 baud for the reaction bound.
import { openBus } from '../../agent/control/drivers/bus/bus.ts'
import { SHORT_FRAME_BYTES, wordsReplyBytes } from '../../agent/control/drivers/bus/line-time.ts'
import { type ReactionConfig, reactionBound } from '../../agent/control/drivers/bus/reaction-bound.ts'
import { BOARD_PERIOD_MS } from '../../agent/control/hardware.ts'
import type { Bus, BusUnit, Outcome, UnitLine } from '../../agent/control/ports/bus.ts'
import { systemClock } from '../../shared/io/system-clock.ts'
import { type Prng, prng } from '../../shared/prng.ts'
import { atMost, type Figure, percentile, reported } from './figure.ts'
import { newReactions, STALL_MS, stallMeter } from './modbus-reactions.ts'
import {
  PAUSE_COIL,
  PILOT,
  SCRATCH,
  type Slaves,
  startSlaves,
  TRUTHFUL_ADDRESSES,
  trouble,
  truth,
} from './modbus-slaves.ts'

export interface ModbusOptions {
  readonly seed: number
  /** Requests on the bus without line pacing; 100,000 where not given. At 19200 there is one for twenty of them. */
  readonly rounds?: number
  /** Probability of each of the five kinds of trouble, per reply; 0.004 where not given: 2 % of all replies. */
  readonly probability?: number
  /** Both where not given. */
  readonly parts?: readonly ('unpaced' | 'paced')[]
}

type Soak = Required<ModbusOptions>

const LIVE = [1, 2, 3] as const
const DEAD = 4
/** A request that is not over after this is stuck: longer than any deadline, queue and quarantine together. */
const STUCK_MS = 5000

const clock = systemClock()

const LINES: Readonly<Record<number, UnitLine>> = {
  1: { silenceMs: 0, busSilenceMs: 0, turnaroundWorstMs: 40, latenessWorstMs: 250 },
  2: { silenceMs: 100, busSilenceMs: 0, turnaroundWorstMs: 60, latenessWorstMs: 400 },
  3: { silenceMs: 0, busSilenceMs: 0, turnaroundWorstMs: 20, latenessWorstMs: 200 },
  4: { silenceMs: 0, busSilenceMs: 0, turnaroundWorstMs: 40, latenessWorstMs: 250 },
}
const lineOf = (unitId: number): UnitLine => {
  const line = LINES[unitId]
  if (line === undefined) throw new Error(`no unit ${unitId}`)
  return line
}

/** What was asked and what came of it. */
interface Tally {
  good: number
  wrong: number
  failed: Map<string, number>
  /** When each request that is not over was asked. */
  readonly open: Set<{ readonly askedAtMs: number }>
  longestMs: number
}
const newTally = (): Tally => ({ good: 0, wrong: 0, failed: new Map(), open: new Set(), longestMs: 0 })

/** Asks, and holds the outcome against what it must be. */
async function judged<T>(
  tally: Tally,
  asked: Promise<Outcome<T>>,
  right: (value: T) => boolean,
): Promise<Outcome<T>> {
  const request = { askedAtMs: clock.monotonic() }
  tally.open.add(request)
  const outcome = await asked
  tally.open.delete(request)
  tally.longestMs = Math.max(tally.longestMs, clock.monotonic() - request.askedAtMs)
  if (!outcome.ok) tally.failed.set(outcome.error.kind, (tally.failed.get(outcome.error.kind) ?? 0) + 1)
  else if (right(outcome.value.value)) tally.good++
  else tally.wrong++
  return outcome
}

const readsRight = (unitId: number, address: number) => (words: readonly number[]) =>
  words.every((word, index) => word === truth(unitId, address + index))

/** Requests that are asked for so long that they will never be over. */
const stuck = (tally: Tally): number =>
  [...tally.open].filter(({ askedAtMs }) => clock.monotonic() - askedAtMs > STUCK_MS).length

/** Ends when all callers are done, or when a request is stuck: its caller never would be. */
async function doneOrStuck(tally: Tally, callers: readonly Promise<void>[]): Promise<void> {
  let isOver = false
  const done = Promise.all(callers).then(() => {
    isOver = true
  })
  const watch = async () => {
    while (!isOver && stuck(tally) === 0) await clock.sleep('watch', 100)
  }
  await Promise.race([done, watch()])
}

const failures = ({ failed }: Tally): string =>
  [...failed].map(([kind, count]) => `${count} ${kind}`).join(', ') || 'none'

async function opened(slaves: Slaves, baud: number): Promise<Bus> {
  const bus = openBus({
    config: { kind: 'rtu', name: 'soak', port: slaves.path, baud, dataBits: 8, parity: 'none', stopBits: 1 },
    clock,
    log: { info: () => undefined, warn: () => undefined },
  })
  await new Promise<void>((resolve) => {
    bus.onState((state) => state.kind === 'open' && resolve())
  })
  return bus
}

/** Two callers a unit ask for random reads and writes as fast as the bus lets them. */
async function unpaced({ seed, rounds: requests, probability }: Soak): Promise<readonly Figure[]> {
  // The line's speed is only computed with here: nothing paces the bytes.
  const baud = 115_200
  const random = prng(seed)
  const slaves = startSlaves({
    pacing: 'none',
    baud,
    seed,
    units: [...LIVE, DEAD].map((unitId) => ({ unitId, silenceMs: 0 })),
  })
  slaves.setFaults(trouble({ units: LIVE, probability, lateMaxMs: 195, dead: DEAD }))
  const tally = newTally()
  const bus = await opened(slaves, baud)
  const line: UnitLine = { silenceMs: 0, busSilenceMs: 0, turnaroundWorstMs: 40, latenessWorstMs: 200 }
  const unit = (unitId: number) => bus.unit({ name: `unit ${unitId}`, unitId, line })
  const sent = () => bus.status().total.requests
  const startMs = clock.monotonic()
  const caller = async (asked: BusUnit, own: Prng) => {
    while (sent() < requests) {
      const outcome = await askAnything(tally, slaves, asked, own)
      if (!outcome.ok) await clock.sleep('after a failure', 5)
    }
  }
  const deadCaller = async (asked: BusUnit) => {
    while (sent() < requests) {
      await judged(tally, asked.readWords(3, 0, 1, 'meter'), () => false)
      await clock.sleep('dead unit', 1000)
    }
  }
  const callers = LIVE.map(unit).flatMap((asked) =>
    [0, 1].map(() => caller(asked, prng(random.integer(0, 2 ** 31)))),
  )
  await doneOrStuck(tally, [...callers, deadCaller(unit(DEAD))])
  const seconds = (clock.monotonic() - startMs) / 1000
  const { total } = bus.status()
  const how =
    `${total.requests} requests in ${seconds.toFixed(0)} s, seed ${seed}, ${percent(probability)} late, twice, cut, noisy or bad CRC, ` +
    `one unit dead; failed: ${failures(tally)}; ${total.discardedBytes} bytes discarded`
  const figures = [
    atMost('modbus.unpaced.wrong', tally.wrong, 0, 'values', how),
    atMost('modbus.unpaced.stuck', tally.open.size, 0, 'requests', `longest request ${tally.longestMs} ms`),
    reported('modbus.unpaced.rate', Math.round(total.requests / seconds), 'requests/s', how),
  ]
  await bus.close()
  slaves.close()
  return figures
}

/** A read of random place, sometimes a write; half of the reads look alike, so that one could pass for another. */
function askAnything(tally: Tally, slaves: Slaves, unit: BusUnit, random: Prng): Promise<Outcome<unknown>> {
  if (random.chance(0.1)) {
    const value = random.integer(0, 0xffff)
    const executed = slaves.written.get(unit.unitId) ?? []
    const before = executed.length
    return judged(tally, unit.writeWord(SCRATCH, value, 'meter'), () =>
      executed.slice(before).includes(value),
    )
  }
  const count = random.chance(0.5) ? 4 : random.integer(1, 18)
  const address = random.integer(0, TRUTHFUL_ADDRESSES)
  const fc = random.chance(0.8) ? 3 : 4
  return judged(tally, unit.readWords(fc, address, count, 'meter'), readsRight(unit.unitId, address))
}

const READ_WORDS = [4, 5] as const
const BLOCKS = [
  { address: 0, count: 18 },
  { address: 52, count: 2 },
  { address: 72, count: 4 },
] as const

/** The configuration that the paced soak plays, for the computed bound. */
function soakConfig(): ReactionConfig {
  const turn = (name: string, words: number) => ({
    name,
    requestBytes: SHORT_FRAME_BYTES,
    replyBytes: wordsReplyBytes(words),
  })
  const short = { name: 'write', requestBytes: SHORT_FRAME_BYTES, replyBytes: SHORT_FRAME_BYTES }
  return {
    line: { kind: 'rtu', baud: 19_200, dataBits: 8, parity: 'none', stopBits: 1 },
    boardPeriodMs: BOARD_PERIOD_MS,
    boardGapMs: 1,
    holdPeriodMs: 500,
    decisionMs: 2,
    board: {
      line: lineOf(1),
      read: turn('state', 5),
      readErrors: null,
      pause: short,
      offer: short,
      readsPerErrorReading: 1,
    },
    others: [
      {
        name: 'meter',
        line: lineOf(2),
        turns: BLOCKS.map(({ count }) => ({ ...turn(`${count} words`, count), priority: 'meter' as const })),
      },
      {
        name: 'relay',
        line: lineOf(3),
        turns: [
          { ...short, name: 'hold', priority: 'hold' },
          { ...turn('4 words', 4), priority: 'identity' },
        ],
      },
      { name: 'dead unit', line: lineOf(DEAD), turns: [{ ...turn('2 words', 2), priority: 'identity' }] },
    ],
  }
}

/** The loop's traffic at 19200 baud: board each 50 ms, meter in blocks, hold each 0.5 s, and a dead unit. */
async function paced({ seed, rounds, probability }: Soak): Promise<readonly Figure[]> {
  const requests = Math.ceil(rounds / 20)
  const slaves = startSlaves({
    pacing: 'line',
    baud: 19_200,
    seed,
    units: [...LIVE, DEAD].map((unitId) => ({ unitId, silenceMs: lineOf(unitId).silenceMs })),
  })
  slaves.setFaults(trouble({ units: LIVE, probability, lateMaxMs: 190, dead: DEAD }))
  const tally = newTally()
  const bus = await opened(slaves, 19_200)
  const unit = (name: string, unitId: number) => bus.unit({ name, unitId, line: lineOf(unitId) })
  const board = unit('board', 1)
  const meter = unit('meter', 2)
  const relay = unit('relay', 3)
  const dead = unit('dead unit', DEAD)
  const random = prng(seed + 2)
  const stalls = stallMeter()
  const reactions = newReactions(slaves, stalls, prng(seed + 1))
  const goesOn = () => bus.status().total.requests < requests
  const startMs = clock.monotonic()

  const boardLoop = async () => {
    for (let round = 0; goesOn(); round++) {
      const tickMs = clock.monotonic()
      const count = READ_WORDS[round % READ_WORDS.length] ?? 4
      const isPilot = (words: readonly number[]) =>
        words[0] !== undefined && words[0] <= 1 && readsRight(1, PILOT + 1)(words.slice(1))
      const read = await judged(tally, board.readWords(3, PILOT, count, 'board'), isPilot)
      if (!read.ok) reactions.boardFailed()
      else if (read.value.value[0] === 1) {
        const paused = await judged(tally, board.writeCoil(PAUSE_COIL, false, 'withdraw'), () => true)
        if (!paused.ok) reactions.boardFailed()
        reactions.paused()
      }
      reactions.tick()
      await clock.sleep('board', Math.max(1, BOARD_PERIOD_MS - (clock.monotonic() - tickMs)))
    }
  }
  const meterLoop = async () => {
    for (let round = 0; goesOn(); round++) {
      const block = BLOCKS[round % BLOCKS.length] ?? BLOCKS[0]
      await judged(
        tally,
        meter.readWords(4, block.address, block.count, 'meter'),
        readsRight(2, block.address),
      )
      await clock.sleep('meter', 150)
    }
  }
  // Beside the hold two reads that look alike, one right behind the other: a repeated reply could pass for the second.
  const relayLoop = async () => {
    while (goesOn()) {
      await judged(tally, relay.writeCoil(0x200, 20, 'hold'), () => true)
      for (const address of [random.integer(0, 1000), random.integer(1001, TRUTHFUL_ADDRESSES)]) {
        await judged(tally, relay.readWords(3, address, 4, 'identity'), readsRight(3, address))
      }
      await clock.sleep('relay', 500)
    }
  }
  const deadLoop = async () => {
    while (goesOn()) {
      await judged(tally, dead.readWords(3, 0, 2, 'identity'), () => false)
      await clock.sleep('dead unit', 400)
    }
  }
  await doneOrStuck(tally, [boardLoop(), meterLoop(), relayLoop(), deadLoop()])
  const stallMs = stalls.longestMsSince(0)
  stalls.stop()
  const seconds = (clock.monotonic() - startMs) / 1000
  const { total, loadPercent } = bus.status()
  const bound = reactionBound(soakConfig())
  const { sound, spoilt, stalled } = reactions
  // Without a sound trial nothing was shown.
  const worst = sound.length === 0 ? Number.NaN : Math.max(...sound)
  const how = `${total.requests} requests in ${seconds.toFixed(0)} s at 19200, seed ${seed}, ${percent(probability)} late, twice, cut, noisy or bad CRC; failed: ${failures(tally)}`
  const worstOf = (samples: readonly number[]) => `worst ${Math.max(0, ...samples).toFixed(0)} ms`
  const trials =
    `${sound.length} trials at random times, load ${loadPercent} %; ${spoilt.length} more in which the board's own ` +
    `exchange was spoilt (${worstOf(spoilt)}); ${stalled.length} more in which this process stood still for more ` +
    `than ${STALL_MS} ms (${worstOf(stalled)}), ${stallMs} ms at most`
  const figures = [
    atMost('modbus.paced.wrong', tally.wrong, 0, 'values', how),
    atMost('modbus.paced.stuck', tally.open.size, 0, 'requests', `longest request ${tally.longestMs} ms`),
    reported('modbus.paced.bound', bound.pilotMs, 'ms', bound.lines.map((line) => line.trim()).join('; ')),
    atMost('modbus.paced.reaction', Math.round(worst), bound.pilotMs + 20, 'ms', trials),
    reported('modbus.paced.reaction.p99', Math.round(percentile(sound, 0.99)), 'ms', trials),
    reported('modbus.paced.reaction.p50', Math.round(percentile(sound, 0.5)), 'ms', trials),
  ]
  await bus.close()
  slaves.close()
  return figures
}

/** Runs both parts, one after the other; minutes with the default number of requests. */
export async function benchModbus(options: ModbusOptions): Promise<Figure[]> {
  const soak: Soak = { rounds: 100_000, probability: 0.004, parts: ['unpaced', 'paced'], ...options }
  const figures: Figure[] = []
  if (soak.parts.includes('unpaced')) figures.push(...(await unpaced(soak)))
  if (soak.parts.includes('paced')) figures.push(...(await paced(soak)))
  return figures
}

const percent = (probability: number): string => `${Math.round(probability * 500)} %`
