// The store: SQLite, the ledger file and the installation record's second copy, behind one synchronous face. It runs in
// a worker thread (worker.ts), and as it is in tests and in the power-cut trial. What must hold: a commit is whole or
// not at all; what it returned as done is found again after any cut; recovery may be cut off and starts again.
import { existsSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Database } from 'better-sqlite3'
import { invariant } from '../../../shared/invariant.ts'
import { err, ok, type Result } from '../../../shared/result.ts'
import { type EpochMs, epochMs } from '../../../shared/units.ts'
import type { Change, Docs, Session } from '../memory.ts'
import { SETTINGS } from '../memory.ts'
import type { InstallationRecord, OutboxRow } from '../ports.ts'
import { copyDaily, DURABLE, type Durability, openDatabase, rebuildDatabase, setAside } from './database.ts'
import { readDocs, readSessions, writeDoc, writeSession } from './documents.ts'
import { makeFolder, readIfPresent, replaceFile, syncDirectory, type Trouble, troubleOf } from './files.ts'
import { findInstallation, insertInstallation, writeInstallationFile } from './installation.ts'
import {
  type FactKey,
  factKey,
  type LedgerEntry,
  openLedger,
  parseLedger,
  settledLinesRemoved,
} from './ledger.ts'
import { fillFromLedger, healLedger, settleFromLedger } from './recovery.ts'
import { type ParkedRow, rowsOf, type UndatedRow } from './rows.ts'

export interface StoreOptions {
  /** Folder of the database, its daily copy and the ledger; made when it is missing. */
  readonly dir: string
  readonly installationCopyPath: string
  readonly durability?: Durability
}

/** Everything that was remembered, as found (and mended) at the start. */
export interface Remembered {
  readonly docs: Docs
  /** The sessions without an end; more than one only after damage. */
  readonly openSessions: readonly Session[]
  readonly installation: InstallationRecord | null
  /** Both copies of the installation record are gone although the box was commissioned. */
  readonly installationLost: boolean
  /** What had to be done at the opening, for the log. */
  readonly opening: {
    readonly database: 'found' | 'new' | 'rebuiltFromDailyCopy' | 'rebuiltFromNothing'
    readonly damage: string | null
    readonly installationHealed: readonly ('database' | 'file')[]
    readonly ledgerTornTail: boolean
    readonly ledgerDamagedLines: number
    readonly ledgerLinesAdded: number
  }
}

export interface OutboxCounts {
  readonly pending: number
  readonly parked: number
  readonly oldestAt: EpochMs | null
}

/** A wall time for facts that had none. */
export interface DatedRow {
  readonly id: number
  readonly at: EpochMs
  readonly timeEstimated: boolean
}

export type Stored<T = null> = Result<T, Trouble>

export interface StoreCore {
  readonly remembered: Remembered
  /**
   * Makes a change durable, with everything that waited for the next commit. `room: 'reserve'` is for ends and
   * withdrawals: when the disk is full, the reserved file makes way for them.
   */
  commit(
    change: Change,
    options: { readonly at: EpochMs | null; readonly room: 'normal' | 'reserve' },
  ): Stored
  /** True while acknowledgements or counters wait for the next commit. */
  hasWaiting(): boolean
  session(uuid: string): Session | null
  setInstallation(record: InstallationRecord): Stored
  nextRow(): OutboxRow | null
  /** Makes the bytes durable before the first send; the first freeze wins. */
  freeze(id: number, payload: string, at: EpochMs | null): Stored<string>
  /** Kept in the ledger file at once, removed from the database with the next commit. */
  acknowledge(id: number, at: EpochMs | null): Stored
  park(id: number, reason: string, at: EpochMs | null): Stored
  parked(): readonly ParkedRow[]
  /** All parked rows wait again, in their old places and with their old bytes. Returns how many. */
  unpark(at: EpochMs | null): Stored<number>
  countAttempt(id: number): void
  counts(): OutboxCounts
  /** Rows without a date: id, boot and moment, oldest first. */
  undatedRows(): readonly UndatedRow[]
  dateRows(rows: readonly DatedRow[], sessions: readonly Session[]): Stored
  undatedSessions(): readonly Session[]
  /** Drops old intermediate readings that could not be told: periodic ones first. Returns how many. */
  thin(before: EpochMs, keepAtMost: number): Stored<number>
  /** The daily copy, then the ledger's rotation, and the reserved file where it was used. */
  copyDaily(now: EpochMs): Stored
  close(): void
}

export const RESERVE_BYTES = 128 * 1024

const paths = (dir: string) => ({
  database: join(dir, 'keeper.db'),
  daily: join(dir, 'keeper.daily.db'),
  ledger: join(dir, 'ledger.log'),
  marker: join(dir, 'commissioned'),
  reserve: join(dir, 'reserve'),
})

