// Instants as text, RFC 3339. Pure conversions; nothing here reads a clock.
import { type EpochMs, epochMs } from '../units.ts'

/** UTC with milliseconds: `2026-11-22T12:30:03.000Z`. */
export const isoOf = (at: EpochMs): string => new Date(at).toISOString()

/** The instant that an RFC 3339 text with an offset names; null for anything else. Digits beyond milliseconds are cut off. */
export function epochOfIso(text: string): EpochMs | null {
  if (!/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/.test(text)) return null
  const at = Date.parse(text)
  return Number.isNaN(at) ? null : epochMs(at)
}
