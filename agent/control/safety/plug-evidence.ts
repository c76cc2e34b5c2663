// What control can say of the plug, for whoever must tell one plug-in from another after a gap.
import type { MonotonicMs } from '../../../shared/units.ts'
import type { PlugEvidence } from '../../control-link/messages.ts'
import { lockSight } from './site.ts'
import { boardAnswers, type SafetyInput } from './state.ts'

type Seen = Pick<SafetyInput, 'line' | 'board' | 'site' | 'wired'>

/** Null while the board does not answer. */
export function plugEvidence(input: Seen, now: MonotonicMs): PlugEvidence | null {
  const { board } = input
  if (board === null || !boardAnswers(input, now)) return null
  const { proximity } = board
  return {
    proximity: proximity.kind === 'rating' ? proximity.currentMilliamps : proximity.kind,
    cable: cableNow(input, now),
    // No board here is read for its own count.
    connectedMs: null,
  }
}

function cableNow(input: Seen, now: MonotonicMs): PlugEvidence['cable'] {
  const { connector } = input.site
  if (connector.kind === 'tethered') return 'tethered'
  return connector.atPowerLoss === 'stays' && lockSight(input, now) === 'locked' ? 'held' : 'loose'
}
