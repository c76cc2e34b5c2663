// What a bad line or a bad device makes of a reply. Pure but for its seeded generator: a seed plays the same faults again.

import type { Prng } from '../../shared/prng.ts'
import type { SimFault } from '../api.ts'

export interface Transmission {
  /** Frames that go out one after the other, as the line will carry them. */
  readonly frames: readonly Uint8Array[]
  /** Added to the device's own turn-around. */
  readonly lateMs: number
}

/** Whether a fault makes the unit deaf. */
export const isDead = (faults: readonly SimFault[], unitId: number): boolean =>
  faults.some((fault) => fault.kind === 'dead' && fault.unitId === unitId)

/** The id that a unit puts into its reply to a request for `askedUnitId`. */
export function replyUnitId(faults: readonly SimFault[], unitId: number, askedUnitId: number): number {
  const wrong = faults.find((fault) => fault.kind === 'saysUnit' && fault.unitId === unitId)
  return wrong?.kind === 'saysUnit' ? wrong.saysUnitId : askedUnitId
}

/** Two that talk at once, the second a little later: where both drive the line, a 0 of either wins. */
export function garbled(first: Uint8Array, second: Uint8Array, random: Prng): Uint8Array {
  const shift = random.integer(1, 3)
  const length = Math.max(first.length, second.length + shift)
  return Uint8Array.from({ length }, (_, at) => (first[at] ?? 0xff) & (second[at - shift] ?? 0xff))
}

/** The reply, CRC included, after the faults of its unit. */
export function spoil(
  reply: Uint8Array,
  faults: readonly SimFault[],
  unitId: number,
  random: Prng,
): Transmission {
  let frame = reply
  let twice = false
  let lateMs = 0
  for (const fault of faults) {
    if (!('probability' in fault) || fault.unitId !== unitId || !random.chance(fault.probability)) continue
    switch (fault.kind) {
      case 'late':
        lateMs += random.integer(1, Math.max(1, fault.maxMs))
        break
      case 'twice':
        twice = true
        break
      case 'truncated':
        frame = frame.subarray(0, random.integer(1, frame.length - 1))
        break
      case 'noise':
        frame = withNoise(frame, random)
        break
      case 'badCrc':
        frame = withFlippedBit(frame, random)
        break
    }
  }
  return { frames: twice ? [frame, frame] : [frame], lateMs }
}

/** One to four bytes of anything before the frame, behind it, or on both sides. */
function withNoise(frame: Uint8Array, random: Prng): Uint8Array {
  const side = random.pick(['before', 'behind', 'both'])
  const bytes = () => Array.from({ length: random.integer(1, 4) }, () => random.integer(0, 255))
  return Uint8Array.from([
    ...(side === 'behind' ? [] : bytes()),
    ...frame,
    ...(side === 'before' ? [] : bytes()),
  ])
}

/** A single wrong bit, which the CRC always finds. */
function withFlippedBit(frame: Uint8Array, random: Prng): Uint8Array {
  const spoilt = Uint8Array.from(frame)
  const at = random.integer(0, spoilt.length - 1)
  spoilt[at] = (spoilt[at] ?? 0) ^ (1 << random.integer(0, 7))
  return spoilt
}
