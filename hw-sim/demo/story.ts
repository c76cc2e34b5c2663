// The outage story in real time: commission, charge, lose the cloud, keeper, control and the power, and still bill to
// the watt-hour. Each row of its table is an expectation and what was seen; the exit code is whether all came true.
import type { Clock } from '../../shared/time/clock.ts'
import { isoOf } from '../../shared/time/iso.ts'
import { epochMs } from '../../shared/units.ts'
import type { SimEvent } from '../api.ts'
import * as people from './people.ts'
import type { Site } from './site.ts'

export interface StoryRow {
  readonly step: string
  readonly expected: string
  readonly observed: string
  readonly held: boolean
}

/** The relay holds the board for 2 s after its last refresh; the contactor opens within 100 ms of the pilot's change. */
const DEADMAN_MS = 2_000
const OPENING_MS = 150
/** First refresh of the dead-man after control's start, counted from the kill. */
const REFRESH_WITHIN_MS = 1_200
const SIXTEEN_AMPS = 16_000
/** Two frames of 8 bytes at 19200 baud. */
const DRAIN_MICROS = 10_000
const QUARTER_MS = 15 * 60_000
/** The story waits at most so long for the turn of a quarter hour. */
const QUARTER_WITHIN_MS = 75_000

type Say = (line: string) => void

interface Teller {
  readonly site: Site
  readonly clock: Clock
  readonly say: Say
  readonly rows: StoryRow[]
  /** Runs one step; what it throws is its observation. */
  step(step: string, expected: string, action: () => Promise<Observation>): Promise<void>
}
interface Observation {
  readonly observed: string
  readonly held: boolean
}

/** Plays the whole story on a site that was just started. */
export async function tellStory(site: Site, clock: Clock, say: Say): Promise<readonly StoryRow[]> {
  const rows: StoryRow[] = []
  const teller: Teller = {
    site,
    clock,
    say,
    rows,
    step: async (step, expected, action) => {
      say(`→ ${step}`)
      const seen = await action().catch((error: unknown) => ({
        observed: error instanceof Error ? error.message : String(error),
        held: false,
      }))
      rows.push({ step, expected, ...seen })
      say(`  ${seen.held ? '✓' : '✗'} ${seen.observed}`)
    },
  }
  await beginCharge(teller)
  const uuid = await sessionNow(site)
  await loseCloudAndKeeper(teller, uuid)
  await loseControl(teller, uuid)
  await losePower(teller, uuid)
  await passQuarterHour(teller)
  await settle(teller, uuid)
  return rows
}

async function beginCharge({ site, clock, step }: Teller) {
  await step(
    'commission: 16 A, three-phase, cheap hours 23:00-06:00',
    '16 A, 3 phases, schedule stored',
    async () => {
      await people.commission(site, { limitAmps: 16, schedule: people.CHEAP_NIGHT })
      const box = await people.lookAtBox(site)
      const limit = box.installation
      return {
        observed: `${(limit?.limitMilliamps ?? 0) / 1000} A, ${limit?.phasesWired} phases, schedule version ${box.schedule?.version}`,
        held: limit?.limitMilliamps === SIXTEEN_AMPS && limit.phasesWired === 3 && box.schedule !== null,
      }
    },
  )
  await step('plug in', 'a session, 0 A, because of the schedule until 23:00', async () => {
    await site.sim.plug()
    await people.waitUntil('there is a session', 8_000, clock, async () => {
      const box = await people.lookAtBox(site)
      return box.session !== null && box.limit.reason.key === 'limit.schedule' && box.control?.pilot === 'B'
    })
    await clock.sleep('see that nothing flows', 2_000)
    const box = await people.lookAtBox(site)
    const world = await site.sim.state()
    const until = box.limit.until === null ? 'nothing' : isoOf(epochMs(box.limit.until))
    return {
      observed: `${world.board.offeredMilliamps / 1000} A, ${box.limit.reason.key} until ${until}`,
      held: world.board.offeredMilliamps === 0 && box.limit.until !== null,
    }
  })
  await step('driver overrides on the local page', '16 A within 5 s', async () => {
    await people.override(site)
    const tookMs = await waitForCurrent(site, clock, 5_000)
    return { observed: `16 A drawn after ${(tookMs / 1000).toFixed(1)} s`, held: true }
  })
}

