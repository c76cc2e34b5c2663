// What a Mennekes AMTRON Compact 2.0s does by itself: pilot, contactor, lock, and its clock for a master whose heartbeat
// stays away. Pure.
// Source: Mennekes Modbus RTU specification v2.0 (2024-03-21, layout 1.0.3), evcc mennekes-compact.go, nymea
// amtron-compact20; test/facts/registers.json, "mennekes-amtron-compact-2s".
// Holds always: the contactor's coil is off outside C, with an error, without the lock of a socket, and unsupplied.
import type { BoardInputs } from './board.ts'
import { type PowerPath, restingPath, stepPath } from './power-path.ts'

export interface MennekesFacts {
  readonly serial: string
  readonly tethered: boolean
  /** Rating of the fixed cable, or 32; A. */
  readonly dipMaxAmps: number
  readonly bootMs: number
  readonly closeDelayMs: number
  /** Disputed: evcc and nymea read the high word first, one transcription the low word. */
  readonly wordOrder: 'highFirst' | 'lowFirst'
  /** 0x0D05 after a start. Not stated by the vendor: released is the worst case for a master. */
  readonly releasedAtStart: boolean
}

/** 0x0706 and 0x073A: kept without supply. */
export interface MennekesKept {
  /** 0-6, see MAX_CURRENTS. */
  readonly maxCurrentSetting: number
  /** 0: no watchdog; 1: pause; 6-32 A: goes on with it. */
  readonly fallbackAmps: number
}

export interface MennekesState {
  readonly power:
    | { readonly kind: 'off' }
    | { readonly kind: 'booting'; readonly untilMicros: number }
    | { readonly kind: 'on' }
  readonly kept: MennekesKept
  readonly keptWrites: number
  /** 0x0302, A: 0 is no limit. */
  readonly limitAmps: number
  /** 0x0D05. */
  readonly released: boolean
  /** 0x0D06. */
  readonly locked: boolean
  /** 0x0D03. */
  readonly solarMode: number
  readonly heartbeatAtMicros: number
  readonly path: PowerPath
  readonly error: number
  readonly session: Session
  readonly sessions: number
}

/** From plug-in to the next plug-in. */
export interface Session {
  readonly sinceMicros: number
  readonly lastedMicros: number
  readonly fromMilliwattHours: number
  readonly milliwattHours: number
  readonly maxMilliamps: number
  readonly phases: number
}

/** 0x0706, A; 0 is the most that the wiring allows. */
export const MAX_CURRENTS: readonly number[] = [32, 25, 20, 16, 13, 10, 6]
export const AMPS_MIN = 6
export const AMPS_MAX = 32
/** 0x0D00. */
export const HEARTBEAT_WORD = 0x55aa
const HEARTBEAT_MICROS_MAX = 10_000_000

const AS_DELIVERED: MennekesKept = { maxCurrentSetting: 0, fallbackAmps: 0 }
const NO_SESSION: Session = {
  sinceMicros: 0,
  lastedMicros: 0,
  fromMilliwattHours: 0,
  milliwattHours: 0,
  maxMilliamps: 0,
  phases: 0,
}

const restarted = (facts: MennekesFacts, nowMicros: number) => ({
  limitAmps: 0,
  released: facts.releasedAtStart,
  locked: false,
  solarMode: 0,
  heartbeatAtMicros: nowMicros,
  path: restingPath,
  error: 0,
})

/** A station as delivered, supplied and past its start. */
export const newMennekes = (facts: MennekesFacts, nowMicros: number): MennekesState => ({
  ...restarted(facts, nowMicros),
  power: { kind: 'on' },
  kept: AS_DELIVERED,
  keptWrites: 0,
  session: NO_SESSION,
  sessions: 0,
})

/** 0x0D19: everything volatile is lost, and nothing is answered until it is up again. */
export const restartMennekes = (
  state: MennekesState,
  facts: MennekesFacts,
  nowMicros: number,
): MennekesState => ({
  ...state,
  ...restarted(facts, nowMicros),
  power: { kind: 'booting', untilMicros: nowMicros + facts.bootMs * 1000 },
})

