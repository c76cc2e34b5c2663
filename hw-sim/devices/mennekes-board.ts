// The Mennekes AMTRON Compact as a board of the world: its firmware and its registers behind SimBoard.
import { z } from 'zod'
import type { BoardView, SimBoard } from './board.ts'
import { boardKind } from './board-kind.ts'
import { answerMennekes, MENNEKES_TABLE } from './mennekes-amtron-compact.ts'
import {
  AMPS_MAX,
  lockWanted,
  type MennekesFacts,
  type MennekesState,
  masterLost,
  newMennekes,
  stepMennekes,
} from './mennekes-firmware.ts'
import { pathText, signalOf } from './power-path.ts'

function watchdogOf(station: MennekesState, nowMicros: number): NonNullable<BoardView['watchdog']> {
  if (station.kept.fallbackAmps === 0) return 'off'
  return masterLost(station, nowMicros) ? 'tripped' : 'running'
}

function viewOf(station: MennekesState, facts: MennekesFacts, nowMicros: number): BoardView {
  const on = station.power.kind === 'on'
  return {
    powered: station.power.kind !== 'off',
    state: on ? pathText(station.path) : '--',
    signal: signalOf(station.path, on),
    coil: station.path.coil,
    enabled: station.released,
    available: on && station.path.letter !== 'F',
    offeredMilliamps: station.path.offeredMilliamps,
    errors: station.error,
    retentiveWrites: station.keptWrites,
    lockWanted: lockWanted(station, facts),
    watchdog: watchdogOf(station, nowMicros),
  }
}

/** `seenAtMicros`: of its last step. */
const mennekesBoard = (station: MennekesState, facts: MennekesFacts, seenAtMicros: number): SimBoard => ({
  view: viewOf(station, facts, seenAtMicros),
  step: (now, nowMicros) => mennekesBoard(stepMennekes(station, facts, now, nowMicros), facts, nowMicros),
  answer: (pdu, now, nowMicros) => {
    const answer = answerMennekes({ station, facts, inputs: now, nowMicros }, pdu)
    return answer && { board: mennekesBoard(answer.station, facts, nowMicros), pdu: answer.pdu }
  },
})

export const mennekesKind = boardKind({
  transport: 'rtu',
  bauds: [57_600],
  quirks: { silenceMs: 0, hearsBroadcast: false },
  deadman: 'own',
  // The vendor does not publish its error codes; these numbers are of hw-sim.
  tells: {
    diodeMissing: 1,
    residualCurrent: 2,
    selfTestFailed: 3,
    overTemperature: 4,
    protectiveEarthMissing: 5,
    phaseFault: 6,
  },
  rows: MENNEKES_TABLE.rows,
  siteShape: {
    serial: z
      .string()
      .regex(/^[ -~]{1,16}$/, '1 to 16 printable ASCII characters')
      .default('SIM0000000000001'),
    bootMs: z.int().min(0).max(60_000).default(2000),
    /** IEC 61851-1 Table A.6 seq. 4: within 3 s. */
    closeDelayMs: z.int().min(0).max(2900).default(200),
    wordOrder: z.enum(['highFirst', 'lowFirst']).default('highFirst'),
    releasedAtStart: z.boolean().default(true),
  },
  make: (
    { serial, bootMs, closeDelayMs, wordOrder, releasedAtStart },
    { tethered, cableAmps, nowMicros },
  ) => {
    const dipMaxAmps = Math.min(tethered ? cableAmps : AMPS_MAX, AMPS_MAX)
    const facts = { serial, tethered, dipMaxAmps, bootMs, closeDelayMs, wordOrder, releasedAtStart }
    return mennekesBoard(newMennekes(facts, nowMicros), facts, nowMicros)
  },
})
