// How far the wall clock can be believed, and what it shows: `synchronised` (NTP or the CSMS in this boot), `held` (a
// valid real-time clock, or synchronised earlier in this boot), `unknown`. Pure. Wall time is always the monotonic
// clock plus one offset, so a step of the system's clock moves no timer, and a box without a clock never says 1970.
import { type EpochMs, epochMs, type MonotonicMs } from '../../../shared/units.ts'
import type { BootRecord, Running, Stamp } from '../memory.ts'
import type { TimeQuality } from '../ports.ts'

/** 2026-01-01T00:00Z. This program is not older: no true time lies before. Moved forward with each release. */
export const BUILD_DATE: EpochMs = epochMs(1_767_225_600_000)
const BELIEVED_YEARS_MS = 20 * 365.25 * 24 * 3_600_000
/** The answer of a CSMS is late by the network's delay; a smaller difference is no reason to move the clock. */
const CSMS_TOLERANCE_MS = 2000

/** One answer of a CSMS may be a slip of years. Further away than this it counts only when it was told for long. */
const NEAR_MS = 24 * 3_600_000
const TOLD_LONG_MS = 3_600_000
const TOLD_LONG_ANSWERS = 3
/** Answers of one series differ by the network's delay and by the drift of an hour. */
const SERIES_TOLERANCE_MS = 60_000

export interface TimeState {
  readonly bootId: string
  readonly quality: TimeQuality
  /** Where the offset comes from: the system's clock (NTP or RTC), the CSMS, or this boot's record. */
  readonly source: 'none' | 'rtc' | 'ntp' | 'csms' | 'earlier'
  /** Wall time less monotonic time; null while the time is unknown. */
  readonly offsetMs: number | null
  /** More than one slip of a CSMS would be needed for it to be wrong: only such a time binds what is believed later. */
  readonly isConfirmed: boolean
  /** The CSMS's answers that agree with each other: the first one's offset and moment, and how many. */
  readonly told: { readonly offsetMs: number; readonly since: MonotonicMs; readonly answers: number } | null
  /** No later wall time is before this one; null on a box that never knew the time. */
  readonly notBefore: EpochMs | null
}

/** The machine's two clocks at one moment, and whether its own service says that NTP keeps them. */
export interface SystemClocks {
  readonly wall: EpochMs
  readonly monotonicMs: MonotonicMs
  readonly isNtpSynchronised: boolean
}

/** The time at keeper's start: from a real-time clock, from NTP, or from earlier in this boot. */
export function beginTime(start: {
  readonly bootId: string
  readonly hasRtc: boolean
  readonly clocks: SystemClocks
  readonly boots: readonly BootRecord[]
  readonly running: Running
}): TimeState {
  const record = start.boots.find((boot) => boot.bootId === start.bootId)
  const unknown: TimeState = {
    bootId: start.bootId,
    quality: 'unknown',
    source: 'none',
    offsetMs: null,
    isConfirmed: false,
    told: null,
    notBefore: start.running.aliveAt,
  }
  const seen = systemClockSeen(unknown, start.clocks, start.hasRtc)
  if (seen.quality !== 'unknown' || record?.offsetMs == null) return seen
  const wall = epochMs(start.clocks.monotonicMs + record.offsetMs)
  const isConfirmed = isNear(wall, unknown.notBefore)
  return { ...unknown, quality: 'held', source: 'earlier', offsetMs: record.offsetMs, isConfirmed }
}

/** Follows the system's clock where it is believed: NTP slews it, and a real-time clock set it at the boot. */
export function systemClockSeen(state: TimeState, clocks: SystemClocks, hasRtc: boolean): TimeState {
  const isTrusted =
    clocks.isNtpSynchronised || (hasRtc && (state.source === 'rtc' || state.source === 'none'))
  if (!isTrusted || !isPlausible(clocks.wall, state.notBefore)) return state
  const offsetMs = clocks.wall - clocks.monotonicMs
  const seen = { ...state, offsetMs, isConfirmed: true }
  if (clocks.isNtpSynchronised) return { ...seen, quality: 'synchronised', source: 'ntp' }
  return { ...seen, quality: state.quality === 'unknown' ? 'held' : state.quality, source: 'rtc' }
}

/**
 * The CSMS told its time. NTP knows better; a clock that agrees is left alone; an implausible time is not believed, and
 * one that is more than a day away from a clock that was confirmed only when it was told for an hour.
 */
export function csmsTold(state: TimeState, at: EpochMs, receivedAt: MonotonicMs): TimeState {
  if (!isPlausible(at, state.notBefore)) return state
  if (state.source === 'ntp') return state
  const offsetMs = at - receivedAt
  const told = seriesWith(state.told, offsetMs, receivedAt)
  const byMs = state.offsetMs === null ? null : Math.abs(offsetMs - state.offsetMs)
  const isToldLong = told.answers >= TOLD_LONG_ANSWERS && receivedAt - told.since >= TOLD_LONG_MS
  const isAsExpected = state.isConfirmed ? byMs !== null && byMs <= NEAR_MS : isNear(at, state.notBefore)
  const isConfirmed = isAsExpected || isToldLong
  if (state.isConfirmed && !isConfirmed) return { ...state, told }
  const next: TimeState = { ...state, quality: 'synchronised', isConfirmed, told }
  const agrees = byMs !== null && byMs <= CSMS_TOLERANCE_MS
  return agrees ? next : { ...next, source: 'csms', offsetMs }
}

function seriesWith(before: TimeState['told'], offsetMs: number, since: MonotonicMs) {
  const isSame = before !== null && Math.abs(offsetMs - before.offsetMs) <= SERIES_TOLERANCE_MS
  return isSame ? { ...before, answers: before.answers + 1 } : { offsetMs, since, answers: 1 }
}

const isNear = (wall: EpochMs, notBefore: EpochMs | null) =>
  notBefore !== null && wall >= notBefore && wall - notBefore <= NEAR_MS

const isPlausible = (wall: EpochMs, notBefore: EpochMs | null) =>
  wall >= BUILD_DATE && wall <= BUILD_DATE + BELIEVED_YEARS_MS && wall >= (notBefore ?? 0)

/** The wall time of a moment: of this boot by its offset, of an ended one by its record; null where neither is known. */
export function wallOf(state: TimeState, boots: readonly BootRecord[], moment: Stamp): EpochMs | null {
  const offsetMs =
    moment.bootId === state.bootId
      ? state.offsetMs
      : (boots.find((boot) => boot.bootId === moment.bootId)?.offsetMs ?? null)
  return offsetMs === null ? null : epochMs(moment.atMonotonicMs + offsetMs)
}

const BOOTS_KEPT = 8
/** A clock that is slewed by less is not worth a commit. */
const OFFSET_TOLERANCE_MS = 1000

/** The records of boots with this one up to date; the same list where nothing worth a commit changed. */
export function bootsWith(
  boots: readonly BootRecord[],
  state: TimeState,
  firstSeenMonotonicMs: MonotonicMs,
): readonly BootRecord[] {
  const before = boots.find((boot) => boot.bootId === state.bootId)
  if (!before) {
    const { bootId, offsetMs, notBefore } = state
    return [...boots, { bootId, firstSeenMonotonicMs, offsetMs, notBefore }].slice(-BOOTS_KEPT)
  }
  if (state.offsetMs === null) return boots
  if (before.offsetMs !== null && Math.abs(before.offsetMs - state.offsetMs) < OFFSET_TOLERANCE_MS)
    return boots
  return boots.map((boot) => (boot === before ? { ...boot, offsetMs: state.offsetMs } : boot))
}
