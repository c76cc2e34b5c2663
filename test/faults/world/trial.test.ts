// The world trial in short: some tens of thousands of ticks hold every rule, a seed plays the same twice, and each mutant
// of safety/ and limits/ in mutants/ breaks one. The long run is `npm run trial:world`.
import { describe, expect, it } from 'vitest'
import { EPISODE_TICKS, playEpisode } from './episode.ts'
import { keptSeeds } from './failing-seeds.ts'
import { mutants, trialWith } from './with-mutant.ts'

const told = ({ violation }: Awaited<ReturnType<typeof playEpisode>>) =>
  violation && [`${violation.rule}: ${violation.detail}`, ...violation.lastEvents].join('\n')

describe('the world trial', () => {
  it.each([11, 12])(
    'seed %i: 15,000 ticks with random cars, faults and restarts hold every rule',
    async (seed) => {
      const result = await playEpisode({ seed, episode: 0, ticks: 15_000 })
      expect(told(result)).toBeNull()
      expect(result.ticks).toBeGreaterThanOrEqual(15_000)
      expect(result.counts.get('sessions') ?? 0).toBeGreaterThan(3)
    },
  )

  it('a seed plays the same twice', async () => {
    const play = async () => {
      const lines: string[] = []
      await playEpisode({ seed: 5, episode: 1, ticks: 3000, say: (line) => lines.push(line) })
      return lines.join('\n')
    }
    const first = await play()
    expect(first.length).toBeGreaterThan(2000)
    expect(await play()).toBe(first)
  })

  it('seeds that failed once hold, but for those that say why they do not yet', async () => {
    for (const { seed, episode, because } of keptSeeds().slice(-3))
      if (because === undefined)
        expect(told(await playEpisode({ seed, episode, ticks: EPISODE_TICKS }))).toBeNull()
  })
})

/** Where each is caught soonest as the agent is now; after a change of it the other episodes are played too. */
const SOONEST: Readonly<Record<string, { readonly seed: number; readonly episode: number }>> = {
  'charges-next-car': { seed: 21, episode: 2 },
  'faults-never-clear': { seed: 21, episode: 0 },
  'forgets-a-source': { seed: 21, episode: 2 },
  'forgets-afterwards': { seed: 21, episode: 2 },
  'holds-back': { seed: 21, episode: 6 },
  'ignores-faults': { seed: 21, episode: 1 },
  'keeps-permission': { seed: 21, episode: 2 },
  'offers-late': { seed: 21, episode: 6 },
  'rounds-up': { seed: 21, episode: 2 },
  'tells-no-meter-fault': { seed: 22, episode: 2 },
}

describe('a mutant of the agent is caught', () => {
  const all = mutants()
  it('there are at least five', () => expect(all.length).toBeGreaterThanOrEqual(5))

  it.each(all)('$name: $does', { timeout: 120_000 }, async (mutant) => {
    const play = await trialWith(mutant)
    const others = [0, 1, 2, 3, 4, 5, 6].map((episode) => ({ seed: 21, episode }))
    const soonest = SOONEST[mutant.name]
    let caught = null
    for (const one of soonest ? [soonest, ...others] : others) {
      caught = await play({ ...one, ticks: 20_000 })
      if (caught !== null) break
    }
    expect(caught).not.toBeNull()
  })
})
