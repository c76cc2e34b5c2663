// Numbers and times by Intl, in the reader's own way. Times of the API are milliseconds since 1970.

export interface Formats {
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
}

/** @param locale of the reader; undefined takes the machine's. `timeZone` undefined takes the machine's. */
export function formats(locale?: string, timeZone?: string): Formats {
  const zone = timeZone === undefined ? {} : { timeZone }
  const fixed = (digits: number) =>
    new Intl.NumberFormat(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits })
  const [whole, one, two, three] = [fixed(0), fixed(1), fixed(2), fixed(3)]
  const clock = new Intl.DateTimeFormat(locale, { ...zone, hour: '2-digit', minute: '2-digit' })
  const clockSeconds = new Intl.DateTimeFormat(locale, { ...zone, timeStyle: 'medium' })
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
  return {
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
  }
}
