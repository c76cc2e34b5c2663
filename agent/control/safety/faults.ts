// Which faults stand. What raises each is in causes.ts, in the order of the fault table; each clears as its row there
// says. Where the bus is lost, what is lost with it is not told again: one cause, one fault.
import { FAULTS, type FaultCode, faultRow, UNTIL_UNPLUGGED } from '../../../shared/faults.ts'
import type { MonotonicMs } from '../../../shared/units.ts'
import type { Fact } from '../../control-link/messages.ts'
import { CAUSES, type CauseRow, seen } from './causes.ts'
import { lockSight } from './site.ts'
import {
  boardAnswers,
  NO_CURRENT_MS,
  relayHolds,
  type SafetyInput,
  type SafetyState,
  type StandingFault,
} from './state.ts'

/** Lost with the bus, so not told beside it. */
const WITH_THE_BUS: readonly FaultCode[] = ['BOARD_LOST', 'INPUT_LOST', 'DEADMAN_LOST', 'METER_LOST']

/** The faults that stand now, in the order of the table, with the facts of what changed. */
export function stepFaults(
  state: SafetyState,
  input: SafetyInput,
  now: MonotonicMs,
): { readonly faults: readonly StandingFault[]; readonly facts: readonly Fact[] } {
  const faults: StandingFault[] = []
  const facts: Fact[] = []
  for (const { code } of FAULTS) {
    const before = state.faults.find((fault) => fault.code === code)
    const cause = causeOf(code, state, input, now)
    if (cause !== null) faults.push({ code, detail: before?.detail ?? cause })
    else if (before !== undefined && !mayClear(code, state, input, now)) faults.push(before)
    const stands = faults.at(-1)?.code === code
    if (stands && before === undefined) facts.push({ kind: 'faultRaised', code, detail: cause ?? '' })
    if (!stands && before !== undefined) facts.push({ kind: 'faultCleared', code })
  }
  return { faults, facts }
}

/** The first standing fault that withdraws, in the order of the table. */
export const firstFault = (faults: readonly StandingFault[]): StandingFault | null =>
  faults.find((fault) => faultRow(fault.code).withdraws) ?? null

function causeOf(code: FaultCode, state: SafetyState, input: SafetyInput, now: MonotonicMs): string | null {
  if (input.line.kind === 'lost' && WITH_THE_BUS.includes(code)) return null
  const causes: CauseRow = CAUSES
  return causes[code]?.(state, input, now) ?? null
}

/** The cause is gone; may the fault go too? What was not seen to be well again stays. */
function mayClear(code: FaultCode, state: SafetyState, input: SafetyInput, now: MonotonicMs): boolean {
  if (faultRow(code).latched) return input.cleared.includes(code)
  const plugOut = seen(state, 'A')
  if (UNTIL_UNPLUGGED.includes(code)) return plugOut
  switch (code) {
    case 'BOARD_LOST':
    case 'BUS_LOST':
      return boardAnswers(input, now)
    case 'DEADMAN_LOST':
      return boardAnswers(input, now) && (relayHolds(input, now) || state.deadman.kind === 'released')
    case 'PILOT_FAULT':
      return plugOut || seen(state, 'B') || seen(state, 'C')
    case 'BOARD_UNAVAILABLE':
      return !seen(state, 'F') && !state.pilotHidden
    case 'VENTILATION_NEEDED':
      return !seen(state, 'D') && !state.pilotHidden
    case 'UNPERMITTED_CURRENT':
      return !stillFlows(state, now) && input.meter.fresh !== null
    case 'LOCK_FAILED':
      return plugOut || lockSight(input, now) === 'locked'
    case 'UNLOCK_FAILED':
      return input.site.connector.kind === 'tethered' || lockSight(input, now) === state.lock.wanted
    case 'SELF_TEST_FAILED':
      return state.selfTest.kind === 'passed'
    case 'METER_LOST':
    case 'METER_IMPLAUSIBLE':
      return input.meter.fresh !== null
    case 'METER_FROZEN':
      return plugOut || input.meter.fresh !== null
    default:
      return true
  }
}

/** Current was seen within the last 10 s. */
const stillFlows = (state: SafetyState, now: MonotonicMs): boolean =>
  state.flowSeenAtMonotonicMs !== null && now - state.flowSeenAtMonotonicMs < NO_CURRENT_MS
