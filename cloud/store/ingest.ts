// Writes what stations told, many messages in one transaction. What must hold: a transaction event is stored once,
// by (station, transactionId, seqNo); a repeat changes nothing at all and gets the first answer.
import { type Kysely, sql, type Transaction } from 'kysely'
import { invariant } from '../../shared/invariant.ts'
import type { EpochMs } from '../../shared/units.ts'
import type { SampleFact, StationFact, TransactionFact } from '../fleet/facts.ts'
import { foldStation, type StationState } from '../fleet/station-state.ts'
import { foldTransaction, type TransactionState } from '../fleet/transaction-state.ts'
import type { Store } from './database.ts'
import { BULK_COLUMNS, type Tables } from './tables.ts'
import { type DialectName, fromJson, rowsSelect, toJson } from './values.ts'

/** One message of a station. */
export interface Submission {
  readonly stationId: string
  readonly receivedAt: EpochMs
  readonly facts: readonly StationFact[]
  readonly transaction: {
    readonly fact: TransactionFact
    readonly payload: string
    readonly answer: string
  } | null
}

export interface Stored {
  /** `same` and `different`: the event was known, with these or with other bytes; nothing was changed. */
  readonly repeat: 'first' | 'same' | 'different'
  /** The answer to give: of a repeat the first one. null where the message is no transaction event. */
  readonly answer: string | null
}

/** What a commit changed, for whoever watches. */
export interface Changes {
  readonly stations: ReadonlySet<string>
  readonly transactions: readonly { readonly stationId: string; readonly transactionId: string }[]
  readonly samples: readonly { readonly stationId: string; readonly fact: SampleFact }[]
}

export interface Written {
  /** One for each submission, in their order. */
  readonly outcomes: readonly Stored[]
  readonly changes: Changes
}

type Trx = Transaction<Tables> | Kysely<Tables>

/** All of the batch in one transaction, or nothing of it. */
export async function writeBatch(
  store: Pick<Store, 'db' | 'dialect'>,
  batch: readonly Submission[],
): Promise<Written> {
  return store.db.transaction().execute(async (trx) => {
    const { outcomes, fresh } = await sortOut(trx, store.dialect, batch)
    await insertEvents(trx, store.dialect, fresh)
    const transactions = await updateTransactions(trx, store.dialect, fresh)
    const samples = fresh.flatMap(({ stationId, facts, transaction }) =>
      [...facts.filter(isSample), ...(transaction?.fact.samples ?? [])].map((fact) => ({ stationId, fact })),
    )
    await mergeSamples(trx, store.dialect, samples)
    await insertNotifications(trx, store.dialect, fresh)
    await upsertVariables(trx, store.dialect, fresh)
    const stations = await updateStations(trx, store.dialect, fresh)
    return { outcomes, changes: { stations, transactions, samples } }
  })
}

const isSample = (fact: StationFact): fact is SampleFact => fact.kind === 'sample'

/** JSON as a key: ids may hold any character. */
const keyOf = (...parts: readonly (string | number)[]) => JSON.stringify(parts)

const EVENT_KEY = { station_id: 'text', transaction_id: 'text', seq_no: 'bigint' } as const
const TRANSACTION_KEY = { station_id: 'text', transaction_id: 'text' } as const

async function sortOut(trx: Trx, dialect: DialectName, batch: readonly Submission[]) {
  const keys = batch.flatMap(({ stationId, transaction }) =>
    transaction
      ? [
          {
            station_id: stationId,
            transaction_id: transaction.fact.transactionId,
            seq_no: transaction.fact.seqNo,
          },
        ]
      : [],
  )
  const known = new Map<string, { payload: string; answer: string }>()
  if (keys.length > 0) {
    const rows = await trx
      .selectFrom('transaction_events')
      .select(['station_id', 'transaction_id', 'seq_no', 'payload', 'answer'])
      .where(sql<boolean>`(station_id, transaction_id, seq_no) in (${rowsSelect(dialect, EVENT_KEY, keys)})`)
      .execute()
    for (const row of rows) known.set(keyOf(row.station_id, row.transaction_id, row.seq_no), row)
  }
  const outcomes: Stored[] = []
  const fresh: Submission[] = []
  for (const submission of batch) {
    const { stationId, transaction } = submission
    if (!transaction) {
      outcomes.push({ repeat: 'first', answer: null })
      fresh.push(submission)
      continue
    }
    const key = keyOf(stationId, transaction.fact.transactionId, transaction.fact.seqNo)
    const first = known.get(key)
    if (first) {
      const repeat = first.payload === transaction.payload ? 'same' : 'different'
      outcomes.push({ repeat, answer: first.answer })
      continue
    }
    known.set(key, transaction)
    outcomes.push({ repeat: 'first', answer: transaction.answer })
    fresh.push(submission)
  }
  return { outcomes, fresh }
}

