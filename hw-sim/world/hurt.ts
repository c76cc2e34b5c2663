// What the faults of a trial do to car and board. Pure.
import type { SimFault } from '../api.ts'
import type { BoardKind, BoardTrouble } from '../devices/board-kind.ts'
import { type CarHurt, soundCar } from './car.ts'

export function carHurt(faults: readonly SimFault[]): CarHurt {
  let hurt = soundCar
  for (const fault of faults) {
    if (fault.kind === 'greedy') hurt = { ...hurt, greedyMilliamps: fault.milliamps }
    if (fault.kind === 'overdraw') hurt = { ...hurt, overdrawPercent: fault.percent }
    if (fault.kind === 'slow') hurt = { ...hurt, slowFollowMs: fault.followMs }
    if (fault.kind === 'clings') hurt = { ...hurt, clingsMs: fault.ms }
  }
  return hurt
}

const ROOM_MILLICELSIUS = 25_000

export function temperature(faults: readonly SimFault[]): number {
  const told = faults.find((fault) => fault.kind === 'temperature')
  return told?.milliCelsius ?? ROOM_MILLICELSIUS
}

/** What a fault is to a board; null: nothing that a board tells by an error. */
function troubleOf(fault: SimFault): BoardTrouble | null {
  switch (fault.kind) {
    case 'diodeMissing':
    case 'residualCurrent':
    case 'selfTestFailed':
    case 'overTemperature':
    case 'protectiveEarthMissing':
      return fault.kind
    case 'phaseLost':
      return 'phaseFault'
    default:
      return null
  }
}

/** A site has one residual current device: the monitor on the input module where there is one, else the board's own. */
interface Monitored {
  readonly residualMonitor: boolean
}

const seenByMonitor = (trouble: BoardTrouble, has: Monitored): boolean =>
  has.residualMonitor && (trouble === 'residualCurrent' || trouble === 'selfTestFailed')

/** Errors of the board's own numbering. */
export function heldErrors(
  faults: readonly SimFault[],
  { tells }: BoardKind,
  has: Monitored,
): readonly number[] {
  return faults.flatMap((fault) => {
    if (fault.kind === 'boardError') return [fault.bit]
    const trouble = troubleOf(fault)
    const told = trouble === null || seenByMonitor(trouble, has) ? undefined : tells[trouble]
    return told === undefined ? [] : [told]
  })
}

/** Whether nothing at all would come of a fault: the trouble that the board would have to tell and does not; else null. */
export function untold(fault: SimFault, { tells }: BoardKind, has: Monitored): BoardTrouble | null {
  const trouble = troubleOf(fault)
  if (trouble === null || tells[trouble] !== undefined || trouble === 'phaseFault') return null
  return seenByMonitor(trouble, has) ? null : trouble
}
