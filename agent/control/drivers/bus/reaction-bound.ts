// How late a board's pilot can be answered by a pause, at worst, in one configuration. Pure arithmetic, told line by
// line, so that a person can check it and a benchmark can be held against it.
import type { Priority, UnitLine } from '../../ports/bus.ts'
import type { Turn } from '../driver.ts'
import { frameGapMicros, frameMicros, type LineSettings } from './line-time.ts'
import { deadlineMs } from './wire.ts'

export interface Party {
  readonly name: string
  readonly line: UnitLine
  readonly turns: readonly (Turn & { readonly priority: Priority })[]
}

export interface ReactionConfig {
  readonly line: LineSettings
  /** The loop reads the board once in this time. */
  readonly boardPeriodMs: number
  /** From the board's reply to the pause in the queue. */
  readonly decisionMs: number
  readonly board: {
    readonly line: UnitLine
    readonly read: Turn
    /** null: each reading of the state has the error bits. */
    readonly readErrors: Turn | null
    readonly pause: Turn
    /** How many reads it takes until the error bits were read once. */
    readonly readsPerErrorReading: number
  }
  /** Every other device of the bus. */
  readonly others: readonly Party[]
}

export interface ReactionBound {
  /** The pilot goes to A, E or F → the pause's last bit is on the line, ms. */
  readonly pilotMs: number
  /** The board sets an error bit → the pause's last bit is on the line, ms. */
  readonly errorMs: number
  /** The arithmetic, one line a term. */
  readonly lines: readonly string[]
}

interface Term {
  readonly ms: number
  readonly why: string
}

/** The time that a turn holds the bus when each reply comes at the last moment or never. */
const worst = (line: LineSettings, unit: UnitLine, turn: Turn): number =>
  (turn.exchanges ?? 1) * deadlineMs(line, unit, { request: turn.requestBytes, reply: turn.replyBytes })

const times = ({ exchanges }: Turn): string => (exchanges === undefined ? '' : `${exchanges} times `)

/** The longest of the exchanges of the others that `of` picks; 0 ms where there is none. */
function longest({ line, others }: ReactionConfig, of: (priority: Priority) => boolean): Term {
  const terms = others.flatMap((party) =>
    party.turns
      .filter((turn) => of(turn.priority))
      .map((turn) => ({
        ms: worst(line, party.line, turn),
        why:
          `${party.name}, ${turn.name}: ${turn.requestBytes} + ${turn.replyBytes} bytes, ` +
          `answers within ${party.line.turnaroundWorstMs} ms`,
      })),
  )
  return terms.reduce((most, term) => (term.ms > most.ms ? term : most), { ms: 0, why: 'no other device' })
}

/**
 * The worst case: the pilot changes just after a reading was taken; when the next one is due, the longest exchange of
 * another device has just begun, and the dead-man's refresh goes first; each of them is answered at its deadline or not
 * at all, and a late reply of a unit that was given up holds the line once more. A board that is itself in quarantine
 * is not read: that is a fault of its own, judged by the age of its reading.
 */
export function reactionBound(config: ReactionConfig): ReactionBound {
  const { line, board, boardPeriodMs, decisionMs, others } = config
  const gapMs = Math.max(
    frameGapMicros(line) / 1000,
    ...[board.line, ...others.map((party) => party.line)].map(({ busSilenceMs }) => busSilenceMs),
  )
  const lateBytes = Math.max(0, ...others.flatMap((party) => party.turns.map((turn) => turn.replyBytes)))
  const foreign = longest(config, () => true)
  const hold = longest(config, (priority) => priority === 'hold')
  const readTurn = (name: string, turn: Turn): Term => ({
    ms: worst(line, board.line, turn),
    why: `${name}: ${times(turn)}${turn.requestBytes} + ${turn.replyBytes} bytes, answers within ${board.line.turnaroundWorstMs} ms`,
  })
  const gaps = hold.ms > 0 ? 4 : 3
  const common: readonly Term[] = [
    { ms: foreign.ms, why: `the longest exchange of another device (${foreign.why})` },
    ...(hold.ms > 0 ? [{ ms: hold.ms, why: `the dead-man's refresh goes first (${hold.why})` }] : []),
    { ms: frameMicros(line, lateBytes) / 1000, why: `a late reply of ${lateBytes} bytes holds the line` },
    { ms: gaps * gapMs, why: `${gaps} silences between frames of ${gapMs.toFixed(1)} ms` },
    { ms: board.line.silenceMs, why: 'silence that the board asks for after its own reply' },
    readTurn('reading the state', board.read),
    { ms: decisionMs, why: 'the decision' },
    { ms: frameMicros(line, board.pause.requestBytes) / 1000, why: 'the pause itself, to its last bit' },
  ]
  const pilot: readonly Term[] = [
    { ms: boardPeriodMs, why: 'the board was read just before: one period' },
    ...common,
  ]
  // Error bits come with every n-th reading, in an exchange of their own.
  const errorExtra: readonly Term[] = [
    {
      ms: (board.readsPerErrorReading - 1) * boardPeriodMs,
      why: `the error bits are read with each ${board.readsPerErrorReading}. reading`,
    },
    ...(board.readErrors === null
      ? []
      : [
          readTurn('reading the error bits', board.readErrors),
          { ms: gapMs, why: 'one more silence' },
          ...(board.line.silenceMs > 0
            ? [{ ms: board.line.silenceMs, why: 'the board’s silence once more' }]
            : []),
        ]),
  ]
  const sum = (terms: readonly Term[]) => Math.ceil(terms.reduce((total, term) => total + term.ms, 0))
  const pilotMs = sum(pilot)
  const errorMs = sum([...pilot, ...errorExtra])
  const say = ({ ms, why }: Term) => `${ms.toFixed(1).padStart(7)} ms  ${why}`
  return {
    pilotMs,
    errorMs,
    lines: [
      ...pilot.map(say),
      `${pilotMs.toFixed(0).padStart(7)} ms  at worst, from the pilot's change to the pause on the bus`,
      ...errorExtra.map(say),
      `${errorMs.toFixed(0).padStart(7)} ms  at worst, from an error bit to the pause on the bus`,
    ],
  }
}

/** The configuration of one board, one dead-man and one meter on one bus, from their drivers. */
export function reactionConfig(parts: {
  readonly line: LineSettings
  readonly boardPeriodMs: number
  readonly board: {
    readonly line: UnitLine
    readonly turns: { readonly read: Turn; readonly readErrors: Turn | null; readonly pause: Turn }
    readonly readsPerErrorReading: number
  }
  readonly deadman: { readonly id: string; readonly line: UnitLine; readonly turns: { readonly hold: Turn } }
  readonly meter: { readonly id: string; readonly line: UnitLine; readonly turns: readonly Turn[] }
}): ReactionConfig {
  const { board, deadman, meter } = parts
  return {
    line: parts.line,
    boardPeriodMs: parts.boardPeriodMs,
    decisionMs: 2,
    board: { line: board.line, ...board.turns, readsPerErrorReading: board.readsPerErrorReading },
    others: [
      { name: deadman.id, line: deadman.line, turns: [{ ...deadman.turns.hold, priority: 'hold' }] },
      {
        name: meter.id,
        line: meter.line,
        turns: meter.turns.map((turn) => ({ ...turn, priority: 'meter' as const })),
      },
    ],
  }
}
