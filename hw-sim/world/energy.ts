// Energy as the integral of the actual power, in integers: what is left below 1 mWh is carried on, never dropped. Pure.
import { invariant } from '../../shared/invariant.ts'

/** mV x mA x microseconds: 1 mWh is 3.6 J = 3.6e12 of them. */
const PARTS_PER_MILLIWATT_HOUR = 3_600_000_000_000

/** An amount with its remainder; `parts` is below 1 mWh. */
export interface Amount {
  readonly milliwattHours: number
  readonly parts: number
}

export interface Energy {
  readonly phases: readonly [Amount, Amount, Amount]
  readonly total: Amount
}

const none: Amount = { milliwattHours: 0, parts: 0 }
export const noEnergy: Energy = { phases: [none, none, none], total: none }

type Three = readonly [number, number, number]

/** The longest span that is integrated at once: 100 A at 400 V on three phases stays a safe integer. */
const SPAN_MICROS_MAX = 50_000

/** Adds constant currents over a span of any length. */
export function integrate(
  energy: Energy,
  flow: { readonly millivolts: Three; readonly milliamps: Three },
  micros: number,
): Energy {
  const powers = flow.millivolts.map((voltage, phase) => voltage * (flow.milliamps[phase] ?? 0))
  const [a = 0, b = 0, c = 0] = powers
  if (a + b + c === 0) return energy
  let left = micros
  let next = energy
  while (left > 0) {
    const span = Math.min(left, SPAN_MICROS_MAX)
    next = {
      phases: [add(next.phases[0], a * span), add(next.phases[1], b * span), add(next.phases[2], c * span)],
      total: add(next.total, (a + b + c) * span),
    }
    left -= span
  }
  return next
}

function add(amount: Amount, parts: number): Amount {
  const sum = amount.parts + parts
  invariant(Number.isSafeInteger(sum), `energy is no longer exact: ${sum}`)
  const whole = Math.floor(sum / PARTS_PER_MILLIWATT_HOUR)
  return {
    milliwattHours: amount.milliwattHours + whole,
    parts: sum - whole * PARTS_PER_MILLIWATT_HOUR,
  }
}
