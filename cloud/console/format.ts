// Numbers and times by Intl, as in the reader's country. Times of the API are milliseconds since 1970.

/**
 * The page speaks English; numbers, dates and times are written as in the reader's country: da-DK gives en-DK.
 * @param language BCP 47, of the browser; one that is none gives en.
 */
export function localeOf(language: string): string {
  try {
    const { region } = new Intl.Locale(language).maximize()
    return region ? `en-${region}` : 'en'
  } catch (error) {
    if (error instanceof RangeError) return 'en'
    throw error
  }
}

export interface Formats {
  /** A number with as many decimals as it has, two at most. */
  readonly plain: (value: number) => string
  readonly power: (watts: number) => string
  readonly current: (milliamps: number) => string
  /** kWh with all three decimals: a Wh is never hidden. */
  readonly energy: (wattHours: number) => string
  readonly wattHours: (wattHours: number) => string
  readonly money: (minor: number, currency: string) => string
  readonly price: (nanosPerKwh: number, currency: string) => string
  readonly clock: (at: number) => string
  readonly clockSeconds: (at: number) => string
  readonly dateAndClock: (at: number) => string
  /** Name of the time zone of all times. */
  readonly zone: string
}

/** As clocks are read in the reader's own language: en-DK may not be known where da-DK is. */
export function hourCycleOf(language: string): Intl.LocaleHourCycleKey {
  try {
    const { hourCycle } = new Intl.DateTimeFormat(language, { hour: 'numeric' }).resolvedOptions()
    return hourCycle ?? 'h23'
  } catch (error) {
    if (error instanceof RangeError) return 'h23'
    throw error
  }
}

/** @param locale of the reader; undefined takes the machine's. `timeZone` undefined takes the machine's. */
export function formats(
  locale?: string,
  timeZone?: string,
  hourCycle: Intl.LocaleHourCycleKey = hourCycleOf(locale ?? 'en-GB'),
): Formats {
  const zone = { hourCycle, ...(timeZone === undefined ? {} : { timeZone }) }
  const fixed = (digits: number) =>
    new Intl.NumberFormat(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits })
  const [whole, one, two, three] = [fixed(0), fixed(1), fixed(2), fixed(3)]
  const clock = new Intl.DateTimeFormat(locale, { ...zone, hour: '2-digit', minute: '2-digit' })
  const clockSeconds = new Intl.DateTimeFormat(locale, {
    ...zone,
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  })
  const dateAndClock = new Intl.DateTimeFormat(locale, {
    ...zone,
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    hour: '2-digit',
    minute: '2-digit',
  })
  const moneyOf = (currency: string, digits?: number) =>
    new Intl.NumberFormat(locale, {
      style: 'currency',
      currency,
      currencyDisplay: 'code',
      ...(digits === undefined ? {} : { minimumFractionDigits: 2, maximumFractionDigits: digits }),
    })
  const plain = new Intl.NumberFormat(locale, { maximumFractionDigits: 2 })
  return {
    plain: (value) => plain.format(value),
    power: (watts) => `${two.format(watts / 1000)} kW`,
    current: (milliamps) =>
      `${milliamps % 1000 === 0 ? whole.format(milliamps / 1000) : one.format(milliamps / 1000)} A`,
    energy: (wattHours) => `${three.format(wattHours / 1000)} kWh`,
    wattHours: (wattHours) => `${whole.format(wattHours)} Wh`,
    money: (minor, currency) => {
      const format = moneyOf(currency)
      return format.format(minor / 10 ** (format.resolvedOptions().maximumFractionDigits ?? 2))
    },
    price: (nanosPerKwh, currency) => `${moneyOf(currency, 9).format(nanosPerKwh / 1e9)} per kWh`,
    clock: (at) => clock.format(at),
    clockSeconds: (at) => clockSeconds.format(at),
    dateAndClock: (at) => dateAndClock.format(at),
    zone: clock.resolvedOptions().timeZone,
  }
}
