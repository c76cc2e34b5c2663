// The power-cut trial in short: two sessions, every place cut, both mutants caught.
import { expect, it } from 'vitest'
import type { DurabilityName } from './places.ts'
import { compiler } from './recording.ts'
import { trial } from './trial.ts'

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
  timeout: 120_000,
}, async (ctx) => {
  ctx.skip(cc === null, NO_COMPILER)
  const { findings, disks, rebuilt, disksAgain } = await short('full')
  expect(findings).toEqual([])
  expect(disks).toBeGreaterThan(500)
  expect(rebuilt).toBeGreaterThan(20)
  expect(disksAgain).toBeGreaterThan(100)
})

for (const mutant of ['mutantSyncOff', 'mutantNoDirectorySync'] as const)
  it(`${mutant} is caught`, { timeout: 120_000 }, async (ctx) => {
    ctx.skip(cc === null, NO_COMPILER)
    const { findings } = await short(mutant)
    expect(findings.length).toBeGreaterThan(0)
  })
