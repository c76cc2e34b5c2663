// npm run trial:powercut -- [--sessions N] [--seed S] [--agents N]
// Cuts the power at every place of a recorded workload, lets the store recover and judges what it remembers; then starts
// the real keeper on disks drawn from those. Two mutants must be caught. Exit code 1 unless nothing is lost, doubled or half.
import { parseArgs } from 'node:util'
import { systemClock } from '../../../shared/io/system-clock.ts'
import type { DurabilityName } from './places.ts'
import { compiler } from './recording.ts'
import { type TrialResult, trial } from './trial.ts'

const { values } = parseArgs({
  options: {
    sessions: { type: 'string', default: '20' },
    seed: { type: 'string' },
  },
})
const clock = systemClock()
const sessions = Number(values.sessions)
const seed = values.seed === undefined ? clock.wall() % 1_000_000 : Number(values.seed)
if (!Number.isInteger(sessions) || sessions < 1 || !Number.isInteger(seed)) {
  console.error('usage: npm run trial:powercut -- [--sessions N] [--seed S]')
  process.exit(2)
}
const cc = await compiler()
if (!cc) {
  console.error('no C compiler was found (cc, gcc, clang or $CC): the recording shim cannot be built')
  process.exit(2)
}

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

const count = ({ findings }: TrialResult, verdict: string) =>
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
  const counts = (['lost', 'doubled', 'half'] as const).map((verdict) => count(result, verdict))
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
const troubles: string[] = full.findings
  .slice(0, 20)
  .map(({ verdict, what, cut }) => `${verdict} (${cut}): ${what}`)
for (const [name, result] of Object.entries(mutants)) {
  const [first] = result.findings
  console.log(
    `mutant ${name}: ${first ? `caught, ${first.cut}: ${first.verdict}, ${first.what.slice(0, 60)}` : 'NOT CAUGHT'}`,
  )
  if (!first) troubles.push(`the mutant ${name} was not caught: the trial is blind`)
}
for (const trouble of troubles) console.log(`  ${trouble}`)
console.log(
  `lost ${count(full, 'lost')}  doubled ${count(full, 'doubled')}  half ${count(full, 'half')}  in ${Math.round((clock.monotonic() - startedAt) / 1000)} s`,
)
if (troubles.length > 0)
  console.log(`play again: npm run trial:powercut -- --sessions ${sessions} --seed ${seed}`)
process.exit(troubles.length > 0 ? 1 : 0)
