// What the box has stored, read from its database after keeper is dead: the trial's own look, not keeper's word.
import { join } from 'node:path'
import SqliteDatabase from 'better-sqlite3'

interface StoredSession {
  readonly uuid: string
  /** The number of the next event: as many events as the session has had. */
  readonly nextSeqNo: number
}

/** Number of transaction events by session UUID. */
export function storedOnBox(stateDir: string): ReadonlyMap<string, number> {
  const db = new SqliteDatabase(join(stateDir, 'keeper.db'))
  try {
    const rows = db.prepare<[], { value: string }>('SELECT value FROM session').all()
    return new Map(
      rows.map(({ value }) => {
        // Keeper's own document; a shape that changed fails the trial's comparison, loudly.
        const session = JSON.parse(value) as StoredSession
        return [session.uuid, session.nextSeqNo]
      }),
    )
  } finally {
    db.close()
  }
}
