// The car: when it closes S2, what it draws, and how it lets go. Pure.
// Source: IEC 61851-1 Annex A: it follows a new offer within 5 s (Table A.6 seq. 6), stops within 3 s when the PWM is
// taken away (seq. 10.1), and draws nothing with S2 open.
import type { CarState } from '../api.ts'
import type { PilotSignal } from '../devices/board.ts'

export interface Car extends CarState {
  /** From a good offer to S2 closed. */
  readonly s2DelayMs: number
  readonly s2Closed: boolean
  /** It does not react to an offer yet. */
  readonly asleep: boolean
  /** An offer was seen since the plug is in, and since when it has been away; null: it is there, or none was seen. */
  readonly offer: { readonly seen: boolean; readonly goneSinceMicros: number | null }
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
  readonly hurt: CarHurt
}

/** Faults of the car, as api.ts tells them. */
export interface CarHurt {
  /** Draws this whatever it is offered, also when the PWM is taken away. */
  readonly greedyMilliamps: number | null
  readonly overdrawPercent: number | null
  readonly slowFollowMs: number | null
  readonly clingsMs: number | null
}

export const soundCar: CarHurt = {
  greedyMilliamps: null,
  overdrawPercent: null,
  slowFollowMs: null,
  clingsMs: null,
}

/** IEC 61851-1: after the PWM is gone the car has 3 s; it needs a part of that to open S2. */
const STOP_MS_MAX = 2500
/** From the last ampere to S2 open. */
const S2_OPENING_MS = 100
/** IEC 61851-1 Annex A: no offer below this. */
const OFFER_MIN_MILLIAMPS = 6000
/** A sleeping car wakes when its offer was away for so long: boards take it away for 3 s to wake one, and it is sure of it. */
const WAKE_MICROS = 2_900_000

export function stepCar(car: Car, inputs: CarInputs, nowMicros: number): Car {
  if (!car.plugged) return idle(car, nowMicros)
  return draw(switchS2(watchOffer(car, inputs, nowMicros), inputs, nowMicros), inputs, nowMicros)
}

/** What the board sees on the pilot. */
export const vehicleLetter = (car: Car): 'A' | 'B' | 'C' | 'D' => {
  if (!car.plugged) return 'A'
  if (!car.s2Closed && !car.simplified) return 'B'
  return car.ventilation ? 'D' : 'C'
}

/** Line currents, mA. */
export const lineCurrents = (car: Car): readonly [number, number, number] =>
  car.phases === 3 ? [car.drawnMilliamps, car.drawnMilliamps, car.drawnMilliamps] : [car.drawnMilliamps, 0, 0]

const isFull = (car: Car): boolean =>
  car.battery !== null && car.battery.storedMilliwattHours >= car.battery.capacityMilliwattHours

const idle = (car: Car, nowMicros: number): Car =>
  !car.s2Closed && car.drawnMilliamps === 0 && car.s2FlipsAtMicros === null && !car.offer.seen
    ? car
    : {
        ...car,
        s2Closed: false,
        s2FlipsAtMicros: null,
        drawnMilliamps: 0,
        asleep: true,
        offer: NO_OFFER,
        ramp: still(0, nowMicros),
      }

/** Since the plug is in. */
export const NO_OFFER: Car['offer'] = { seen: false, goneSinceMicros: null }

/** Remembers the offer; its absence wakes. */
function watchOffer(car: Car, { signal }: CarInputs, nowMicros: number): Car {
  const offered = signal.kind === 'pwm'
  const { seen, goneSinceMicros } = car.offer
  if (!seen && !offered) return car
  const woken = goneSinceMicros !== null && nowMicros - goneSinceMicros >= WAKE_MICROS
  const asleep = car.asleep && !woken
  const goneNow = offered ? null : (goneSinceMicros ?? nowMicros)
  if (seen && goneNow === goneSinceMicros && asleep === car.asleep) return car
  return { ...car, asleep, offer: { seen: true, goneSinceMicros: goneNow } }
}

const still = (milliamps: number, atMicros: number): Car['ramp'] => ({
  fromMilliamps: milliamps,
  toMilliamps: milliamps,
  startMicros: atMicros,
  endMicros: atMicros,
})

/** What it wants to draw of what it is offered. */
function targetMilliamps(car: Car, inputs: CarInputs): number {
  const { greedyMilliamps, overdrawPercent } = inputs.hurt
  if (greedyMilliamps !== null) return greedyMilliamps
  const offered = inputs.signal.kind === 'pwm' ? inputs.signal.offeredMilliamps : 0
  if (!car.wantsEnergy || isFull(car) || offered < OFFER_MIN_MILLIAMPS) return 0
  if (car.sleeps && car.asleep) return 0
  if (overdrawPercent !== null) return Math.round((offered * overdrawPercent) / 100)
  return Math.min(offered, car.maxMilliamps)
}

function switchS2(car: Car, inputs: CarInputs, nowMicros: number): Car {
  const offered = inputs.signal.kind === 'pwm'
  const target = targetMilliamps(car, inputs)
  const greedy = car.s2Closed && inputs.hurt.greedyMilliamps !== null
  const wantsClosed = car.simplified || (target > 0 && (offered || greedy)) || clings(car, inputs, nowMicros)
  if (wantsClosed === car.s2Closed)
    return car.s2FlipsAtMicros === null ? car : { ...car, s2FlipsAtMicros: null }
  // S2 opens without load: first the current goes down. A dead pilot or an open contactor is load-free already.
  if (car.s2Closed && car.drawnMilliamps > 0 && inputs.energised) return car
  // Without a switch there is nothing to wait for.
  const switchMs = wantsClosed ? car.s2DelayMs : S2_OPENING_MS
  const delayMs = car.simplified ? 0 : switchMs
  const flipsAtMicros = car.s2FlipsAtMicros ?? nowMicros + delayMs * 1000
  if (nowMicros < flipsAtMicros) return { ...car, s2FlipsAtMicros: flipsAtMicros }
  return { ...car, s2Closed: wantsClosed, s2FlipsAtMicros: null }
}

const clings = (car: Car, { hurt }: CarInputs, nowMicros: number): boolean =>
  hurt.clingsMs !== null &&
  car.s2Closed &&
  car.offer.goneSinceMicros !== null &&
  nowMicros - car.offer.goneSinceMicros < hurt.clingsMs * 1000

function draw(car: Car, inputs: CarInputs, nowMicros: number): Car {
  if (!car.s2Closed || !inputs.energised) {
    return car.drawnMilliamps === 0 && car.ramp.toMilliamps === 0
      ? car
      : { ...car, drawnMilliamps: 0, ramp: still(0, nowMicros) }
  }
  const target = targetMilliamps(car, inputs)
  const ramp = target === car.ramp.toMilliamps ? car.ramp : newRamp(car, target, inputs.hurt, nowMicros)
  const drawnMilliamps = along(ramp, nowMicros)
  return ramp === car.ramp && drawnMilliamps === car.drawnMilliamps ? car : { ...car, ramp, drawnMilliamps }
}

function newRamp(car: Car, target: number, { slowFollowMs }: CarHurt, nowMicros: number): Car['ramp'] {
  const soundMs = target === 0 ? Math.min(car.followMs, STOP_MS_MAX) : car.followMs
  const takesMs = slowFollowMs ?? soundMs
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
