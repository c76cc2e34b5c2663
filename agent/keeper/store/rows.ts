// The outbox's rows in the database: insert, choose the next, freeze, park, thin. Prepared statements over one
// connection; what is told here is durable only with the transaction around it.
import type { Database } from 'better-sqlite3'
import { type EpochMs, epochMs, monotonicMs } from '../../../shared/units.ts'
import type { NewRow, PendingFact, Stamp } from '../memory.ts'
import type { OutboxFact, OutboxRow } from '../ports.ts'
import type { FactKey } from './ledger.ts'

/** A row as the database has it. */
interface RawRow {
  readonly id: number
  readonly uuid: string
  readonly seq: number
  readonly boot_id: string
  readonly at_monotonic_ms: number
  readonly at: number | null
  readonly time_estimated: number
  readonly fact: string
  readonly frozen: string | null
  readonly attempts: number
  readonly maybe_sent: number
  readonly parked: string | null
}

/** (uuid, seq) of a fact; a fault's are ('', event id). */
export const placeOf = (fact: PendingFact): readonly [string, number] =>
  fact.kind === 'transaction' ? [fact.uuid, fact.seqNo] : ['', fact.eventId]

const placeOfKey = (key: FactKey): readonly [string, number] => {
  const [, first = '', second] = key.split(':')
  return second === undefined ? ['', Number(first)] : [first, Number(second)]
}

const keyOf = (raw: RawRow): FactKey => (raw.uuid === '' ? `f:${raw.seq}` : `t:${raw.uuid}:${raw.seq}`)

/** The fact with its wall times: those of the samples lie as far from the fact's as on the monotonic clock. */
function datedFact(raw: RawRow, at: EpochMs): OutboxFact {
  // Written by `insert` below; the database's integrity was checked at the opening.
  const fact = JSON.parse(raw.fact) as PendingFact
  if (fact.kind === 'fault') return { ...fact, at }
  const timeEstimated = raw.time_estimated === 1
  const samples = fact.samples.map(({ takenAtMonotonicMs, ...sample }) => ({
    ...sample,
    at: epochMs(at + takenAtMonotonicMs - raw.at_monotonic_ms),
    timeEstimated,
  }))
  return { ...fact, at, timeEstimated, samples }
}

export type Rows = ReturnType<typeof rowsOf>

export interface StoredRow extends OutboxRow {
  readonly key: FactKey
}

/** A row that waits for a person, with the reason that it was parked for. */
export interface ParkedRow {
  readonly id: number
  readonly key: FactKey
  readonly at: EpochMs | null
  readonly reason: string
  readonly fact: PendingFact
}

/** A row that waits for its wall time. */
export interface UndatedRow extends Stamp {
  readonly id: number
}

