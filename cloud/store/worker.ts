// The SQLite file's thread: it owns the connection and runs one statement after the other. A slow disk stalls this
// thread only; sockets and timers of the main thread go on.
import { parentPort, workerData } from 'node:worker_threads'
import Database, { type Statement } from 'better-sqlite3'
import { Kysely, SqliteDialect } from 'kysely'
import { invariant } from '../../shared/invariant.ts'
import { writeBatch } from './ingest.ts'
import type { Tables } from './tables.ts'
import type { WorkerReply, WorkerRequest } from './worker-messages.ts'

invariant(parentPort, 'the store runs as a worker thread')
const port = parentPort
const file: unknown = workerData?.file
invariant(typeof file === 'string', 'the store is given the path of its file')

const db = new Database(file)
db.pragma('journal_mode = WAL')
// An answer means "stored": each commit reaches the disk before it is told.
db.pragma('synchronous = FULL')
db.pragma('foreign_keys = ON')
db.pragma('busy_timeout = 5000')

/** Statements by their text. Texts are few: rows travel as one JSON parameter. */
const statements = new Map<string, Statement>()
const STATEMENTS_MAX = 500

function statementOf(sql: string): Statement {
  const known = statements.get(sql)
  if (known) return known
  if (statements.size >= STATEMENTS_MAX) statements.clear()
  const made = db.prepare(sql)
  statements.set(sql, made)
  return made
}

/** Kysely on this thread, for whole batches; over the same connection and the same statements. */
const inThread = new Kysely<Tables>({
  dialect: new SqliteDialect({ database: { prepare: statementOf, close: () => {} } }),
})

async function answer(request: WorkerRequest): Promise<WorkerReply> {
  const { id } = request
  const done = { id, ok: true, rows: [], changes: 0, lastId: null } as const
  try {
    switch (request.kind) {
      case 'close':
        db.close()
        return { ...done, rows: [] }
      case 'batch':
        return {
          ...done,
          rows: [],
          written: await writeBatch({ db: inThread, dialect: 'sqlite' }, request.batch),
        }
      case 'run':
        return run(request)
    }
  } catch (error) {
    if (!(error instanceof Error)) throw error
    const code = 'code' in error ? String(error.code) : ''
    return { id, ok: false, message: error.message, code }
  }
}

function run({ id, sql, parameters }: Extract<WorkerRequest, { kind: 'run' }>): WorkerReply {
  const statement = statementOf(sql)
  if (statement.reader) {
    return { id, ok: true, rows: statement.all(...parameters), changes: 0, lastId: null }
  }
  const { changes, lastInsertRowid } = statement.run(...parameters)
  return { id, ok: true, rows: [], changes, lastId: Number(lastInsertRowid) }
}

// The main thread asks for one thing at a time, so a batch is never between the statements of a transaction. A reply
// that cannot be made is our mistake and ends the process.
port.on('message', (request: WorkerRequest) => {
  answer(request).then(
    (reply) => {
      port.postMessage(reply)
      if (request.kind === 'close') port.close()
    },
    (error: unknown) => {
      queueMicrotask(() => {
        throw error
      })
    },
  )
})
