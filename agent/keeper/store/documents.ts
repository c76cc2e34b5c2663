// Documents and sessions as JSON text in the database. Both are written by this file only, so what is read back is
// what was typed when it was written; the database's own integrity is checked at the opening.
import type { Database } from 'better-sqlite3'
import { type Docs, EMPTY_DOCS, type Session } from '../memory.ts'

/** All documents; one that was never written has its empty value. */
export function readDocs(db: Database): Docs {
  const stored: Record<string, unknown> = {}
  for (const row of db.prepare<[], { name: string; value: string }>('SELECT name, value FROM doc').all())
    stored[row.name] = JSON.parse(row.value)
  const running = db.prepare<[], { value: string }>('SELECT value FROM running WHERE id = 1').get()
  if (running) stored['running'] = JSON.parse(running.value)
  return { ...EMPTY_DOCS, ...stored }
}

export function writeDoc(db: Database, name: string, value: unknown): void {
  const json = JSON.stringify(value)
  if (name === 'running')
    db.prepare('INSERT INTO running VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET value = excluded.value').run(
      json,
    )
  else
    db.prepare('INSERT INTO doc VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value').run(
      name,
      json,
    )
}

export function writeSession(db: Database, session: Session): void {
  db.prepare(
    `INSERT INTO session (uuid, ended, value) VALUES (?, ?, ?)
     ON CONFLICT (uuid) DO UPDATE SET ended = excluded.ended, value = excluded.value`,
  ).run(session.uuid, session.end ? 1 : 0, JSON.stringify(session))
}

/** Sessions without an end, without a date, the newest fifty, or the one with this uuid; oldest first. */
export function readSessions(
  db: Database,
  which: 'open' | 'undated' | 'recent' | (string & {}),
): readonly Session[] {
  const read = (sql: string, ...values: string[]) =>
    db
      .prepare<string[], { value: string }>(sql)
      .all(...values)
      .map((row): Session => JSON.parse(row.value))
  if (which === 'open') return read('SELECT value FROM session WHERE ended = 0 ORDER BY id')
  if (which === 'recent')
    return read('SELECT value FROM (SELECT * FROM session ORDER BY id DESC LIMIT 50) ORDER BY id')
  if (which === 'undated')
    return read(
      `SELECT value FROM session WHERE json_extract(value, '$.at') IS NULL
       OR (ended = 1 AND json_extract(value, '$.end.at') IS NULL) ORDER BY id`,
    )
  return read('SELECT value FROM session WHERE uuid = ?', which)
}
