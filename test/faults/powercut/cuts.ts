// The ways in which the power can fail during a recording: after each event all is lost that was not synced, all is
// kept, the names are kept without the contents, or chance decides piece by piece.
import type { Prng } from '../../../shared/prng.ts'
import type { CutChoice, Disk, Files } from './disk.ts'
import type { DiskEvent } from './recording.ts'

export interface Cut {
  readonly files: Files
  readonly name: string
  /** Number of the event after which the power failed. */
  readonly place: number
}

/** Every disk that a cut can leave, in the order of the recording. `sees` is told each event before it is played. */
export function* cutsOf(options: {
  readonly events: readonly DiskEvent[]
  readonly disk: Disk
  readonly random: Prng
  readonly waysPerPlace: number
  /** False keeps an event off the disk. */
  readonly sees?: (event: DiskEvent) => boolean
}): Generator<Cut> {
  const { events, disk, random, waysPerPlace, sees = () => true } = options
  for (const [place, event] of events.entries()) {
    if (sees(event)) disk.play(event)
    if (event.kind === 'told' || event.kind === 'close' || event.kind === 'begin') continue
    for (const [way, choice] of ways(disk, random, waysPerPlace))
      yield { files: disk.cut(choice), name: `event ${place}, ${way}`, place }
  }
}

function ways(disk: Disk, random: Prng, count: number): readonly (readonly [string, CutChoice])[] {
  if (!disk.hasPending()) return [['nothing was pending', ALL]]
  const drawn = Array.from({ length: count }, (_, way) => [`way ${way}`, randomCut(random)] as const)
  return [['all lost', NOTHING], ['all kept', ALL], ['names kept', NAMES_ONLY], ...drawn]
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

/** Leaves out what is the same as the one before: the same files under the same promises need one recovery. */
export function* different<T>(
  states: Iterable<T>,
  filesOf: (state: T) => Files,
  promisedOf: (state: T) => unknown,
) {
  let last: T | undefined
  for (const state of states) {
    if (last && promisedOf(last) === promisedOf(state) && isSame(filesOf(last), filesOf(state))) continue
    last = state
    yield state
  }
}

const isSame = (a: Files, b: Files) =>
  a.size === b.size && [...a].every(([path, content]) => b.get(path)?.equals(content) === true)
