// When a weekly schedule lets a box charge. An instant is inside a window when the civil date and time that a clock on
// the wall shows then is in it: the same rule as for price bands, so "cheap" and "may charge" never disagree.
import { civilTime, isTimeZone } from '../time/civil.ts'
import { CURRENT_MIN, type EpochMs } from '../units.ts'
import type { Schedule } from './schedule.ts'
import { turningPoints, windowHolds } from './windows.ts'

type Windows = Pick<Schedule, 'timeZone' | 'windows'>

/** Is this instant inside one of the windows? */
export function isInside(schedule: Windows, at: EpochMs): boolean {
  const { weekday, minuteOfDay } = civilTime(at, schedule.timeZone)
  return schedule.windows.some((window) => windowHolds(window, weekday, minuteOfDay))
}

/** A stretch of time that is wholly inside or wholly outside. */
export interface ScheduleSpan {
  readonly from: EpochMs
  /** Excluded. */
  readonly to: EpochMs
  readonly isInside: boolean
}

/** The spans from `from` to `to`, in order, without gaps; neighbours differ. Empty when `to` is not after `from`. */
export function scheduleSpans(schedule: Windows, from: EpochMs, to: EpochMs): readonly ScheduleSpan[] {
  if (to <= from) return []
  const starts = [from, ...turningPoints(schedule.windows, schedule.timeZone, from, to)]
  const spans: ScheduleSpan[] = []
  for (const [index, start] of starts.entries()) {
    const inside = isInside(schedule, start)
    const end = starts[index + 1] ?? to
    const last = spans.at(-1)
    if (last && last.isInside === inside) spans[spans.length - 1] = { ...last, to: end }
    else spans.push({ from: start, to: end, isInside: inside })
  }
  return spans
}

/** When the schedule next turns from inside to outside or back, after `at` and before `until`; null if it does not. */
export function nextBoundary(schedule: Windows, at: EpochMs, until: EpochMs): EpochMs | null {
  return scheduleSpans(schedule, at, until)[1]?.from ?? null
}

/** What is wrong with a schedule that somebody entered, in words for them; empty when it is sound. */
export function scheduleProblems(schedule: Omit<Schedule, 'version'>): readonly string[] {
  const problems: string[] = []
  if (!isTimeZone(schedule.timeZone)) problems.push(`time zone ${schedule.timeZone} is not known`)
  const { outsideMilliamps } = schedule
  if (outsideMilliamps > 0 && outsideMilliamps < CURRENT_MIN)
    problems.push(
      `outside the windows: expected 0 mA (pause) or 6000 mA and more, got ${outsideMilliamps} mA`,
    )
  for (const [index, { days, from, to }] of schedule.windows.entries()) {
    const place = `window ${index + 1}`
    if (days.length === 0) problems.push(`${place}: no weekday`)
    if (days.some((day) => ![1, 2, 3, 4, 5, 6, 7].includes(day)))
      problems.push(`${place}: weekdays are 1 (Monday) to 7 (Sunday), got ${days.join(', ')}`)
    if (!/^([01]\d|2[0-3]):[0-5]\d$/.test(from)) problems.push(`${place}: from is HH:MM, got ${from}`)
    if (!/^(([01]\d|2[0-3]):[0-5]\d|24:00)$/.test(to)) problems.push(`${place}: to is HH:MM, got ${to}`)
  }
  return problems
}
