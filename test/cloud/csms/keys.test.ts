import { expect, test } from 'vitest'
import { keyHmac, keyMatches, newStationKey, serverKeyCheck } from '../../../cloud/csms/keys.ts'

const server = Buffer.alloc(32, 1)
const key = Buffer.from('0123456789abcdef')
const station = { id: 'A', keyHmac: keyHmac(server, 'A', key) }

test('the right key opens, a wrong one and one of another length do not', () => {
  expect(keyMatches(server, station, key)).toBe(true)
  expect(keyMatches(server, station, Buffer.from('0123456789abcdeg'))).toBe(false)
  expect(keyMatches(server, station, Buffer.from(''))).toBe(false)
})

test("a station's hash opens no other station and no other server", () => {
  expect(keyMatches(server, { ...station, id: 'B' }, key)).toBe(false)
  expect(keyMatches(Buffer.alloc(32, 2), station, key)).toBe(false)
})

test('the hash does not hold the key, and no hash matches a damaged one', () => {
  expect(station.keyHmac).toMatch(/^[0-9a-f]{64}$/)
  expect(keyMatches(server, { ...station, keyHmac: '' }, key)).toBe(false)
})

test('made keys fit the password rule of OCPP 2.0.1 (16 to 40 characters) and never repeat', () => {
  const keys = new Set(Array.from({ length: 1000 }, newStationKey))
  expect(keys.size).toBe(1000)
  for (const one of keys) expect(one).toMatch(/^[A-Za-z0-9_-]{30}$/)
})

test('two server keys are told apart without telling either', () => {
  expect(serverKeyCheck(server)).not.toBe(serverKeyCheck(Buffer.alloc(32, 2)))
  expect(serverKeyCheck(server)).not.toContain(server.toString('hex'))
})
