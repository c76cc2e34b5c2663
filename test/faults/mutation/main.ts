// npm run trial:mutants -- [--target limits,safety,...] [--sample N] [--seed S] [--file PART]
// Mutants of the pure rooms: comparisons flipped, guards dropped, conditions negated, constants changed by one, statements
// removed; one at a time, in a copy of the tree, with the tests that have to notice. --sample takes N mutants of each
// target by the seed, evenly from all of them. A trial that was broken off goes on where it was. Exit code 1 below 95 %.
import { execFileSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { systemClock } from '../../../shared/io/system-clock.ts'
import { prng } from '../../../shared/prng.ts'
import { EQUIVALENT } from './equivalent.ts'
import type { Mutant } from './mutate.ts'
import { TARGETS } from './targets.ts'
import { mutantsOfTarget, type Tried, tryMutants } from './trial.ts'

const GOAL_PERCENT = 95

const { values } = parseArgs({
  options: {
    target: { type: 'string' },
    sample: { type: 'string' },
    seed: { type: 'string', default: '1' },
    file: { type: 'string' },
  },
})
const names = values.target?.split(',') ?? TARGETS.map(({ name }) => name)
const targets = TARGETS.filter(({ name }) => names.includes(name))
const sample = values.sample === undefined ? null : Number(values.sample)
const seed = Number(values.seed)
if (targets.length < names.length || ![sample ?? 0, seed].every(Number.isSafeInteger)) {
  console.error(
    `usage: npm run trial:mutants -- [--target ${TARGETS.map(({ name }) => name).join(',')}] ` +
      '[--sample N] [--seed S] [--file PART]',
  )
  process.exit(2)
}

/** Without putting back, each as likely as the other. */
function sampled(mutants: readonly Mutant[]): readonly Mutant[] {
  if (sample === null || mutants.length <= sample) return mutants
  const random = prng(seed)
  const left = [...mutants]
  const taken = Array.from({ length: sample }, () => left.splice(random.integer(0, left.length - 1), 1))
  return taken.flat().sort((a, b) => (a.file === b.file ? a.start - b.start : a.file < b.file ? -1 : 1))
}

const reasonOf = ({ file, at, change }: Mutant) =>
  EQUIVALENT.find((row) => row.file === file && row.at === at && row.change === change)?.because

const clock = systemClock()
const tree = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => file !== '')

const begun = clock.monotonic()
const all: Tried[] = []
for (const target of targets) {
  const wanted = mutantsOfTarget(target).filter(({ file }) => file.includes(values.file ?? ''))
  const mutants = sampled(wanted)
  console.log(`${target.name}: ${mutants.length} of ${wanted.length} mutants, seed ${seed}`)
  const tried = await tryMutants({
    target,
    mutants,
    tree,
    clock,
    onTried: ({ mutant, killedBy }, done) => {
      if (killedBy === null && reasonOf(mutant) === undefined)
        console.log(`  SURVIVED  ${mutant.file}:${mutant.line}  ${mutant.change}`)
      if (done % 50 === 0) console.log(`  ${done} of ${mutants.length}`)
    },
  })
  all.push(...tried)
}

console.log(`\n${'file'.padEnd(44)} mutants  killed  equivalent  survived`)
const files = [...new Set(all.map(({ mutant }) => mutant.file))]
const row = (name: string, tried: readonly Tried[]) => {
  const alive = tried.filter(({ killedBy }) => killedBy === null)
  const equivalent = alive.filter(({ mutant }) => reasonOf(mutant) !== undefined).length
  const numbers = [tried.length, tried.length - alive.length, equivalent, alive.length - equivalent]
  console.log(`${name.padEnd(44)} ${numbers.map((one) => String(one).padStart(7)).join('  ')}`)
}
for (const file of files)
  row(
    file,
    all.filter(({ mutant }) => mutant.file === file),
  )
row('all', all)
const survivors = all.filter(({ killedBy }) => killedBy === null)
const unexplained = survivors.filter(({ mutant }) => reasonOf(mutant) === undefined)
for (const { mutant } of unexplained)
  console.log(`SURVIVED  ${mutant.file}:${mutant.line}  ${mutant.change}\n          ${mutant.at}`)
for (const { mutant } of survivors) {
  const because = reasonOf(mutant)
  if (because !== undefined)
    console.log(`equivalent  ${mutant.file}:${mutant.line}  ${mutant.change}: ${because}`)
}
const killed = all.length - survivors.length
const percent = (100 * killed) / Math.max(1, all.length - (survivors.length - unexplained.length))
console.log(
  `killed ${killed} of ${all.length}, ${survivors.length - unexplained.length} equivalent: ` +
    `${percent.toFixed(1)} % in ${((clock.monotonic() - begun) / 1000).toFixed(0)} s`,
)
process.exit(percent >= GOAL_PERCENT && all.length > 0 ? 0 : 1)
