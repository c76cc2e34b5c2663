// Transactions, their stored messages and their bills.
import { sql } from 'kysely'
import type { Message } from '../../shared/message.ts'
import type { WattHours } from '../../shared/units.ts'
import type { Bill } from '../billing/bill.ts'
import type { TransactionFact } from '../fleet/facts.ts'
import type { TransactionState } from '../fleet/transaction-state.ts'
import type { Store } from './database.ts'
import type { Tables } from './tables.ts'
import { fromJson, toJson } from './values.ts'

export interface TransactionKey {
  readonly stationId: string
  readonly transactionId: string
}

export interface TransactionRecord extends TransactionKey {
  readonly state: TransactionState
  readonly bill: StoredBill | null
}

/** As `Bill`, read back: prices as numbers. null in its place: not billed yet. */
export type StoredBill =
  | {
      readonly kind: 'billed'
      readonly tariffId: string
      readonly currency: string
      readonly quantityWh: number
      readonly amountMinor: number
      readonly lines: readonly StoredLine[]
    }
  | { readonly kind: 'notBilled'; readonly reason: Message }

export interface StoredLine {
  readonly number: number
  readonly band: string
  readonly from: number
  readonly to: number
  readonly fromRegisterWh: number
  readonly toRegisterWh: number
  readonly quantityWh: number
  readonly priceNanosPerKwh: number
  readonly amountMinor: number
  readonly basis: 'measured' | 'interpolated'
  readonly reason: Message
}

/** Newest start first. */
export async function listTransactions(
  store: Store,
  query: {
    readonly stationId?: string | undefined
    readonly before?: number | undefined
    readonly limit: number
  },
): Promise<TransactionRecord[]> {
  let select = store.db.selectFrom('transactions').selectAll()
  if (query.stationId !== undefined) select = select.where('station_id', '=', query.stationId)
  if (query.before !== undefined) select = select.where('started_at', '<', query.before)
  const rows = await select
    .orderBy('started_at', 'desc')
    .orderBy('station_id')
    .orderBy('transaction_id')
    .limit(query.limit)
    .execute()
  return withBills(store, rows)
}

export async function transactionByKey(store: Store, key: TransactionKey): Promise<TransactionRecord | null> {
  const rows = await store.db
    .selectFrom('transactions')
    .selectAll()
    .where('station_id', '=', key.stationId)
    .where('transaction_id', '=', key.transactionId)
    .execute()
  return (await withBills(store, rows))[0] ?? null
}

/** Transactions that have not ended, of one station or of all. */
export async function runningTransactions(store: Store, stationId?: string): Promise<TransactionRecord[]> {
  let select = store.db.selectFrom('transactions').selectAll().where('ended', '=', 0)
  if (stationId !== undefined) select = select.where('station_id', '=', stationId)
  const rows = await select.execute()
  return rows.map((row) => ({ ...recordOf(row), bill: null }))
}

/** All transactions of a station, for its energy account. */
export async function transactionsOfStation(store: Store, stationId: string): Promise<TransactionRecord[]> {
  const rows = await store.db
    .selectFrom('transactions')
    .selectAll()
    .where('station_id', '=', stationId)
    .orderBy('started_at')
    .execute()
  return withBills(store, rows)
}

/** The stored events of a transaction, by their number. */
export async function eventsOf(store: Store, key: TransactionKey): Promise<TransactionFact[]> {
  const rows = await store.db
    .selectFrom('transaction_events')
    .select('fact')
    .where('station_id', '=', key.stationId)
    .where('transaction_id', '=', key.transactionId)
    .orderBy('seq_no')
    .execute()
  return rows.map((row) => fromJson<TransactionFact>(row.fact))
}

/** Transactions whose bill is older than their events. */
export async function dueForBilling(store: Store, limit: number): Promise<TransactionKey[]> {
  const rows = await store.db
    .selectFrom('transactions')
    .select(['station_id', 'transaction_id'])
    .where('bill_due', '=', 1)
    .orderBy('started_at')
    .limit(limit)
    .execute()
  return rows.map((row) => ({ stationId: row.station_id, transactionId: row.transaction_id }))
}

/** Makes all ended transactions due, for a bill from the stored messages anew. */
export async function makeAllDue(store: Store): Promise<void> {
  await store.db.updateTable('transactions').set({ bill_due: 1 }).where('ended', '=', 1).execute()
}

/**
 * Puts a bill in the place of an earlier one. Nothing is done where events came in since it was computed
 * (`ofEvents` is the number that it saw): then the transaction stays due. True where it was stored.
 */
export async function storeBill(
  store: Store,
  key: TransactionKey,
  bill: Exclude<Bill, { kind: 'running' }>,
  ofEvents: number,
): Promise<boolean> {
  return store.db.transaction().execute(async (trx) => {
    const now = await trx
      .selectFrom('transactions')
      .select('state')
      .where('station_id', '=', key.stationId)
      .where('transaction_id', '=', key.transactionId)
      .executeTakeFirst()
    if (!now || fromJson<TransactionState>(now.state).events !== ofEvents) return false
    for (const table of ['bill_lines', 'bills'] as const) {
      await trx
        .deleteFrom(table)
        .where('station_id', '=', key.stationId)
        .where('transaction_id', '=', key.transactionId)
        .execute()
    }
    await trx.insertInto('bills').values(billRow(key, bill)).execute()
    const lines = lineRows(key, bill)
    if (lines.length > 0) await trx.insertInto('bill_lines').values(lines).execute()
    await trx
      .updateTable('transactions')
      .set({ bill_due: 0 })
      .where('station_id', '=', key.stationId)
      .where('transaction_id', '=', key.transactionId)
      .execute()
    return true
  })
}

