// The installation record lives in two places: the database and a file of its own, which control reads too. It is
// acknowledged only when both are durable; at the start the highest valid version wins and heals the other place.
import { createHash } from 'node:crypto'
import type { Database } from 'better-sqlite3'
import type { InstallationRecord } from '../ports.ts'
import { readIfPresent, replaceFile } from './files.ts'

/** JSON with the keys of each object in order and no white space: one text for one value. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
    return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`).join(',')}}`
  }
  return JSON.stringify(value)
}

export const checksumOf = (record: InstallationRecord): string =>
  createHash('sha256').update(canonicalJson(record)).digest('hex')

/** The text of either copy: `{"checksum":<sha256 hex of the record's canonical JSON>,"record":{...}}`. */
export const encodeInstallation = (record: InstallationRecord): string =>
  canonicalJson({ record, checksum: checksumOf(record) })

const isRecord = (value: unknown): value is InstallationRecord => {
  if (typeof value !== 'object' || value === null) return false
  const fields: Partial<Record<keyof InstallationRecord, unknown>> = value
  return (
    Number.isSafeInteger(fields.version) &&
    Number.isSafeInteger(fields.limitMilliamps) &&
    (fields.phasesWired === 1 || fields.phasesWired === 3) &&
    Array.isArray(fields.mandatory) &&
    typeof fields.commissionedBy === 'string' &&
    Number.isSafeInteger(fields.commissionedAt)
  )
}

/** The record of a copy's text; null when it is damaged or none. */
export function decodeInstallation(text: string | null): InstallationRecord | null {
  if (text === null) return null
  let copy: { readonly record?: unknown; readonly checksum?: unknown }
  try {
    const parsed: unknown = JSON.parse(text)
    if (typeof parsed !== 'object' || parsed === null) return null
    copy = parsed
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return null
    throw thrown
  }
  return isRecord(copy.record) && copy.checksum === checksumOf(copy.record) ? copy.record : null
}

export const readInstallationFile = (path: string): InstallationRecord | null =>
  decodeInstallation(readIfPresent(path)?.toString('utf8') ?? null)

export const writeInstallationFile = (
  path: string,
  record: InstallationRecord,
  syncsDirectory = true,
): void => replaceFile(path, Buffer.from(encodeInstallation(record)), syncsDirectory)

/** What the two places say together. */
export interface InstallationFound {
  readonly record: InstallationRecord | null
  /** Places that have an older version, a damaged one or none. */
  readonly heal: readonly ('database' | 'file')[]
  /** The box was commissioned once, and nothing valid is left. */
  readonly lost: boolean
}

export function chooseInstallation(copies: {
  readonly database: InstallationRecord | null
  readonly file: InstallationRecord | null
  readonly wasCommissioned: boolean
}): InstallationFound {
  const { database, file } = copies
  const record = (database?.version ?? -1) >= (file?.version ?? -1) ? database : file
  if (!record) return { record: null, heal: [], lost: copies.wasCommissioned }
  const heal: ('database' | 'file')[] = []
  if (!database || checksumOf(database) !== checksumOf(record)) heal.push('database')
  if (!file || checksumOf(file) !== checksumOf(record)) heal.push('file')
  return { record, heal, lost: false }
}

/** Looks in both places. `wasCommissioned` is the marker file that the first commissioning left. */
export function findInstallation(
  db: Database,
  copyPath: string,
  wasCommissioned: boolean,
): InstallationFound {
  const stored = db
    .prepare<[], { value: string }>('SELECT value FROM installation ORDER BY version DESC')
    .all()
    .map((row) => decodeInstallation(row.value))
    .find((record) => record !== null)
  return chooseInstallation({
    database: stored ?? null,
    file: readInstallationFile(copyPath),
    wasCommissioned: wasCommissioned || stored !== undefined,
  })
}

export function insertInstallation(db: Database, record: InstallationRecord): void {
  db.prepare('INSERT OR REPLACE INTO installation VALUES (?, ?)').run(
    record.version,
    encodeInstallation(record),
  )
}
