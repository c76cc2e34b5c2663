// What a box may have beside board, relay and meter, at its simplest: a lock with a motor, a release contactor with a mirror
// contact, inputs, a self-test. Commands take effect at once; the feedback is read in the next step.

import type { BoardFacts, BoardReading } from '../../../../agent/control/ports/board.ts'
import type { Site, Wired } from '../../../../agent/control/safety/site.ts'
import type { Command } from '../../../../agent/control/safety/state.ts'
import { monotonicMs } from '../../../../shared/units.ts'

export interface Extras {
  lock: { at: 'locked' | 'unlocked'; motorWorks: boolean; tells: 'jammed' | 'moving' | null }
  release: { closed: boolean; welded: boolean; stuckOpen: boolean; orders: Wired['releaseWritten'] }
  /** The relay module is gone: no order is carried out. */
  ignoresOrders: boolean
  inputsAnswer: boolean
  inputsReadAt: number | null
  residualTripped: boolean
  stopPressed: boolean
  /** Of the board's own register; null follows the offer in C. */
  boardRelay: 'open' | 'closed' | null
  selfTest: { outcome: 'passed' | 'failed' | 'none'; startedAt: number | null; lastsMs: number }
  outletMillivolts: number
}

export const extras = (change: Partial<Extras> = {}): Extras => ({
  lock: { at: 'unlocked', motorWorks: true, tells: null },
  release: { closed: false, welded: false, stuckOpen: false, orders: { kind: 'unknown' } },
  ignoresOrders: false,
  inputsAnswer: true,
  inputsReadAt: null,
  residualTripped: false,
  stopPressed: false,
  boardRelay: null,
  selfTest: { outcome: 'passed', startedAt: null, lastsMs: 30_000 },
  outletMillivolts: 230_000,
  ...change,
})

export function doExtra(extra: Extras, command: Command, now: number) {
  const { lock, release } = extra
  if (lock.motorWorks && command.kind === 'lock') lock.at = 'locked'
  if (lock.motorWorks && command.kind === 'unlock') lock.at = 'unlocked'
  if (command.kind === 'startSelfTest') extra.selfTest.startedAt = now
  if (extra.ignoresOrders || (command.kind !== 'openRelease' && command.kind !== 'closeRelease')) return
  const closed = command.kind === 'closeRelease'
  release.closed = (closed && !release.stuckOpen) || (release.closed && release.welded)
  release.orders = { kind: closed ? 'closed' : 'opened', atMonotonicMs: monotonicMs(now) }
}

/** The last reading keeps its time while the module is silent. */
export function wiredNow(extra: Extras, site: Site, now: number): Wired {
  if (extra.inputsAnswer) extra.inputsReadAt = now
  const at = extra.inputsReadAt
  const told = <T>(value: T, isWired: boolean) =>
    at === null || !isWired ? null : { value, takenAtMonotonicMs: monotonicMs(at) }
  const { connector } = site
  return {
    lock: told(
      extra.lock.tells ?? extra.lock.at,
      connector.kind === 'socket' && connector.feedback === 'module',
    ),
    releaseClosed: told(extra.release.closed, site.release?.hasMirror === true),
    residualTripped: told(extra.residualTripped, site.hasResidualInput),
    stopPressed: told(extra.stopPressed, site.hasStopButton),
    releaseWritten: extra.release.orders,
  }
}

/** What of it the board tells. */
export function readExtras(
  extra: Extras,
  world: { readonly facts: BoardFacts; readonly site: Site },
  drawing: boolean,
  now: number,
): Partial<BoardReading> {
  const { facts, site } = world
  const { connector } = site
  return {
    ...(facts.hasRelayFeedback ? { relay: extra.boardRelay ?? (drawing ? 'closed' : 'open') } : {}),
    ...(connector.kind === 'socket' && connector.feedback === 'board' && facts.lock === 'confirmed'
      ? { lock: extra.lock.tells ?? extra.lock.at }
      : {}),
    ...(facts.hasSelfTest ? { selfTest: selfTestNow(extra, now) } : {}),
  }
}

function selfTestNow({ selfTest }: Extras, now: number): NonNullable<BoardReading['selfTest']> {
  if (selfTest.startedAt === null || selfTest.outcome === 'none') return 'idle'
  return now - selfTest.startedAt < selfTest.lastsMs ? 'running' : selfTest.outcome
}
