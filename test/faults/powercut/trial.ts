// The power-cut trial: records one workload under the shim, plays each prefix of the recording on the model of a disk,
// cuts there in several ways, lets the store recover and judges what it finds. Everything follows from the seed.
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { prng } from '../../../shared/prng.ts'
import { type CutState, cutAgain } from './again.ts'
import { cutsOf, different } from './cuts.ts'
import { judgeDamage } from './damage.ts'
import { newDisk } from './disk.ts'
import { type Finding, judge, judgeSecondCopy, type Promised, putFiles, recover } from './judge.ts'
import { COPY_FOLDER, type DurabilityName, MARKS, placesIn } from './places.ts'
import { buildShim, type DiskEvent, eventsOf, run, shimEnvironment } from './recording.ts'
import { type Script, script } from './script.ts'

export interface TrialOptions {
  readonly sessions: number
  readonly seed: number
  readonly durability: DurabilityName
  /** A C compiler (`compiler()`). */
  readonly cc: string
  /** Random ways to cut at each place, beside "all is lost" and "all is kept". */
  readonly waysPerPlace: number
  /** Of the disks, how many recoveries are recorded and cut once more. */
  readonly cutAgain: number
  /** The first finding is enough: for mutants. */
  readonly stopsAtFirst: boolean
}

export interface TrialResult {
  readonly steps: number
  readonly diskEvents: number
  /** Places of the recording at which the power was cut. */
  readonly cutPlaces: number
  /** Different disks that the store recovered from. */
  readonly disks: number
  /** Of those, how often the database was damaged as well and rebuilt. */
  readonly rebuilt: number
  /** Disks of a power cut during recovery. */
  readonly disksAgain: number
  readonly findings: readonly (Finding & { readonly cut: string })[]
  /** Some of the disks, drawn evenly over the whole recording. */
  readonly sample: readonly CutState[]
  /** The folder that the sample's paths are told in. */
  readonly folder: string
}

const SAMPLE = 400
/** Every so many disks the database is damaged on top of the cut. */
const DAMAGE_EVERY = 20

export interface Recording {
  readonly played: Script
  readonly events: readonly DiskEvent[]
  /** The folder whose files the events are about. */
  readonly folder: string
  readonly shim: string
}

/** Runs the workload under the shim, life by life. */
async function record(options: TrialOptions, scratch: string): Promise<Recording> {
  const played = script(options.sessions, options.seed)
  const folder = join(scratch, 'disk')
  const log = join(scratch, 'log')
  await mkdir(join(folder, COPY_FOLDER), { recursive: true })
  const shim = await buildShim(options.cc, scratch)
  const env = shimEnvironment(shim, [folder], log)
  const program = ['--import', 'tsx', join(import.meta.dirname, 'workload.ts')]
  for (let first = 0; first < played.steps.length; ) {
    const life = [folder, options.sessions, options.seed, first, options.durability].map(String)
    await run(process.execPath, [...program, ...life], env)
    const end = played.steps.findIndex((step, index) => index >= first && step.do === 'restart')
    first = end < 0 ? played.steps.length : end + 1
  }
  return { played, events: await eventsOf(log), folder, shim }
}

/** Follows the marks: how many steps are done, and whether the next one has begun. */
function newPlace({ states }: Script) {
  let done = 0
  let begun = 0
  const now = (): Promised => {
    const [old, next] = [states[done], states[Math.max(done, begun)]]
    if (!old || !next) throw new Error(`the marks tell of step ${begun}, the script has ${states.length - 1}`)
    return { done: old, underWay: next }
  }
  let promised = now()
  return {
    read(text: string) {
      const [what, step] = text.trim().split(' ')
      if (what === 'begin') begun = Number(step) + 1
      else done = Number(step) + 1
      promised = now()
    },
    promised: (): Promised => promised,
  }
}

/** The cuts of a recorded workload, each with what was promised by then. */
function* cutStates(recording: Recording, options: TrialOptions): Generator<CutState> {
  const place = newPlace(recording.played)
  const marksPath = join(recording.folder, MARKS)
  let marksFd = -1
  const sees = (event: DiskEvent): boolean => {
    if (event.kind === 'begin') marksFd = -1
    if (event.kind === 'open' && event.path === marksPath) marksFd = event.fd
    if (event.kind === 'write' && event.fd === marksFd) place.read(event.data.toString())
    return !('fd' in event && event.fd === marksFd)
  }
  const { events } = recording
  const { waysPerPlace, seed } = options
  for (const cut of cutsOf({ events, disk: newDisk(), random: prng(seed), waysPerPlace, sees }))
    yield { ...cut, promised: place.promised() }
}

function examine(
  state: CutState,
  recordedFolder: string,
  folder: string,
  damages: boolean,
): readonly Finding[] {
  const { files, promised } = state
  putFiles(files, recordedFolder, folder)
  const found = judge(recover(folder), promised)
  const second = judgeSecondCopy(files, placesIn(recordedFolder).installationCopyPath, promised)
  return [...found, ...second, ...(damages ? judgeDamage(files, recordedFolder, folder, promised) : [])]
}

/** A folder in memory where there is one: the model is the disk, this one needs none. */
export const scratchFolder = (): Promise<string> =>
  mkdtemp('/dev/shm/voltkeep-powercut-').catch(() => mkdtemp(join(tmpdir(), 'voltkeep-powercut-')))

export async function trial(options: TrialOptions): Promise<TrialResult> {
  const scratch = await scratchFolder()
  try {
    const recording = await record(options, scratch)
    const random = prng(options.seed + 1)
    const findings: (Finding & { readonly cut: string })[] = []
    const sample: CutState[] = []
    const places = new Set<number>()
    let disks = 0
    let rebuilt = 0
    for (const state of different(
      cutStates(recording, options),
      ({ files }) => files,
      ({ promised }) => promised,
    )) {
      places.add(state.place)
      disks += 1
      const damages = disks % DAMAGE_EVERY === 0
      if (damages) rebuilt += 1
      // Reservoir sampling: each disk has the same chance.
      if (sample.length < SAMPLE) sample.push(state)
      else {
        const slot = random.integer(0, disks - 1)
        if (slot < SAMPLE) sample[slot] = state
      }
      const found = examineSafely(state, recording.folder, join(scratch, 'recovered'), damages)
      findings.push(...found.map((finding) => ({ ...finding, cut: state.name })))
      if (options.stopsAtFirst && findings.length > 0) break
    }
    const again = await cutAgain(evenly(sample, options.stopsAtFirst ? 0 : options.cutAgain), {
      shim: recording.shim,
      scratch,
      recordedFolder: recording.folder,
      random,
    })
    return {
      steps: recording.played.steps.length,
      diskEvents: recording.events.filter(({ kind }) => kind !== 'told' && kind !== 'begin').length,
      cutPlaces: places.size,
      disks,
      rebuilt,
      disksAgain: again.disks,
      findings: [...findings, ...again.findings],
      sample,
      folder: recording.folder,
    }
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

/** So many of them, spread over the whole. */
export const evenly = <T>(items: readonly T[], count: number): readonly T[] =>
  items.filter(
    (_, index) =>
      Math.floor((index * count) / items.length) !== Math.floor(((index - 1) * count) / items.length),
  )

/** A store that cannot be opened has lost everything. */
function examineSafely(state: CutState, from: string, folder: string, damages: boolean): readonly Finding[] {
  try {
    return examine(state, from, folder, damages)
  } catch (thrown) {
    return [{ verdict: 'lost', what: `the store does not open: ${String(thrown)}` }]
  }
}
