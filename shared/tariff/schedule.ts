// Weekly windows in civil time: when a box may charge (TOU), and which price band holds. Pure; the calendar arithmetic
// is in shared/time/civil.ts.
import type { MilliAmps } from '../units.ts'

/** ISO weekday: 1 is Monday, 7 is Sunday. */
export type Weekday = 1 | 2 | 3 | 4 | 5 | 6 | 7

/** A span of each listed day in civil time; `to` at or before `from` ends on the next day. */
export interface WeeklyWindow {
  readonly days: readonly Weekday[]
  /** `HH:MM`, 00:00-23:59. */
  readonly from: string
  /** `HH:MM`, 00:00-24:00. */
  readonly to: string
}

/** Time-of-use schedule of a box: outside its windows the limit is `outside`, inside a window charging is free. */
export interface Schedule {
  readonly version: number
  /** IANA name of the zone that the windows are told in. */
  readonly timeZone: string
  readonly windows: readonly WeeklyWindow[]
  /** 0 means pause; between 1 mA and 5,999 mA is refused. */
  readonly outsideMilliamps: MilliAmps
}
