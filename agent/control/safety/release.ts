// The release contactor of the IO module: in series with hardware that opens by itself, so closing it allows nothing that
// the board does not allow too. It is closed while something is offered, kept closed for the 6 s in which a car ends its
// current by itself, and opened at once where waiting would be worse than an arc.
import type { FaultCode } from '../../../shared/faults.ts'
import type { MonotonicMs } from '../../../shared/units.ts'
import { isFresh } from './site.ts'
import { type Command, OPEN_AFTER_MS, type SafetyInput, type SafetyState } from './state.ts'
import { MIRROR_SETTLE_MS } from './weld.ts'

/** An arc in a contactor is the lesser evil. */
const OPENS_AT_ONCE: readonly FaultCode[] = [
  'RESIDUAL_CURRENT',
  'PROTECTIVE_EARTH_MISSING',
  'LOCK_LOST',
  'CONTACTOR_WELDED',
  'RELEASE_UNPROVED',
]

/** @param wish what is wanted of the board; `leave`: nothing counts yet, so nothing moves. */
export function releaseCommand(
  state: SafetyState,
  input: SafetyInput,
  wish: 'offer' | 'pause' | 'leave',
  now: MonotonicMs,
): Command | null {
  const { releaseWritten: written } = input.wired
  if (input.site.release === null || wish === 'leave') return null
  if (wish === 'offer') return written.kind === 'closed' ? null : { kind: 'closeRelease' }
  if (written.kind === 'opened') return null
  return mustOpen(state, now) ? { kind: 'openRelease' } : null
}

function mustOpen(state: SafetyState, now: MonotonicMs): boolean {
  if (state.faults.some(({ code }) => OPENS_AT_ONCE.includes(code))) return true
  const mayEndByItself = !state.pilotHidden && state.pilot === 'C' && state.relay.view !== 'open'
  const since = state.withdrawnSinceMonotonicMs
  return !mayEndByItself || (since !== null && now - since >= OPEN_AFTER_MS)
}

/** Told to close and not closed: no car gets current, and nobody would know why. */
export function releaseStuck({ site, wired }: SafetyInput, now: MonotonicMs): string | null {
  const { releaseWritten: written, releaseClosed: mirror } = wired
  if (site.release?.hasMirror !== true || written.kind !== 'closed' || !isFresh(mirror, now)) return null
  const settled = mirror.takenAtMonotonicMs - written.atMonotonicMs >= MIRROR_SETTLE_MS
  return settled && !mirror.value ? 'the mirror contact is open with the release contactor told closed' : null
}
