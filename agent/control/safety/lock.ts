// The lock of a socket's plug. What must hold: it is moved open only with the contactor confirmed open, never while the
// pilot is not seen, and not at all while a contactor is welded; no more moves than the motor bears. A cable that belongs
// to the box needs none of this. Sources: registers.md §4 (lock actuators) and §5 (row `lock`).
import type { MonotonicMs } from '../../../shared/units.ts'
import type { Pilot } from '../../control-link/messages.ts'
import type { LockSight } from '../ports/board.ts'
import type { Connector } from './site.ts'

/** A move that the feedback did not confirm is tried again after this. */
export const LOCK_RETRY_MS = 5000
/** The motor's longest pulse: it is not turned round sooner. */
export const LOCK_PULSE_MS = 2000
/** Motor protection: no more moves than this in a minute. */
export const LOCK_MOVES_MAX = 10
export const LOCK_MOVES_WITHIN_MS = 60_000
/** So many moves in vain, each with its time to be confirmed, are a jam. */
export const LOCK_JAM_TRIES = 3
/** In state F the plug is let go after this (EVerest, IEC 61851-1 state F). */
export const UNLOCK_IN_F_MS = 5000

export interface LockState {
  /** Null before the first sight of the pilot: what a control before this one has done is left alone. */
  readonly wanted: 'locked' | 'unlocked' | null
  /** Moves of the last minute, oldest first. */
  readonly movesAtMonotonicMs: readonly MonotonicMs[]
  /** Consecutive moves to where it is wanted that the feedback has not confirmed. */
  readonly triesInVain: number
  /** The feedback has shown it locked since it is wanted so, and not open again. */
  readonly held: boolean
}

export const LOCK_AT_REST: LockState = {
  wanted: null,
  movesAtMonotonicMs: [],
  triesInVain: 0,
  held: false,
}

export interface LockInput {
  readonly connector: Connector
  /** Fresh feedback; null: not known now. */
  readonly sight: LockSight | null
  /** Null while it is not seen. */
  readonly pilot: Pilot | null
  readonly pilotForMs: number
  readonly permitted: boolean
  /** The proximity contact tells a cable. */
  readonly cablePresent: boolean
  readonly relayOpen: boolean
  /** A welded contactor keeps the plug where it is, or out. */
  readonly keepsShut: boolean
}

export interface LockStep {
  readonly state: LockState
  readonly command: 'lock' | 'unlock' | null
}

/** Total. At most one move. */
export function stepLock(before: LockState, input: LockInput, now: MonotonicMs): LockStep {
  if (input.connector.kind === 'tethered') return { state: LOCK_AT_REST, command: null }
  const wanted = wantedNow(before, input)
  const turned = wanted !== before.wanted
  const state: LockState = {
    wanted,
    movesAtMonotonicMs: before.movesAtMonotonicMs.filter((at) => now - at < LOCK_MOVES_WITHIN_MS),
    triesInVain: turned || input.sight === wanted ? 0 : before.triesInVain,
    held: wanted === 'locked' && heldNow(before, input.sight),
  }
  if (wanted === null || !mayMove(state, wanted, input, now)) return { state, command: null }
  return {
    state: {
      ...state,
      movesAtMonotonicMs: [...state.movesAtMonotonicMs, now],
      triesInVain: state.triesInVain + 1,
    },
    command: wanted === 'locked' ? 'lock' : 'unlock',
  }
}

/** What is not told, or not settled, is no lock that has opened. */
const heldNow = (before: LockState, sight: LockSight | null) =>
  sight === 'locked' || (before.held && (sight === null || sight === 'moving'))

function wantedNow(before: LockState, input: LockInput): LockState['wanted'] {
  const { connector, pilot } = input
  if (connector.kind === 'tethered') return before.wanted
  // A plug in, or a socket that leads to a live contact: neither may be opened.
  if (input.keepsShut && pilot !== null) return 'locked'
  const keptIn = connector.permanentLock && input.cablePresent
  switch (pilot) {
    case null:
      return before.wanted
    case 'E':
      // A short circuit of the cable: whoever finds it must be able to pull it.
      return 'unlocked'
    case 'A':
      return keptIn ? 'locked' : 'unlocked'
    case 'F':
      if (keptIn) return 'locked'
      return input.pilotForMs >= UNLOCK_IN_F_MS ? 'unlocked' : before.wanted
    case 'B':
    case 'C':
    case 'D':
      return input.permitted || keptIn ? 'locked' : 'unlocked'
  }
}

function mayMove(
  state: LockState,
  wanted: 'locked' | 'unlocked',
  input: LockInput,
  now: MonotonicMs,
): boolean {
  // Blind moves could neither be confirmed nor be counted as done.
  if (input.sight === null || input.sight === wanted || input.pilot === null) return false
  if (wanted === 'unlocked' && !input.relayOpen) return false
  if (state.movesAtMonotonicMs.length >= LOCK_MOVES_MAX) return false
  const last = state.movesAtMonotonicMs.at(-1)
  if (last === undefined) return true
  return now - last >= (state.triesInVain === 0 ? LOCK_PULSE_MS : LOCK_RETRY_MS)
}

/** The lock does not go where it is wanted; in words, or null while it does or may still. */
export function jammed(state: LockState, sight: LockSight | null, now: MonotonicMs): string | null {
  if (state.wanted === null || sight === null || sight === state.wanted) return null
  const last = state.movesAtMonotonicMs.at(-1)
  if (sight === 'jammed' && state.triesInVain > 0)
    return `the lock tells that it is jammed, ${state.wanted} is wanted`
  if (state.triesInVain < LOCK_JAM_TRIES || (last !== undefined && now - last < LOCK_RETRY_MS)) return null
  return `${state.triesInVain} moves, and the lock shows ${sight} where ${state.wanted} is wanted`
}

/** Whether current may flow as far as the plug goes. */
export const lockSure = (connector: Connector, sight: LockSight | null): boolean =>
  connector.kind === 'tethered' || sight === 'locked'
