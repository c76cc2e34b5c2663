// What the readings say about pilot, plug-in and contactor, before anything is decided.
import { type MonotonicMs, milliAmps } from '../../../shared/units.ts'
import type { Fact } from '../../control-link/messages.ts'
import type { BoardReading } from '../ports/board.ts'
import { flows } from './meter-judge.ts'
import { type Sample, stepOverload } from './overload.ts'
import { isFresh } from './site.ts'
import {
  boardAnswers,
  OPEN_AFTER_MS,
  PLUG_SURE_MS,
  type RelayView,
  readingCounts,
  type SafetyInput,
  type SafetyState,
  toldNow,
} from './state.ts'

/** Offers are few: more than these are merged into the highest of the older ones. */
const TOLD_KEPT = 8
const TOLD_KEPT_MS = 30_000

export function observe(
  state: SafetyState,
  input: SafetyInput,
  now: MonotonicMs,
): { readonly state: SafetyState; readonly facts: readonly Fact[] } {
  const plugged = observePlug(state, input, now)
  const seen = { ...plugged.state, pauseSeenSinceMonotonicMs: pauseSeen(state, input, now) }
  const told = observeTold(seen.told, input, now)
  return {
    facts: plugged.facts,
    state: {
      ...seen,
      relay: observeRelay(seen, input, now),
      told,
      overload: stepOverload(seen.overload, seen.told, told, sampleOf(input)),
      flowSeenAtMonotonicMs: observeFlow(seen, input),
      mustBeOpenSinceMonotonicMs: mustBeOpen(seen, input, now),
    },
  }
}

function observePlug(state: SafetyState, input: SafetyInput, now: MonotonicMs) {
  const reading = boardAnswers(input, now) ? input.board : null
  const facts: Fact[] = []
  if (reading === null) return { facts, state: { ...state, pilotHidden: true } }
  const seenAt = state.boardSeenAtMonotonicMs ?? reading.takenAtMonotonicMs
  const plugDoubted = state.plugDoubted || reading.takenAtMonotonicMs - seenAt > PLUG_SURE_MS
  const sight = { boardSeenAtMonotonicMs: reading.takenAtMonotonicMs, plugDoubted }
  if (!readingCounts(reading, input, now)) return { facts, state: { ...state, ...sight, pilotHidden: true } }
  const changed = reading.pilot !== state.pilot
  let plugId = state.plugId
  if (reading.pilot === 'A' && plugId !== null) {
    facts.push({ kind: 'unplugged', plugId })
    plugId = null
  }
  const present = reading.pilot === 'B' || reading.pilot === 'C' || reading.pilot === 'D'
  // One that was out of sight gets a new identity without an `unplugged`: keeper decides whether its session goes on.
  if (present && (plugId === null || plugDoubted)) {
    // Unique within the boot, because the monotonic clock of one boot never shows a moment twice.
    plugId = `${input.bootId}:${now}`
    facts.push({ kind: 'plugged', plugId })
  }
  const next: SafetyState = {
    ...state,
    pilot: reading.pilot,
    pilotHidden: false,
    pilotSinceMonotonicMs: changed ? now : state.pilotSinceMonotonicMs,
    plugId,
    boardSeenAtMonotonicMs: sight.boardSeenAtMonotonicMs,
    plugDoubted: plugDoubted && !present && reading.pilot !== 'A',
  }
  return { facts, state: next }
}

/**
 * What is known of the contactors, best witness first: a fresh mirror contact of our release contactor, which is in series;
 * the board's own register; else pilot and meter. Current that flows is a closed contactor, whoever says otherwise.
 */
function observeRelay(state: SafetyState, input: SafetyInput, now: MonotonicMs): RelayView {
  const { fresh } = input.meter
  const { releaseClosed: mirror } = input.wired
  const inferred = inferRelay(state, input, now)
  if (input.site.release?.hasMirror !== true || !isFresh(mirror, now) || mirror.value) return inferred
  return fresh !== null && flows(fresh.reading) ? inferred : { ...inferred, view: 'open' }
}