async function loseCloudAndKeeper({ site, clock, step }: Teller, uuid: string) {
  await step('cloud SIGKILLed', 'charging goes on at 16 A', async () => {
    const watch = await watchEvents(site)
    await site.kill('cloud')
    await clock.sleep('charge without the cloud', 5_000)
    return stillCharging(site, await watch())
  })
  await step('keeper SIGKILLed, down for 6 s', "charging goes on under control's plans", async () => {
    const watch = await watchEvents(site)
    await site.kill('keeper')
    await clock.sleep('charge without keeper', 6_000)
    return stillCharging(site, await watch())
  })
  await step('keeper returns', 'the same session, charging not interrupted', async () => {
    const watch = await watchEvents(site)
    await site.start('keeper')
    await people.waitUntil('keeper knows its session', 8_000, clock, async () => {
      return (await people.lookAtBox(site)).control?.permissionUuid === uuid
    })
    const same = (await sessionNow(site)) === uuid
    const charging = await stillCharging(site, await watch())
    return {
      observed: `${same ? 'same session' : 'another session'}, ${charging.observed}`,
      held: same && charging.held,
    }
  })
}

async function loseControl({ site, clock, step }: Teller, uuid: string) {
  const most = DEADMAN_MS + OPENING_MS
  await step(
    'control SIGKILLed and held down',
    `the dead-man ends the current within ${most} ms`,
    async () => {
      const watch = await watchEvents(site)
      const killedAt = clock.monotonicMicros()
      await site.kill('control')
      await clock.sleep('control is down', 5_000)
      const stopped = (await watch()).find((event) => event.kind === 'contactorOpened')
      const tookMs = stopped ? Math.round((stopped.atMicros - killedAt) / 1000) : null
      return {
        observed: tookMs === null ? 'the contactor stayed closed' : `contactor open after ${tookMs} ms`,
        held: tookMs !== null && tookMs <= most,
      }
    },
  )
  await step('control returns', 'the charge goes on, same session', async () => {
    await site.start('control')
    const tookMs = await waitForCurrent(site, clock, 15_000)
    const same = (await sessionNow(site)) === uuid
    return {
      observed: `16 A after ${(tookMs / 1000).toFixed(1)} s, ${same ? 'same session' : 'another session'}`,
      held: same,
    }
  })
  await step(
    'control SIGKILLed, restarted at once',
    `first refresh within ${REFRESH_WITHIN_MS} ms; the charge is adopted, not cut`,
    async () => {
      const watch = await watchEvents(site)
      const { next } = await site.sim.framesAfter(Number.MAX_SAFE_INTEGER)
      const killedAt = clock.monotonicMicros()
      await site.kill('control')
      // What the dead process had already written still crosses the line.
      const drainedAt = clock.monotonicMicros() + DRAIN_MICROS
      await site.start('control')
      await clock.sleep('see the adopted charge', 3_000)
      const { frames } = await site.sim.framesAfter(next)
      const refresh = frames.find((frame) => frame.endMicros > drainedAt && isRefresh(frame.hex))
      const tookMs = refresh ? Math.round((refresh.endMicros - killedAt) / 1000) : null
      const charging = await stillCharging(site, await watch())
      return {
        observed: `${tookMs === null ? 'no refresh' : `refresh after ${tookMs} ms`}, ${charging.observed}`,
        held: tookMs !== null && tookMs <= REFRESH_WITHIN_MS && charging.held,
      }
    },
  )
}

async function losePower({ site, clock, step }: Teller, uuid: string) {
  await step(
    'power cut of 4 s: both processes, run directory, boot id, board, relay',
    'same limit, same schedule, same session; charging goes on',
    async () => {
      const before = await people.lookAtBox(site)
      await site.cutPower()
      await clock.sleep('dark', 4_000)
      await site.restorePower()
      const tookMs = await waitForCurrent(site, clock, 20_000)
      await people.waitUntil('keeper knows its session', 8_000, clock, async () => {
        return (await people.lookAtBox(site)).control?.permissionUuid === uuid
      })
      const after = await people.lookAtBox(site)
      const limit = JSON.stringify(after.installation) === JSON.stringify(before.installation)
      const schedule = JSON.stringify(after.schedule) === JSON.stringify(before.schedule)
      const same = after.session?.uuid === uuid
      const word = (holds: boolean) => (holds ? 'same' : 'ANOTHER')
      return {
        observed: `${word(limit)} limit, ${word(schedule)} schedule, ${word(same)} session, 16 A after ${(tookMs / 1000).toFixed(1)} s`,
        held: limit && schedule && same,
      }
    },
  )
}