async function insertEvents(trx: Trx, dialect: DialectName, fresh: readonly Submission[]) {
  const rows = fresh.flatMap(({ stationId, receivedAt, transaction }) =>
    transaction
      ? [
          {
            station_id: stationId,
            transaction_id: transaction.fact.transactionId,
            seq_no: transaction.fact.seqNo,
            received_at: receivedAt,
            payload: transaction.payload,
            answer: transaction.answer,
            fact: toJson(transaction.fact),
          },
        ]
      : [],
  )
  if (rows.length === 0) return
  const columns = BULK_COLUMNS.transaction_events
  await sql`insert into transaction_events (${columnList(columns)}) ${rowsSelect(dialect, columns, rows)}`.execute(
    trx,
  )
}

async function updateTransactions(trx: Trx, dialect: DialectName, fresh: readonly Submission[]) {
  const touched = new Map<string, { station_id: string; transaction_id: string; facts: TransactionFact[] }>()
  for (const { stationId, transaction } of fresh) {
    if (!transaction) continue
    const key = keyOf(stationId, transaction.fact.transactionId)
    const row = touched.get(key) ?? {
      station_id: stationId,
      transaction_id: transaction.fact.transactionId,
      facts: [],
    }
    row.facts.push(transaction.fact)
    touched.set(key, row)
  }
  if (touched.size === 0) return []
  const keys = [...touched.values()].map(({ station_id, transaction_id }) => ({ station_id, transaction_id }))
  const known = await trx
    .selectFrom('transactions')
    .select(['station_id', 'transaction_id', 'state'])
    .where(sql<boolean>`(station_id, transaction_id) in (${rowsSelect(dialect, TRANSACTION_KEY, keys)})`)
    .execute()
  const states = new Map(
    known.map((row) => [keyOf(row.station_id, row.transaction_id), fromJson<TransactionState>(row.state)]),
  )
  const rows = [...touched].map(([key, { station_id, transaction_id, facts }]) => {
    const state = facts.reduce<TransactionState | null>(foldTransaction, states.get(key) ?? null)
    invariant(state, 'a touched transaction has an event')
    const ended = state.endedAt === null ? 0 : 1
    return {
      station_id,
      transaction_id,
      started_at: state.startedAt,
      ended,
      bill_due: ended,
      state: toJson(state),
    }
  })
  const columns = BULK_COLUMNS.transactions
  await sql`insert into transactions (${columnList(columns)}) ${rowsSelect(dialect, columns, rows)}
    on conflict (station_id, transaction_id) do update set
      started_at = excluded.started_at, ended = excluded.ended, bill_due = excluded.bill_due,
      state = excluded.state`.execute(trx)
  return keys.map((key) => ({ stationId: key.station_id, transactionId: key.transaction_id }))
}

type SampleRow = Record<keyof typeof BULK_COLUMNS.samples, string | number | null>

/** Readings of one moment are one row: what one message leaves open another may fill, what is known stays. */
async function mergeSamples(
  trx: Trx,
  dialect: DialectName,
  samples: readonly { readonly stationId: string; readonly fact: SampleFact }[],
) {
  if (samples.length === 0) return
  const rows = new Map<string, SampleRow>()
  for (const { stationId, fact } of samples) {
    const row = sampleRow(stationId, fact)
    const key = keyOf(stationId, fact.evseId, fact.sample.at)
    const known = rows.get(key)
    rows.set(key, known ? filled(known, row) : row)
  }
  const columns = BULK_COLUMNS.samples
  const merged = ['meter_serial', 'power_watts', 'offered_milliamps', 'register_wh', ...CURRENT_COLUMNS].map(
    (name) => sql`${sql.ref(name)} = coalesce(samples.${sql.ref(name)}, excluded.${sql.ref(name)})`,
  )
  await sql`insert into samples (${columnList(columns)}) ${rowsSelect(dialect, columns, [...rows.values()])}
    on conflict (station_id, evse_id, at) do update set ${sql.join(merged)}`.execute(trx)
}

