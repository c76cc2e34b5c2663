// Station keys. They are machine-made with at least 96 bits, so a keyed hash is enough and a storm of reconnecting
// stations costs microseconds each. The database without the server's key tells nothing about them.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

/** A new station key: 30 characters, 180 bits. */
export const newStationKey = (): string => randomBytes(30).toString('base64url').slice(0, 30)

/** HMAC-SHA-256 under the server's key; bound to the id, so that one station's hash opens no other. Hex. */
export function keyHmac(serverKey: Buffer, stationId: string, key: Buffer): string {
  return createHmac('sha256', serverKey).update(stationId).update('\0').update(key).digest('hex')
}

/** Compared in constant time. */
export function keyMatches(
  serverKey: Buffer,
  station: { id: string; keyHmac: string },
  key: Buffer,
): boolean {
  const told = Buffer.from(keyHmac(serverKey, station.id, key), 'hex')
  const stored = Buffer.from(station.keyHmac, 'hex')
  return told.length === stored.length && timingSafeEqual(told, stored)
}

/** Tells two server keys apart without telling either: kept in the database, so that a lost key file is noticed. */
export const serverKeyCheck = (serverKey: Buffer): string =>
  createHmac('sha256', serverKey).update('voltkeep server key').digest('hex')
