// How fast the agent withdraws: the pilot goes to A, E or F, or the board reports a trip → the end of the frame that
// writes the pause, on a bus with real line times, the meter read beside it and keeper stopped for 2 s at a time.
// Both times are hw-sim's, so that nothing between two clocks is measured.
import type { SimFault, SimFrame } from '../../hw-sim/api.ts'
import { siteFolders } from '../../hw-sim/demo/folders.ts'
import { freePort } from '../../hw-sim/demo/http.ts'
import { commission, lookAtBox, waitUntil } from '../../hw-sim/demo/people.ts'
import { type Site, startSite } from '../../hw-sim/demo/site.ts'
import { systemClock } from '../../shared/io/system-clock.ts'
import { type Prng, prng } from '../../shared/prng.ts'
import type { Clock } from '../../shared/time/clock.ts'
import { builtInBound } from './built-in-bound.ts'
import { atMost, type Figure, percentile, reported } from './figure.ts'

type Trigger = 'A' | 'E' | 'F' | 'trip'
const TRIGGERS: readonly [Trigger, ...Trigger[]] = ['A', 'E', 'F', 'trip']

/** The board's residual current error, bit 15 counted from 1 (register 24025). */
const TRIP_BIT = 15
const STOPPED_MS = 2_000
/** Longer than any bound; a pause that never comes is a figure of its own. */
const GIVE_UP_MS = 3_000

/** So many sites run beside each other: one withdrawal takes 8 s, most of it waiting for the next charge. */
const SITES = 4

interface Sample {
  readonly trigger: Trigger
  readonly tookMs: number
}

/** @param options.rounds number of withdrawals that are measured. */
export async function benchReaction(options: {
  readonly rounds: number
  readonly seed: number
}): Promise<readonly Figure[]> {
  const clock = systemClock()
  const rounds = Math.ceil(options.rounds / SITES)
  const seeds = Array.from({ length: SITES }, (_, index) => options.seed + index)
  const parts = await Promise.all(seeds.map((seed) => reactionsOfSite(clock, prng(seed), rounds)))
  const samples = parts.flatMap((part) => part.samples)
  const total = (of: 'pilotWrites' | 'stuck') => parts.reduce((sum, part) => sum + part[of], 0)
  const stuck = atMost(
    'reaction.stuck',
    total('stuck'),
    0,
    'sites',
    'charges that did not come back after a withdrawal',
  )
  return [...figures(samples, total('pilotWrites'), options), stuck]
}

async function reactionsOfSite(clock: Clock, random: Prng, rounds: number) {
  const folders = await siteFolders()
  const ports = { cloud: await freePort(0), local: await freePort(0) }
  const site = await startSite({ ...folders, wallOffsetMs: 0, ports }, clock)
  let keep = false
  try {
    await commission(site, { limitAmps: 16, schedule: null })
    await site.sim.plug()
    await charging(site, clock)
    const pilotWrites = await writesOnSuspension(site, clock)
    const samples: Sample[] = []
    const stuck = await withdrawals(site, clock, random, { rounds, samples }).then(
      () => null,
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    )
    if (stuck !== null) {
      process.stderr.write(`${stuck}\n${await dump(site)}\nkept: ${folders.dir}\n`)
      keep = true
    }
    return { pilotWrites, samples, stuck: stuck === null ? 0 : 1 }
  } finally {
    site.program('keeper')?.signal('SIGCONT')
    await site.stop()
    if (!keep) await folders.remove()
  }
}

function figures(
  samples: readonly Sample[],
  pilotWrites: number,
  options: { readonly rounds: number; readonly seed: number },
): readonly Figure[] {
  const took = samples.map((sample) => sample.tookMs)
  const how = `${samples.length} withdrawals by A, E, F and trip, seeds ${options.seed}-${options.seed + SITES - 1}, ${SITES} sites beside each other, 19200 baud, keeper stopped for 2 s at a time`
  const { pilotMs, errorMs, lines } = builtInBound()
  // An error bit is read less often than the pilot, so a trip has a bound of its own.
  const over = samples.map(({ trigger, tookMs }) => tookMs - (trigger === 'trip' ? errorMs : pilotMs))
  const worst = Math.max(...took)
  return [
    reported('reaction.p50', round(percentile(took, 0.5)), 'ms', how),
    atMost('reaction.p99', round(percentile(took, 0.99)), 150, 'ms', how),
    atMost('reaction.worst', round(worst), 300, 'ms', how),
    reported('reaction.bound', pilotMs, 'ms', lines.map((line) => line.trim()).join('; ')),
    reported('reaction.boundOfTrip', errorMs, 'ms', 'computed, as the line before it'),
    atMost('reaction.overBound', round(Math.max(0, ...over)), 20, 'ms', how),
    atMost(
      'reaction.pilotWritesOnB',
      pilotWrites,
      0,
      'frames',
      'C → B: frames that write to the board within 3 s',
    ),
  ]
}

