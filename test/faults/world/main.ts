// npm run trial:world -- [--ticks N] [--seed S] [--from T]
// A seeded world with random cars and faults around the real control and the real keeper, in virtual time and in one
// process. With --from only the episode that holds tick T is played, and from there on everything that happens is
// printed. Seeds that failed once are kept in failing-seeds.json and played first. Exit code 1 when a rule was broken.
import { parseArgs } from 'node:util'
import { systemClock } from '../../../shared/io/system-clock.ts'
import { boardsNotPlayed, TRIAL_BOARDS } from './boards.ts'
import { EPISODE_TICKS, playEpisode } from './episode.ts'
import { keepSeed, keptSeeds } from './failing-seeds.ts'
import { addUp, emptySum, report } from './report.ts'

const { values } = parseArgs({
  options: {
    ticks: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: '1' },
    from: { type: 'string' },
  },
})
const [ticks, seed] = [Number(values.ticks), Number(values.seed)]
const from = values.from === undefined ? null : Number(values.from)
if (![ticks, seed, from ?? 0].every((one) => Number.isSafeInteger(one) && one >= 0)) {
  console.error('usage: npm run trial:world -- [--ticks N] [--seed S] [--from T]')
  process.exit(2)
}
const clock = systemClock()

if (from !== null) {
  const episode = Math.floor(from / EPISODE_TICKS)
  const firstTick = from - episode * EPISODE_TICKS
  const result = await playEpisode({
    seed,
    episode,
    ticks: EPISODE_TICKS,
    say: (line) => {
      if (Number(line.slice(0, 6)) >= firstTick) console.log(line)
    },
  })
  if (result.violation) console.log(`${result.violation.rule}: ${result.violation.detail}`)
  else console.log('no rule was broken')
  process.exit(result.violation ? 1 : 0)
}

const begun = clock.monotonic()
const episodes = Math.ceil(ticks / EPISODE_TICKS)
console.log(`trial:world  ${ticks} ticks, seed ${seed}, ${episodes} episodes`)
let broken = 0
const sum = emptySum()
const run = async (one: { readonly seed: number; readonly episode: number }, wanted: number) => {
  const result = await playEpisode({ ...one, ticks: wanted })
  addUp(sum, result)
  if (!result.violation) return
  broken++
  const { rule, detail, tick, lastEvents } = result.violation
  const global = one.episode * EPISODE_TICKS + tick
  console.log(`BROKEN  ${rule}: ${detail}\n  seed ${one.seed}  tick ${global}`)
  for (const line of lastEvents) console.log(`    ${line}`)
  console.log(
    `  play again: npm run trial:world -- --seed ${one.seed} --from ${Math.max(one.episode * EPISODE_TICKS, global - 400)}`,
  )
  keepSeed({ ...one, rule, detail })
}
for (const kept of keptSeeds()) {
  console.log(`kept: seed ${kept.seed} episode ${kept.episode} (${kept.rule})`)
  await run(kept, EPISODE_TICKS)
}
for (let episode = 0; episode < episodes; episode++) {
  await run({ seed, episode }, Math.min(EPISODE_TICKS, ticks - episode * EPISODE_TICKS))
  if ((episode + 1) % 5 === 0 || episode + 1 === episodes) {
    const seconds = (clock.monotonic() - begun) / 1000
    console.log(
      `${sum.ticks} ticks  ${(sum.virtualMs / 3_600_000).toFixed(1)} h played in ${seconds.toFixed(0)} s  ` +
        `${Math.round(sum.ticks / seconds)} ticks/s  broken ${broken}`,
    )
  }
}
console.log(`boards played: ${TRIAL_BOARDS.map(({ id }) => id).join(', ')}`)
console.log(`not played: ${boardsNotPlayed().join(', ') || 'none'}`)
for (const told of report(sum)) console.log(told)
process.exit(broken > 0 ? 1 : 0)
