// npm run trial:kill -- [--rounds N] [--seed S] [--keep]
// SIGKILL of cloud, keeper and control, in random order at random moments, also while others are down, during charges
// that come and go. Prints rounds, lost, duplicated and the Wh difference; exit code 1 unless all are 0.
import { parseArgs } from 'node:util'
import { siteFolders } from '../../../hw-sim/demo/folders.ts'
import { systemClock } from '../../../shared/io/system-clock.ts'
import { killTrial } from './trial.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '20' },
    seed: { type: 'string' },
    keep: { type: 'boolean', default: false },
  },
})
const clock = systemClock()
const rounds = Number(values.rounds)
const seed = values.seed === undefined ? clock.wall() % 1_000_000 : Number(values.seed)
if (!Number.isInteger(rounds) || rounds < 1 || !Number.isInteger(seed)) {
  console.error('usage: npm run trial:kill -- [--rounds N] [--seed S] [--keep]')
  process.exit(2)
}

console.log(`trial:kill  ${rounds} rounds, seed ${seed}`)
const folders = await siteFolders()
const verdict = await killTrial({ rounds, seed, ...folders, say: (line) => console.log(line) }, clock)
console.log(
  `rounds ${verdict.rounds}  kills ${verdict.kills}  sessions ${verdict.sessions}  events ${verdict.events}  ` +
    `longest round ${verdict.longestRoundMs} ms`,
)
console.log(`lost ${verdict.lost}  duplicated ${verdict.duplicated}  Wh difference ${verdict.differenceWh}`)
for (const trouble of verdict.troubles) console.log(`  ${trouble}`)
const failed =
  verdict.lost > 0 || verdict.duplicated > 0 || verdict.differenceWh !== 0 || verdict.troubles.length > 0
if (failed || values.keep)
  console.log(`kept: ${folders.dir}   play again: npm run trial:kill -- --rounds ${rounds} --seed ${seed}`)
else await folders.remove()
process.exit(failed ? 1 : 0)
