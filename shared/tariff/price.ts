// What a kWh costs at a moment: effective-dated tariffs whose bands are windows of civil time. The one calculator of
// prices, for what is shown and for what is billed.
//
// The band of an instant is the band whose window holds the civil date and time that a clock on the wall shows at that
// instant. So the repeated hour of autumn is priced twice by the same windows, and the lost hour of spring never.
import { Temporal } from 'temporal-polyfill'
import { invariant } from '../invariant.ts'
import { CURRENCY_DECIMALS, type NanosPerKwh } from '../money.ts'
import { err, ok, type Result } from '../result.ts'
import { type EpochMs, epochMs } from '../units.ts'
import type { Weekday, WeeklyWindow } from './schedule.ts'

export interface PriceBand {
  readonly name: string
  readonly price: NanosPerKwh
  readonly windows: readonly WeeklyWindow[]
}

export interface TariffVersion {
  /** Civil date `YYYY-MM-DD`; holds from its first moment until the next version's. */
  readonly validFrom: string
  readonly bands: readonly PriceBand[]
}

export interface Tariff {
  readonly id: string
  readonly name: string
  readonly note: string
  readonly currency: string
  /** IANA name; dates and windows are told in it. */
  readonly timeZone: string
  /** Dates rise strictly. */
  readonly versions: readonly TariffVersion[]
}

/** A stretch of time in one band of one version. `to` is excluded. */
export interface BandSpan {
  readonly from: EpochMs
  readonly to: EpochMs
  readonly band: PriceBand
  readonly versionFrom: string
}

/** A moment without a price; there is never a price of zero instead. */
export interface MissingPrice {
  readonly kind: 'noTariff' | 'noBand'
  readonly at: EpochMs
}

/**
 * The bands from `from` to `to`, joined where they are the same, without gaps and in order. For `from` = `to` the one
 * band of that moment with no length. `to` before `from` is our mistake.
 */
export function bandSpans(tariff: Tariff, from: EpochMs, to: EpochMs): Result<BandSpan[], MissingPrice> {
  invariant(from <= to, `bands are asked from ${from} to ${to}`)
  const starts = [from, ...boundaries(tariff, from, to)]
  const spans: BandSpan[] = []
  for (const [index, start] of starts.entries()) {
    const found = bandAt(tariff, start)
    if (!found.ok) return found
    const end = starts[index + 1] ?? to
    const last = spans.at(-1)
    if (last && last.band === found.value.band) spans[spans.length - 1] = { ...last, to: end }
    else spans.push({ from: start, to: end, ...found.value })
  }
  return ok(spans)
}

/** The band that holds at an instant. */
export function bandAt(
  tariff: Tariff,
  at: EpochMs,
): Result<{ readonly band: PriceBand; readonly versionFrom: string }, MissingPrice> {
  const civil = Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(tariff.timeZone)
  const date = civil.toPlainDate().toString()
  const version = tariff.versions.findLast((candidate) => candidate.validFrom <= date)
  if (!version) return err({ kind: 'noTariff', at })
  const minute = civil.hour * 60 + civil.minute
  const band = version.bands.find((candidate) => bandHolds(candidate, weekdayOf(civil.dayOfWeek), minute))
  return band ? ok({ band, versionFrom: version.validFrom }) : err({ kind: 'noBand', at })
}

/**
 * What is wrong with a tariff, in words for its author; empty when it is sound: a known currency and zone, rising
 * dates, prices of 0 or more, and each minute of the week in exactly one band of each version.
 */
export function tariffProblems(tariff: Tariff): string[] {
  const problems: string[] = []
  if (CURRENCY_DECIMALS[tariff.currency] === undefined)
    problems.push(`currency ${tariff.currency} is not known`)
  if (!isTimeZone(tariff.timeZone)) problems.push(`time zone ${tariff.timeZone} is not known`)
  for (const [index, version] of tariff.versions.entries()) {
    const previous = tariff.versions[index - 1]
    if (previous && previous.validFrom >= version.validFrom) {
      problems.push(`versions must rise: ${version.validFrom} follows ${previous.validFrom}`)
    }
    problems.push(...coverageProblems(version))
    for (const band of version.bands) {
      if (band.price < 0n) problems.push(`${version.validFrom} ${band.name}: the price is negative`)
    }
  }
  return problems
}

function coverageProblems(version: TariffVersion): string[] {
  for (const day of WEEKDAYS) {
    for (let minute = 0; minute < 24 * 60; minute++) {
      const holding = version.bands.filter((band) => bandHolds(band, day, minute))
      if (holding.length === 1) continue
      const names = holding.map((band) => band.name).join(', ') || 'no band'
      return [`${version.validFrom} weekday ${day} ${clockOf(minute)}: ${names}; exactly one band must hold`]
    }
  }
  return []
}

/** Instants after `from` and before `to` at which the band may change, rising. */
function boundaries(tariff: Tariff, from: EpochMs, to: EpochMs): EpochMs[] {
  const zone = tariff.timeZone
  const clocks = new Set(['00:00'])
  for (const { bands } of tariff.versions) {
    for (const { windows } of bands) {
      for (const window of windows) clocks.add(window.from).add(window.to === '24:00' ? '00:00' : window.to)
    }
  }
  const found = new Set<number>()
  const first = Temporal.Instant.fromEpochMilliseconds(from).toZonedDateTimeISO(zone)
  const last = Temporal.Instant.fromEpochMilliseconds(to).toZonedDateTimeISO(zone).toPlainDate()
  for (
    let date = first.toPlainDate();
    Temporal.PlainDate.compare(date, last) <= 0;
    date = date.add({ days: 1 })
  ) {
    for (const clock of clocks) {
      const civil = date.toPlainDateTime(Temporal.PlainTime.from(clock))
      // A clock time that comes twice is a boundary twice.
      for (const disambiguation of ['earlier', 'later'] as const) {
        found.add(civil.toZonedDateTime(zone, { disambiguation }).epochMilliseconds)
      }
    }
  }
  // Where the clock is set, the civil time jumps, and the band may jump with it.
  for (let at = first.getTimeZoneTransition('next'); at; at = at.getTimeZoneTransition('next')) {
    if (at.epochMilliseconds >= to) break
    found.add(at.epochMilliseconds)
  }
  return [...found]
    .filter((at) => at > from && at < to)
    .sort((a, b) => a - b)
    .map(epochMs)
}

function bandHolds(band: PriceBand, day: Weekday, minute: number): boolean {
  const yesterday = weekdayOf(day === 1 ? 7 : day - 1)
  return band.windows.some((window) => {
    const from = minuteOf(window.from)
    const to = minuteOf(window.to)
    if (to > from) return window.days.includes(day) && minute >= from && minute < to
    return (window.days.includes(day) && minute >= from) || (window.days.includes(yesterday) && minute < to)
  })
}

const WEEKDAYS: readonly Weekday[] = [1, 2, 3, 4, 5, 6, 7]

function weekdayOf(dayOfWeek: number): Weekday {
  const day = WEEKDAYS[dayOfWeek - 1]
  invariant(day, `${dayOfWeek} is no ISO weekday`)
  return day
}

/** Minutes since midnight of `HH:MM`. */
function minuteOf(clock: string): number {
  return Number(clock.slice(0, 2)) * 60 + Number(clock.slice(3, 5))
}

const clockOf = (minute: number) =>
  `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`

function isTimeZone(name: string): boolean {
  try {
    Temporal.Now.instant().toZonedDateTimeISO(name)
    return true
  } catch (error) {
    if (error instanceof RangeError) return false
    throw error
  }
}
