// How late a board's pilot can be answered by a pause, at worst, in one configuration. Pure arithmetic, told line by
// line, so that a person can check it and a benchmark can be held against it.
import type { Priority, UnitLine } from '../../ports/bus.ts'
import type { Turn } from '../driver.ts'
import { frameGapMicros, frameMicros, type LineSettings } from './line-time.ts'
import { DEADLINE_MARGIN_MS, deadlineMs } from './wire.ts'

export interface Party {
  readonly name: string
  readonly line: UnitLine
  readonly turns: readonly (Turn & { readonly priority: Priority })[]
  /** It is the board itself, whose own silence follows: its watchdog is fed. */
  readonly isBoard?: true
}

export interface ReactionConfig {
  readonly line: LineSettings
  /** The loop reads the board once in this time, where the board lets it. */
  readonly boardPeriodMs: number
  /** Left to others between two readings of the board, however long they take. */
  readonly boardGapMs: number
  /** The dead-man is refreshed, or the board's watchdog fed, at most once in this time. */
  readonly holdPeriodMs: number
  /** From the board's reply to the pause in the queue. */
  readonly decisionMs: number
  readonly board: {
    readonly line: UnitLine
    readonly read: Turn
    /** The error bits, where they are read in an exchange of their own behind `read`. */
    readonly readErrors: Turn | null
    /** What else may come behind `read`. */
    readonly readMore?: Turn
    readonly pause: Turn
    readonly offer: Turn
    /** How many readings it takes until the error bits were read once. */
    readonly readsPerErrorReading: number
  }
  /** Every other device of the bus, dead ones too: each of their exchanges counts with its deadline. */
  readonly others: readonly Party[]
}

export interface Term {
  readonly ms: number
  readonly why: string
}

export interface ReactionBound {
  /** The pilot goes to A, E or F → the pause's last bit is on the line, ms. */
  readonly pilotMs: number
  /** The board sets an error bit → the pause's last bit is on the line, ms. */
  readonly errorMs: number
  readonly pilotTerms: readonly Term[]
  /** What an error bit costs on top. */
  readonly errorTerms: readonly Term[]
  /** The arithmetic, one line a term. */
  readonly lines: readonly string[]
}

/** The time that an exchange holds the bus when its reply comes at the last moment or never. */
const worst = (line: LineSettings, unit: UnitLine, turn: Turn): number =>
  deadlineMs(line, unit, { request: turn.requestBytes, reply: turn.replyBytes })

const inWords = (unit: UnitLine, turn: Turn): string =>
  `${turn.name}: ${turn.exchanges === undefined ? '' : `${turn.exchanges} × `}${turn.requestBytes} + ${turn.replyBytes} bytes, answers within ${unit.turnaroundWorstMs} ms`

/** The longest exchange of the other devices; 0 ms where there is none. The board's own feeding is counted apart. */
function longest({ line, others }: ReactionConfig): Term {
  const terms = others
    .filter(({ isBoard }) => !isBoard)
    .flatMap((party) =>
      party.turns.map((turn) => ({
        ms: worst(line, party.line, turn),
        why: `${party.name}, ${inWords(party.line, turn)}`,
      })),
    )
  return terms.reduce((most, term) => (term.ms > most.ms ? term : most), { ms: 0, why: 'no other device' })
}

interface Hold extends Term {
  readonly everyMs: number
}

/** All that is refreshed: each goes before a reading that is due. */
function holdsOf({ line, others, holdPeriodMs }: ReactionConfig, gapMs: number): readonly Hold[] {
  return others.flatMap((party) =>
    party.turns
      .filter(({ priority }) => priority === 'hold')
      .map((turn) => ({
        ms: worst(line, party.line, turn) + gapMs + (party.isBoard ? party.line.silenceMs : 0),
        why: `${party.name}, ${inWords(party.line, turn)}`,
        everyMs: turn.everyMs ?? holdPeriodMs,
      })),
  )
}

