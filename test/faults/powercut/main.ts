// npm run trial:powercut -- [--sessions N] [--seed S] [--agents N]
// Cuts the power at every place of a recorded workload, lets the store recover and judges what it remembers; then starts
// the real keeper on disks drawn from those. Two mutants must be caught. Exit code 1 unless nothing is lost, doubled or half.
import { rm } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { systemClock } from '../../../shared/io/system-clock.ts'
import { prng } from '../../../shared/prng.ts'
import { startKeepers } from './agents.ts'
import type { Finding } from './judge.ts'
import type { DurabilityName } from './places.ts'
import { compiler } from './recording.ts'
import { evenly, scratchFolder, type TrialResult, trial } from './trial.ts'

const { values } = parseArgs({
  options: {
    sessions: { type: 'string', default: '20' },
    seed: { type: 'string' },
    agents: { type: 'string', default: '200' },
  },
})
const clock = systemClock()
const sessions = Number(values.sessions)
const agents = Number(values.agents)
const seed = values.seed === undefined ? clock.wall() % 1_000_000 : Number(values.seed)
if (!Number.isInteger(sessions) || sessions < 1 || !Number.isInteger(seed) || !Number.isInteger(agents)) {
  console.error('usage: npm run trial:powercut -- [--sessions N] [--seed S] [--agents N]')
  process.exit(2)
}
const cc = await compiler()
if (!cc) {
  console.error('no C compiler was found (cc, gcc, clang or $CC): the recording shim cannot be built')
  process.exit(2)
}

const AGENTS_BUDGET_MS = 5 * 60_000
const COLUMNS = [
  'variant',
  'steps',
  'disk events',
  'places cut',
  'disks',
  'disks, again',
  'lost',
  'doubled',
  'half',
] as const
const line = (cells: readonly (string | number)[]) =>
  console.log(
    cells
      .map((cell, column) =>
        String(cell)
          .padStart(column === 0 ? -24 : 13)
          .padEnd(column === 0 ? 24 : 0),
      )
      .join(''),
  )

const count = (findings: readonly Finding[], verdict: string) =>
  findings.filter((finding) => finding.verdict === verdict).length

async function variant(durability: DurabilityName): Promise<TrialResult> {
  const stopsAtFirst = durability !== 'full'
  const result = await trial({
    sessions,
    seed,
    durability,
    cc: cc ?? '',
    waysPerPlace: 3,
    cutAgain: 12,
    stopsAtFirst,
  })
  const counts = (['lost', 'doubled', 'half'] as const).map((verdict) => count(result.findings, verdict))
  line([
    durability,
    result.steps,
    result.diskEvents,
    result.cutPlaces,
    result.disks,
    result.disksAgain,
    ...counts,
  ])
  return result
}

console.log(`trial:powercut  ${sessions} sessions, seed ${seed}`)
line(COLUMNS)
const startedAt = clock.monotonic()
const full = await variant('full')
const mutants = {
  'synchronous=OFF': await variant('mutantSyncOff'),
  'no directory sync': await variant('mutantNoDirectorySync'),
}
const told = ({ verdict, what, cut }: Finding & { readonly cut: string }) => `${verdict} (${cut}): ${what}`
const troubles: string[] = full.findings.slice(0, 20).map(told)
for (const [name, result] of Object.entries(mutants)) {
  const [first] = result.findings
  console.log(
    `mutant ${name}: ${first ? `caught, ${first.cut}: ${first.verdict}, ${first.what.slice(0, 60)}` : 'NOT CAUGHT'}`,
  )
  if (!first) troubles.push(`the mutant ${name} was not caught: the trial is blind`)
}
const scratch = await scratchFolder()
const kept = await startKeepers(evenly(full.sample, agents), {
  recordedFolder: full.folder,
  scratch,
  random: prng(seed + 2),
  clock,
  budgetMs: AGENTS_BUDGET_MS,
})
await rm(scratch, { recursive: true, force: true })
console.log(
  `real keeper started on ${kept.started} of those disks (${agents} asked for, at most ${AGENTS_BUDGET_MS / 60_000} min)`,
)
troubles.push(...kept.findings.slice(0, 20).map(told))
for (const trouble of troubles) console.log(`  ${trouble}`)
const all = [...full.findings, ...kept.findings]
const tookS = Math.round((clock.monotonic() - startedAt) / 1000)
console.log(
  `lost ${count(all, 'lost')}  doubled ${count(all, 'doubled')}  half ${count(all, 'half')}  in ${tookS} s`,
)
if (troubles.length > 0)
  console.log(`play again: npm run trial:powercut -- --sessions ${sessions} --seed ${seed}`)
process.exit(troubles.length > 0 ? 1 : 0)
