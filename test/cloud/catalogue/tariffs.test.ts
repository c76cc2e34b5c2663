import { expect, test } from 'vitest'
import { SHIPPED_TARIFFS, tariffFrom } from '../../../cloud/catalogue/tariffs.ts'

test('every shipped tariff is sound', () => {
  expect(SHIPPED_TARIFFS.length).toBeGreaterThan(0)
  for (const data of SHIPPED_TARIFFS) expect(tariffFrom(data)).toMatchObject({ ok: true })
})

const example = SHIPPED_TARIFFS[0]

test.each([
  ['an unknown key', { surcharge: 1 }, /surcharge/],
  ['a price with decimals', { versions: version({ priceNanosPerKwh: 1.5 }) }, /priceNanosPerKwh/],
  ['a negative price', { versions: version({ priceNanosPerKwh: -1 }) }, /priceNanosPerKwh/],
  ['an impossible hour', { versions: version({}, { to: '24:30' }) }, /windows\.0\.to/],
  ['a hole', { versions: version({}, { to: '23:00' }) }, /23:00: no band/],
  ['no version', { versions: [] }, /versions/],
  ['an unknown zone', { timeZone: 'Europe/Atlantis' }, /Atlantis/],
])('a tariff with %s is refused and told why', (_name, change, words) => {
  const refused = tariffFrom({ ...(example as object), ...change })
  expect(refused.ok ? '' : refused.error.join('\n')).toMatch(words)
})

function version(band: object, window: object = {}) {
  const windows = [{ days: [1, 2, 3, 4, 5, 6, 7], from: '00:00', to: '24:00', ...window }]
  return [{ validFrom: '2026-01-01', bands: [{ name: 'all', priceNanosPerKwh: 1, windows, ...band }] }]
}
