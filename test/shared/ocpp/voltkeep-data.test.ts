import { expect, test } from 'vitest'
import { limitReportFromJson, voltkeepData } from '../../../shared/ocpp/voltkeep-data.ts'

const limit = {
  currentMilliamps: 16_000,
  reason: { key: 'limit.schedule', values: { until: '23:00', amps: 16 } },
  until: '2026-10-25T22:00:00Z',
}

test('our data comes back as it was sent', () => {
  const data = { vendorId: 'voltkeep', limit, meterSerial: 'SDM-1', timeEstimated: true }
  expect(voltkeepData(JSON.parse(JSON.stringify(data)))).toEqual(data)
})

test("another vendor's data is none of ours", () => {
  expect(voltkeepData({ vendorId: 'other', limit })).toBeNull()
  expect(voltkeepData(undefined)).toBeNull()
  expect(voltkeepData('voltkeep')).toBeNull()
})

test.each([
  ['a current that is no whole number', { ...limit, currentMilliamps: 16.5 }],
  ['a negative current', { ...limit, currentMilliamps: -1 }],
  ['a reason without key', { ...limit, reason: { values: {} } }],
  ['a time that is none', { ...limit, until: 'soon' }],
])('a report with %s is left out, the rest stays', (_name, broken) => {
  expect(voltkeepData({ vendorId: 'voltkeep', limit: broken, meterSerial: 'A' })).toEqual({
    vendorId: 'voltkeep',
    meterSerial: 'A',
  })
})

test('values that are no words or numbers are left out', () => {
  const text = JSON.stringify({ ...limit, reason: { key: 'k', values: { a: 1, b: { c: 1 }, d: null } } })
  expect(limitReportFromJson(text)?.reason).toEqual({ key: 'k', values: { a: 1 } })
  expect(limitReportFromJson('{')).toBeNull()
})
