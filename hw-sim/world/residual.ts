// A residual current monitor: its contact trips while direct current leaks, and while it is tested. Pure.
// Source: RCM14-03 as SmartEVSE uses it: the contact tells "tripped", a test is over within 15 s, and latching is the
// controller's business. How long the contact stays after the leak has ended is an assumption.

export interface ResidualMonitor {
  readonly tripped: boolean
  readonly tripsAtMicros: number | null
  readonly clearsAtMicros: number | null
}

export const soundMonitor: ResidualMonitor = { tripped: false, tripsAtMicros: null, clearsAtMicros: null }

/** IEC 62955: 60 mA within 0.3 s; a sound one is faster. */
const TRIPS_AFTER_MICROS = 100_000
/** From the test input to the contact. */
const TEST_MICROS = 500_000
const CLEARS_AFTER_MICROS = 1_000_000

export interface ResidualInputs {
  readonly supplied: boolean
  /** Direct current leaks now. */
  readonly leaks: boolean
  readonly testing: boolean
  readonly testFails: boolean
}

export function stepResidual(
  monitor: ResidualMonitor,
  inputs: ResidualInputs,
  nowMicros: number,
): ResidualMonitor {
  if (!inputs.supplied) return soundMonitor
  const tested = inputs.testing && !inputs.testFails
  if (inputs.leaks || tested) {
    if (monitor.tripped)
      return monitor.clearsAtMicros === null ? monitor : { ...monitor, clearsAtMicros: null }
    const afterMicros = inputs.leaks ? TRIPS_AFTER_MICROS : TEST_MICROS
    const tripsAtMicros = Math.min(monitor.tripsAtMicros ?? Number.MAX_SAFE_INTEGER, nowMicros + afterMicros)
    if (nowMicros < tripsAtMicros) return { ...monitor, tripsAtMicros }
    return { tripped: true, tripsAtMicros: null, clearsAtMicros: null }
  }
  if (!monitor.tripped) return monitor.tripsAtMicros === null ? monitor : soundMonitor
  const clearsAtMicros = monitor.clearsAtMicros ?? nowMicros + CLEARS_AFTER_MICROS
  return nowMicros < clearsAtMicros ? { ...monitor, clearsAtMicros } : soundMonitor
}
