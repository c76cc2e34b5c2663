// The database's shape, forward only. A migration that was shipped is never changed: its checksum is in the database.
import { createHash } from 'node:crypto'
import type { Database } from 'better-sqlite3'
import { invariant } from '../../../shared/invariant.ts'

export interface Migration {
  readonly version: number
  readonly name: string
  readonly sql: string
}

export const MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    name: 'what keeper remembers',
    sql: `
      -- Small documents, each written whole. The one that changes each minute has a page of its own.
      CREATE TABLE doc (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
      CREATE TABLE running (id INTEGER PRIMARY KEY CHECK (id = 1), value TEXT NOT NULL);
      CREATE TABLE session (id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, ended INTEGER NOT NULL, value TEXT NOT NULL);
      -- Facts owed to the server. (uuid, seq) is a transaction event; ('', event id) a fault.
      CREATE TABLE outbox (
        id INTEGER PRIMARY KEY, uuid TEXT NOT NULL, seq INTEGER NOT NULL,
        boot_id TEXT NOT NULL, at_monotonic_ms INTEGER NOT NULL, at INTEGER, time_estimated INTEGER NOT NULL DEFAULT 0,
        fact TEXT NOT NULL, frozen TEXT, attempts INTEGER NOT NULL DEFAULT 0, maybe_sent INTEGER NOT NULL DEFAULT 0,
        parked TEXT, UNIQUE (uuid, seq));
      CREATE TABLE installation (version INTEGER PRIMARY KEY, value TEXT NOT NULL);
    `,
  },
]

const checksum = (migration: Migration) =>
  createHash('sha256').update(`${migration.version}\n${migration.name}\n${migration.sql}`).digest('hex')

/** Brings the database to the newest shape, each migration in a transaction of its own. */
export function migrate(db: Database, migrations = MIGRATIONS): void {
  db.exec(
    'CREATE TABLE IF NOT EXISTS migration (version INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL)',
  )
  const done = new Map(
    db
      .prepare<[], { version: number; name: string; checksum: string }>('SELECT * FROM migration')
      .all()
      .map((row) => [row.version, row]),
  )
  const newest = Math.max(0, ...migrations.map((migration) => migration.version))
  for (const [version, row] of done)
    invariant(
      version <= newest,
      `the database has migration ${version} (${row.name}), this keeper knows ${newest}: start the keeper that made it`,
    )
  for (const migration of migrations) {
    const row = done.get(migration.version)
    if (row) {
      invariant(
        row.checksum === checksum(migration),
        `migration ${migration.version} (${row.name}) was changed after it was applied: shipped migrations stay as they are`,
      )
      continue
    }
    db.transaction(() => {
      db.exec(migration.sql)
      db.prepare('INSERT INTO migration VALUES (?, ?, ?)').run(
        migration.version,
        migration.name,
        checksum(migration),
      )
    })()
  }
}