const CURRENT_COLUMNS = ['current_l1_milliamps', 'current_l2_milliamps', 'current_l3_milliamps'] as const

function filled(known: SampleRow, row: SampleRow): SampleRow {
  const result = { ...known }
  // Own keys of a row literal are its columns.
  for (const name of Object.keys(row) as (keyof SampleRow)[]) result[name] ??= row[name]
  return result
}

const sampleRow = (stationId: string, { evseId, meterSerial, sample }: SampleFact): SampleRow => ({
  station_id: stationId,
  evse_id: evseId,
  at: sample.at,
  meter_serial: meterSerial,
  power_watts: sample.powerWatts,
  current_l1_milliamps: sample.currentsMilliamps?.[0] ?? null,
  current_l2_milliamps: sample.currentsMilliamps?.[1] ?? null,
  current_l3_milliamps: sample.currentsMilliamps?.[2] ?? null,
  offered_milliamps: sample.offeredMilliamps,
  register_wh: sample.registerWh,
})

async function insertNotifications(trx: Trx, dialect: DialectName, fresh: readonly Submission[]) {
  const rows = fresh.flatMap(({ stationId, facts }) =>
    facts.flatMap((fact) => {
      if (fact.kind !== 'notification') return []
      const { eventId: event_id, at, component, variable, value, meaning } = fact
      return [{ station_id: stationId, event_id, at, component, variable, value, meaning }]
    }),
  )
  if (rows.length === 0) return
  const columns = BULK_COLUMNS.notifications
  await sql`insert into notifications (${columnList(columns)}) ${rowsSelect(dialect, columns, rows)}
    on conflict (station_id, at, event_id) do nothing`.execute(trx)
}

async function upsertVariables(trx: Trx, dialect: DialectName, fresh: readonly Submission[]) {
  const rows = new Map<string, Record<keyof typeof BULK_COLUMNS.variables, string | number | null>>()
  for (const { stationId, facts } of fresh) {
    for (const fact of facts) {
      if (fact.kind !== 'variable') continue
      const { component, variable, attribute, value, at } = fact
      const row = { station_id: stationId, component, variable, attribute, value, at }
      rows.set(keyOf(stationId, component, variable, attribute), row)
    }
  }
  if (rows.size === 0) return
  const columns = BULK_COLUMNS.variables
  await sql`insert into variables (${columnList(columns)}) ${rowsSelect(dialect, columns, [...rows.values()])}
    on conflict (station_id, component, variable, attribute) do update set
      value = excluded.value, at = excluded.at`.execute(trx)
}

const STATION_STATE = { id: 'text', state: 'text' } as const

async function updateStations(trx: Trx, dialect: DialectName, fresh: readonly Submission[]) {
  const touched = new Map<string, { lastSeenAt: EpochMs; facts: StationFact[] }>()
  for (const { stationId, receivedAt, facts, transaction } of fresh) {
    const row = touched.get(stationId) ?? { lastSeenAt: receivedAt, facts: [] }
    row.facts.push(...facts, ...(transaction?.fact.samples ?? []))
    touched.set(stationId, { ...row, lastSeenAt: receivedAt })
  }
  if (touched.size === 0) return new Set<string>()
  const keys = [...touched.keys()].map((id) => ({ id }))
  const known = await trx
    .selectFrom('stations')
    .select(['id', 'state'])
    .where(sql<boolean>`id in (${rowsSelect(dialect, { id: 'text' }, keys)})`)
    .execute()
  const rows = known.map(({ id, state }) => {
    const { lastSeenAt, facts } = touched.get(id) ?? { lastSeenAt: null, facts: [] }
    const folded = facts.reduce(foldStation, fromJson<StationState>(state))
    return { id, state: toJson({ ...folded, lastSeenAt }) }
  })
  if (rows.length > 0) {
    await sql`update stations set state = fresh.state
      from (${rowsSelect(dialect, STATION_STATE, rows)}) as fresh where stations.id = fresh.id`.execute(trx)
  }
  return new Set(rows.map((row) => row.id))
}

const columnList = (columns: Readonly<Record<string, unknown>>) =>
  sql.join(Object.keys(columns).map((name) => sql.ref(name)))
