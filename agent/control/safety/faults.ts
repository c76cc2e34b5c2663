// Which faults stand. Each cause is one row here, in the order of the fault table; a fault clears as its row there says.
// Where the bus is lost, what is lost with it is not told again: one cause, one fault.
import { FAULTS, type FaultCode, faultRow, UNTIL_UNPLUGGED } from '../../../shared/faults.ts'
import type { MonotonicMs } from '../../../shared/units.ts'
import type { Fact } from '../../control-link/messages.ts'
import type { BoardError } from '../ports/board.ts'
import { flows } from './meter-judge.ts'
import {
  BOARD_LOST_MS,
  boardAnswers,
  DEADMAN_LOST_MS,
  FOLLOW_MS,
  NO_CURRENT_MS,
  OPEN_AFTER_MS,
  relayHolds,
  type SafetyInput,
  type SafetyState,
  type StandingFault,
  UNAVAILABLE_MS,
  WELDED_MS,
} from './state.ts'

type Cause = (state: SafetyState, input: SafetyInput, now: MonotonicMs) => string | null
type Row = Partial<Record<FaultCode, Cause>>

/** Control sees these; INSTALLATION_LOST and STORE_UNWRITABLE are keeper's. */
const CAUSES = {
  BOARD_LOST: (_state, input, now) => {
    if (input.boardSilentSinceMonotonicMs === null || input.line.kind !== 'open') return null
    const silentMs = now - Math.max(input.boardSilentSinceMonotonicMs, input.line.sinceMonotonicMs)
    return silentMs < BOARD_LOST_MS ? null : `no reply for ${silentMs} ms`
  },
  BUS_LOST: (_state, input) => (input.line.kind === 'lost' ? input.line.detail : null),
  DEADMAN_LOST: deadmanLost,
  DEADMAN_TOO_HIGH: (_state, { deadman }) =>
    deadman.currentMilliamps > deadman.lowestFixedMilliamps
      ? `the board offers ${deadman.currentMilliamps} mA when nobody talks to it, the lowest fixed limit is ${deadman.lowestFixedMilliamps} mA`
      : null,
  BOARD_CONFIGURATION: (_state, input) => input.boardConfiguration,
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
  CONTACTOR_WELDED: (state, input, now) =>
    reports(state, input, now, 'contactorFault') ?? flowsThoughOpen(state, input, now),
  RESIDUAL_CURRENT: (state, input, now) =>
    reports(state, input, now, 'residualCurrentTripped', 'residualCurrentTestFailed'),
  UNPERMITTED_CURRENT: unpermittedCurrent,
  CAR_TAKES_MORE: carTakesMore,
  METER_LOST: (_state, input) => meterFault(input, 'METER_LOST'),
  METER_IMPLAUSIBLE: (_state, input) => meterFault(input, 'METER_IMPLAUSIBLE'),
  METER_FROZEN: (_state, input) => meterFault(input, 'METER_FROZEN'),
  METER_WENT_BACK: (_state, input) => meterFault(input, 'METER_WENT_BACK'),
  METER_REPLACED: (_state, input) => meterFault(input, 'METER_REPLACED'),
} as const satisfies Row

/** Lost with the bus, so not told beside it. */
const WITH_THE_BUS: readonly FaultCode[] = ['BOARD_LOST', 'DEADMAN_LOST', 'METER_LOST']

/** The faults that stand now, in the order of the table, with the facts of what changed. */
export function stepFaults(
  state: SafetyState,
  input: SafetyInput,
  now: MonotonicMs,
): { readonly faults: readonly StandingFault[]; readonly facts: readonly Fact[] } {
  const faults: StandingFault[] = []
  const facts: Fact[] = []
  for (const { code } of FAULTS) {
    const before = state.faults.find((fault) => fault.code === code)
    const cause = causeOf(code, state, input, now)
    if (cause !== null) faults.push({ code, detail: before?.detail ?? cause })
    else if (before !== undefined && !mayClear(code, state, input, now)) faults.push(before)
    const stands = faults.at(-1)?.code === code
    if (stands && before === undefined) facts.push({ kind: 'faultRaised', code, detail: cause ?? '' })
    if (!stands && before !== undefined) facts.push({ kind: 'faultCleared', code })
  }
  return { faults, facts }
}

/** The first standing fault that withdraws, in the order of the table. */
export const firstFault = (faults: readonly StandingFault[]): StandingFault | null =>
  faults.find((fault) => faultRow(fault.code).withdraws) ?? null

function causeOf(code: FaultCode, state: SafetyState, input: SafetyInput, now: MonotonicMs): string | null {
  if (input.line.kind === 'lost' && WITH_THE_BUS.includes(code)) return null
  const causes: Row = CAUSES
  return causes[code]?.(state, input, now) ?? null
}

