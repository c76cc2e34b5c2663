// The car: when it closes S2, what it draws, and how it lets go. Pure.
// Source: IEC 61851-1 Annex A: it follows a new offer within 5 s (Table A.6 seq. 6), stops within 3 s when the PWM is
// taken away (seq. 10.1), and draws nothing with S2 open.
import type { CarState } from '../api.ts'
import type { PilotSignal } from '../devices/board.ts'

export interface Car extends CarState {
  /** From a good offer to S2 closed. */
  readonly s2DelayMs: number
  readonly s2Closed: boolean
  /** When S2 flips, microseconds; null where nothing is pending. */
  readonly s2FlipsAtMicros: number | null
  /** Drawn per phase in use, mA. */
  readonly drawnMilliamps: number
  readonly ramp: {
    readonly fromMilliamps: number
    readonly toMilliamps: number
    readonly startMicros: number
    readonly endMicros: number
  }
  /** Absent: it never gets full. */
  readonly battery: { readonly capacityMilliwattHours: number; readonly storedMilliwattHours: number } | null
}

export interface CarInputs {
  readonly signal: PilotSignal
  /** Voltage at the car: the contactor is closed and the grid is there. */
  readonly energised: boolean
  /** Draws this whatever it is offered, also when the PWM is taken away. */
  readonly greedyMilliamps: number | null
}

/** IEC 61851-1: after the PWM is gone the car has 3 s; it needs a part of that to open S2. */
const STOP_MS_MAX = 2500
/** From the last ampere to S2 open. */
const S2_OPENING_MS = 100
/** IEC 61851-1 Annex A: no offer below this. */
const OFFER_MIN_MILLIAMPS = 6000

export function stepCar(car: Car, inputs: CarInputs, nowMicros: number): Car {
  if (!car.plugged) return idle(car, nowMicros)
  return draw(switchS2(car, inputs, nowMicros), inputs, nowMicros)
}

/** What the board sees on the pilot. */
export const vehicleLetter = (car: Car): 'A' | 'B' | 'C' => {
  if (!car.plugged) return 'A'
  return car.s2Closed ? 'C' : 'B'
}

/** Line currents, mA. */
export const lineCurrents = (car: Car): readonly [number, number, number] =>
  car.phases === 3 ? [car.drawnMilliamps, car.drawnMilliamps, car.drawnMilliamps] : [car.drawnMilliamps, 0, 0]

const isFull = (car: Car): boolean =>
  car.battery !== null && car.battery.storedMilliwattHours >= car.battery.capacityMilliwattHours

const idle = (car: Car, nowMicros: number): Car =>
  !car.s2Closed && car.drawnMilliamps === 0 && car.s2FlipsAtMicros === null
    ? car
    : { ...car, s2Closed: false, s2FlipsAtMicros: null, drawnMilliamps: 0, ramp: still(0, nowMicros) }

const still = (milliamps: number, atMicros: number): Car['ramp'] => ({
  fromMilliamps: milliamps,
  toMilliamps: milliamps,
  startMicros: atMicros,
  endMicros: atMicros,
})

/** What it wants to draw of what it is offered. */
function targetMilliamps(car: Car, inputs: CarInputs): number {
  if (inputs.greedyMilliamps !== null) return inputs.greedyMilliamps
  const offered = inputs.signal.kind === 'pwm' ? inputs.signal.offeredMilliamps : 0
  if (!car.wantsEnergy || isFull(car) || offered < OFFER_MIN_MILLIAMPS) return 0
  return Math.min(offered, car.maxMilliamps)
}

function switchS2(car: Car, inputs: CarInputs, nowMicros: number): Car {
  const offered = inputs.signal.kind === 'pwm'
  const target = targetMilliamps(car, inputs)
  const wantsClosed = target > 0 && (offered || (car.s2Closed && inputs.greedyMilliamps !== null))
  if (wantsClosed === car.s2Closed)
    return car.s2FlipsAtMicros === null ? car : { ...car, s2FlipsAtMicros: null }
  // S2 opens without load: first the current goes down. A dead pilot or an open contactor is load-free already.
  if (car.s2Closed && car.drawnMilliamps > 0 && inputs.energised) return car
  const delayMs = wantsClosed ? car.s2DelayMs : S2_OPENING_MS
  const flipsAtMicros = car.s2FlipsAtMicros ?? nowMicros + delayMs * 1000
  if (nowMicros < flipsAtMicros) return { ...car, s2FlipsAtMicros: flipsAtMicros }
  return { ...car, s2Closed: wantsClosed, s2FlipsAtMicros: null }
}

function draw(car: Car, inputs: CarInputs, nowMicros: number): Car {
  if (!car.s2Closed || !inputs.energised) {
    return car.drawnMilliamps === 0 && car.ramp.toMilliamps === 0
      ? car
      : { ...car, drawnMilliamps: 0, ramp: still(0, nowMicros) }
  }
  const target = targetMilliamps(car, inputs)
  const ramp = target === car.ramp.toMilliamps ? car.ramp : newRamp(car, target, nowMicros)
  const drawnMilliamps = along(ramp, nowMicros)
  return ramp === car.ramp && drawnMilliamps === car.drawnMilliamps ? car : { ...car, ramp, drawnMilliamps }
}

function newRamp(car: Car, target: number, nowMicros: number): Car['ramp'] {
  const takesMs = target === 0 ? Math.min(car.followMs, STOP_MS_MAX) : car.followMs
  return {
    fromMilliamps: car.drawnMilliamps,
    toMilliamps: target,
    startMicros: nowMicros,
    endMicros: nowMicros + takesMs * 1000,
  }
}

function along(ramp: Car['ramp'], nowMicros: number): number {
  if (nowMicros >= ramp.endMicros) return ramp.toMilliamps
  const part = (nowMicros - ramp.startMicros) / (ramp.endMicros - ramp.startMicros)
  return Math.round(ramp.fromMilliamps + (ramp.toMilliamps - ramp.fromMilliamps) * part)
}
