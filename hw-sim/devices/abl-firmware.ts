// What an ABL EVCC2/3 (eMH1) does by itself: states A1 to FB, duty cycle, contactor, upstream time-out. Pure.
// Source: ABL, "API for EVCC2/3", 05 0015 20 Rev B (subset); evcc charger/abl.go.
// Not published, and so keys of the site file or figures of ours: the length of the upstream time-out and of the derated
// stretch before F4, how a station that waits in B1 after a power cycle is let go (here: by a new Icmax or a jump to A1).
import type { BoardInputs } from './board.ts'
import { type PowerPath, restingPath, stepPath } from './power-path.ts'

export interface AblFacts {
  /** Of hardware and fixed cable, mA. */
  readonly maxMilliamps: number
  readonly tethered: boolean
  readonly phaseMeter: boolean
  readonly bootMs: number
  readonly closeDelayMs: number
  /** Without a request for so long: derated; F4 after `derateMs` more. */
  readonly upstreamTimeoutMs: number
  readonly derateMs: number
}

/** Register 0x2C, written in set-up mode only. */
export interface AblKept {
  readonly upstreamTimeout: boolean
  readonly afterPowerCycle: 'B1' | 'B2'
}

export const ABL_FAULT = {
  welding: 0xf1,
  residualCurrent: 0xf3,
  upstream: 0xf4,
  proximity: 0xf6,
  stateD: 0xf7,
  pilot: 0xf8,
  overCurrent: 0xf9,
  temperature: 0xfa,
  openedContact: 0xfb,
} as const

/** 0x14: 100 % is no current. */
export const NO_CURRENT_DUTY = 0x3e8

export interface AblState {
  readonly power: 'off' | { readonly untilMicros: number } | 'on'
  readonly kept: AblKept
  readonly retentiveWrites: number
  /** Jumps of register 0x05. */
  readonly mode: 'run' | 'outletDisabled' | 'setup'
  /** Until a reset: welding, an RCD trip that was asked for, an opened contact. */
  readonly latched: number | null
  readonly fault: number
  /** Icmax, 0.1 % of duty; lost at a restart. */
  readonly icmax: number
  /** B1 to B2 is blocked since the power cycle. */
  readonly blocked: boolean
  readonly askedAtMicros: number
  /** Since when the car has drawn more than 105, 110 and 120 % of its offer. */
  readonly overSinceMicros: readonly (number | null)[]
  /** Since when the contactor does not do what its coil says. */
  readonly contactWrongSinceMicros: number | null
  /** The offer is lowered by temperature or by a silent master. */
  readonly reduced: boolean
  readonly path: PowerPath
}

/** IEC 61851-1 Annex A, duty in 0.1 %: what it tells the car, mA; 0: nothing. */
export function dutyMilliamps(duty: number): number {
  if (duty < 80 || duty > 970) return 0
  if (duty <= 100) return 6000
  if (duty <= 850) return duty * 60
  return duty <= 960 ? Math.round((duty / 10 - 64) * 2500) : 80_000
}

/** The duty that tells a current of at most 51 A. */
export const dutyOf = (milliamps: number): number => Math.max(80, Math.floor(milliamps / 60))

const restarted = (facts: AblFacts, kept: AblKept, nowMicros: number) => ({
  mode: 'run' as const,
  latched: null,
  fault: 0,
  icmax: dutyOf(facts.maxMilliamps),
  blocked: kept.afterPowerCycle === 'B1',
  askedAtMicros: nowMicros,
  overSinceMicros: [null, null, null],
  contactWrongSinceMicros: null,
  reduced: false,
  path: restingPath,
})

export const newAbl = (facts: AblFacts, kept: AblKept, nowMicros: number): AblState => ({
  ...restarted(facts, kept, nowMicros),
  power: 'on',
  kept,
  retentiveWrites: 0,
})

/** 0x05 = 0x5A5A, and a supply that comes back. */
export const resetAbl = (state: AblState, facts: AblFacts, nowMicros: number): AblState => ({
  ...state,
  ...restarted(facts, state.kept, nowMicros),
  power: { untilMicros: nowMicros + facts.bootMs * 1000 },
})

export function stepAbl(state: AblState, facts: AblFacts, inputs: BoardInputs, nowMicros: number): AblState {
  if (!inputs.supplied) {
    return state.power === 'off'
      ? state
      : { ...state, ...restarted(facts, state.kept, nowMicros), power: 'off' }
  }
  if (state.power === 'off') return resetAbl(state, facts, nowMicros)
  if (state.power !== 'on') {
    if (nowMicros < state.power.untilMicros) return state
    return running({ ...state, power: 'on', askedAtMicros: nowMicros }, facts, inputs, nowMicros)
  }
  return running(state, facts, inputs, nowMicros)
}

/** A master that is silent: told by flag 0x06 bit 9, then derated, then F4. */
export function upstream(state: AblState, facts: AblFacts, nowMicros: number): 'heard' | 'lost' | 'fault' {
  if (!state.kept.upstreamTimeout) return 'heard'
  const silentMs = (nowMicros - state.askedAtMicros) / 1000
  if (silentMs < facts.upstreamTimeoutMs) return 'heard'
  return silentMs < facts.upstreamTimeoutMs + facts.derateMs ? 'lost' : 'fault'
}

