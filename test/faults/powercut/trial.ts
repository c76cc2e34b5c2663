// The power-cut trial: records one workload under the shim, plays each prefix of the recording on the model of a disk,
// cuts there in several ways, lets the store recover and judges what it finds. Everything follows from the seed.
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Prng, prng } from '../../../shared/prng.ts'
import { type CutChoice, type Disk, emptyDisk, type Files } from './disk.ts'
import { type Finding, judge, judgeRebuilt, judgeSecondCopy, putFiles, recover } from './judge.ts'
import { COPY_FOLDER, type DurabilityName, MARKS, placesIn } from './places.ts'
import { buildShim, type DiskEvent, eventsOf, run, shimEnvironment } from './recording.ts'
import { type Expected, type Script, script } from './script.ts'

export interface TrialOptions {
  readonly sessions: number
  readonly seed: number
  readonly durability: DurabilityName
  /** A C compiler (`compiler()`). */
  readonly cc: string
  /** Random ways to cut at each place, beside "all is lost" and "all is kept". */
  readonly waysPerPlace: number
  /** The first finding is enough: for mutants. */
  readonly stopsAtFirst: boolean
}

/** A disk as a cut left it, with the place in the script. */
export interface CutState {
  readonly files: Files
  readonly done: Expected
  readonly underWay: Expected
  /** To find the place again: number of the event, and the way of the cut. */
  readonly name: string
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
  readonly findings: readonly (Finding & { readonly cut: string })[]
  /** Some of the disks, drawn evenly over the whole recording. */
  readonly sample: readonly CutState[]
}

const SAMPLE = 400
/** Every so many disks the database is damaged on top of the cut. */
const DAMAGE_EVERY = 20

export interface Recording {
  readonly played: Script
  readonly events: readonly DiskEvent[]
  /** The folder whose files the events are about. */
  readonly folder: string
}

/** Runs the workload under the shim, life by life. */
export async function record(options: TrialOptions, scratch: string): Promise<Recording> {
  const played = script(options.sessions, options.seed)
  const folder = join(scratch, 'disk')
  const log = join(scratch, 'log')
  await mkdir(join(folder, COPY_FOLDER), { recursive: true })
  const env = shimEnvironment(await buildShim(options.cc, scratch), [folder], log)
  const program = ['--import', 'tsx', join(import.meta.dirname, 'workload.ts')]
  for (let first = 0; first < played.steps.length; ) {
    const life = [folder, options.sessions, options.seed, first, options.durability].map(String)
    await run(process.execPath, [...program, ...life], env)
    const end = played.steps.findIndex((step, index) => index >= first && step.do === 'restart')
    first = end < 0 ? played.steps.length : end + 1
  }
  return { played, events: await eventsOf(log), folder }
}

const ALL: CutChoice = { keepsName: () => true, treat: () => 'keep', keepsSector: () => true }
const NOTHING: CutChoice = { keepsName: () => false, treat: () => 'drop', keepsSector: () => false }
const NAMES_ONLY: CutChoice = { ...NOTHING, keepsName: () => true }

/** A random way to cut, with a temper of its own: mostly lost, mostly kept, or anything. */
function randomCut(random: Prng): CutChoice {
  const keeps = random.pick([0.1, 0.5, 0.9])
  return {
    keepsName: () => random.chance(keeps),
    treat: () =>
      random.chance(0.4) ? random.pick(['tear', 'tear', 'zeros']) : random.chance(keeps) ? 'keep' : 'drop',
    keepsSector: () => random.chance(0.5),
  }
}

/** Follows the marks: how many steps are done, and whether the next one has begun. */
function newPlace({ states }: Script) {
  let done = 0
  let begun = 0
  return {
    read(text: string) {
      const [what, step] = text.trim().split(' ')
      if (what === 'begin') begun = Number(step) + 1
      else done = Number(step) + 1
    },
    states: () => {
      const old = states[done]
      const next = states[Math.max(done, begun)]
      if (!old || !next)
        throw new Error(`the marks tell of step ${begun}, the script has ${states.length - 1}`)
      return { done: old, underWay: next }
    },
  }
}

/** Each different disk that a cut can leave, in the order of the recording. */
export function* cuts(
  recording: Recording,
  options: TrialOptions,
): Generator<CutState & { readonly place: number }> {
  const random = prng(options.seed)
  const disk = emptyDisk()
  const place = newPlace(recording.played)
  const marksPath = join(recording.folder, MARKS)
  let marksFd = -1
  for (const [number, event] of recording.events.entries()) {
    if (event.kind === 'open' && event.path === marksPath) marksFd = event.fd
    else if (event.kind === 'write' && event.fd === marksFd) place.read(event.data.toString())
    else disk.play(event)
    if (event.kind === 'begin') marksFd = -1
    if (!['write', 'truncate', 'sync', 'rename', 'unlink', 'mkdir', 'open'].includes(event.kind)) continue
    for (const [way, choice] of ways(disk, random, options.waysPerPlace))
      yield { files: disk.cut(choice), ...place.states(), name: `event ${number}, ${way}`, place: number }
  }
}

function ways(disk: Disk, random: Prng, count: number): readonly (readonly [string, CutChoice])[] {
  if (!disk.hasPending()) return [['nothing was pending', ALL]]
  const drawn = Array.from({ length: count }, (_, way) => [`way ${way}`, randomCut(random)] as const)
  return [['all lost', NOTHING], ['all kept', ALL], ['names kept', NAMES_ONLY], ...drawn]
}

/** Only what differs from the disks before: the same files under the same promises need one recovery. */
function* different<T extends CutState>(states: Iterable<T>): Generator<T> {
  let last: T | undefined
  const isSame = (a: Files, b: Files) =>
    a.size === b.size && [...a].every(([path, content]) => b.get(path)?.equals(content) === true)
  for (const state of states) {
    if (
      last &&
      last.done === state.done &&
      last.underWay === state.underWay &&
      isSame(last.files, state.files)
    )
      continue
    last = state
    yield state
  }
}

function examine(
  state: CutState,
  recordedFolder: string,
  folder: string,
  damages: boolean,
): readonly Finding[] {
  const places = placesIn(recordedFolder)
  putFiles(state.files, recordedFolder, folder)
  const found = judge(recover(folder), state.done, state.underWay)
  const second = judgeSecondCopy(state.files, places.installationCopyPath, state.done, state.underWay)
  if (!damages) return [...found, ...second]
  const isDatabase = (path: string) => path.startsWith(join(places.dir, 'keeper.db'))
  const without = new Map([...state.files].filter(([path]) => !isDatabase(path)))
  putFiles(without, recordedFolder, folder)
  return [...found, ...second, ...judgeRebuilt(recover(folder), state.done, state.underWay)]
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
    for (const state of different(cuts(recording, options))) {
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
    const diskEvents = recording.events.filter(({ kind }) => kind !== 'told' && kind !== 'begin').length
    return {
      steps: recording.played.steps.length,
      diskEvents,
      cutPlaces: places.size,
      disks,
      rebuilt,
      findings,
      sample,
    }
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

/** A store that cannot be opened has lost everything. */
function examineSafely(state: CutState, from: string, folder: string, damages: boolean): readonly Finding[] {
  try {
    return examine(state, from, folder, damages)
  } catch (thrown) {
    return [{ verdict: 'lost', what: `the store does not open: ${String(thrown)}` }]
  }
}
