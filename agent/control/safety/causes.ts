// What raises each fault: one row a code, in words of what was seen. When a fault goes is told in faults.ts.
import type { FaultCode } from '../../../shared/faults.ts'
import type { MonotonicMs } from '../../../shared/units.ts'
import type { BoardError } from '../ports/board.ts'
import { cutsSupply, deadmanLost } from './deadman.ts'
import { jammed } from './lock.ts'
import { flows } from './meter-judge.ts'
import { sampleOf } from './observe.ts'
import { takesMore } from './overload.ts'
import { unpermittedCurrent } from './permission.ts'
import { releaseStuck } from './release.ts'
import { inputsLost, lockSight } from './site.ts'
import {
  BOARD_LOST_MS,
  boardAnswers,
  OPEN_AFTER_MS,
  type SafetyInput,
  type SafetyState,
  UNAVAILABLE_MS,
} from './state.ts'
import { WELDED_MS, weldSeen } from './weld.ts'

export type Cause = (state: SafetyState, input: SafetyInput, now: MonotonicMs) => string | null
export type CauseRow = Partial<Record<FaultCode, Cause>>

/** Control sees these; INSTALLATION_LOST and STORE_UNWRITABLE are keeper's. */
export const CAUSES = {
  BOARD_LOST: (_state, { line, boardSilentSinceMonotonicMs: silentSince }, now) => {
    if (silentSince === null || line.kind !== 'open') return null
    const silentMs = now - Math.max(silentSince, line.sinceMonotonicMs)
    return silentMs < BOARD_LOST_MS ? null : `no reply for ${silentMs} ms`
  },
  BUS_LOST: (_state, input) => (input.line.kind === 'lost' ? input.line.detail : null),
  INPUT_LOST: (state, input, now) => inputsLost(input, state.startedAtMonotonicMs, now),
  DEADMAN_LOST: deadmanLost,
  DEADMAN_TOO_HIGH: (_state, input) => deadmanTooHigh(input),
  DEADMAN_UNPROVED: (_state, { deadman }) =>
    deadman.isUnproved
      ? "the board's time-out can neither be read nor written, and no silence test was made at commissioning"
      : null,
  BOARD_CONFIGURATION: (_state, input) => input.boardConfiguration,
  BOARD_FAULT: (state, input, now) => {
    const told = reports(state, input, now, 'internalFault')
    const number = input.board?.vendorError
    return told === null || number === undefined ? told : `${told}, vendor's number ${number}`
  },
  PILOT_FAULT: (state, input, now) =>
    seen(state, 'E') ? 'pilot E' : reports(state, input, now, 'pilotInvalid'),
  BOARD_UNAVAILABLE: (state, _input, now) =>
    seen(state, 'F') && now - state.pilotSinceMonotonicMs >= UNAVAILABLE_MS ? 'pilot F' : null,
  VENTILATION_NEEDED: (state, input, now) =>
    seen(state, 'D') ? 'pilot D' : reports(state, input, now, 'ventilationRejected'),
  DIODE_MISSING: (state, input, now) => reports(state, input, now, 'diodeMissing'),
  CABLE_INVALID: (state, input, now) =>
    (boardAnswers(input, now) && input.board?.proximity.kind === 'fault'
      ? 'the proximity contact is shorted or of no known value'
      : null) ?? reports(state, input, now, 'cableRejected', 'proximityInvalid'),
  LOCK_MISSING: (_state, input) => lockMissing(input),
  LOCK_FAILED: (state, input, now) =>
    (state.lock.wanted === 'locked' ? jammed(state.lock, lockSight(input, now), now) : null) ??
    reports(state, input, now, 'lockFailed'),
  LOCK_LOST: (state, input, now) => {
    const sight = lockSight(input, now)
    const opened = state.lock.held && (sight === 'unlocked' || sight === 'jammed')
    return opened
      ? `the lock shows ${sight}, and nobody has told it to open`
      : reports(state, input, now, 'lockLost')
  },
  UNLOCK_FAILED: (state, input, now) =>
    (state.lock.wanted === 'unlocked' ? jammed(state.lock, lockSight(input, now), now) : null) ??
    reports(state, input, now, 'unlockFailed'),
  CONTACTOR_WELDED: (state, input, now) =>
    reports(state, input, now, 'contactorFault') ?? weldSeen(state, input, now),
  RELEASE_UNPROVED: (_state, { site }) =>
    site.release?.inSeries === 'unproved'
      ? 'nothing has proved that the release contactor is in series with hardware that opens by itself'
      : null,
  RELEASE_STUCK: (_state, input, now) => releaseStuck(input, now),
  RESIDUAL_CURRENT: (state, input, now) =>
    (input.site.hasResidualInput && input.wired.residualTripped?.value === true
      ? 'the residual current monitor has tripped'
      : null) ?? reports(state, input, now, 'residualCurrentTripped', 'residualCurrentTestFailed'),
  SELF_TEST_FAILED: ({ selfTest }) => (selfTest.kind === 'failed' ? selfTest.detail : null),
  PROTECTIVE_EARTH_MISSING: (state, input, now) => reports(state, input, now, 'protectiveEarthMissing'),
  PHASE_FAULT: (state, input, now) => reports(state, input, now, 'phaseFault'),
  OVER_TEMPERATURE: (state, input, now) => input.tooHot ?? reports(state, input, now, 'overTemperature'),
  TEMPERATURE_UNKNOWN: (_state, input) => input.temperatureUnknown,
  GRID_INPUT_LOST: (_state, input) => input.gridInputLost,
  UNPERMITTED_CURRENT: unpermittedCurrent,
  PAUSE_IGNORED: pauseIgnored,
  CAR_TAKES_MORE: (state, input, now) =>
    takesMore(state.overload, state.told, sampleOf(input)) ?? reports(state, input, now, 'currentExceeded'),
  METER_LOST: (_state, input) => meterFault(input, 'METER_LOST'),
  METER_IMPLAUSIBLE: (_state, input) => meterFault(input, 'METER_IMPLAUSIBLE'),
  METER_FROZEN: (_state, input) => meterFault(input, 'METER_FROZEN'),
  METER_WENT_BACK: (_state, input) => meterFault(input, 'METER_WENT_BACK'),
  METER_REPLACED: (_state, input) => meterFault(input, 'METER_REPLACED'),
} as const satisfies CauseRow

