// What every complete station does alike between its pilot and its contactor, whatever its registers are called. Pure.
// Source: IEC 61851-1 Table A.6 seq. 4 (closing in C2 within 3 s) and seq. 10.2 (a car that stays in C1 for 6 s after the
// PWM was taken away is opened under load).
import type { PilotSignal } from './board.ts'

export interface PowerPath {
  readonly letter: 'A' | 'B' | 'C' | 'D' | 'E' | 'F'
  /** The PWM is on: x2. */
  readonly oscillator: boolean
  readonly offeredMilliamps: number
  readonly coil: boolean
  /** Since when it waits to close, in C2. */
  readonly closeAtMicros: number | null
  /** Until when it waits for the car to let go, in C1. */
  readonly openAtMicros: number | null
}

export const restingPath: PowerPath = {
  letter: 'F',
  oscillator: false,
  offeredMilliamps: 0,
  coil: false,
  closeAtMicros: null,
  openAtMicros: null,
}

const C1_MICROS_MAX = 6_000_000

/**
 * @param wanted what the pilot shows now
 * @param sound nothing forbids the contactor: no error, lock where there is one, supply
 * @param ventilated it closes in D too
 */
export function stepPath(
  path: PowerPath,
  wanted: Pick<PowerPath, 'letter' | 'oscillator' | 'offeredMilliamps'>,
  {
    sound,
    ventilated = false,
    closeDelayMs,
  }: { readonly sound: boolean; readonly ventilated?: boolean; readonly closeDelayMs: number },
  nowMicros: number,
): PowerPath {
  const next = { ...path, ...wanted }
  const charges = next.letter === 'C' || (ventilated && next.letter === 'D')
  if (!sound || !charges) return { ...next, coil: false, closeAtMicros: null, openAtMicros: null }
  if (next.oscillator) {
    if (next.coil) return { ...next, openAtMicros: null }
    const closeAtMicros = next.closeAtMicros ?? nowMicros + closeDelayMs * 1000
    return nowMicros < closeAtMicros
      ? { ...next, closeAtMicros, openAtMicros: null }
      : { ...next, coil: true, closeAtMicros: null, openAtMicros: null }
  }
  if (!next.coil) return { ...next, closeAtMicros: null, openAtMicros: null }
  const openAtMicros = next.openAtMicros ?? nowMicros + C1_MICROS_MAX
  return nowMicros < openAtMicros ? { ...next, openAtMicros } : { ...next, coil: false, openAtMicros: null }
}

/** What the car sees. */
export function signalOf(path: PowerPath, running: boolean): PilotSignal {
  if (!running || path.letter === 'E') return { kind: 'off' }
  if (path.letter === 'F') return { kind: 'minus12' }
  return path.oscillator ? { kind: 'pwm', offeredMilliamps: path.offeredMilliamps } : { kind: 'steady' }
}

/** Letter and digit; E and F have 0. */
export const pathText = ({ letter, oscillator }: PowerPath): string =>
  letter === 'E' || letter === 'F' ? `${letter}0` : `${letter}${oscillator ? 2 : 1}`
