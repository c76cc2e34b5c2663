// One fact of IEC 61851-1 (or IEC 62955) as it is public: who acts on it, and a check that runs.
import { rig, type World } from './rig.ts'

export interface IecRow {
  readonly fact: string
  /** The figure that the check holds to. */
  readonly figure: string
  /** Clause or table of the standard, and the public source that quotes it. */
  readonly source: string
  /** `board`: it acts by itself and the agent judges what it sees; the agent never owns a rule of 100 ms. */
  readonly acts: 'board' | 'agent' | 'both'
  readonly board: string | null
  readonly agent: string
  /** Throws where the agent does not do what `agent` says. */
  readonly check: () => void
}

export type Box = ReturnType<typeof rig>

export function charging(change: Partial<World> = {}): Box {
  const box = rig(change)
  box.charge()
  return box
}

/** Plugged in and permitted, with what happened until now left out. */
export function permitted(change: Partial<World> = {}): Box {
  const box = rig(change)
  box.run(1500)
  box.world.pilot = 'B'
  box.run(100)
  box.world.permission = { uuid: 's1', plugId: box.state().plugId ?? '' }
  return box
}

/** Kinds of the commands from a moment on, and ms after it. */
export const since = (box: Box, from: number) =>
  box
    .commands()
    .filter(({ at }) => at >= from)
    .map(({ at, command }) => [at - from, command.kind] as const)

export const kindsSince = (box: Box, from: number) => since(box, from).map(([, kind]) => kind)
