// What a kWh costs at a moment: effective-dated tariffs whose bands are windows of civil time. The one calculator of
// prices, for what is shown and for what is billed.
//
// The band of an instant is the band whose window holds the civil date and time that a clock on the wall shows at that
// instant. So the repeated hour of autumn is priced twice by the same windows, and the lost hour of spring never.
import { invariant } from '../invariant.ts'
import { CURRENCY_DECIMALS, type NanosPerKwh } from '../money.ts'
import { err, ok, type Result } from '../result.ts'
import { civilTime, isTimeZone } from '../time/civil.ts'
import type { EpochMs } from '../units.ts'
import type { Weekday, WeeklyWindow } from './schedule.ts'
import { turningPoints, windowHolds } from './windows.ts'

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

/**
 * A moment without a price; there is never a price of zero instead. `spanTooLong`: the bands of so long a time are not
 * looked for, because the search is by days and its time must have a bound.
 */
export interface MissingPrice {
  readonly kind: 'noTariff' | 'noBand' | 'spanTooLong'
  readonly at: EpochMs
}

/** Bands are told for so long a time at most. */
export const BAND_SPANS_MAX_MS = 400 * 86_400_000

/**
 * The bands from `from` to `to`, joined where they are the same, without gaps and in order. For `from` = `to` the one
 * band of that moment with no length. `to` before `from` is our mistake.
 */
export function bandSpans(tariff: Tariff, from: EpochMs, to: EpochMs): Result<BandSpan[], MissingPrice> {
  invariant(from <= to, `bands are asked from ${from} to ${to}`)
  if (to - from > BAND_SPANS_MAX_MS) return err({ kind: 'spanTooLong', at: from })
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
  const { date, weekday, minuteOfDay } = civilTime(at, tariff.timeZone)
  const version = tariff.versions.findLast((candidate) => candidate.validFrom <= date)
  if (!version) return err({ kind: 'noTariff', at })
  const band = version.bands.find((candidate) => bandHolds(candidate, weekday, minuteOfDay))
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

/** Instants after `from` and before `to` at which the band may change, rising; the dates of versions among them. */
function boundaries(tariff: Tariff, from: EpochMs, to: EpochMs): readonly EpochMs[] {
  const windows = tariff.versions.flatMap(({ bands }) => bands.flatMap((band) => band.windows))
  return turningPoints(windows, tariff.timeZone, from, to)
}

const bandHolds = (band: PriceBand, day: Weekday, minute: number): boolean =>
  band.windows.some((window) => windowHolds(window, day, minute))

const WEEKDAYS: readonly Weekday[] = [1, 2, 3, 4, 5, 6, 7]

const clockOf = (minute: number) =>
  `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`
