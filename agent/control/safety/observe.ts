// What the readings say about pilot, plug-in and contactor, before anything is decided.
import { type MonotonicMs, milliAmps } from '../../../shared/units.ts'
import type { Fact } from '../../control-link/messages.ts'
import { flows } from './meter-judge.ts'
import {
  boardAnswers,
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
  const seen = plugged.state
  return {
    facts: plugged.facts,
    state: {
      ...seen,
      relay: observeRelay(seen.relay, input, now),
      told: observeTold(seen.told, input, now),
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

/** Open: not C2 or D2 in two readings, and a fresh meter reading from after the first of them below 0.5 A. */
function observeRelay(relay: RelayView, input: SafetyInput, now: MonotonicMs): RelayView {
  if (!boardAnswers(input, now) || input.board === null) return { ...relay, view: 'unknown', awayReads: 0 }
  const reading = input.board
  const isNew = reading.takenAtMonotonicMs !== relay.judgedReadingAtMonotonicMs
  const judged = { ...relay, judgedReadingAtMonotonicMs: reading.takenAtMonotonicMs }
  if ((reading.pilot === 'C' || reading.pilot === 'D') && reading.oscillatorOn)
    return { ...judged, view: 'closed', awayReads: 0 }
  const first = relay.awayReads === 0
  const away = {
    ...judged,
    awayReads: relay.awayReads + (isNew ? 1 : 0),
    awaySinceMonotonicMs: first && isNew ? reading.takenAtMonotonicMs : relay.awaySinceMonotonicMs,
  }
  const { fresh } = input.meter
  if (away.awayReads < 2 || fresh === null || fresh.begunAtMonotonicMs < away.awaySinceMonotonicMs)
    return { ...away, view: away.view === 'open' && fresh !== null ? 'open' : 'unknown' }
  return { ...away, view: flows(fresh.reading) ? 'closed' : 'open' }
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
