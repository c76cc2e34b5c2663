// The second copy of the installation record, which keeper writes and control reads once at its start: until keeper's
// plans are there, it is the installation limit.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { err, ok, type Result } from '../../shared/result.ts'
import { type MilliAmps, milliAmps, type PhasesWired } from '../../shared/units.ts'

export interface InstallationCopy {
  readonly limitMilliamps: MilliAmps
  readonly phasesWired: PhasesWired
  readonly version: number
}

/** Keys in order, no spaces: the text that the checksum is of. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const fields = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return `{${fields.map(([key, one]) => `${JSON.stringify(key)}:${canonicalJson(one)}`).join(',')}}`
}

/** The error says why there is no limit to take from the file. */
export function readInstallationCopy(path: string): Result<InstallationCopy, string> {
  try {
    return decodeInstallationCopy(readFileSync(path, 'utf8'))
  } catch (error) {
    return err(error instanceof Error ? error.message : String(error))
  }
}

/** `{"record": {...}, "checksum": sha256 in hex of the record's canonical JSON}`. Throws where the text is no JSON. */
export function decodeInstallationCopy(fileText: string): Result<InstallationCopy, string> {
  const value: unknown = JSON.parse(fileText)
  if (!isObject(value) || !isObject(value['record'])) return err('it holds no record')
  const { record, checksum } = value
  if (checksum !== createHash('sha256').update(canonicalJson(record)).digest('hex'))
    return err('its checksum does not hold')
  const { limitMilliamps, phasesWired, version } = record
  const fits = isNatural(limitMilliamps) && isNatural(version) && (phasesWired === 1 || phasesWired === 3)
  return fits
    ? ok({ limitMilliamps: milliAmps(limitMilliamps), phasesWired, version })
    : err('limitMilliamps, phasesWired or version is not a number that it can be')
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null
const isNatural = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0
