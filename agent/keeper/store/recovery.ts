// What the ledger file gives back: to a rebuilt database everything that the daily copy lacks, to a healthy one the
// bytes that were sent and the acknowledgements whose commit was cut off. And the other way: lines that the cut took.
import type { Database } from 'better-sqlite3'
import type { Account, Docs, Session } from '../memory.ts'
import { EMPTY_DOCS, SETTINGS } from '../memory.ts'
import { readDocs, readSessions, writeDoc, writeSession } from './documents.ts'
import { canonicalJson } from './installation.ts'
import type { FactKey, Ledger, LedgerEntry, LedgerLine } from './ledger.ts'
import { type Rows, rowsOf } from './rows.ts'

/**
 * In a healthy database: freezes the bytes that the ledger says were sent, removes what it says was acknowledged.
 * Both are written to the database with a later commit than to the ledger.
 */
export function settleFromLedger(db: Database, rows: Rows, lines: readonly LedgerLine[]): void {
  db.transaction(() => {
    for (const line of lines) {
      if (line.kind !== 'sent' && line.kind !== 'ack') continue
      const row = rows.find(line.key)
      if (!row) continue
      if (line.kind === 'ack') rows.remove(row.id)
      else if (row.frozen === null) rows.freeze(row.id, line.payload)
    }
  })()
}

/**
 * In a database that was rebuilt from an older copy: sessions, facts, settings and the energy account as the ledger
 * has them. A fact whose bytes were sent, or may have been because lines are damaged, is marked `maybeSent`.
 */
export function fillFromLedger(db: Database, lines: readonly LedgerLine[], isIncomplete: boolean): void {
  const rows = rowsOf(db)
  const acknowledged = new Set(lines.flatMap((line) => (line.kind === 'ack' ? [line.key] : [])))
  const sent = new Map(
    lines.flatMap((line) => (line.kind === 'sent' ? [[line.key, line.payload] as const] : [])),
  )
  for (const line of lines)
    if (line.kind === 'row' && !acknowledged.has(line.key))
      rows.insert(line.row, isIncomplete || sent.has(line.key))
  for (const { key, frozen } of rows.all()) {
    const row = rows.find(key)
    if (!row) continue
    const payload = sent.get(key)
    if (acknowledged.has(key)) rows.remove(row.id)
    else if (frozen === null && (payload !== undefined || isIncomplete)) rows.markMaybeSent(row.id)
    if (payload !== undefined) rows.freeze(row.id, payload)
  }
  for (const line of lines) {
    if (line.kind !== 'park' && line.kind !== 'unpark') continue
    const row = rows.find(line.key)
    if (row && line.kind === 'park') rows.park(row.id, line.reason)
    else if (row) rows.unpark(row.id)
  }
  fillSessions(db, lines)
  fillDocs(db, lines)
}

/** The ledger knows the newest plug-in, stop and end of a session; the copy may know a later date and number. */
function fillSessions(db: Database, lines: readonly LedgerLine[]): void {
  const known = new Map<string, Session>()
  for (const line of lines) if (line.kind === 'session') known.set(line.session.uuid, line.session)
  for (const session of known.values()) {
    const copied = readSessions(db, session.uuid)[0]
    writeSession(db, {
      ...session,
      at: session.at ?? copied?.at ?? null,
      nextSeqNo: Math.max(session.nextSeqNo, copied?.nextSeqNo ?? 0),
    })
  }
  for (const line of lines) {
    if (line.kind !== 'row' || line.row.fact.kind !== 'transaction') continue
    const { uuid, seqNo } = line.row.fact
    const session = readSessions(db, uuid)[0]
    if (session && session.nextSeqNo <= seqNo) writeSession(db, { ...session, nextSeqNo: seqNo + 1 })
  }
}

function fillDocs(db: Database, lines: readonly LedgerLine[]): void {
  const settings = new Map<string, unknown>()
  let account: Account | null = null
  let nextEventId = 1
  for (const line of lines) {
    if (line.kind === 'setting') settings.set(line.name, line.value)
    if (line.kind === 'session') account = line.account ?? account
    if (line.kind === 'row' && line.row.fact.kind === 'fault')
      nextEventId = Math.max(nextEventId, line.row.fact.eventId + 1)
  }
  for (const name of SETTINGS) if (settings.has(name)) writeDoc(db, name, settings.get(name))
  const docs = readDocs(db)
  const copied = docs.running.account
  const isOlder =
    account !== null &&
    copied?.meterSerial === account.meterSerial &&
    copied.lastRegisterWh > account.lastRegisterWh
  if (account && !isOlder) writeDoc(db, 'running', { ...docs.running, account })
  if (nextEventId > docs.nextEventId) writeDoc(db, 'nextEventId', nextEventId)
}

/**
 * Appends what the database has and the ledger lacks: a cut between a commit and its lines, or a lost ledger file.
 * Returns how many lines were added.
 */
export function healLedger(db: Database, rows: Rows, ledger: Ledger, lines: readonly LedgerLine[]): number {
  const sessions = new Map<string, string>()
  const keys = new Set<FactKey>()
  const settings = new Map<string, string>()
  for (const line of lines) {
    if (line.kind === 'session') sessions.set(line.session.uuid, stateOf(line.session))
    if (line.kind === 'row') keys.add(line.key)
    if (line.kind === 'setting') settings.set(line.name, canonicalJson(line.value))
  }
  const docs: Docs = readDocs(db)
  const missing: LedgerEntry[] = []
  // Those before the first that the file knows were rotated out of it; where it knows none it is new or was lost.
  const recent = readSessions(db, 'recent')
  const first = recent.findIndex((session) => sessions.has(session.uuid))
  for (const session of recent.slice(Math.max(first, 0)))
    if (sessions.get(session.uuid) !== stateOf(session))
      missing.push({ kind: 'session', session, account: docs.running.account })
  for (const { key, row } of rows.all()) if (!keys.has(key)) missing.push({ kind: 'row', key, row })
  for (const name of SETTINGS)
    if (canonicalJson(docs[name]) !== (settings.get(name) ?? canonicalJson(EMPTY_DOCS[name])))
      missing.push({ kind: 'setting', name, value: docs[name] })
  if (missing.length > 0) ledger.append(missing, null, true)
  return missing.length
}

/** What of a session the ledger follows. */
const stateOf = ({ plugId, stop, end }: Session): string =>
  canonicalJson([plugId, stop, end?.registerWh ?? null])