/** Opens the memory of a box, mending what a cut or a damage left. Throws the system's error when the disk refuses. */
export function openStore(options: StoreOptions): StoreCore {
  const durability = options.durability ?? DURABLE
  makeFolder(options.dir, durability.syncsDirectory)
  makeFolder(dirname(options.installationCopyPath), durability.syncsDirectory)
  const at = paths(options.dir)
  const opened = openOrRebuild(at, durability)
  const { db } = opened
  const { ledger, found: ledgerFound } = openLedger(at.ledger, durability)
  const rows = rowsOf(db)

  settleFromLedger(db, rows, ledgerFound.lines)
  const found = findInstallation(db, options.installationCopyPath, existsSync(at.marker))
  if (found.record && found.heal.includes('database')) insertInstallation(db, found.record)
  if (found.record && found.heal.includes('file'))
    writeInstallationFile(options.installationCopyPath, found.record, durability.syncsDirectory)
  if (found.record) keepMarker(at.marker, durability)
  const added = healLedger(db, rows, ledger, ledgerFound.lines)
  keepReserve(at.reserve)
  // A start that was killed may have left a new file's name unsynced.
  if (durability.syncsDirectory) syncDirectory(options.dir)

  const acknowledged = new Map<number, FactKey>()
  const frozen = new Map<number, string>()
  const attempts = new Map<number, number>()
  const acknowledgedIds = () => new Set(acknowledged.keys())

  /** In a transaction: what waited since the last commit. */
  const writeWaiting = () => {
    for (const [id, payload] of frozen) rows.freeze(id, payload)
    for (const [id, count] of attempts) rows.addAttempts(id, count)
    for (const id of acknowledged.keys()) rows.remove(id)
  }
  const clearWaiting = () => {
    frozen.clear()
    attempts.clear()
    acknowledged.clear()
  }
  const transaction = db.transaction((work: () => void) => {
    writeWaiting()
    work()
  })
  const inTransaction = (work: () => void) => {
    transaction(work)
    clearWaiting()
  }

  const write = (change: Change, wall: EpochMs | null) => {
    const entries = ledgerEntries(db, change)
    inTransaction(() => {
      for (const session of change.sessions ?? []) writeSession(db, session)
      for (const row of change.rows ?? []) rows.insert(row)
      for (const [name, value] of Object.entries(change.docs ?? {})) writeDoc(db, name, value)
    })
    ledger.append(entries, wall, entries.some(isUrgent))
  }

  return {
    remembered: {
      docs: readDocs(db),
      openSessions: readSessions(db, 'open'),
      installation: found.record,
      installationLost: found.lost,
      opening: {
        database: opened.how,
        damage: opened.damage,
        installationHealed: found.heal,
        ledgerTornTail: ledgerFound.tornTail,
        ledgerDamagedLines: ledgerFound.damagedLines,
        ledgerLinesAdded: added,
      },
    },
    commit(change, { at: wall, room }) {
      const first = attempt(() => write(change, wall))
      if (first.ok || room === 'normal' || !existsSync(at.reserve)) return first
      rmSync(at.reserve, { force: true })
      return attempt(() => write(change, wall))
    },
    hasWaiting: () => acknowledged.size + frozen.size + attempts.size > 0,
    session: (uuid) => readSessions(db, uuid)[0] ?? null,
    setInstallation: (record) =>
      attempt(() => {
        inTransaction(() => insertInstallation(db, record))
        writeInstallationFile(options.installationCopyPath, record, durability.syncsDirectory)
        keepMarker(at.marker, durability)
      }),
    nextRow() {
      const row = rows.next(acknowledgedIds(), frozen)
      if (!row) return null
      const { key: _, ...told } = row
      return { ...told, attempts: told.attempts + (attempts.get(row.id) ?? 0) }
    },
    freeze(id, payload, wall) {
      const first = frozen.get(id) ?? rows.frozen(id)
      if (first !== null) return ok(first)
      const key = rows.key(id)
      invariant(key !== null, `row ${id} is frozen although it is in the outbox no more`)
      const done = attempt(() => ledger.append([{ kind: 'sent', key, payload }], wall, true))
      if (!done.ok) return done
      frozen.set(id, payload)
      return ok(payload)
    },
    acknowledge(id, wall) {
      const key = rows.key(id)
      if (key === null || acknowledged.has(id)) return ok(null)
      acknowledged.set(id, key)
      return attempt(() => ledger.append([{ kind: 'ack', key }], wall, false))
    },
    park(id, reason, wall) {
      const key = rows.key(id)
      if (key === null) return ok(null)
      return attempt(() => {
        inTransaction(() => rows.park(id, reason))
        ledger.append([{ kind: 'park', key, reason }], wall, true)
      })
    },
    parked: () => rows.parked(),
    unpark(wall) {
      const parked = rows.parked()
      const done = attempt(() => {
        inTransaction(() => {
          for (const { id } of parked) rows.unpark(id)
        })
        ledger.append(
          parked.map(({ key }) => ({ kind: 'unpark', key })),
          wall,
          true,
        )
      })
      return done.ok ? ok(parked.length) : done
    },
    countAttempt: (id) => void attempts.set(id, (attempts.get(id) ?? 0) + 1),
    counts() {
      const { pending, parked, oldest } = rows.counts()
      return {
        pending: pending - acknowledged.size,
        parked,
        oldestAt: oldest === null ? null : epochMs(oldest),
      }
    },
    undatedRows: () => rows.undated(),
    undatedSessions: () => readSessions(db, 'undated'),
    dateRows: (dated, sessions) =>
      attempt(() =>
        inTransaction(() => {
          for (const row of dated) rows.date(row.id, row.at, row.timeEstimated)
          for (const session of sessions) writeSession(db, session)
        }),
      ),
    thin(before, keepAtMost) {
      let removed = 0
      const done = attempt(() =>
        inTransaction(() => {
          removed = rows.thin(before, 'MeterValuePeriodic')
          if (rows.counts().pending > keepAtMost) removed += rows.thin(before, 'MeterValueClock')
        }),
      )
      return done.ok ? ok(removed) : done
    },
    copyDaily: (now) =>
      attempt(() => {
        inTransaction(() => {})
        copyDaily(db, at.daily)
        const { lines } = parseLedger(readIfPresent(at.ledger) ?? new Uint8Array())
        const kept = settledLinesRemoved(lines, now)
        if (kept.length < lines.length) ledger.rewrite(kept)
        keepReserve(at.reserve)
      }),
    close() {
      if (acknowledged.size + frozen.size + attempts.size > 0) inTransaction(() => {})
      ledger.close()
      db.close()
    },
  }
}