/** The cause is gone; may the fault go too? What was not seen to be well again stays. */
function mayClear(code: FaultCode, state: SafetyState, input: SafetyInput, now: MonotonicMs): boolean {
  if (faultRow(code).latched) return input.cleared.includes(code)
  const plugOut = seen(state, 'A')
  if (UNTIL_UNPLUGGED.includes(code)) return plugOut
  switch (code) {
    case 'BOARD_LOST':
    case 'BUS_LOST':
      return boardAnswers(input, now)
    case 'DEADMAN_LOST':
      return boardAnswers(input, now) && (relayHolds(input, now) || state.deadman.kind === 'released')
    case 'PILOT_FAULT':
      return plugOut || seen(state, 'B') || seen(state, 'C')
    case 'BOARD_UNAVAILABLE':
      return !seen(state, 'F') && !state.pilotHidden
    case 'VENTILATION_NEEDED':
      return !seen(state, 'D') && !state.pilotHidden
    case 'UNPERMITTED_CURRENT':
      return (
        now - (state.flowSeenAtMonotonicMs ?? now - NO_CURRENT_MS) >= NO_CURRENT_MS &&
        input.meter.fresh !== null
      )
    case 'METER_LOST':
    case 'METER_IMPLAUSIBLE':
      return input.meter.fresh !== null
    case 'METER_FROZEN':
      return plugOut || input.meter.fresh !== null
    default:
      return true
  }
}

const seen = (state: SafetyState, pilot: SafetyState['pilot']) => !state.pilotHidden && state.pilot === pilot

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

/** Refreshes that are not confirmed, or a board whose release does not follow the relay. */
function deadmanLost(state: SafetyState, input: SafetyInput, now: MonotonicMs): string | null {
  // A watchdog of the board's own is lost with the board.
  if (input.facts.deadman.kind === 'own') return null
  const reading = boardAnswers(input, now) ? input.board : null
  const { askedSinceMonotonicMs: askedSince, heldSinceMonotonicMs: heldSince } = input.deadman
  if (state.deadman.kind === 'held') {
    if (askedSince === null || input.line.kind !== 'open') return null
    const since = Math.max(input.deadman.heldAtMonotonicMs ?? 0, askedSince, input.line.sinceMonotonicMs)
    if (now - since >= DEADMAN_LOST_MS) return `no confirmed refresh for ${now - since} ms`
    const surelyOn = heldSince !== null && relayHolds(input, now) ? heldSince + DEADMAN_LOST_MS : now
    const off = reading?.releaseInputOn === false && reading.takenAtMonotonicMs > surelyOn
    return off ? 'the relay holds and the board sees its release input off' : null
  }
  const surelyOff = state.deadman.sinceMonotonicMs + input.deadman.holdMs + RELEASED_SURELY_MS
  if (reading === null || reading.takenAtMonotonicMs < surelyOff) return null
  if (input.facts.deadman.cuts === 'release' && reading.pilot === 'F') return null
  return `the relay let go and the board shows ${reading.pilot}`
}
/** A frame that was on its way when the relay was let go, and the board's own filter. */
const RELEASED_SURELY_MS = 500

/** Current through a contactor that the pilot, or our own relay, has told to be open for 3 s. */
function flowsThoughOpen(state: SafetyState, input: SafetyInput, now: MonotonicMs): string | null {
  const { fresh } = input.meter
  if (fresh === null || !flows(fresh.reading)) return null
  const byPilot = state.mustBeOpenSinceMonotonicMs
  // A watchdog that runs out tells nobody when.
  const letGo =
    state.deadman.kind === 'released' && input.facts.deadman.kind !== 'own' && !relayHolds(input, now)
  const byRelay = letGo ? state.deadman.sinceMonotonicMs : null
  const toldOpen = byPilot ?? byRelay
  if (toldOpen === null || fresh.begunAtMonotonicMs < toldOpen + WELDED_MS) return null
  // The pilot must have been seen again behind the reading: a charge may have begun in between.
  const seenAfter = input.board !== null && input.board.takenAtMonotonicMs > fresh.reading.takenAtMonotonicMs
  if (byPilot !== null && !seenAfter) return null
  return `${Math.max(...fresh.reading.currentsMilliamps)} mA flow with the contactor told open`
}

/** Current without a permission: at once after a start, else when the car had its 6 s to end it. */
function unpermittedCurrent(state: SafetyState, input: SafetyInput): string | null {
  const { fresh } = input.meter
  if (fresh === null || !flows(fresh.reading) || permitted(state, input)) return null
  const since = state.permittedAtMonotonicMs
  if (since !== null && fresh.begunAtMonotonicMs < since + OPEN_AFTER_MS) return null
  return `${Math.max(...fresh.reading.currentsMilliamps)} mA flow without a permission`
}

export const permitted = (state: SafetyState, input: SafetyInput) =>
  input.permission !== null && state.plugId !== null && input.permission.plugId === state.plugId

/** A fresh sample above the highest offer of the 7 s before it, by more than 0.5 A and 5 %. */
function carTakesMore(state: SafetyState, input: SafetyInput): string | null {
  const { fresh } = input.meter
  const newest = state.told.at(-1)
  if (fresh === null || newest === undefined || newest.currentMilliamps === 0) return null
  const takenAt = fresh.reading.takenAtMonotonicMs
  const windowFrom = takenAt - FOLLOW_MS
  // The offer that held when the window began counts too; before the first one nothing is known.
  const from = state.told.findLastIndex((one) => one.sinceMonotonicMs <= windowFrom)
  if (from < 0) return null
  const offered = Math.max(...state.told.slice(from).map((one) => one.currentMilliamps))
  const drawn = Math.max(...fresh.reading.currentsMilliamps)
  if (drawn <= offered + Math.max(500, Math.ceil(offered / 20))) return null
  return `${drawn} mA drawn, ${offered} mA offered`
}
