// One database behind one face: a SQLite file in a worker thread, or PostgreSQL. Everything above sees only Kysely and
// the tables.
import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import { type Submission, type Written, writeBatch } from './ingest.ts'
import { migrate } from './migrations.ts'
import { type SqliteWorker, sqliteWorker } from './sqlite-worker.ts'
import type { Tables } from './tables.ts'
import { type DialectName, safeIntegerOf } from './values.ts'

export interface Store {
  readonly dialect: DialectName
  readonly db: Kysely<Tables>
  /** A group commit: all of the batch in one transaction, or nothing of it. */
  readonly write: (batch: readonly Submission[]) => Promise<Written>
  close(): Promise<void>
}

export type StorePlace =
  | { readonly kind: 'sqlite'; readonly file: string; readonly workerFile: URL }
  | { readonly kind: 'postgres'; readonly url: string }

/**
 * Opens the database and brings it to the newest shape.
 * @param onTrouble the worker died, or an idle PostgreSQL connection broke (the pool makes a new one)
 */
export async function openStore(
  place: StorePlace,
  onTrouble: (error: Error, fatal: boolean) => void,
): Promise<Store> {
  const { kind } = place
  const { dialect, write }: SqliteWorker =
    kind === 'sqlite'
      ? sqliteWorker({ ...place, onDeath: (error) => onTrouble(error, true) })
      : {
          dialect: new PostgresDialect({ pool: postgresPool(place.url, (error) => onTrouble(error, false)) }),
          write: (batch) => writeBatch({ db, dialect: kind }, batch),
        }
  const db: Kysely<Tables> = new Kysely<Tables>({ dialect })
  try {
    await migrate(db, kind)
  } catch (error) {
    await db.destroy()
    throw error
  }
  return { dialect: kind, db, write, close: () => db.destroy() }
}

const INT8 = 20
const NUMERIC = 1700

function postgresPool(url: string, onError: (error: Error) => void): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    max: 8,
    connectionTimeoutMillis: 10_000,
    types: {
      // Sums of bigint are numeric; both are whole numbers here. The parsers stay in this pool, not in the module.
      getTypeParser: (oid, format) =>
        oid === INT8 || oid === NUMERIC ? safeIntegerOf : pg.types.getTypeParser(oid, format),
    },
  })
  // The pool listens to idle clients only; one that breaks between two statements of a transaction, or while it is
  // being closed, would end the process.
  pool.on('connect', (client) => client.on('error', onError))
  // Told by the client already.
  pool.on('error', () => {})
  return pool
}
