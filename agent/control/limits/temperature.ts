// A warm box offers less, and a hot one nothing. The curve is the maker's; a lost sensor takes the curve's own fallback.
// More is given back only when the box has cooled by the hysteresis, so that it does not swing around a point.
import type { LimitPlan } from '../../../shared/limits/plan.ts'
import { message } from '../../../shared/message.ts'
import { type MilliAmps, type MonotonicMs, milliAmps } from '../../../shared/units.ts'
import type { BoardReading } from '../ports/board.ts'
import type { Sighted } from '../ports/io.ts'

export interface TemperatureCurve {
  /** From this temperature on no more than this current; rising temperatures, falling currents. Below the first: no limit. */
  readonly points: readonly { readonly fromMilliCelsius: number; readonly currentMilliamps: MilliAmps }[]
  /** From here on no current at all, and a fault. Above all points. */
  readonly stopMilliCelsius: number
  /** A point that was passed holds until it is this much cooler. */
  readonly hysteresisMilliCelsius: number
  /** What holds while a sensor is not heard. */
  readonly lostMilliamps: MilliAmps
}

export interface TemperatureInput {
  readonly curve: TemperatureCurve
  /** One for each sensor that the configuration names beside the board's own; null before its first reading. */
  readonly sensors: readonly (Sighted<number> | null)[]
}

/** Temperatures move slowly, and some are read seldom. */
export const SENSOR_LOST_MS = 10_000

export interface TemperatureState {
  /** How many of the curve's points hold; one more than there are: the stop. */
  readonly passed: number
  /** Since when a sensor that is owed has not been heard; null while all are. */
  readonly lostSinceMonotonicMs: MonotonicMs | null
}

export const COOL: TemperatureState = { passed: 0, lostSinceMonotonicMs: null }

export interface TemperatureStep {
  readonly state: TemperatureState
  readonly plan: LimitPlan | null
  /** In words for the fault; null while the box may charge. */
  readonly tooHot: string | null
  readonly unknown: string | null
}

/** Total. The hottest sensor counts. */
export function stepTemperature(
  state: TemperatureState,
  input: TemperatureInput | undefined,
  board: BoardReading | null,
  now: MonotonicMs,
): TemperatureStep {
  if (input === undefined) return { state: COOL, plan: null, tooHot: null, unknown: null }
  const { curve } = input
  const owed = input.sensors.length > 0 ? input.sensors : [ofBoard(board)]
  const heard = [...input.sensors, ofBoard(board)].filter((sensor) => isHeard(sensor, now))
  const lost = owed.some((sensor) => !isHeard(sensor, now))
  const lostSince = lost ? (state.lostSinceMonotonicMs ?? now) : null
  const hottest = heard.length > 0 ? Math.max(...heard.map((sensor) => sensor.value)) : null
  // A box that nobody measures has not cooled down.
  const passed = hottest === null ? state.passed : passedAt(state.passed, curve, hottest)
  const stopped = passed > curve.points.length
  return {
    state: { passed, lostSinceMonotonicMs: lostSince },
    plan: planOf(curve, passed, lost, hottest),
    tooHot: stopped ? `${celsius(hottest)}, the box stops at ${celsius(curve.stopMilliCelsius)}` : null,
    unknown:
      lostSince !== null && now - lostSince >= SENSOR_LOST_MS
        ? `a sensor is not heard: at most ${curve.lostMilliamps} mA`
        : null,
  }
}

const ofBoard = (board: BoardReading | null): Sighted<number> | null =>
  board?.temperatureMilliCelsius === undefined
    ? null
    : { value: board.temperatureMilliCelsius, takenAtMonotonicMs: board.takenAtMonotonicMs }

const isHeard = (sensor: Sighted<number> | null, now: MonotonicMs): sensor is Sighted<number> =>
  sensor !== null && now - sensor.takenAtMonotonicMs < SENSOR_LOST_MS

const celsius = (milliCelsius: number | null) =>
  milliCelsius === null ? 'not measured' : `${milliCelsius / 1000} °C`

function passedAt(before: number, curve: TemperatureCurve, milliCelsius: number): number {
  const thresholds = [...curve.points.map((point) => point.fromMilliCelsius), curve.stopMilliCelsius]
  const holds = (threshold: number, index: number) =>
    milliCelsius >= threshold - (index < before ? curve.hysteresisMilliCelsius : 0)
  return thresholds.findLastIndex(holds) + 1
}

function planOf(curve: TemperatureCurve, passed: number, lost: boolean, hottest: number | null): LimitPlan {
  const stopped = passed > curve.points.length
  const byCurve = stopped ? milliAmps(0) : (curve.points[passed - 1]?.currentMilliamps ?? null)
  const bySensor = lost ? curve.lostMilliamps : null
  const lowest = [byCurve, bySensor].filter((limit) => limit !== null).sort((a, b) => a - b)[0]
  const unheard = lost && (byCurve === null || curve.lostMilliamps < byCurve)
  return {
    source: 'temperature',
    reason: unheard
      ? message('limit.temperatureUnknown')
      : message('limit.temperature', { celsius: Math.round((hottest ?? 0) / 1000) }),
    steps: [],
    afterwards: lowest === undefined ? { kind: 'unlimited' } : { kind: 'perPhase', currentMilliamps: lowest },
  }
}
