// Instants as text, RFC 3339. Pure conversions; nothing here reads a clock.
import { invariant } from '../invariant.ts'
import { type EpochMs, epochMs } from '../units.ts'

/**
 * UTC with milliseconds: `2026-11-22T12:30:03.000Z`.
 * @throws InvariantError for an instant outside the calendar: what comes from afar or from a disk is bounded before.
 */
export function isoOf(at: EpochMs): string {
  const instant = new Date(at)
  invariant(!Number.isNaN(instant.getTime()), `${at} ms is an instant outside the calendar`)
  return instant.toISOString()
}

/** The instant that an RFC 3339 text with an offset names; null for anything else. Digits beyond milliseconds are cut off. */
export function epochOfIso(text: string): EpochMs | null {
  if (!/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/.test(text)) return null
  const at = Date.parse(text)
  return Number.isNaN(at) ? null : epochMs(at)
}
