// What the registers of a Mennekes AMTRON Compact 2.0 say, taken together. Pure; the driver beside it reads and writes.
import type { MilliAmps } from '../../../../shared/units.ts'
import type { Pilot } from '../../../control-link/messages.ts'
import type { BoardError, BoardReading, LockSight } from '../../ports/board.ts'
import { float32 } from '../table.ts'

/** 0x0108; 0 while it starts. */
export const STATES: Readonly<Record<number, { readonly pilot: Pilot; readonly oscillatorOn: boolean }>> = {
  10: { pilot: 'A', oscillatorOn: false },
  11: { pilot: 'B', oscillatorOn: false },
  12: { pilot: 'C', oscillatorOn: false },
  13: { pilot: 'D', oscillatorOn: false },
  14: { pilot: 'E', oscillatorOn: false },
  15: { pilot: 'F', oscillatorOn: false },
  26: { pilot: 'A', oscillatorOn: true },
  27: { pilot: 'B', oscillatorOn: true },
  28: { pilot: 'C', oscillatorOn: true },
  29: { pilot: 'D', oscillatorOn: true },
}
/** 0x0D02; 0 unknown and 3 fixed cable tell nothing. */
export const LOCKS: Readonly<Record<number, LockSight>> = { 1: 'unlocked', 2: 'locked' }

export type WordOrder = 'highFirst' | 'lowFirst'
export const inOrder = (words: readonly number[], order: WordOrder): number =>
  float32(order === 'highFirst' ? words : [...words].reverse())

/** What is known of what was written; null: not known, so read before the next offer. */
export interface Known {
  /** 0x0302, A; 0 is unlimited. */
  readonly limitAmps: number | null
  readonly released: boolean | null
}
export const UNKNOWN: Known = { limitAmps: null, released: null }

/** What the readings have told, each as old as its place in the rotation. */
export interface Seen {
  readonly signalledMilliamps: MilliAmps | null
  readonly error: number
  readonly masterLost: boolean
  readonly stationLocked: boolean
  readonly lock: LockSight | null
  readonly temperatureMilliCelsius: number | null
}
export const NOTHING_SEEN: Seen = {
  signalledMilliamps: null,
  error: 0,
  masterLost: false,
  stationLocked: false,
  lock: null,
  temperatureMilliCelsius: null,
}

/** Grid voltages in words, three phases; where not exactly one order fits, how many do. */
export function orderOf(words: readonly number[]): WordOrder | { readonly fitting: 0 | 2 } {
  const fits = (order: WordOrder) => {
    const volts = [0, 2, 4].map((at) => inOrder(words.slice(at, at + 2), order))
    return volts.some((it) => it !== 0) && volts.every((it) => it === 0 || (it >= 80 && it <= 300))
  }
  const [high, low] = [fits('highFirst'), fits('lowFirst')]
  if (high && low) return { fitting: 2 }
  if (high) return 'highFirst'
  return low ? 'lowFirst' : { fitting: 0 }
}

/** The vendor's error numbers are not published. */
export function troubleOf(seen: Seen): {
  readonly errors: readonly BoardError[]
  readonly vendorError: string | null
} {
  const errors: BoardError[] = []
  const words: string[] = []
  if (seen.error !== 0) {
    errors.push('internalFault')
    words.push(`0x0E00 = ${seen.error}`)
  }
  if (seen.stationLocked) {
    errors.push('unavailable')
    words.push('0x0D06 = 1, the station is locked')
  }
  if (seen.masterLost) words.push('0x0E01 = 1, the heartbeat was lost')
  return { errors, vendorError: words.length > 0 ? words.join('; ') : null }
}

/** The board does not do what we believe it was told: it may have restarted, or the heartbeat was lost. */
export function contradicted(
  known: Known,
  reading: Pick<BoardReading, 'pilot' | 'oscillatorOn' | 'offeredMilliamps'>,
  { masterLost }: Seen,
): boolean {
  const { pilot, oscillatorOn, offeredMilliamps } = reading
  if (masterLost) return true
  if (oscillatorOn) {
    const tooMuch = known.limitAmps !== null && offeredMilliamps > known.limitAmps * 1000 + 500
    return known.released === false || tooMuch
  }
  return known.released === true && (pilot === 'B' || pilot === 'C' || pilot === 'D')
}