/** Open: not C2 or D2 in two readings, and a fresh meter reading from after the first of them below 0.5 A. */
function inferRelay(state: SafetyState, input: SafetyInput, now: MonotonicMs): RelayView {
  const { relay } = state
  if (!boardAnswers(input, now) || input.board === null) return { ...relay, view: 'unknown', awayReads: 0 }
  const reading = input.board
  const isNew = reading.takenAtMonotonicMs !== relay.judgedReadingAtMonotonicMs
  const judged = { ...relay, judgedReadingAtMonotonicMs: reading.takenAtMonotonicMs }
  if (mayBeClosed(state, input, reading)) return { ...judged, view: 'closed', awayReads: 0 }
  const first = relay.awayReads === 0
  const away = {
    ...judged,
    awayReads: relay.awayReads + (isNew ? 1 : 0),
    awaySinceMonotonicMs: first && isNew ? reading.takenAtMonotonicMs : relay.awaySinceMonotonicMs,
  }
  const { fresh } = input.meter
  const metered = fresh !== null && fresh.begunAtMonotonicMs >= away.awaySinceMonotonicMs
  if (away.awayReads < 2) return { ...away, view: staysOpen(away, input) }
  if (metered) return { ...away, view: flows(fresh.reading) ? 'closed' : 'open' }
  // A register is a witness of its own: no meter is needed beside it.
  return { ...away, view: reading.relay === 'open' ? 'open' : staysOpen(away, input) }
}

const staysOpen = ({ view }: RelayView, { meter }: SafetyInput): RelayView['view'] =>
  view === 'open' && meter.fresh !== null ? 'open' : 'unknown'

/** The reading alone is a reason to hold the contactor closed. */
function mayBeClosed(state: SafetyState, { facts }: SafetyInput, reading: BoardReading): boolean {
  if (reading.relay !== undefined) return reading.relay === 'closed'
  if (reading.pilot !== 'C' && reading.pilot !== 'D') return false
  if (facts.tellsOscillator) return reading.oscillatorOn
  // Without x1 and x2 a pause counts when it has read back for the 6 s in which a car may still draw.
  const since = state.pauseSeenSinceMonotonicMs
  return since === null || reading.takenAtMonotonicMs - since < OPEN_AFTER_MS
}

function pauseSeen(state: SafetyState, input: SafetyInput, now: MonotonicMs): MonotonicMs | null {
  if (!boardAnswers(input, now) || input.board === null || input.board.oscillatorOn) return null
  return state.pauseSeenSinceMonotonicMs ?? input.board.takenAtMonotonicMs
}

/** The highest current of the phases, of a reading that is about now. */
export function sampleOf({ meter }: SafetyInput): Sample | null {
  if (meter.fresh === null) return null
  const { currentsMilliamps, takenAtMonotonicMs } = meter.fresh.reading
  return { drawnMilliamps: Math.max(...currentsMilliamps), takenAtMonotonicMs }
}

function observeTold(told: SafetyState['told'], input: SafetyInput, now: MonotonicMs): SafetyState['told'] {
  const currentMilliamps = toldNow(input)
  if (told.at(-1)?.currentMilliamps === currentMilliamps) return told
  const next = [...told, { currentMilliamps, sinceMonotonicMs: now }]
  const old = next.findLastIndex((one) => now - one.sinceMonotonicMs > TOLD_KEPT_MS)
  const kept = old > 0 ? next.slice(old) : next
  const [first, second, ...rest] = kept
  if (kept.length <= TOLD_KEPT || first === undefined || second === undefined) return kept
  const highest = Math.max(first.currentMilliamps, second.currentMilliamps)
  return [{ ...first, currentMilliamps: milliAmps(highest) }, ...rest]
}

function observeFlow(state: SafetyState, input: SafetyInput): MonotonicMs | null {
  const { fresh } = input.meter
  if (fresh === null || !flows(fresh.reading)) return state.flowSeenAtMonotonicMs
  return fresh.reading.takenAtMonotonicMs
}

/** While the board was not looked at for longer, the car may have come to C and gone again. */
const SIGHT_GAP_MS = 300

function mustBeOpen(state: SafetyState, input: SafetyInput, now: MonotonicMs): MonotonicMs | null {
  if (state.pilotHidden || state.pilot === null || input.board === null) return null
  if (state.pilot === 'C' || state.pilot === 'D') return null
  const { takenAtMonotonicMs } = input.board
  const before = state.relay.judgedReadingAtMonotonicMs ?? takenAtMonotonicMs
  const unseenMs = Math.max(now - takenAtMonotonicMs, takenAtMonotonicMs - before)
  return unseenMs > SIGHT_GAP_MS ? now : (state.mustBeOpenSinceMonotonicMs ?? now)
}
