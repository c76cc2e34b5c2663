// Weekly windows against the clock on the wall: the arithmetic that schedules and price bands share, so that "cheap" and
// "may charge" never disagree.
import { civilTime, dateAfter, instantsOf, nextClockChange } from '../time/civil.ts'
import type { EpochMs } from '../units.ts'
import type { Weekday, WeeklyWindow } from './schedule.ts'

/** Minutes since midnight of `HH:MM`, 0 to 1440. */
export const minutesOf = (clock: string): number => Number(clock.slice(0, 2)) * 60 + Number(clock.slice(3, 5))

/** Is a clock that shows this weekday and minute inside the window? One over midnight belongs to the day it begins on. */
export function windowHolds(window: WeeklyWindow, day: Weekday, minute: number): boolean {
  const from = minutesOf(window.from)
  const to = minutesOf(window.to)
  const today = window.days.includes(day)
  if (to > from) return today && minute >= from && minute < to
  const yesterday = window.days.some((listed) => (listed % 7) + 1 === day)
  return (today && minute >= from) || (yesterday && minute < to)
}

/** Instants after `from` and before `to` at which one of the windows, or the civil date, may turn; rising. */
export function turningPoints(
  windows: readonly WeeklyWindow[],
  timeZone: string,
  from: EpochMs,
  to: EpochMs,
): readonly EpochMs[] {
  const minutes = new Set([0, ...windows.flatMap((window) => [minutesOf(window.from), minutesOf(window.to)])])
  const found = new Set<EpochMs>()
  const last = dateAfter(civilTime(to, timeZone).date, 1)
  for (let date = civilTime(from, timeZone).date; date <= last; date = dateAfter(date, 1))
    for (const minute of minutes) for (const at of instantsOf(date, minute, timeZone)) found.add(at)
  // Where the clock is set, the civil time jumps, perhaps into a window or out of one.
  for (let at = nextClockChange(from, timeZone); at !== null && at < to; at = nextClockChange(at, timeZone))
    found.add(at)
  return [...found].filter((at) => at > from && at < to).sort((a, b) => a - b)
}
