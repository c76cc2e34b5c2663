// The power fails again while the store recovers from the cut before, and once more on a database that was damaged by
// it: recovery must be as safe as the work that it mends.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Prng } from '../../../shared/prng.ts'
import { type Cut, cutsOf, different } from './cuts.ts'
import { judgeRebuilt, withFlaw } from './damage.ts'
import { newDisk } from './disk.ts'
import { type Finding, judge, type Promised, putFiles, recover } from './judge.ts'
import { placesIn } from './places.ts'
import { eventsOf, run, shimEnvironment } from './recording.ts'

/** A disk as a cut left it, with what the store had promised by then. */
export interface CutState extends Cut {
  readonly promised: Promised
}

export interface AgainOptions {
  readonly shim: string
  readonly scratch: string
  /** The folder that the states' paths are told in. */
  readonly recordedFolder: string
  readonly random: Prng
}

/** Records one recovery of each state, cuts it at each place, and recovers once more. */
export async function cutAgain(
  states: readonly CutState[],
  { shim, scratch, recordedFolder, random }: AgainOptions,
): Promise<{ readonly disks: number; readonly findings: readonly (Finding & { readonly cut: string })[] }> {
  const findings: (Finding & { readonly cut: string })[] = []
  let disks = 0
  for (const [number, state] of states.entries()) {
    const broken = number % 2 === 1 ? withFlaw(state.files, placesIn(recordedFolder).database) : null
    const folder = join(scratch, `again-${number}`)
    const log = join(scratch, `again-${number}.log`)
    await mkdir(folder)
    putFiles(broken ?? state.files, recordedFolder, folder)
    const moved = new Map(
      [...(broken ?? state.files)].map(([path, content]) => [
        folder + path.slice(recordedFolder.length),
        content,
      ]),
    )
    const program = ['--import', 'tsx', join(import.meta.dirname, 'recovery.ts'), folder]
    await run(process.execPath, program, shimEnvironment(shim, [folder], log))
    const again = cutsOf({ events: await eventsOf(log), disk: newDisk(moved), random, waysPerPlace: 3 })
    for (const { files, name } of different(
      again,
      ({ files }) => files,
      () => null,
    )) {
      disks += 1
      putFiles(files, folder, join(scratch, 'recovered'))
      const cut = `${state.name}${broken ? ', database damaged' : ''}, then in recovery ${name}`
      for (const finding of judged(() => recover(join(scratch, 'recovered')), state, broken !== null))
        findings.push({ ...finding, cut })
    }
  }
  return { disks, findings }
}

function judged(
  look: () => ReturnType<typeof recover>,
  state: CutState,
  isDamaged: boolean,
): readonly Finding[] {
  try {
    return (isDamaged ? judgeRebuilt : judge)(look(), state.promised)
  } catch (thrown) {
    return [{ verdict: 'lost', what: `the store does not open: ${String(thrown)}` }]
  }
}
