// When control gives a permission up by itself, so that nobody's cable is trapped: keeper is gone and the car takes nothing,
// or somebody presses the stop button. Then the box pauses, waits for the contactor and lets the plug go.
import { CURRENT_MIN, type MonotonicMs } from '../../../shared/units.ts'
import { permitted } from './permission.ts'
import { isFresh } from './site.ts'
import { KEEPER_SILENT_MS, type SafetyInput, type SafetyState, toldNow } from './state.ts'

export interface GivenUp {
  readonly waitsSince: MonotonicMs | null
  readonly released: { readonly uuid: string; readonly why: 'keeperSilent' | 'stopButton' } | null
}

export function stepGivingUp(state: SafetyState, input: SafetyInput, now: MonotonicMs): GivenUp {
  const { permission } = input
  if (permission !== null && stopPressed(input, now))
    return { waitsSince: null, released: { uuid: permission.uuid, why: 'stopButton' } }
  return stepSilence(state, input, now)
}

/** Pressed and held counts as long as it is held: nobody is permitted meanwhile. */
const stopPressed = ({ wired, site }: SafetyInput, now: MonotonicMs) =>
  site.hasStopButton && isFresh(wired.stopPressed, now) && wired.stopPressed.value

/**
 * A car that was offered at least 6 A and has waited in B for 30 s loses its permission when keeper has been silent for
 * 30 s. A car that a plan holds back is left alone.
 */
function stepSilence(state: SafetyState, input: SafetyInput, now: MonotonicMs): GivenUp {
  const held = input.limitMilliamps < CURRENT_MIN || !permitted(state, input)
  const elsewhere = state.pilot === 'A' || state.pilot === 'C' || state.pilot === 'D'
  if (held || elsewhere) return { waitsSince: null, released: null }
  const waits = state.pilot === 'B' && toldNow(input) >= CURRENT_MIN
  // A wake-up pulse of the board (F for 3 s) in between is part of the waiting.
  const waitsSince = state.waitsInBSinceMonotonicMs ?? (waits ? now : null)
  const over =
    waits &&
    waitsSince !== null &&
    now - waitsSince >= KEEPER_SILENT_MS &&
    input.keeperSilentMs >= KEEPER_SILENT_MS
  return over && input.permission !== null
    ? { waitsSince: null, released: { uuid: input.permission.uuid, why: 'keeperSilent' } }
    : { waitsSince, released: null }
}