const round = (value: number) => Math.round(value * 10) / 10

/** The car ends its charge by itself (C → B): how many frames write coil 20000 or register 22000. */
async function writesOnSuspension(site: Site, clock: Clock): Promise<number> {
  const { next } = await site.sim.framesAfter(Number.MAX_SAFE_INTEGER)
  await site.sim.setCar({ wantsEnergy: false })
  await clock.sleep('suspended by the car', 3_000)
  const { frames } = await site.sim.framesAfter(next)
  await site.sim.setCar({ wantsEnergy: true })
  await charging(site, clock)
  return frames.filter((frame) => frame.direction === 'request' && isBoardWrite(frame)).length
}

/** What box and world say when a charge does not come back. */
async function dump(site: Site): Promise<string> {
  const [box, world] = await Promise.all([lookAtBox(site), site.sim.state()]).catch((error: unknown) => [
    error,
    null,
  ])
  return JSON.stringify({ box, world })
}

async function withdrawals(
  site: Site,
  clock: Clock,
  random: Prng,
  { rounds, samples }: { rounds: number; samples: Sample[] },
): Promise<void> {
  while (samples.length < rounds) {
    await charging(site, clock)
    site.program('keeper')?.signal('SIGSTOP')
    const until = clock.monotonic() + STOPPED_MS
    const trigger = random.pick(TRIGGERS)
    samples.push({ trigger, tookMs: await withdrawal(site, clock, random, trigger) })
    const left = until - clock.monotonic()
    if (left > 0) await clock.sleep('keeper stands still', left)
    site.program('keeper')?.signal('SIGCONT')
    await site.sim.clearFaults()
    // A trip stands until the plug is out.
    if (trigger === 'trip') await site.sim.unplug()
    if (trigger === 'trip' || trigger === 'A') {
      await clock.sleep('the plug is out', 500)
      await site.sim.plug()
    }
    if (samples.length % 10 === 0) process.stderr.write(`reaction ${samples.length}/${rounds}\n`)
  }
}

/** One trigger at a random moment of the bus's cycle; ms from the world's event to the end of the pause's frame. */
async function withdrawal(site: Site, clock: Clock, random: Prng, trigger: Trigger): Promise<number> {
  await clock.sleep('a random moment', random.integer(0, 150))
  const frameMark = (await site.sim.framesAfter(Number.MAX_SAFE_INTEGER)).next
  const eventMark = (await site.sim.eventsAfter(Number.MAX_SAFE_INTEGER)).next
  if (trigger === 'A') await site.sim.unplug()
  else await site.sim.setFault(faultOf(trigger))
  let tookMs = GIVE_UP_MS
  await waitUntil('the pause is on the bus', GIVE_UP_MS, clock, async () => {
    const events = (await site.sim.eventsAfter(eventMark)).events
    const cause = events.find((event) => event.kind === (trigger === 'trip' ? 'boardError' : 'pilot'))
    const pause = (await site.sim.framesAfter(frameMark)).frames.find(
      (frame) => isPause(frame) && frame.endMicros >= (cause?.atMicros ?? Infinity),
    )
    if (!cause || !pause) return false
    tookMs = (pause.endMicros - cause.atMicros) / 1000
    return true
  }).catch(() => GIVE_UP_MS)
  return tookMs
}

const faultOf = (trigger: Exclude<Trigger, 'A'>): SimFault =>
  trigger === 'trip' ? { kind: 'boardError', bit: TRIP_BIT } : { kind: 'pilot', state: trigger }

const charging = (site: Site, clock: Clock) =>
  waitUntil('the car charges', 20_000, clock, async () => {
    const state = await site.sim.state()
    return state.board.contactorClosed && state.board.offeredMilliamps >= 6_000
  })

/** Request to unit 1: write coil 20000 off. */
const isPause = (frame: SimFrame) => frame.direction === 'request' && digits(frame).startsWith('01054e200000')
/** Request to unit 1: write to coil 20000 or register 22000. */
const isBoardWrite = (frame: SimFrame) => /^01(054e20|0655f0|1055f0)/.test(digits(frame))
const digits = (frame: SimFrame) => frame.hex.toLowerCase().replaceAll(/[^0-9a-f]/g, '')
