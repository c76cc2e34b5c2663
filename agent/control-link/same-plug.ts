// May a session go on after nobody has looked at the plug, because the power or the control was gone? Only where the car that
// is there now can be no other one. How long the gap may be is keeper's rule (resumeWithin); this one is about the plug.
import type { Pilot, PlugEvidence } from './messages.ts'

/** From the board's own count to ours: what its start and the first reading take. */
const COUNTED_LATE_MS = 10_000

/**
 * Null: the session may go on. Else why not, in words for the log.
 * @param before what was known last; null where nothing was
 * @param gapMs from then to the first reading of the pilot that counts
 */
export function otherPlug(
  before: PlugEvidence | null,
  now: PlugEvidence,
  pilot: Pilot,
  gapMs: number,
): string | null {
  if (pilot !== 'B' && pilot !== 'C' && pilot !== 'D') return `no car: the first pilot is ${pilot}`
  if (before === null) return 'nothing is known of the plug before'
  if (now.proximity === 'fault') return 'the proximity contact is shorted or of no known value'
  if (before.proximity !== now.proximity)
    return `the cable was ${before.proximity} and is ${now.proximity} by its proximity contact`
  // Whatever the cable: the board has seen this very car all the time.
  if (now.connectedMs !== null && now.connectedMs + COUNTED_LATE_MS >= gapMs) return null
  if (now.connectedMs !== null) return `the board has seen this car for ${now.connectedMs} ms only`
  if (now.cable === 'tethered') return null
  // It must have been held before and be so still: a lock that opened in between let anybody pull.
  return before.cable === 'held' && now.cable === 'held' ? null : 'the plug was not locked all the time'
}
