// The SQLite file: opened for one owner, checked, and where it is damaged set aside for the last good daily copy.
import { copyFileSync, existsSync, renameSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import SqliteDatabase, { type Database } from 'better-sqlite3'
import { invariant } from '../../../shared/invariant.ts'
import { syncDirectory, syncFile } from './files.ts'
import { migrate } from './migrations.ts'

/** How writes reach the disk. Anything but these defaults exists to be caught by the power-cut trial. */
export interface Durability {
  readonly synchronous: 'FULL' | 'OFF'
  readonly syncsDirectory: boolean
}
export const DURABLE: Durability = { synchronous: 'FULL', syncsDirectory: true }

/** Damage that SQLite or our check found; the text is for the log. */
export type Opened =
  | { readonly ok: true; readonly db: Database }
  | { readonly ok: false; readonly damage: string }

const damageOf = (thrown: unknown): string | null =>
  thrown instanceof SqliteDatabase.SqliteError &&
  (thrown.code.startsWith('SQLITE_CORRUPT') || thrown.code === 'SQLITE_NOTADB')
    ? thrown.message
    : null

/** Opens and checks; throws the system's error when the disk refuses. */
export function openDatabase(path: string, durability: Durability): Opened {
  const db = new SqliteDatabase(path)
  try {
    // Before the first table and the first lock: small pages for small commits, and no shared memory file.
    db.pragma('page_size = 1024')
    db.pragma('locking_mode = EXCLUSIVE')
    db.pragma('journal_mode = WAL')
    db.pragma(`synchronous = ${durability.synchronous}`)
    db.pragma('wal_autocheckpoint = 100')
    db.pragma('cache_size = -512')
    const found = db.pragma('integrity_check(1)', { simple: true })
    if (found !== 'ok') {
      db.close()
      return { ok: false, damage: String(found) }
    }
    migrate(db)
    return { ok: true, db }
  } catch (thrown) {
    const damage = damageOf(thrown)
    if (damage === null || !closeQuietly(db)) throw thrown
    return { ok: false, damage }
  }
}

/** A damaged file may refuse to be closed properly, too; its handle is let go then. */
function closeQuietly(db: Database): boolean {
  try {
    db.close()
  } catch (thrown) {
    return damageOf(thrown) !== null
  }
  return true
}

/** Sets a damaged database aside, the file before its log: a log without its file is never taken for another's. */
export function setAside(path: string): void {
  if (existsSync(path)) renameSync(path, `${path}.damaged`)
  if (existsSync(`${path}-wal`)) renameSync(`${path}-wal`, `${path}.damaged-wal`)
  rmSync(`${path}-shm`, { force: true })
  syncDirectory(dirname(path))
}

/**
 * Builds the database anew beside its place, from the daily copy where that is good, lets `fill` add what the ledger
 * knows, and puts it in its place as a whole: a power cut on the way starts the rebuilding again.
 */
export function rebuildDatabase(
  path: string,
  dailyPath: string,
  durability: Durability,
  fill: (db: Database) => void,
): 'dailyCopy' | 'nothing' {
  const temporary = `${path}.rebuilding`
  const clear = () => {
    for (const suffix of ['', '-wal', '-journal']) rmSync(`${temporary}${suffix}`, { force: true })
  }
  clear()
  let from: 'dailyCopy' | 'nothing' = existsSync(dailyPath) ? 'dailyCopy' : 'nothing'
  if (from === 'dailyCopy') copyFileSync(dailyPath, temporary)
  let opened = openDatabase(temporary, durability)
  if (!opened.ok) {
    from = 'nothing'
    clear()
    opened = openDatabase(temporary, durability)
  }
  if (!opened.ok) throw new Error(`a new database at ${temporary} is damaged at once: ${opened.damage}`)
  opened.db.transaction(fill)(opened.db)
  opened.db.close()
  syncFile(temporary)
  renameSync(temporary, path)
  syncDirectory(dirname(path))
  return from
}

/** The daily copy: made beside its place, checked, synced, put in place as a whole. */
export function copyDaily(db: Database, dailyPath: string): void {
  const temporary = `${dailyPath}.tmp`
  rmSync(temporary, { force: true })
  db.prepare('VACUUM INTO ?').run(temporary)
  const made = new SqliteDatabase(temporary, { readonly: true })
  const found = made.pragma('integrity_check(1)', { simple: true })
  made.close()
  // The last good copy stays; the next start finds the damage and mends it from there.
  invariant(found === 'ok', `the daily copy is damaged, and so is what it was made of: ${String(found)}`)
  syncFile(temporary)
  renameSync(temporary, dailyPath)
  syncDirectory(dirname(dailyPath))
}