interface Parts {
  readonly gapMs: number
  readonly silenceMs: number
  /** The longest exchange that may just have begun. */
  readonly foreign: Term
  /** The longest of the other devices alone: no two offers come so soon. */
  readonly otherMs: number
  readonly held: readonly Hold[]
  readonly late: Term
  /** Between two exchanges of one reading: the board's silence, in which another device's exchange may begin. */
  readonly betweenMs: number
  readonly readMs: number
  /** What may come behind the state in one reading. */
  readonly second: { readonly name: string; readonly ms: number } | null
  readonly errorsMs: number
}

function partsOf(config: ReactionConfig): Parts {
  const { line, board, others, boardGapMs } = config
  const gapMs = Math.max(
    frameGapMicros(line) / 1000,
    ...[board.line, ...others.map((party) => party.line)].map(({ busSilenceMs }) => busSilenceMs),
  )
  const { silenceMs } = board.line
  const other = longest(config)
  // A board that wants no long silence may be in the middle of taking an offer when its reading is due.
  const offerMs = silenceMs > boardGapMs ? 0 : worst(line, board.line, board.offer) + silenceMs
  const foreign =
    offerMs > other.ms
      ? { ms: offerMs, why: `an offer to the board has just begun (${inWords(board.line, board.offer)})` }
      : { ms: other.ms, why: `the longest exchange of another device has just begun (${other.why})` }
  // No offer comes between: readings go before it.
  const betweenMs = silenceMs > 0 ? silenceMs + other.ms + 2 * gapMs : gapMs
  const turnMs = (turn: Turn): number => {
    const { exchanges = 1 } = turn
    return exchanges * worst(line, board.line, turn) + (exchanges - 1) * betweenMs
  }
  const seconds = [board.readErrors, board.readMore ?? null].flatMap((turn) =>
    turn === null ? [] : [{ name: turn.name, ms: turnMs(turn) }],
  )
  const lateBytes = Math.max(0, ...others.flatMap((party) => party.turns.map((turn) => turn.replyBytes)))
  return {
    gapMs,
    silenceMs,
    foreign,
    otherMs: other.ms,
    held: holdsOf(config, gapMs),
    late: {
      ms: frameMicros(line, lateBytes) / 1000,
      why: `a late reply of ${lateBytes} bytes holds the line`,
    },
    betweenMs,
    readMs: turnMs(board.read),
    second: seconds.sort((a, b) => b.ms - a.ms)[0] ?? null,
    errorsMs: board.readErrors === null ? 0 : turnMs(board.readErrors),
  }
}

/** From the start of a reading to when the next is due. */
function period(config: ReactionConfig, parts: Parts): Term {
  const { boardPeriodMs, boardGapMs } = config
  const { second } = parts
  const secondMs = second === null ? 0 : parts.betweenMs + second.ms
  const readingMs = parts.readMs + secondMs + boardGapMs
  if (readingMs <= boardPeriodMs)
    return { ms: boardPeriodMs, why: 'the board was read just before: one period' }
  const exchanges =
    second === null
      ? `${parts.readMs} ms`
      : `${parts.readMs} ms, ${parts.betweenMs.toFixed(1)} ms between, ${second.name} ${second.ms} ms`
  return {
    ms: readingMs,
    why: `the board's reading had just begun: ${exchanges}; then ${boardGapMs} ms are left to others`,
  }
}

/** Until a reading that is due goes out. The dead-man's refreshes are counted apart. */
function waiting(
  { boardGapMs }: ReactionConfig,
  { silenceMs, foreign, late, gapMs }: Parts,
): readonly Term[] {
  return [
    ...(silenceMs > boardGapMs
      ? [
          {
            ms: silenceMs - boardGapMs,
            why: `the rest of the ${silenceMs} ms of silence that the board asks for`,
          },
        ]
      : []),
    foreign,
    ...(late.ms > 0 ? [late] : []),
    { ms: 3 * gapMs, why: `3 silences between frames of ${gapMs.toFixed(1)} ms` },
  ]
}

const sum = (terms: readonly Term[]): number => terms.reduce((total, term) => total + term.ms, 0)

/** The refreshes that fall into so long a time. */
const holds = ({ held }: Parts, otherMs: number): readonly Term[] =>
  held.map(({ ms, why, everyMs }) => {
    const times = 1 + Math.floor(otherMs / everyMs)
    return {
      ms: times * ms,
      why: `what keeps the board in service goes first, ${times} × in this time, with a silence (${why})`,
    }
  })

