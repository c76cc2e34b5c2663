import { describe, expect, it } from 'vitest'
import { formats, hourCycleOf, localeOf } from '../../../cloud/console/format.ts'

it.each([
  ['da-DK', 'en-DK'],
  ['da', 'en-DK'],
  ['en-US', 'en-US'],
  ['de-AT', 'en-AT'],
  ['no such language', 'en'],
  ['', 'en'],
])('a browser in %j reads as in %s', (language, locale) => {
  expect(localeOf(language)).toBe(locale)
})

/** Intl puts spaces that do not break into amounts. */
const plain = (text: string) => text.replace(/[\u00a0\u202f]/g, ' ')

describe('numbers', () => {
  const danish = formats('en-DK', 'Europe/Copenhagen')
  const british = formats('en-GB', 'UTC')
  it('are written as in the country of the reader', () => {
    expect(danish.power(11_040)).toBe('11,04 kW')
    expect(british.power(11_040)).toBe('11.04 kW')
    expect(plain(danish.money(3742, 'DKK'))).toBe('37,42 DKK')
    expect(plain(british.money(-5, 'DKK'))).toBe('-DKK 0.05')
  })
  it('never hide a Wh, nor a decimal of a price', () => {
    expect(british.energy(110_904)).toBe('110.904 kWh')
    expect(british.wattHours(10_904)).toBe('10,904 Wh')
    expect(plain(british.price(2_245_000_001, 'DKK'))).toBe('DKK 2.245000001 per kWh')
    expect(plain(british.price(2_500_000_000, 'DKK'))).toBe('DKK 2.50 per kWh')
  })
  it('of a current have a decimal only where there is one', () => {
    expect(british.current(16_000)).toBe('16 A')
    expect(british.current(15_960)).toBe('16.0 A')
    expect(british.current(0)).toBe('0 A')
  })
})

it('times are told in the time zone of the reader', () => {
  expect(formats('en-GB', 'Europe/Copenhagen').dateAndClock(Date.UTC(2026, 0, 15, 22, 40))).toBe(
    'Thu 15 Jan, 23:40',
  )
  expect(formats('en-GB', 'UTC').clockSeconds(Date.UTC(2026, 0, 15, 22, 40, 5))).toBe('22:40:05')
})

it.each([
  ['da-DK', 'h23'],
  ['fr-FR', 'h23'],
  ['pl', 'h23'],
  ['en-US', 'h12'],
  ['no such language', 'h23'],
])('clocks in %j are read as %s', (language, cycle) => {
  expect(hourCycleOf(language)).toBe(cycle)
})

it('all times are of one clock, and its zone has a name', () => {
  const at = Date.UTC(2026, 0, 15, 14, 5, 9)
  const polish = formats(localeOf('pl'), 'Europe/Warsaw', hourCycleOf('pl'))
  for (const told of [polish.clock(at), polish.clockSeconds(at), polish.dateAndClock(at)]) {
    expect(told).toContain('15')
    expect(told).not.toMatch(/[ap]m/i)
  }
  expect(polish.zone).toBe('Europe/Warsaw')
})
