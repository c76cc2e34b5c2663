// All migrations, in order. Forward only: a released one is never edited, a mistake is mended by the next.
import { type Kysely, Migrator } from 'kysely'
import { skeleton } from './migrations/0001-skeleton.ts'
import type { DialectName } from './values.ts'

/** Brings the database to the newest shape; throws when that fails, with the migration's name. */
// biome-ignore lint/suspicious/noExplicitAny: migrations change the shape that a type would state
export async function migrate(db: Kysely<any>, dialect: DialectName): Promise<void> {
  const migrations = { '0001-skeleton': skeleton(dialect) }
  const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } })
  const { error, results } = await migrator.migrateToLatest()
  if (!error) return
  const failed = results?.find((result) => result.status === 'Error')?.migrationName ?? 'before the first one'
  throw new Error(`the database could not be brought up to date (${failed})`, { cause: error })
}