async function passQuarterHour({ site, clock, step }: Teller) {
  const turn = epochMs(Math.ceil(clock.wall() / QUARTER_MS) * QUARTER_MS)
  const leftMs = turn - clock.wall()
  // With another --clock the quarter may be far away: the story stays below 3 minutes.
  if (leftMs > QUARTER_WITHIN_MS) return
  await step(`charge on past ${isoOf(turn)}, without the cloud`, 'charging goes on at 16 A', async () => {
    const watch = await watchEvents(site)
    await clock.sleep('charge past the quarter hour', leftMs + 3_000)
    return stillCharging(site, await watch())
  })
}

async function settle({ site, clock, step }: Teller, uuid: string) {
  await step('cloud returns', 'outbox empty within 30 s', async () => {
    await site.start('cloud')
    const tookMs = await people.waitUntil('the outbox is empty', 30_000, clock, async () => {
      const box = await people.lookAtBox(site)
      return box.csms === 'accepted' && box.outbox.pending === 0
    })
    return { observed: `empty after ${(tookMs / 1000).toFixed(1)} s`, held: true }
  })
  await step('unplug', 'the transaction ends in the cloud with every event once', async () => {
    await site.sim.unplug()
    await people.waitUntil('the transaction is billed', 15_000, clock, async () => {
      const found = (await people.transactions(site)).find((one) => one.transactionId === uuid)
      return found?.state === 'ended' && found.bill.kind !== 'running'
    })
    const all = await people.transactions(site)
    const own = all.filter((one) => one.transactionId === uuid)
    const missing = own[0]?.missingSeqNos.length ?? -1
    return {
      observed: `${all.length} transaction, ${own[0]?.events} events, ${missing} lost, ${own.length - 1} duplicated`,
      held: all.length === 1 && own.length === 1 && missing === 0,
    }
  })
  await step('the bill', 'Wh billed + unattributed − register difference = 0; duplicates 0', () =>
    readBill(site, uuid),
  )
}

async function readBill(site: Site, uuid: string): Promise<Observation> {
  const bill = (await people.transactions(site)).find((one) => one.transactionId === uuid)?.bill
  if (bill?.kind !== 'billed') return { observed: `not billed: ${JSON.stringify(bill)}`, held: false }
  const box = await people.lookAtBox(site)
  const account = box.energyAccount
  const register = (box.control?.meter?.registerWh ?? 0) - (account.registerAtEpochStartWh ?? 0)
  const boxDifference = bill.quantityWh + account.unattributedWh - register
  const checks = await people.energyChecks(site)
  const cloudDifference = checks.reduce((sum, check) => sum + Math.abs(check.differenceWh), 0)
  const lines = bill.lines.map(
    (line) =>
      `${line.quantityWh} Wh ${line.band} (${line.basis}) at ${line.priceNanosPerKwh / 1e9} ${bill.currency}/kWh = ${money(line.amountMinor)}`,
  )
  return {
    observed:
      `${bill.quantityWh} Wh billed + ${account.unattributedWh} unattributed − ${register} register = ${boxDifference} Wh` +
      ` (cloud's own check ${cloudDifference}); ${money(bill.amountMinor)} ${bill.currency}: ${lines.join('; ')}`,
    held: boxDifference === 0 && cloudDifference === 0 && checks.length > 0 && bill.quantityWh > 0,
  }
}

const money = (minor: number) => (minor / 100).toFixed(2)

async function sessionNow(site: Site): Promise<string> {
  return (await people.lookAtBox(site)).session?.uuid ?? 'none'
}

/** Collects the world's events from now until it is called. */
async function watchEvents(site: Site): Promise<() => Promise<readonly SimEvent[]>> {
  const { next } = await site.sim.eventsAfter(Number.MAX_SAFE_INTEGER)
  return async () => (await site.sim.eventsAfter(next)).events
}

async function stillCharging(site: Site, events: readonly SimEvent[]): Promise<Observation> {
  const world = await site.sim.state()
  const opened = events.filter((event) => event.kind === 'contactorOpened').length
  const milliamps = Math.min(...world.currentsMilliamps)
  return {
    observed: `${(milliamps / 1000).toFixed(1)} A drawn, contactor opened ${opened} times`,
    held: opened === 0 && milliamps > SIXTEEN_AMPS * 0.95,
  }
}

function waitForCurrent(site: Site, clock: Clock, withinMs: number): Promise<number> {
  return people.waitUntil('the car draws 16 A', withinMs, clock, async () => {
    return Math.min(...(await site.sim.state()).currentsMilliamps) > SIXTEEN_AMPS * 0.95
  })
}

/** Waveshare flash-on of channel 1: function 5, address 0x0200. */
const isRefresh = (hex: string) =>
  hex
    .toLowerCase()
    .replaceAll(/[^0-9a-f]/g, '')
    .slice(2, 8) === '050200'