/** The pilot shows it now; what is hidden shows nothing. */
export const seen = (state: SafetyState, pilot: SafetyState['pilot']) =>
  !state.pilotHidden && state.pilot === pilot

function reports(
  state: SafetyState,
  input: SafetyInput,
  now: MonotonicMs,
  ...errors: readonly BoardError[]
): string | null {
  if (!boardAnswers(input, now) || state.pilotHidden) return null
  const found = input.board?.errors.find((error) => errors.includes(error))
  return found === undefined ? null : `the board reports ${found}`
}

const meterFault = (input: SafetyInput, code: FaultCode) =>
  input.meter.faults.find((fault) => fault.code === code)?.detail ?? null

/** I_deadman against the fixed limits, and against 0 where somebody pays or asks for a token. */
function deadmanTooHigh(input: SafetyInput): string | null {
  const { deadman, site } = input
  const { currentMilliamps, lowestFixedMilliamps } = deadman
  if (currentMilliamps > lowestFixedMilliamps)
    return `the board offers ${currentMilliamps} mA when nobody talks to it; allowed is ${lowestFixedMilliamps} mA, the ${deadman.arithmetic}`
  if (!site.billedOrRestricted || currentMilliamps === 0 || cutsSupply(input)) return null
  return `the board offers ${currentMilliamps} mA when nobody talks to it; allowed is 0 mA, because energy is billed or access is restricted`
}

function lockMissing({ site, facts }: SafetyInput): string | null {
  const { connector } = site
  if (connector.kind === 'tethered') return null
  if (connector.feedback === 'none') return 'a socket, and nothing tells whether its plug is locked'
  return connector.feedback === 'board' && facts.lock !== 'confirmed'
    ? 'the board is said to tell its lock, and its driver knows no such register'
    : null
}

/** Current after all that a box without a contact of its own can do: the pause, then the end of the board's watchdog. */
function pauseIgnored(state: SafetyState, { facts, site, meter, deadman }: SafetyInput): string | null {
  const since = state.withdrawnSinceMonotonicMs
  if (facts.deadman.kind === 'external' || site.release !== null || since === null) return null
  const { fresh } = meter
  if (fresh === null || !flows(fresh.reading)) return null
  const passedMs = fresh.begunAtMonotonicMs - since
  return passedMs < OPEN_AFTER_MS + deadman.holdMs + WELDED_MS
    ? null
    : `${Math.max(...fresh.reading.currentsMilliamps)} mA flow ${passedMs} ms after the pause`
}