export function stepMennekes(
  state: MennekesState,
  facts: MennekesFacts,
  inputs: BoardInputs,
  nowMicros: number,
): MennekesState {
  if (!inputs.supplied) {
    if (state.power.kind === 'off') return state
    return { ...state, ...restarted(facts, nowMicros), power: { kind: 'off' } }
  }
  if (state.power.kind === 'off') return restartMennekes(state, facts, nowMicros)
  if (state.power.kind === 'booting') {
    if (nowMicros < state.power.untilMicros) return state
    return running(
      { ...state, power: { kind: 'on' }, heartbeatAtMicros: nowMicros },
      facts,
      inputs,
      nowMicros,
    )
  }
  return running(state, facts, inputs, nowMicros)
}

/** 0x0E01. */
export const masterLost = ({ kept, heartbeatAtMicros }: MennekesState, nowMicros: number): boolean =>
  kept.fallbackAmps > 0 && nowMicros - heartbeatAtMicros > HEARTBEAT_MICROS_MAX

/** The most that wiring and settings allow, A. */
export const maxAmps = (state: MennekesState, facts: MennekesFacts): number =>
  Math.min(facts.dipMaxAmps, MAX_CURRENTS[state.kept.maxCurrentSetting] ?? AMPS_MIN)

/** What it would offer now, A; 0: nothing. */
function offeredAmps(
  state: MennekesState,
  facts: MennekesFacts,
  inputs: BoardInputs,
  nowMicros: number,
): number {
  const plug = facts.tethered ? AMPS_MAX : inputs.proximityAmps === 'shorted' ? 0 : inputs.proximityAmps
  const most = Math.min(maxAmps(state, facts), plug)
  if (masterLost(state, nowMicros)) {
    // 1: pause; else it goes on with that current, whatever it was told before.
    return state.kept.fallbackAmps < AMPS_MIN ? 0 : Math.min(most, state.kept.fallbackAmps)
  }
  if (!state.released) return 0
  // 0 is no limit; "0.01-5.99 invalid: signals 0 A".
  if (state.limitAmps === 0) return most
  return state.limitAmps < AMPS_MIN ? 0 : Math.min(most, state.limitAmps)
}

function running(
  state: MennekesState,
  facts: MennekesFacts,
  inputs: BoardInputs,
  nowMicros: number,
): MennekesState {
  const { vehicle } = inputs
  const out = state.locked || inputs.heldUnavailable
  const error = inputs.heldErrors[0] ?? 0
  const sound = error === 0 && (inputs.locked ?? true)
  const amps = offeredAmps(state, facts, inputs, nowMicros)
  const oscillator = !out && error === 0 && vehicle !== 'E' && amps >= AMPS_MIN
  const path = stepPath(
    state.path,
    { letter: out ? 'F' : vehicle, oscillator, offeredMilliamps: oscillator ? Math.round(amps * 1000) : 0 },
    { sound, closeDelayMs: facts.closeDelayMs },
    nowMicros,
  )
  return counted({ ...state, path, error }, inputs, nowMicros)
}

/** The session's counters run while a car is there and stay until the next one comes. */
function counted(state: MennekesState, inputs: BoardInputs, nowMicros: number): MennekesState {
  const present = inputs.vehicle === 'B' || inputs.vehicle === 'C' || inputs.vehicle === 'D'
  if (!present)
    return state.session.sinceMicros === 0
      ? state
      : { ...state, session: { ...state.session, sinceMicros: 0 } }
  const begins = state.session.sinceMicros === 0
  const session = begins
    ? { ...NO_SESSION, sinceMicros: nowMicros, fromMilliwattHours: inputs.energyMilliwattHours }
    : state.session
  return {
    ...state,
    sessions: begins ? state.sessions + 1 : state.sessions,
    session: {
      ...session,
      lastedMicros: nowMicros - session.sinceMicros,
      milliwattHours: inputs.energyMilliwattHours - session.fromMilliwattHours,
      maxMilliamps: Math.max(session.maxMilliamps, ...inputs.currentsMilliamps),
      phases: Math.max(session.phases, inputs.currentsMilliamps.filter((current) => current > 0).length),
    },
  }
}

/** A socket holds the plug from plug-in to plug-out; with an error on the pilot it lets go. */
export function lockWanted(state: MennekesState, facts: MennekesFacts): 'locked' | 'unlocked' | null {
  if (facts.tethered) return null
  const { letter, coil } = state.path
  if (coil) return 'locked'
  return state.power.kind === 'on' && (letter === 'B' || letter === 'C' || letter === 'D')
    ? 'locked'
    : 'unlocked'
}
