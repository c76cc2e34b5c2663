// Every repository test runs on both databases: SQLite in its worker thread, and a real PostgreSQL.
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe } from 'vitest'
import { openStore, type Store } from '../../../cloud/store/database.ts'
import type { DialectName } from '../../../cloud/store/values.ts'
import { startPostgres, type TestPostgres } from './postgres.ts'

const WORKER_FILE = new URL('../../../dist/cloud-store-worker.mjs', import.meta.url)

/** Defines `tests` once for each database; `store()` is an open, empty one that the file's tests share. */
export function onBothDatabases(name: string, tests: (store: () => Store, dialect: DialectName) => void) {
  describe.each(['sqlite', 'postgres'] as const)(`${name} on %s`, (dialect) => {
    let store: Store
    let dir = ''
    const troubles: string[] = []
    let postgres: TestPostgres | null = null
    beforeAll(async () => {
      if (dialect === 'sqlite') {
        if (!existsSync(WORKER_FILE)) throw new Error('dist/ is missing: npm run build')
        dir = await mkdtemp(join(tmpdir(), 'voltkeep-cloud-'))
        store = await openStore(
          { kind: 'sqlite', file: join(dir, 'cloud.sqlite'), workerFile: WORKER_FILE },
          (error) => troubles.push(error.message),
        )
      } else {
        postgres = await startPostgres()
        store = await openStore({ kind: 'postgres', url: await postgres.newDatabase() }, (error) =>
          troubles.push(error.message),
        )
      }
    })
    afterAll(async () => {
      await store?.close()
      await postgres?.stop()
      if (dir !== '') await rm(dir, { recursive: true, force: true })
    })
    tests(() => {
      if (troubles.length > 0) throw new Error(`the database had trouble: ${troubles.join('; ')}`)
      return store
    }, dialect)
  })
}
