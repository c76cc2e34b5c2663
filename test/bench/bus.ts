// What the bus costs: its own time beyond line time and the device's, and for each board how soon a pause answers a car
// that is unplugged, computed and seen, alone, with a meter on its bus, and with a dead unit there too.

import type { BusConfig } from '../../agent/control/config.ts'
import { openBus } from '../../agent/control/drivers/bus/bus.ts'
import { frameGapMicros } from '../../agent/control/drivers/bus/line-time.ts'
import { frameLog, startBus } from '../../hw-sim/bus/start-bus.ts'
import { startTcpBus } from '../../hw-sim/bus/tcp-bus.ts'
import { BOARDS, type BoardId } from '../../hw-sim/devices/boards.ts'
import { systemClock } from '../../shared/io/system-clock.ts'
import { type Prng, prng } from '../../shared/prng.ts'
import { type Beside, type BusSite, openBusSite } from './bus-site.ts'
import { atMost, type Figure, percentile, reported } from './figure.ts'
import { STALL_MS, stallMeter } from './modbus-reactions.ts'

const clock = systemClock()
const KINDS = ['rtu', 'ascii', 'tcp'] as const
const BESIDE: readonly Beside[] = ['alone', 'meter', 'meter and a dead unit']
const GOAL_MS = 1.5
const WORDS = 5

/** @param options.rounds trials for each board and each neighbourhood; 20 where not given */
export async function benchBus(options: {
  readonly seed: number
  readonly rounds?: number
}): Promise<Figure[]> {
  const rounds = options.rounds ?? 20
  const figures: Figure[] = []
  for (const kind of KINDS) figures.push(...(await overhead(kind, Math.max(100, 10 * rounds), options.seed)))
  // The ids of hw-sim's own table.
  for (const id of Object.keys(BOARDS) as BoardId[]) {
    const parts = await Promise.all(BESIDE.map((beside) => reactions(id, beside, { ...options, rounds })))
    figures.push(...parts)
  }
  return figures
}

// Beyond line time.

async function sim(kind: (typeof KINDS)[number], seed: number) {
  const serial = { baud: kind === 'ascii' ? 38_400 : 19_200, parity: 'none', stopBits: 1 } as const
  const frames = frameLog()
  const common = {
    name: 'bench',
    clock,
    seed,
    frames,
    pacing: 'line',
    turnaroundMs: { min: 3, max: 3 },
    onTrouble: (detail: string) => console.error(detail),
    units: [
      {
        unitId: 1,
        silenceMs: 0,
        hearsBroadcast: false,
        answer: () => Uint8Array.from([3, 2 * WORDS, ...new Array<number>(2 * WORDS).fill(7)]),
      },
    ],
  } as const
  if (kind === 'tcp') {
    const bus = startTcpBus({ ...common, port: 0 })
    await bus.opened
    const [host = '', port = ''] = (bus.path() ?? '').split(':')
    return { bus, frames, config: { kind, name: 'bench', host, port: Number(port) } satisfies BusConfig }
  }
  const bus = startBus({ ...common, ...serial, kind, dataBits: 8, linkPath: null })
  const port = bus.path() ?? ''
  return { bus, frames, config: { kind, name: 'bench', port, dataBits: 8, ...serial } satisfies BusConfig }
}

/** Requests one behind the other, as a loop makes them: the time of each less that of the line and of the unit. */
async function overhead(
  kind: (typeof KINDS)[number],
  requests: number,
  seed: number,
): Promise<readonly Figure[]> {
  const { bus: slaves, frames, config } = await sim(kind, seed)
  const bus = openBus({ config, clock, log: { info: () => undefined, warn: () => undefined } })
  while (bus.status().state.kind !== 'open') await clock.sleep('open', 5)
  const line = { silenceMs: 0, busSilenceMs: 0, turnaroundWorstMs: 40, latenessWorstMs: 200 }
  const unit = bus.unit({ name: 'unit', unitId: 1, line })
  const alone: number[] = []
  let after = 0
  for (let count = 0; count < requests; count++) {
    const askedMicros = clock.monotonicMicros()
    const read = await unit.readWords(3, count % 100, WORDS, 'board')
    const tookMicros = clock.monotonicMicros() - askedMicros
    if (!read.ok) continue
    // From the request's first bit to the reply's last, by hw-sim's clock of the line.
    const { entries, next } = frames.after(after)
    after = next
    const reply = entries.find(({ direction }) => direction === 'reply')
    if (reply !== undefined)
      alone.push((askedMicros + tookMicros - reply.endMicros + lead(entries, askedMicros, config)) / 1000)
    await clock.sleep('idle', 20)
  }
  await bus.close()
  slaves.close()
  const gapMs = (frameGapMicros(config) / 1000).toFixed(1)
  const how = `${alone.length} of ${requests} reads of ${WORDS} words, seed ${seed}; line time, the unit's 3 ms and t3.5 of ${gapMs} ms taken off`
  return [
    atMost(`bus.overhead.${kind}.p50`, round(percentile(alone, 0.5)), GOAL_MS, 'ms', how),
    reported(`bus.overhead.${kind}.p99`, round(percentile(alone, 0.99)), 'ms', how),
  ]
}

