// What of an order is refused before anything happens: with a code, why, and what to do.
import { type FaultCode, faultRow } from '../../../shared/faults.ts'
import { isoOf } from '../../../shared/time/iso.ts'
import { CURRENT_MIN, EPOCH_MS_MAX, type EpochMs } from '../../../shared/units.ts'
import type { Override } from '../memory.ts'
import type { BoxSnapshot, Refusal } from '../ports.ts'
import type { Order, SessionsState } from './state.ts'

const NO_CAR: Refusal = {
  code: 'NO_CAR',
  message: 'No car is plugged in.',
  do: 'Plug the car in first.',
}

const STOPPED: Refusal = {
  code: 'STOPPED',
  message: 'The charge of this plug-in was stopped, so nothing will charge.',
  do: 'Unplug the car and plug it in again.',
}

/** Somebody stopped the charge of the car that is plugged in; nothing begins by itself before the plug was out. */
export const isStopped = ({ session, docs }: Pick<SessionsState, 'session' | 'docs'>): boolean =>
  docs.plugIn !== null && (docs.plugIn.done || (session !== null && session.stop !== null))

/** What holds at the moment of an order; `wall` is null while the time is unknown. */
export interface OrderMoment {
  readonly isCommissioned: boolean
  readonly wall: EpochMs | null
}

/** Why this order is not done; null when it may go on. */
export function refusalOf(
  state: SessionsState,
  input: Order,
  { isCommissioned, wall }: OrderMoment,
): Refusal | null {
  const { session, docs } = state
  switch (input.kind) {
    case 'remoteStart':
      if (!isCommissioned) return NOT_COMMISSIONED
      return session
        ? {
            code: 'SESSION_RUNNING',
            message: `A session is running already: ${session.uuid}.`,
            do: 'Stop it first.',
          }
        : null
    case 'stop':
      if (session && (input.uuid === null || input.uuid === session.uuid)) return null
      return {
        code: 'NO_SESSION',
        message: input.uuid === null ? 'No session is running.' : `No session ${input.uuid} is running.`,
        do: 'Ask for the running session, and stop that one.',
      }
    case 'override':
      if (!docs.plugIn) return NO_CAR
      if (isStopped(state)) return STOPPED
      return input.until === null ? null : untilRefusal(input.until, wall)
    case 'userLimit': {
      const limit = input.limitMilliamps
      if (limit !== null && limit > 0 && limit < CURRENT_MIN) return tooLow(limit)
      return docs.plugIn || limit === null ? null : NO_CAR
    }
  }
}

export const NOT_COMMISSIONED: Refusal = {
  code: 'NOT_COMMISSIONED',
  message: 'The installation record is missing, so nothing may charge.',
  do: 'Commission the box: voltkeep commission.',
}

/** Why a fault is not cleared by a person's word; null when it may be. */
export function clearRefusal(
  code: FaultCode,
  { control, faults }: Pick<BoxSnapshot, 'control' | 'faults'>,
): Refusal | null {
  const { latched, clears } = faultRow(code)
  if (!latched)
    return {
      code: 'FAULT_NOT_LATCHED',
      message: `${code} is not latched: nobody has to clear it.`,
      do: `Remove its cause. It clears so: ${clears}`,
    }
  if (code === 'INSTALLATION_LOST')
    return {
      code: 'FAULT_CLEARS_OTHERWISE',
      message: `${code} is not cleared by a word.`,
      do: 'Commission the box: voltkeep commission.',
    }
  if (!control) return CONTROL_NOT_HEARD
  if (faults.includes(code)) return null
  return {
    code: 'FAULT_NOT_STANDING',
    message: `${code} does not stand now.`,
    do: 'Look which faults stand: voltkeep status.',
  }
}

export const CONTROL_NOT_HEARD: Refusal = {
  code: 'CONTROL_NOT_HEARD',
  message: 'The part of the box that switches is not heard, so nothing was cleared.',
  do: 'Try again when the page shows the state of the box.',
}

/** An override with an end is for now, not for good: at most eight days ahead. */
const OVERRIDE_MAX_MS = 8 * 86_400_000

function untilRefusal(until: EpochMs, wall: EpochMs | null): Refusal | null {
  if (wall === null) return TIME_UNKNOWN
  if (until <= wall) return untilPast(until, wall)
  return until - wall > OVERRIDE_MAX_MS ? untilFar(until, wall) : null
}

/** A stored override whose end no order could have given: it is not taken up again. */
export const isBeyondBounds = (
  { since, until }: Pick<Override, 'since' | 'until'>,
  wall: EpochMs | null,
): boolean =>
  until !== null &&
  (!(Math.abs(until) <= EPOCH_MS_MAX) ||
    (since !== null && until - since > OVERRIDE_MAX_MS) ||
    (wall !== null && until - wall > OVERRIDE_MAX_MS))

const TIME_UNKNOWN: Refusal = {
  code: 'TIME_UNKNOWN',
  message: 'The box does not know the time, so it cannot keep an end of the override. Nothing was changed.',
  do: 'Give no end: the override then ends when the car is full or unplugged.',
}

const untilFar = (until: EpochMs, now: EpochMs): Refusal => ({
  code: 'UNTIL_TOO_FAR',
  message: `The end of the override, ${isoOf(until)}, is more than 8 days ahead: it is ${isoOf(now)}. Nothing was changed.`,
  do: 'Give an end within 8 days, or none.',
})

const untilPast = (until: EpochMs, now: EpochMs): Refusal => ({
  code: 'UNTIL_PAST',
  message: `The end of the override, ${isoOf(until)}, lies in the past: it is ${isoOf(now)}. Nothing was changed.`,
  do: 'Give a later end, or none.',
})

/** Between 0 and 6 A no car can charge, so a person who enters it means something else. */
export const tooLow = (limitMilliamps: number): Refusal => ({
  code: 'CURRENT_TOO_LOW',
  message: `Expected 0 A (pause) or 6 A and more, got ${limitMilliamps / 1000} A.`,
  do: 'Enter 0 to pause, or at least 6 A.',
})
