// Whether current is permitted, and current that flows without: at once after a start, else when the car had its 6 s.
import { flows } from './meter-judge.ts'
import { OPEN_AFTER_MS, type SafetyInput, type SafetyState } from './state.ts'

/** A permission counts for the plug-in that it was given for, and for no other. */
export const permitted = (state: SafetyState, input: Pick<SafetyInput, 'permission'>) =>
  input.permission !== null && state.plugId !== null && input.permission.plugId === state.plugId

export function unpermittedCurrent(state: SafetyState, input: SafetyInput): string | null {
  const { fresh } = input.meter
  if (fresh === null || !flows(fresh.reading) || permitted(state, input)) return null
  const since = state.permittedAtMonotonicMs
  if (since !== null && fresh.begunAtMonotonicMs < since + OPEN_AFTER_MS) return null
  return `${Math.max(...fresh.reading.currentsMilliamps)} mA flow without a permission`
}
