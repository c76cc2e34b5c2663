// The SQLite file's thread: it owns the connection and runs one statement after the other. A slow disk stalls this
// thread only; sockets and timers of the main thread go on.
import { parentPort, workerData } from 'node:worker_threads'
import Database, { type Statement } from 'better-sqlite3'
import { invariant } from '../../shared/invariant.ts'
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

function run(request: WorkerRequest): WorkerReply {
  const { id } = request
  if (request.kind === 'close') {
    db.close()
    return { id, ok: true, rows: [], changes: 0, lastId: null }
  }
  try {
    const statement = statementOf(request.sql)
    if (statement.reader) {
      return { id, ok: true, rows: statement.all(...request.parameters), changes: 0, lastId: null }
    }
    const { changes, lastInsertRowid } = statement.run(...request.parameters)
    return { id, ok: true, rows: [], changes, lastId: Number(lastInsertRowid) }
  } catch (error) {
    if (!(error instanceof Error)) throw error
    const code = 'code' in error ? String(error.code) : ''
    return { id, ok: false, message: error.message, code }
  }
}

port.on('message', (request: WorkerRequest) => {
  port.postMessage(run(request))
  if (request.kind === 'close') port.close()
})