const REQUEST_CHARACTERS = { rtu: 8, ascii: 17, tcp: 0 } as const

/** From the asking to the request's first bit, µs: hw-sim tells when its last one was over. */
function lead(
  entries: readonly { direction: string; endMicros: number }[],
  askedMicros: number,
  config: BusConfig,
): number {
  const request = entries.find(({ direction }) => direction === 'request')
  if (request === undefined) return 0
  const onLineMicros = config.kind === 'tcp' ? 0 : (REQUEST_CHARACTERS[config.kind] * 10 * 1e6) / config.baud
  return request.endMicros - onLineMicros - askedMicros
}

const round = (value: number) => Math.round(value * 100) / 100

// How soon a pause comes.

/** Longer than any bound: a pause that never comes is a figure of its own. */
const GIVE_UP_MS = 4000
const READY_WITHIN_MS = 40_000

async function reactions(
  id: BoardId,
  beside: Beside,
  { seed, rounds }: { readonly seed: number; readonly rounds: number },
): Promise<Figure> {
  const at = await openBusSite(id, beside, seed)
  const random = prng(seed)
  const stalls = stallMeter()
  const sound: number[] = []
  const lost: number[] = []
  let stalled = 0
  for (let trial = 0; trial < rounds; trial++) {
    const one = await withdrawal(at, random)
    if (one === null) lost.push(trial)
    else if (stalls.longestMsSince(one.fromMicros) > 0) stalled++
    else sound.push(one.tookMs)
  }
  stalls.stop()
  await at.close()
  const { pilotMs, errorMs, shares } = at.plan
  const worst = Math.max(0, ...sound)
  const how =
    `computed ${pilotMs} ms (error bits ${errorMs} ms); seen p50 ${percentile(sound, 0.5).toFixed(0)} ms in ${sound.length} trials, seed ${seed}` +
    `${stalled > 0 ? `, ${stalled} more in which this process stood still for more than ${STALL_MS} ms` : ''}` +
    `${lost.length > 0 ? `, NO PAUSE in ${lost.length}` : ''}; on the board's bus: ${shares.join(', ') || 'nobody else'}`
  const value = lost.length > 0 || sound.length === 0 ? Number.NaN : Math.round(worst)
  return atMost(`bus.reaction.${id}.${beside.replaceAll(' ', '-')}`, value, pilotMs + 20, 'ms', how)
}

/** The car is unplugged at a random time: from the board's pilot to the end of the pause on the line; null where none came. */
async function withdrawal(at: BusSite, random: Prng): Promise<{ tookMs: number; fromMicros: number } | null> {
  at.setWants(true)
  at.site.setCar({ plugged: true })
  const offered = await until(READY_WITHIN_MS, () => {
    const { board, written } = at.hardware.sight()
    return written.kind === 'offered' && board !== null && board.pilot !== 'A' && board.oscillatorOn
  })
  if (!offered) return null
  await clock.sleep('at random', random.integer(200, 700))
  const frame = at.site.frames.after(0).next
  const event = at.site.events.after(0).next
  const fromMicros = clock.monotonicMicros()
  at.site.setCar({ plugged: false })
  const pause = () =>
    at.site.frames
      .after(frame)
      .entries.find(
        ({ direction, bus, unitId, pdu }) =>
          direction === 'request' && bus === 'main' && unitId === at.unitId && pdu === at.pausePdu(),
      )
  const pilot = () =>
    at.site.events.after(event).entries.find(({ kind, detail }) => kind === 'pilot' && detail.startsWith('A'))
  if (!(await until(GIVE_UP_MS, () => pause() !== undefined && pilot() !== undefined))) return null
  const tookMs = ((pause()?.endMicros ?? 0) - (pilot()?.atMicros ?? 0)) / 1000
  await until(GIVE_UP_MS, () => at.hardware.sight().written.kind === 'paused')
  at.setWants(false)
  return { tookMs, fromMicros }
}

async function until(withinMs: number, holds: () => boolean): Promise<boolean> {
  const endMs = clock.monotonic() + withinMs
  while (!holds()) {
    if (clock.monotonic() > endMs) return false
    await clock.sleep('look again', 10)
  }
  return true
}