/** Statements on the table `outbox`. */
export function rowsOf(db: Database) {
  const inserted = db.prepare(
    `INSERT INTO outbox (uuid, seq, boot_id, at_monotonic_ms, at, fact, maybe_sent, parked)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (uuid, seq) DO NOTHING`,
  )
  const parkedStart = db.prepare<[string], { parked: string }>(
    'SELECT parked FROM outbox WHERE uuid = ? AND seq = 0 AND parked IS NOT NULL',
  )
  const waiting = db.prepare<[number], RawRow>(
    'SELECT * FROM outbox WHERE parked IS NULL ORDER BY id LIMIT ?',
  )
  const one = db.prepare<[number], RawRow>('SELECT * FROM outbox WHERE id = ?')
  const at = db.prepare<[string, number], RawRow>('SELECT * FROM outbox WHERE uuid = ? AND seq = ?')
  const removed = db.prepare('DELETE FROM outbox WHERE id = ?')
  const frozen = db.prepare('UPDATE outbox SET frozen = ? WHERE id = ? AND frozen IS NULL')
  const maybeSent = db.prepare('UPDATE outbox SET maybe_sent = 1 WHERE id = ?')
  const attempts = db.prepare('UPDATE outbox SET attempts = attempts + ? WHERE id = ?')
  const parkOne = db.prepare('UPDATE outbox SET parked = ? WHERE id = ?')
  const parkLater = db.prepare(
    'UPDATE outbox SET parked = ? WHERE uuid = ? AND seq > ? AND parked IS NULL AND frozen IS NULL',
  )
  const unparkOne = db.prepare('UPDATE outbox SET parked = NULL WHERE id = ?')
  const allParked = db.prepare<[], RawRow & { readonly parked: string }>(
    'SELECT * FROM outbox WHERE parked IS NOT NULL ORDER BY id',
  )
  const counted = db.prepare<[], { pending: number; parked: number; oldest: number | null }>(
    `SELECT count(*) FILTER (WHERE parked IS NULL) AS pending, count(parked) AS parked,
            min(at) FILTER (WHERE parked IS NULL) AS oldest FROM outbox`,
  )
  const undated = db.prepare<[], { id: number; boot_id: string; at_monotonic_ms: number }>(
    'SELECT id, boot_id, at_monotonic_ms FROM outbox WHERE at IS NULL ORDER BY id',
  )
  const dated = db.prepare('UPDATE outbox SET at = ?, time_estimated = ? WHERE id = ? AND frozen IS NULL')
  const thinned = db.prepare(
    `DELETE FROM outbox WHERE parked IS NULL AND frozen IS NULL AND at < ?
     AND json_extract(fact, '$.trigger') = ? AND json_extract(fact, '$.event') = 'Updated'
     AND id > (SELECT min(id) FROM outbox WHERE parked IS NULL)`,
  )
  const all = db.prepare<[], RawRow>('SELECT * FROM outbox ORDER BY id')

  const told = (raw: RawRow, overlay: string | undefined): StoredRow | null =>
    raw.at === null
      ? null
      : {
          id: raw.id,
          key: keyOf(raw),
          fact: datedFact(raw, epochMs(raw.at)),
          frozen: overlay ?? raw.frozen,
          attempts: raw.attempts,
          maybeSent: raw.maybe_sent === 1,
        }

  return {
    /** Adds a row once; a parked start parks what comes later of its session. Returns false for a repeated one. */
    insert(row: NewRow, isMaybeSent = false): boolean {
      const [uuid, seq] = placeOf(row.fact)
      const parked = uuid === '' ? null : (parkedStart.get(uuid)?.parked ?? null)
      const { bootId, atMonotonicMs, at: time } = row
      const fact = JSON.stringify(row.fact)
      return (
        inserted.run(uuid, seq, bootId, atMonotonicMs, time, fact, isMaybeSent ? 1 : 0, parked).changes > 0
      )
    },
    /** The oldest row that waits; null where there is none or where it has no date yet. */
    next(acknowledged: ReadonlySet<number>, frozenNow: ReadonlyMap<number, string>): StoredRow | null {
      const raw = waiting.all(acknowledged.size + 1).find((candidate) => !acknowledged.has(candidate.id))
      return raw ? told(raw, frozenNow.get(raw.id)) : null
    },
    key(id: number): FactKey | null {
      const raw = one.get(id)
      return raw ? keyOf(raw) : null
    },
    find: (key: FactKey): { readonly id: number; readonly frozen: string | null } | null => {
      const raw = at.get(...placeOfKey(key))
      return raw ? { id: raw.id, frozen: raw.frozen } : null
    },
    frozen: (id: number): string | null => one.get(id)?.frozen ?? null,
    remove: (id: number): void => void removed.run(id),
    freeze: (id: number, payload: string): void => void frozen.run(payload, id),
    markMaybeSent: (id: number): void => void maybeSent.run(id),
    addAttempts: (id: number, count: number): void => void attempts.run(count, id),
    /** Parks a row; where it is a transaction's start, the session's later rows wait with it. */
    park(id: number, reason: string): void {
      const raw = one.get(id)
      if (!raw) return
      parkOne.run(reason, id)
      if (raw.uuid !== '' && raw.seq === 0) parkLater.run(reason, raw.uuid, raw.seq)
    },
    unpark: (id: number): void => void unparkOne.run(id),
    /** Oldest first. */
    parked: (): readonly ParkedRow[] =>
      allParked.all().map((raw) => ({
        id: raw.id,
        key: keyOf(raw),
        at: raw.at === null ? null : epochMs(raw.at),
        reason: raw.parked,
        // As in `datedFact`.
        fact: JSON.parse(raw.fact) as PendingFact,
      })),
    counts: () => counted.get() ?? { pending: 0, parked: 0, oldest: null },
    undated: (): readonly UndatedRow[] =>
      undated.all().map((row) => ({
        id: row.id,
        bootId: row.boot_id,
        atMonotonicMs: monotonicMs(row.at_monotonic_ms),
      })),
    date: (id: number, time: EpochMs, estimated: boolean): void =>
      void dated.run(time, estimated ? 1 : 0, id),
    /** Never the oldest row: an adapter may be sending it. */
    thin: (before: EpochMs, trigger: 'MeterValuePeriodic' | 'MeterValueClock'): number =>
      thinned.run(before, trigger).changes,
    all: (): readonly { readonly key: FactKey; readonly frozen: string | null; readonly row: NewRow }[] =>
      all.all().map((raw) => ({
        key: keyOf(raw),
        frozen: raw.frozen,
        row: {
          bootId: raw.boot_id,
          atMonotonicMs: monotonicMs(raw.at_monotonic_ms),
          at: raw.at === null ? null : epochMs(raw.at),
          // As in `datedFact`.
          fact: JSON.parse(raw.fact) as PendingFact,
        },
      })),
  }
}