const WARM_MILLICELSIUS = 60_000
const HOT_MILLICELSIUS = 80_000

function running(before: AblState, facts: AblFacts, inputs: BoardInputs, nowMicros: number): AblState {
  const state = watchContactor(watchCurrent(before, inputs, nowMicros), inputs, nowMicros)
  const fault = state.latched ?? faultOf(state, facts, inputs, nowMicros)
  const warm = inputs.temperatureMilliCelsius >= WARM_MILLICELSIUS
  const reduced = warm || upstream(state, facts, nowMicros) !== 'heard'
  const most = Math.min(dutyMilliamps(state.icmax), facts.maxMilliamps, cableMilliamps(facts, inputs))
  const offered = reduced ? Math.min(most, 6000) : most
  const serves = fault === 0 && state.mode === 'run' && !inputs.heldUnavailable
  const present = inputs.vehicle === 'B' || inputs.vehicle === 'C'
  const sound = serves && (facts.tethered || inputs.locked !== false)
  const oscillator = sound && present && !state.blocked && offered >= 6000
  const letter = serves ? inputs.vehicle : inputs.vehicle === 'E' ? 'E' : 'F'
  return {
    ...state,
    fault,
    reduced: reduced && oscillator,
    path: stepPath(
      state.path,
      { letter, oscillator, offeredMilliamps: oscillator ? offered : 0 },
      { sound, closeDelayMs: facts.closeDelayMs },
      nowMicros,
    ),
  }
}

function cableMilliamps({ tethered, maxMilliamps }: AblFacts, { proximityAmps }: BoardInputs): number {
  if (tethered) return maxMilliamps
  return proximityAmps === 'shorted' ? 0 : proximityAmps * 1000
}

function faultOf(state: AblState, facts: AblFacts, inputs: BoardInputs, nowMicros: number): number {
  const [held] = inputs.heldErrors
  if (held !== undefined) return 0xf0 | (held & 0x0f)
  if (!facts.tethered && inputs.proximityAmps === 'shorted') return ABL_FAULT.proximity
  if (inputs.vehicle === 'E') return ABL_FAULT.pilot
  if (inputs.vehicle === 'D') return ABL_FAULT.stateD
  if (inputs.temperatureMilliCelsius > HOT_MILLICELSIUS) return ABL_FAULT.temperature
  if (state.overSinceMicros.some((since, step) => isOver(since, step, nowMicros)))
    return ABL_FAULT.overCurrent
  return upstream(state, facts, nowMicros) === 'fault' ? ABL_FAULT.upstream : 0
}

/** More than 105 % for 1000 s, 110 % for 100 s, 120 % for 10 s (API, 0x06). */
const OVER_PERCENT = [105, 110, 120] as const
const OVER_SECONDS = [1000, 100, 10] as const

const isOver = (since: number | null, step: number, nowMicros: number) =>
  since !== null && nowMicros - since >= (OVER_SECONDS[step] ?? 0) * 1_000_000

/** Once over it stays so until the plug is out. */
function watchCurrent(state: AblState, inputs: BoardInputs, nowMicros: number): AblState {
  const drawn = Math.max(...inputs.currentsMilliamps)
  const offered = state.path.offeredMilliamps
  const overSinceMicros = OVER_PERCENT.map((percent, step) => {
    const since = state.overSinceMicros[step] ?? null
    if (inputs.vehicle === 'A') return null
    if (isOver(since, step, nowMicros)) return since
    return offered > 0 && drawn * 100 > offered * percent ? (since ?? nowMicros) : null
  })
  return { ...state, overSinceMicros }
}

const CONTACT_WRONG_MICROS = 500_000

function watchContactor(state: AblState, inputs: BoardInputs, nowMicros: number): AblState {
  if (inputs.contactorClosed === state.path.coil) return { ...state, contactWrongSinceMicros: null }
  const since = state.contactWrongSinceMicros ?? nowMicros
  const over = nowMicros - since >= CONTACT_WRONG_MICROS
  const latched = over ? (state.path.coil ? ABL_FAULT.openedContact : ABL_FAULT.welding) : state.latched
  return { ...state, contactWrongSinceMicros: since, latched: state.latched ?? latched }
}

/** The state's code, as 0x04, 0x2E and 0x33 tell it. */
export function stateCode(
  state: AblState,
  { heldUnavailable }: Pick<BoardInputs, 'heldUnavailable'>,
): number {
  if (state.fault !== 0) return state.fault
  if (state.mode === 'setup') return 0xe2
  if (state.mode === 'outletDisabled' || heldUnavailable) return 0xe0
  if (state.path.letter === 'A') return 0xa1
  if (!state.path.oscillator) return 0xb1
  if (state.path.letter === 'B') return 0xb2
  return state.reduced ? 0xc3 : 0xc2
}