/** Runs a write; the disk's refusal is a value, damage and our own mistakes end the process. */
function attempt(write: () => void): Stored {
  try {
    write()
    return ok(null)
  } catch (thrown) {
    const trouble = troubleOf(thrown)
    if (!trouble) throw thrown
    return err(trouble)
  }
}

/** Lines that must be durable with their commit; readings and acknowledgements wait for the next sync. */
const isUrgent = (entry: LedgerEntry) => entry.kind === 'session' || entry.kind === 'setting'

/** What of a change the ledger keeps: sessions that began, moved, were stopped or ended; facts; what people set. */
function ledgerEntries(db: Database, change: Change): readonly LedgerEntry[] {
  const entries: LedgerEntry[] = []
  for (const session of change.sessions ?? []) {
    const before = readSessions(db, session.uuid)[0]
    const moved =
      before?.plugId !== session.plugId ||
      before.stop !== session.stop ||
      before.end?.registerWh !== session.end?.registerWh
    if (moved) entries.push({ kind: 'session', session, account: change.docs?.running?.account ?? null })
  }
  for (const row of change.rows ?? []) entries.push({ kind: 'row', key: factKey(row.fact), row })
  for (const name of SETTINGS) {
    const value = change.docs?.[name]
    if (value !== undefined) entries.push({ kind: 'setting', name, value })
  }
  return entries
}

/** Says that the box was commissioned once, when both copies of the record are gone. */
function keepMarker(path: string, durability: Durability): void {
  if (!existsSync(path)) replaceFile(path, Buffer.from('1\n'), durability.syncsDirectory)
}

/** Room for ends on a full disk. Nothing depends on having it. */
function keepReserve(path: string): void {
  if (existsSync(path)) return
  const kept = attempt(() => replaceFile(path, new Uint8Array(RESERVE_BYTES)))
  if (!kept.ok) rmSync(path, { force: true })
}

/** The database as it should be: found, new, or rebuilt from the daily copy and the ledger. */
function openOrRebuild(
  at: ReturnType<typeof paths>,
  durability: Durability,
): {
  readonly db: Database
  readonly how: Remembered['opening']['database']
  readonly damage: string | null
} {
  const isMissing = !existsSync(at.database)
  const hadOne = existsSync(at.daily) || existsSync(at.marker) || (readIfPresent(at.ledger)?.length ?? 0) > 0
  let damage: string | null = null
  if (!isMissing || !hadOne) {
    // A log without its file belongs to a database that was set aside.
    if (isMissing) rmSync(`${at.database}-wal`, { force: true })
    const opened = openDatabase(at.database, durability)
    if (opened.ok) return { db: opened.db, how: isMissing ? 'new' : 'found', damage: null }
    damage = opened.damage
  }
  setAside(at.database)
  const { lines, damagedLines } = parseLedger(readIfPresent(at.ledger) ?? new Uint8Array())
  const from = rebuildDatabase(at.database, at.daily, durability, (db) =>
    fillFromLedger(db, lines, damagedLines > 0),
  )
  const opened = openDatabase(at.database, durability)
  if (!opened.ok) throw new Error(`the rebuilt database is damaged: ${opened.damage}`)
  const how = from === 'dailyCopy' ? 'rebuiltFromDailyCopy' : 'rebuiltFromNothing'
  return { db: opened.db, how, damage: damage ?? 'the database file is missing' }
}
