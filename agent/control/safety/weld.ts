// Is a contactor closed that was told to be open? Four witnesses, each enough: the board's own word or register, a mirror
// contact, current, and voltage where the meter is behind the contactor. What is found is latched, keeps the plug's lock
// shut and wants a technician: the agent cannot open a welded contact. Source: registers.md §5, row `contactor`.
import type { MonotonicMs } from '../../../shared/units.ts'
import { flows } from './meter-judge.ts'
import { isFresh } from './site.ts'
import { boardAnswers, relayHolds, type SafetyInput, type SafetyState } from './state.ts'

/** A contactor is told open for this long before current through it is called a welded contact. */
export const WELDED_MS = 3000
/** From the confirmed order to a mirror contact that must have moved: 200 ms at a Phoenix (4007), doubled, and a read. */
export const MIRROR_SETTLE_MS = 500
/** Voltage at an outlet that is off: what long wires pick up stays below. */
export const OUTLET_LIVE_MILLIVOLTS = 50_000

export const weldSeen = (state: SafetyState, input: SafetyInput, now: MonotonicMs): string | null =>
  boardTellsClosed(state, input, now) ?? mirrorTellsClosed(input, now) ?? flowsThoughOpen(state, input, now)

/** The board's register: closed for 3 s although no car may draw. */
function boardTellsClosed(state: SafetyState, input: SafetyInput, now: MonotonicMs): string | null {
  const since = state.mustBeOpenSinceMonotonicMs
  if (!boardAnswers(input, now) || input.board?.relay !== 'closed' || since === null) return null
  return input.board.takenAtMonotonicMs - since >= WELDED_MS
    ? `the board tells its contactor closed in state ${state.pilot}`
    : null
}

function mirrorTellsClosed({ wired, site }: SafetyInput, now: MonotonicMs): string | null {
  const { releaseWritten: written, releaseClosed: mirror } = wired
  if (site.release?.hasMirror !== true || written.kind !== 'opened' || !isFresh(mirror, now)) return null
  const settled = mirror.takenAtMonotonicMs - written.atMonotonicMs >= MIRROR_SETTLE_MS
  return settled && mirror.value ? 'the mirror contact is closed with the release contactor told open' : null
}

/** Current or voltage through what the pilot, our relay or our release contactor has told to be open for 3 s. */
function flowsThoughOpen(state: SafetyState, input: SafetyInput, now: MonotonicMs): string | null {
  const { fresh } = input.meter
  if (fresh === null) return null
  const byPilot = state.mustBeOpenSinceMonotonicMs
  const toldOpen = byPilot ?? openedByUs(state, input, now)
  if (toldOpen === null || fresh.begunAtMonotonicMs < toldOpen + WELDED_MS) return null
  // The pilot must have been seen again behind the reading: a charge may have begun in between.
  const seenAfter = input.board !== null && input.board.takenAtMonotonicMs > fresh.reading.takenAtMonotonicMs
  if (byPilot !== null && !seenAfter) return null
  if (flows(fresh.reading))
    return `${Math.max(...fresh.reading.currentsMilliamps)} mA flow with the contactor told open`
  const voltage = Math.max(...fresh.reading.voltagesMillivolts)
  return input.site.metersOutlet && voltage >= OUTLET_LIVE_MILLIVOLTS
    ? `${voltage} mV at the outlet with the contactor told open`
    : null
}

/** Since when a contact of ours, not the board's, has been open; null where none is. A board's own watchdog opens none. */
function openedByUs(state: SafetyState, input: SafetyInput, now: MonotonicMs): MonotonicMs | null {
  const { deadman } = state
  const external = input.facts.deadman.kind === 'external'
  if (external && deadman.kind === 'released' && !relayHolds(input, now)) return deadman.sinceMonotonicMs
  const { releaseWritten } = input.wired
  return releaseWritten.kind === 'opened' ? releaseWritten.atMonotonicMs : null
}