const billRow = (key: TransactionKey, bill: Exclude<Bill, { kind: 'running' }>): Tables['bills'] => {
  const ids = { station_id: key.stationId, transaction_id: key.transactionId, kind: bill.kind }
  return bill.kind === 'billed'
    ? {
        ...ids,
        tariff_id: bill.tariffId,
        currency: bill.currency,
        quantity_wh: bill.quantityWh,
        amount_minor: bill.amountMinor,
        reason: null,
      }
    : {
        ...ids,
        tariff_id: null,
        currency: null,
        quantity_wh: 0,
        amount_minor: 0,
        reason: toJson(bill.reason),
      }
}

const lineRows = (key: TransactionKey, bill: Exclude<Bill, { kind: 'running' }>): Tables['bill_lines'][] =>
  bill.kind !== 'billed'
    ? []
    : bill.lines.map((line, index) => ({
        station_id: key.stationId,
        transaction_id: key.transactionId,
        number: index + 1,
        band: line.band,
        from_at: line.from,
        to_at: line.to,
        from_register_wh: line.fromRegisterWh,
        to_register_wh: line.toRegisterWh,
        quantity_wh: line.quantityWh,
        price_nanos_per_kwh: Number(line.price),
        amount_minor: line.amountMinor,
        basis: line.basis,
        reason: toJson(line.reason),
      }))

async function withBills(
  store: Store,
  rows: readonly Tables['transactions'][],
): Promise<TransactionRecord[]> {
  if (rows.length === 0) return []
  const stations = [...new Set(rows.map((row) => row.station_id))]
  const ids = [...new Set(rows.map((row) => row.transaction_id))]
  const bills = await store.db
    .selectFrom('bills')
    .selectAll()
    .where('station_id', 'in', stations)
    .where('transaction_id', 'in', ids)
    .execute()
  const lines = await store.db
    .selectFrom('bill_lines')
    .selectAll()
    .where('station_id', 'in', stations)
    .where('transaction_id', 'in', ids)
    .orderBy('number')
    .execute()
  return rows.map((row) => {
    const own = (other: { station_id: string; transaction_id: string }) =>
      other.station_id === row.station_id && other.transaction_id === row.transaction_id
    const bill = bills.find(own)
    // A bill whose transaction has news is not shown: the new one comes within the second.
    const current = bill && row.bill_due === 0 ? billOf(bill, lines.filter(own)) : null
    return { ...recordOf(row), bill: current }
  })
}

const recordOf = (row: Tables['transactions']) => ({
  stationId: row.station_id,
  transactionId: row.transaction_id,
  state: fromJson<TransactionState>(row.state),
})

function billOf(bill: Tables['bills'], lines: readonly Tables['bill_lines'][]): StoredBill {
  if (bill.kind === 'notBilled') {
    return { kind: 'notBilled', reason: fromJson<Message>(bill.reason ?? toJson(UNKNOWN_REASON)) }
  }
  return {
    kind: 'billed',
    tariffId: bill.tariff_id ?? '',
    currency: bill.currency ?? '',
    quantityWh: bill.quantity_wh,
    amountMinor: bill.amount_minor,
    lines: lines.map((line) => ({
      number: line.number,
      band: line.band,
      from: line.from_at,
      to: line.to_at,
      fromRegisterWh: line.from_register_wh,
      toRegisterWh: line.to_register_wh,
      quantityWh: line.quantity_wh,
      priceNanosPerKwh: line.price_nanos_per_kwh,
      amountMinor: line.amount_minor,
      basis: line.basis,
      reason: fromJson<Message>(line.reason),
    })),
  }
}

const UNKNOWN_REASON: Message = { key: 'bill.noTariff', values: {} }

export interface MeterRegisters {
  readonly evseId: number
  readonly meterSerial: string | null
  readonly first: { readonly at: number; readonly wh: WattHours }
  readonly last: { readonly at: number; readonly wh: WattHours }
}

/**
 * Lowest and highest known register of each meter that a station had, by the register and not by the time: within one
 * meter the register only rises, and the clock of a box may be set back.
 */
export async function meterRegisters(store: Store, stationId: string): Promise<MeterRegisters[]> {
  const meters = await store.db
    .selectFrom('samples')
    .select(({ fn }) => [
      'evse_id',
      'meter_serial',
      fn.min('at').as('first_at'),
      sql<WattHours>`min(register_wh)`.as('first_wh'),
      sql<WattHours>`max(register_wh)`.as('last_wh'),
    ])
    .where('station_id', '=', stationId)
    .where('register_wh', 'is not', null)
    .groupBy(['evse_id', 'meter_serial'])
    .orderBy('evse_id')
    .orderBy('first_at')
    .execute()
  const found: MeterRegisters[] = []
  for (const { evse_id: evseId, meter_serial: meterSerial, first_wh, last_wh } of meters) {
    const timesOf = (wh: WattHours) =>
      store.db
        .selectFrom('samples')
        .select(({ fn }) => [fn.min('at').as('earliest'), fn.max('at').as('latest')])
        .where('station_id', '=', stationId)
        .where('evse_id', '=', evseId)
        .where('meter_serial', meterSerial === null ? 'is' : '=', meterSerial)
        .where('register_wh', '=', wh)
        .executeTakeFirstOrThrow()
    const first = { at: (await timesOf(first_wh)).earliest, wh: first_wh }
    const last = { at: (await timesOf(last_wh)).latest, wh: last_wh }
    found.push({ evseId, meterSerial, first, last })
  }
  return found
}
