// voltkeep drivers: each driver with what it can, how sure its map is, and what is open.

import { err } from '../../shared/result.ts'
import type { Board, DeadmanFacts } from '../control/ports/board.ts'
import type { Bus, BusUnit } from '../control/ports/bus.ts'
import { registry } from '../control/registry.ts'
import type { Outcome } from './agent-command.ts'
import { type DriverFacts, driverFacts } from './driver-facts.ts'
import { DRIVERS, type KnownDriver } from './drivers.ts'

export function listDrivers(id: string | undefined, json: boolean): Outcome {
  const chosen = DRIVERS.filter((driver) => id === undefined || driver.id === id)
  if (chosen.length === 0) {
    return {
      exitCode: 2,
      error: `${id}\n  expected  one of ${DRIVERS.map((driver) => driver.id).join(', ')}\n  got       ${id}\n  do        take one of them, or leave it out to see all`,
    }
  }
  const entries = chosen.map((driver) => ({
    ...driver,
    ...driverFacts().find((facts) => facts.id === driver.id),
    ...(registry.boards[driver.id] ? { board: boardFacts(driver.id) } : {}),
  }))
  if (json) return { exitCode: 0, out: JSON.stringify(entries, null, 2) }
  return { exitCode: 0, out: entries.map((entry) => inWords(entry).join('\n')).join('\n\n') }
}

type Entry = KnownDriver & Partial<DriverFacts> & { readonly board?: Board['facts'] | null }

function inWords(entry: Entry): readonly string[] {
  const { id, role, device, grade, confidence, sources, gaps, board } = entry
  return [
    `${id}  ${role}  ${device}`,
    `  grade      ${grade ?? 'none'}; register map: ${confidence ?? 'not told'}`,
    ...(board ? [`  dead-man   ${deadmanInWords(board.deadman)}`, `  can        ${abilities(board)}`] : []),
    ...(entry.channels === undefined
      ? []
      : [`  can        ${entry.channels} channels; holds a board in service`]),
    `  sources    ${sources ?? 'not told'}`,
    ...(gaps
      ? gaps.split('\n').map((gap, index) => `  ${index === 0 ? 'gaps ' : '     '}      - ${gap}`)
      : []),
  ]
}

function deadmanInWords(deadman: DeadmanFacts): string {
  if (deadman.kind === 'external') {
    return `none of its own: a relay of ours holds its ${deadman.cuts === 'release' ? 'release input' : 'supply'}`
  }
  return deadman.fedBy === 'anyRequest'
    ? 'its own watchdog, fed by any request'
    : `its own watchdog, fed by a write at least each ${deadman.feedMs} ms`
}

function abilities(board: Board['facts']): string {
  const lock = {
    none: 'no lock',
    commanded: 'moves a lock that does not tell where it is',
    confirmed: 'moves a lock and tells where it is',
  }
  return [
    `offers 6 to ${board.currentMaxMilliamps / 1000} A in steps of ${board.stepMilliamps / 1000} A`,
    lock[board.lock],
    board.hasRelayFeedback ? 'tells its contactor' : 'does not tell its contactor',
    board.tellsOscillator ? 'tells x1 from x2' : 'does not tell x1 from x2',
    board.hasSelfTest ? 'tests its residual current device' : 'no self-test on order',
  ].join('; ')
}

/** A board tells its facts without a word on a bus. */
function boardFacts(driver: string): Board['facts'] | null {
  return registry.boards[driver]?.create({ name: driver, bus: noBus, unitId: 1 }).facts ?? null
}

const closed = async () => err({ kind: 'portClosed', detail: 'there is no bus' } as const)
const noUnit = (name: string, unitId: number): BusUnit => ({
  name,
  unitId,
  readWords: closed,
  readBits: closed,
  writeWord: closed,
  writeWords: closed,
  writeCoil: closed,
  statistics: () => ({
    requests: 0,
    timeOuts: 0,
    badCrc: 0,
    discardedBytes: 0,
    exceptions: 0,
    roundTripMs: null,
    lastReplyAtMonotonicMs: null,
  }),
})
const noBus: Bus = {
  name: 'none',
  unit: ({ name, unitId }) => noUnit(name, unitId),
  status: () => ({
    name: 'none',
    state: { kind: 'closed' },
    total: noUnit('none', 1).statistics(),
    loadPercent: 0,
    reopened: 0,
    units: [],
  }),
  onState: () => () => undefined,
  close: async () => undefined,
}
