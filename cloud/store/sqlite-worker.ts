// Kysely over the SQLite worker: one connection, so transactions and single statements take turns.
import { Worker } from 'node:worker_threads'
import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely'
import { invariant } from '../../shared/invariant.ts'
import type { Submission, Written } from './ingest.ts'
import type { WorkerReply, WorkerRequest } from './worker-messages.ts'

/** A statement that the database refused. */
class SqliteError extends Error {
  override readonly name = 'SqliteError'
  readonly code: string
  constructor(message: string, code: string, sql: string) {
    super(`${message} (${code}) in: ${sql.slice(0, 200)}`)
    this.code = code
  }
}

export interface SqliteWorkerOptions {
  readonly file: string
  /** The bundled worker (dist/cloud-store-worker.mjs). */
  readonly workerFile: URL
  /** Called once when the worker dies by itself; what was not answered is not stored. */
  readonly onDeath: (error: Error) => void
}

/** A database's dialect, and its own way to write a group commit. */
export interface SqliteWorker {
  readonly dialect: Dialect
  /** Writes a group commit inside the worker; waits for its turn like any transaction. */
  readonly write: (batch: readonly Submission[]) => Promise<Written>
}

/** The worker is started by the first statement. */
export function sqliteWorker(options: SqliteWorkerOptions): SqliteWorker {
  const { driver, write } = workerDriver(options)
  return {
    write,
    dialect: {
      createAdapter: () => new SqliteAdapter(),
      createDriver: () => driver,
      createIntrospector: (db) => new SqliteIntrospector(db),
      createQueryCompiler: () => new SqliteQueryCompiler(),
    },
  }
}

type Asked = WorkerRequest extends infer Request
  ? Request extends WorkerRequest
    ? Omit<Request, 'id'>
    : never
  : never
interface Waiting {
  readonly resolve: (reply: Extract<WorkerReply, { ok: true }>) => void
  readonly reject: (error: Error) => void
  readonly sql: string
}

function workerDriver(options: SqliteWorkerOptions): { driver: Driver; write: SqliteWorker['write'] } {
  let worker: Worker | null = null
  let nextId = 1
  const waiting = new Map<number, Waiting>()
  const turns = takeTurns()

  const failAll = (error: Error) => {
    for (const { reject } of waiting.values()) reject(error)
    waiting.clear()
  }
  const ask = (request: Asked) =>
    new Promise<Extract<WorkerReply, { ok: true }>>((resolve, reject) => {
      if (!worker) return reject(new Error('the database is closed'))
      const id = nextId++
      waiting.set(id, { resolve, reject, sql: 'sql' in request ? request.sql : request.kind })
      worker.postMessage({ ...request, id })
    })
  const connection: DatabaseConnection = {
    executeQuery: async <R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> => {
      const { rows, changes, lastId } = await ask({ kind: 'run', sql, parameters })
      return {
        // Kysely's R is what the query was typed with; the worker sends what SQLite gave.
        rows: rows as R[],
        numAffectedRows: BigInt(changes),
        ...(lastId === null ? {} : { insertId: BigInt(lastId) }),
      }
    },
    // biome-ignore lint/correctness/useYield: it refuses before the first row
    streamQuery: async function* () {
      throw new Error('rows are not streamed from the SQLite worker: ask for pages')
    },
  }
  const raw = (text: string) => (c: DatabaseConnection) =>
    c.executeQuery(CompiledQuery.raw(text)).then(() => {})

  const driver: Driver = {
    init: async () => {
      const made = new Worker(options.workerFile, { workerData: { file: options.file } })
      worker = made
      made.on('message', (reply: WorkerReply) => {
        const asked = waiting.get(reply.id)
        invariant(asked, `the worker answered ${reply.id}, which nobody asked`)
        waiting.delete(reply.id)
        if (reply.ok) asked.resolve(reply)
        else asked.reject(new SqliteError(reply.message, reply.code, asked.sql))
      })
      made.on('error', (error) => {
        worker = null
        failAll(error)
        options.onDeath(error)
      })
      made.on('exit', () => {
        worker = null
        failAll(new Error('the database is closed'))
      })
    },
    acquireConnection: async () => {
      await turns.take()
      return connection
    },
    releaseConnection: async () => turns.give(),
    beginTransaction: raw('begin immediate'),
    commitTransaction: raw('commit'),
    rollbackTransaction: raw('rollback'),
    destroy: async () => {
      if (!worker) return
      await ask({ kind: 'close' })
      worker = null
    },
  }
  const write: SqliteWorker['write'] = async (batch) => {
    await turns.take()
    try {
      const { written } = await ask({ kind: 'batch', batch })
      invariant(written, 'a batch is answered with what was written')
      return written
    } finally {
      turns.give()
    }
  }
  return { driver, write }
}

/** First come, first served. */
function takeTurns() {
  let taken = false
  const queue: (() => void)[] = []
  return {
    take: async () => {
      if (taken) await new Promise<void>((resolve) => queue.push(resolve))
      taken = true
    },
    give: () => {
      const next = queue.shift()
      if (next) next()
      else taken = false
    },
  }
}