/**
 * The worst case: the pilot changes just after the board was read. That reading and what follows take as long as they
 * can; when the next reading is due, the longest exchange of another device has just begun, and the dead-man's refresh
 * goes first; each exchange is answered at its deadline or not at all, and a late reply of a unit that was given up holds
 * the line once more. While a pause waits for the board's silence nothing else is begun that would outlast it. A board
 * that is itself in quarantine is not read: that is told apart, and judged by the age of its reading.
 */
export function reactionBound(config: ReactionConfig): ReactionBound {
  const { line, board, decisionMs } = config
  const parts = partsOf(config)
  const pause: readonly Term[] = [
    { ms: parts.readMs, why: `reading ${inWords(board.line, board.read)}` },
    { ms: decisionMs, why: 'the decision' },
    ...(parts.silenceMs > 0
      ? [{ ms: parts.silenceMs, why: 'the silence that the board asks for, before the pause' }]
      : []),
    {
      ms: parts.gapMs + frameMicros(line, board.pause.requestBytes) / 1000,
      why: `a silence, and the pause itself to its last bit: ${board.pause.requestBytes} bytes`,
    },
  ]
  const reading = [period(config, parts), ...waiting(config, parts), ...pause]
  const pilotTerms = [...reading, ...holds(parts, sum(reading))]
  const extra = errorTermsOf(config, parts)
  const all = sum(reading) + sum(extra)
  const errorTerms = [...extra, ...moreHolds(parts, { pilotMs: sum(reading), allMs: all })]
  const pilotMs = Math.ceil(sum(pilotTerms))
  const errorMs = Math.ceil(sum(pilotTerms) + sum(errorTerms))
  const say = ({ ms, why }: Term) => `${ms.toFixed(1).padStart(7)} ms  ${why}`
  return {
    pilotMs,
    errorMs,
    pilotTerms,
    errorTerms,
    lines: [
      ...pilotTerms.map(say),
      `${pilotMs.toFixed(0).padStart(7)} ms  at worst, from the pilot's change to the pause on the bus`,
      ...errorTerms.map(say),
      `${errorMs.toFixed(0).padStart(7)} ms  at worst, from an error bit to the pause on the bus`,
    ],
  }
}

/** Error bits come with every n-th reading, in an exchange of their own. */
function errorTermsOf(config: ReactionConfig, parts: Parts): readonly Term[] {
  const { board, boardPeriodMs, boardGapMs } = config
  const more = board.readsPerErrorReading - 1
  const again = waiting(config, { ...parts, foreign: { ms: parts.otherMs, why: '' } })
  const eachMs = Math.max(boardPeriodMs, parts.readMs + boardGapMs) + sum(again)
  return [
    ...(more > 0
      ? [
          {
            ms: more * eachMs,
            why: `the error bits come with each ${more + 1}. reading: ${more} more, waiting as above`,
          },
        ]
      : []),
    ...(board.readErrors === null
      ? []
      : [
          {
            ms: parts.betweenMs + parts.errorsMs,
            why: `${parts.betweenMs.toFixed(1)} ms between, and reading ${inWords(board.line, board.readErrors)}`,
          },
        ]),
  ]
}

function moreHolds(
  { held }: Parts,
  { pilotMs, allMs }: { readonly pilotMs: number; readonly allMs: number },
): readonly Term[] {
  return held.flatMap(({ ms, why, everyMs }) => {
    const times = Math.floor(allMs / everyMs) - Math.floor(pilotMs / everyMs)
    return times === 0
      ? []
      : [{ ms: times * ms, why: `what keeps the board in service, ${times} × more (${why})` }]
  })
}

/**
 * What a reply of the board that is lost costs beyond the bound, ms: on a serial line the board is left alone until none
 * can come late any more, on TCP it is asked again.
 */
export function lostReplyMs({ line, board }: ReactionConfig): number {
  const { requestBytes, replyBytes } = board.read
  if (line.kind === 'tcp') return worst(line, board.line, board.read)
  const onLineMs = (frameMicros(line, requestBytes) + frameMicros(line, replyBytes)) / 1000
  return Math.ceil(onLineMs + board.line.latenessWorstMs + DEADLINE_MARGIN_MS)
}
