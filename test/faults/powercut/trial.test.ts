// The power-cut trial in short: two sessions, every place cut, the real keeper on some of the disks, both mutants caught.
import { rm } from 'node:fs/promises'
import { expect, it, onTestFinished } from 'vitest'
import { systemClock } from '../../../shared/io/system-clock.ts'
import { prng } from '../../../shared/prng.ts'
import { startKeepers } from './agents.ts'
import type { DurabilityName } from './places.ts'
import { compiler } from './recording.ts'
import { evenly, scratchFolder, trial } from './trial.ts'

const cc = await compiler()
const NO_COMPILER = 'no C compiler here (cc, gcc, clang or $CC) to build the recording shim'

const short = (durability: DurabilityName) =>
  trial({
    sessions: 2,
    seed: 20_261_122,
    durability,
    cc: cc ?? '',
    waysPerPlace: 1,
    cutAgain: 4,
    stopsAtFirst: durability !== 'full',
  })

it('after a power cut at any place of two sessions nothing is lost, doubled or half', {
  timeout: 180_000,
}, async (ctx) => {
  ctx.skip(cc === null, NO_COMPILER)
  const { findings, disks, rebuilt, disksAgain, sample, folder } = await short('full')
  expect(findings).toEqual([])
  expect(disks).toBeGreaterThan(500)
  expect(rebuilt).toBeGreaterThan(20)
  expect(disksAgain).toBeGreaterThan(100)

  const clock = systemClock()
  const scratch = await scratchFolder()
  onTestFinished(() => rm(scratch, { recursive: true, force: true }))
  const options = { recordedFolder: folder, scratch, random: prng(1), clock, budgetMs: 60_000 }
  const kept = await startKeepers(evenly(sample, 6), options)
  expect(kept).toEqual({ started: 6, findings: [] })
})

for (const mutant of ['mutantSyncOff', 'mutantNoDirectorySync'] as const)
  it(`${mutant} is caught`, { timeout: 180_000 }, async (ctx) => {
    ctx.skip(cc === null, NO_COMPILER)
    const { findings } = await short(mutant)
    expect(findings.length).toBeGreaterThan(0)
  })
