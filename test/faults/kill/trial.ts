// The kill trial: what is killed when, and what must be true at the end. The truth is the world's own account of plugs
// and energy, the box's store, and the cloud's tables; none of them is asked to judge itself.
import { freePort } from '../../../hw-sim/demo/http.ts'
import { commission, energyChecks, lookAtBox, transactions, waitUntil } from '../../../hw-sim/demo/people.ts'
import { type Site, startSite } from '../../../hw-sim/demo/site.ts'
import { type Prng, prng } from '../../../shared/prng.ts'
import type { Clock } from '../../../shared/time/clock.ts'
import { storedOnBox } from './stored.ts'

export interface Verdict {
  readonly rounds: number
  readonly kills: number
  readonly sessions: number
  readonly events: number
  readonly longestRoundMs: number
  /** Sessions or events that the box has stored and the cloud has not. */
  readonly lost: number
  /** Sessions or events that the cloud has more than once, or that the box never had. */
  readonly duplicated: number
  /** Wh billed + unattributed − register difference, at the box and in the cloud; the worse one. */
  readonly differenceWh: number
  readonly troubles: readonly string[]
}

interface TrialOptions {
  readonly rounds: number
  readonly seed: number
  readonly dir: string
  readonly runDir: string
  readonly say: (line: string) => void
}

const NAMES = ['cloud', 'keeper', 'control'] as const
type Name = (typeof NAMES)[number]
const ROUND_MS = 4_500

export async function killTrial(options: TrialOptions, clock: Clock): Promise<Verdict> {
  const random = prng(options.seed)
  const troubles: string[] = []
  const ports = { cloud: await freePort(0), local: await freePort(0) }
  const onUnexpectedEnd = (name: string, why: string) => troubles.push(`${name} ended by itself: ${why}`)
  const site = await startSite(
    { dir: options.dir, runDir: options.runDir, wallOffsetMs: 0, ports, onUnexpectedEnd },
    clock,
  )
  let kills = 0
  let longestRoundMs = 0
  try {
    await commission(site, { limitAmps: 32, schedule: null })
    await site.sim.plug()
    for (let round = 1; round <= options.rounds; round++) {
      const from = clock.monotonic()
      const told = await playRound(site, clock, random)
      kills += told.length
      longestRoundMs = Math.max(longestRoundMs, clock.monotonic() - from)
      options.say(`round ${round}/${options.rounds}  ${told.join(', ')}`)
    }
    await settle(site, clock)
    return { rounds: options.rounds, kills, longestRoundMs, troubles, ...(await judge(site, clock)) }
  } finally {
    await site.stop()
  }
}

/** One round: one to three kills at random moments, each with a random time down; now and then the car comes or goes. */
async function playRound(site: Site, clock: Clock, random: Prng): Promise<string[]> {
  const told: string[] = []
  const end = clock.monotonic() + random.integer(2_000, ROUND_MS)
  const killOne = async (name: Name, afterMs: number, downMs: number) => {
    await clock.sleep('before the kill', afterMs)
    await site.kill(name)
    told.push(`${name} down ${downMs} ms`)
    await clock.sleep('down', downMs)
    // It may be killed again before it is ready; that it came up is judged at the end.
    site.start(name).catch(() => undefined)
  }
  const victims = random.chance(0.4) ? shuffled(random).slice(0, random.integer(2, 3)) : [random.pick(NAMES)]
  const deeds = victims.map((name) =>
    killOne(name, random.integer(0, 1_500), random.chance(0.5) ? 0 : random.integer(0, 2_000)),
  )
  if (random.chance(0.35)) {
    deeds.push(
      clock.sleep('before the car moves', random.integer(0, 2_000)).then(async () => {
        const plugged = (await site.sim.state()).car.plugged
        await (plugged ? site.sim.unplug() : site.sim.plug())
        told.push(plugged ? 'unplugged' : 'plugged')
      }),
    )
  }
  await Promise.all(deeds)
  const left = end - clock.monotonic()
  if (left > 0) await clock.sleep('rest of the round', left)
  return told
}

function shuffled(random: Prng): Name[] {
  const left: Name[] = [...NAMES]
  const out: Name[] = []
  while (left.length > 0) out.push(...left.splice(random.integer(0, left.length - 1), 1))
  return out
}

/** Everything runs, the car leaves, and what the box has to tell is told. */
async function settle(site: Site, clock: Clock): Promise<void> {
  for (const name of NAMES) if (!site.program(name)) await site.start(name)
  await waitUntil(
    'the box is whole again',
    30_000,
    clock,
    async () => (await lookAtBox(site)).control !== null,
  )
  await clock.sleep('let a charge be seen', 2_000)
  await site.sim.unplug()
  await waitUntil('the session is over and everything is told', 60_000, clock, async () => {
    const box = await lookAtBox(site)
    return box.session === null && box.csms === 'accepted' && box.outbox.pending === 0
  })
}

async function judge(site: Site, clock: Clock) {
  // The register of the last session is the first reading after the relay opened; the energy after it is unattributed.
  const box = await waitForQuietMeter(site, clock)
  const told = await transactions(site)
  const checks = await energyChecks(site)
  const account = box.energyAccount
  const register = (box.control?.meter?.registerWh ?? 0) - (account.registerAtEpochStartWh ?? 0)
  const billed = told.reduce((sum, one) => sum + (one.bill.kind === 'billed' ? one.bill.quantityWh : 0), 0)
  const boxDifference = billed + account.unattributedWh - register
  const cloudDifference = checks.reduce((sum, check) => sum + Math.abs(check.differenceWh), 0)
  await site.kill('keeper')
  const stored = storedOnBox(`${site.dir}/state`)
  const counts = compare(stored, told)
  return {
    sessions: told.length,
    events: told.reduce((sum, one) => sum + one.events, 0),
    ...counts,
    differenceWh: Math.abs(boxDifference) > cloudDifference ? boxDifference : cloudDifference,
  }
}

async function waitForQuietMeter(site: Site, clock: Clock) {
  let before = -1
  await waitUntil('the register stands still', 10_000, clock, async () => {
    const registerWh = (await lookAtBox(site)).control?.meter?.registerWh ?? -2
    const still = registerWh === before
    before = registerWh
    if (!still) await clock.sleep('two readings', 2_200)
    return still
  })
  return lookAtBox(site)
}

interface Told {
  readonly transactionId: string
  readonly events: number
  readonly missingSeqNos: readonly number[]
  readonly state: string
  readonly bill: { readonly kind: string }
}

/** Compares session by session what the box stored with what the cloud has. */
function compare(
  stored: ReadonlyMap<string, number>,
  told: readonly Told[],
): { lost: number; duplicated: number } {
  let lost = 0
  let duplicated = 0
  for (const [uuid, events] of stored) {
    const found = told.filter((one) => one.transactionId === uuid)
    if (found.length === 0) lost++
    duplicated += Math.max(0, found.length - 1)
    const one = found[0]
    if (!one) continue
    lost += Math.max(0, events - one.events) + (one.state === 'ended' && one.bill.kind === 'billed' ? 0 : 1)
    duplicated += Math.max(0, one.events - events)
  }
  duplicated += told.filter((one) => !stored.has(one.transactionId)).length
  return { lost, duplicated }
}
