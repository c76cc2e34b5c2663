// The first tables: stations, transactions with their messages, readings, bills, commands.
import type { Kysely, Migration } from 'kysely'
import type { DialectName } from '../values.ts'

// biome-ignore lint/suspicious/noExplicitAny: a migration is written against no fixed shape
type AnyDb = Kysely<any>

export const skeleton = (dialect: DialectName): Migration => ({
  async up(db: AnyDb) {
    await stations(db)
    await transactions(db)
    await readings(db)
    await bills(db)
    await commands(db, dialect)
    await db.schema
      .createTable('settings')
      .addColumn('name', 'text', (c) => c.primaryKey())
      .addColumn('value', 'text', (c) => c.notNull())
      .execute()
  },
})

async function stations(db: AnyDb) {
  await db.schema
    .createTable('stations')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('key_hmac', 'text', (c) => c.notNull())
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addColumn('state', 'text', (c) => c.notNull())
    .execute()
  await db.schema
    .createTable('notifications')
    .addColumn('station_id', 'text', (c) => c.notNull())
    .addColumn('event_id', 'bigint', (c) => c.notNull())
    .addColumn('at', 'bigint', (c) => c.notNull())
    .addColumn('component', 'text', (c) => c.notNull())
    .addColumn('variable', 'text', (c) => c.notNull())
    .addColumn('value', 'text', (c) => c.notNull())
    .addColumn('meaning', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('notifications_pk', ['station_id', 'at', 'event_id'])
    .execute()
  await db.schema
    .createTable('variables')
    .addColumn('station_id', 'text', (c) => c.notNull())
    .addColumn('component', 'text', (c) => c.notNull())
    .addColumn('variable', 'text', (c) => c.notNull())
    .addColumn('attribute', 'text', (c) => c.notNull())
    .addColumn('value', 'text')
    .addColumn('at', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('variables_pk', ['station_id', 'component', 'variable', 'attribute'])
    .execute()
}

async function transactions(db: AnyDb) {
  await db.schema
    .createTable('transactions')
    .addColumn('station_id', 'text', (c) => c.notNull())
    .addColumn('transaction_id', 'text', (c) => c.notNull())
    .addColumn('started_at', 'bigint', (c) => c.notNull())
    .addColumn('ended', 'bigint', (c) => c.notNull())
    .addColumn('bill_due', 'bigint', (c) => c.notNull())
    .addColumn('state', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('transactions_pk', ['station_id', 'transaction_id'])
    .execute()
  await db.schema.createIndex('transactions_by_start').on('transactions').columns(['started_at']).execute()
  await db.schema
    .createIndex('transactions_due')
    .on('transactions')
    .columns(['bill_due'])
    .where('bill_due', '=', 1)
    .execute()
  await db.schema
    .createIndex('transactions_running')
    .on('transactions')
    .columns(['station_id', 'ended'])
    .where('ended', '=', 0)
    .execute()
  await db.schema
    .createIndex('transactions_by_station')
    .on('transactions')
    .columns(['station_id', 'started_at'])
    .execute()
  await db.schema
    .createTable('transaction_events')
    .addColumn('station_id', 'text', (c) => c.notNull())
    .addColumn('transaction_id', 'text', (c) => c.notNull())
    .addColumn('seq_no', 'bigint', (c) => c.notNull())
    .addColumn('received_at', 'bigint', (c) => c.notNull())
    .addColumn('payload', 'text', (c) => c.notNull())
    .addColumn('answer', 'text', (c) => c.notNull())
    .addColumn('fact', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('transaction_events_pk', ['station_id', 'transaction_id', 'seq_no'])
    .execute()
}

async function readings(db: AnyDb) {
  await db.schema
    .createTable('samples')
    .addColumn('station_id', 'text', (c) => c.notNull())
    .addColumn('evse_id', 'bigint', (c) => c.notNull())
    .addColumn('at', 'bigint', (c) => c.notNull())
    .addColumn('meter_serial', 'text')
    .addColumn('power_watts', 'bigint')
    .addColumn('current_l1_milliamps', 'bigint')
    .addColumn('current_l2_milliamps', 'bigint')
    .addColumn('current_l3_milliamps', 'bigint')
    .addColumn('offered_milliamps', 'bigint')
    .addColumn('register_wh', 'bigint')
    .addPrimaryKeyConstraint('samples_pk', ['station_id', 'evse_id', 'at'])
    .execute()
}

async function bills(db: AnyDb) {
  await db.schema
    .createTable('bills')
    .addColumn('station_id', 'text', (c) => c.notNull())
    .addColumn('transaction_id', 'text', (c) => c.notNull())
    .addColumn('kind', 'text', (c) => c.notNull())
    .addColumn('tariff_id', 'text')
    .addColumn('currency', 'text')
    .addColumn('quantity_wh', 'bigint', (c) => c.notNull())
    .addColumn('amount_minor', 'bigint', (c) => c.notNull())
    .addColumn('reason', 'text')
    .addPrimaryKeyConstraint('bills_pk', ['station_id', 'transaction_id'])
    .execute()
  await db.schema
    .createTable('bill_lines')
    .addColumn('station_id', 'text', (c) => c.notNull())
    .addColumn('transaction_id', 'text', (c) => c.notNull())
    .addColumn('number', 'bigint', (c) => c.notNull())
    .addColumn('band', 'text', (c) => c.notNull())
    .addColumn('from_at', 'bigint', (c) => c.notNull())
    .addColumn('to_at', 'bigint', (c) => c.notNull())
    .addColumn('from_register_wh', 'bigint', (c) => c.notNull())
    .addColumn('to_register_wh', 'bigint', (c) => c.notNull())
    .addColumn('quantity_wh', 'bigint', (c) => c.notNull())
    .addColumn('price_nanos_per_kwh', 'bigint', (c) => c.notNull())
    .addColumn('amount_minor', 'bigint', (c) => c.notNull())
    .addColumn('basis', 'text', (c) => c.notNull())
    .addColumn('reason', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('bill_lines_pk', ['station_id', 'transaction_id', 'number'])
    .execute()
}

async function commands(db: AnyDb, dialect: DialectName) {
  await db.schema
    .createTable('commands')
    // A number that the database gives: the two have no common words for it.
    .addColumn('id', dialect === 'sqlite' ? 'integer' : 'bigint', (c) =>
      dialect === 'sqlite' ? c.primaryKey().autoIncrement() : c.primaryKey().generatedAlwaysAsIdentity(),
    )
    .addColumn('station_id', 'text', (c) => c.notNull())
    .addColumn('action', 'text', (c) => c.notNull())
    .addColumn('request', 'text', (c) => c.notNull())
    .addColumn('requested_at', 'bigint', (c) => c.notNull())
    .addColumn('finished_at', 'bigint')
    .addColumn('outcome', 'text', (c) => c.notNull())
    .execute()
  await db.schema.createIndex('commands_by_station').on('commands').columns(['station_id', 'id']).execute()
}
