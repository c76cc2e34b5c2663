// The tables, for both databases. Columns are texts and whole numbers only: times are milliseconds, flags are 0 and 1,
// JSON is text. So the traps of the two drivers (bigint as string, booleans that cannot be bound, JSON parsed by one
// and not by the other) have no place to be.
import type { Generated } from 'kysely'

/** 0 is no, 1 is yes. */
export type Flag = 0 | 1

export interface Tables {
  stations: {
    id: string
    /** HMAC-SHA-256 of id and key under the server's key, hex. The key itself is stored nowhere. */
    key_hmac: string
    created_at: number
    state: string
  }
  transactions: {
    station_id: string
    transaction_id: string
    started_at: number
    ended: Flag
    /** Its events changed since it was billed last. */
    bill_due: Flag
    state: string
  }
  transaction_events: {
    station_id: string
    transaction_id: string
    seq_no: number
    received_at: number
    /** The message as it came. */
    payload: string
    /** The answer that it got first, and gets again. */
    answer: string
    /** What was read from the message: a TransactionFact. */
    fact: string
  }
  samples: {
    station_id: string
    evse_id: number
    at: number
    meter_serial: string | null
    power_watts: number | null
    current_l1_milliamps: number | null
    current_l2_milliamps: number | null
    current_l3_milliamps: number | null
    offered_milliamps: number | null
    register_wh: number | null
  }
  bills: {
    station_id: string
    transaction_id: string
    kind: 'billed' | 'notBilled'
    tariff_id: string | null
    currency: string | null
    quantity_wh: number
    amount_minor: number
    reason: string | null
  }
  bill_lines: {
    station_id: string
    transaction_id: string
    number: number
    band: string
    from_at: number
    to_at: number
    from_register_wh: number
    to_register_wh: number
    quantity_wh: number
    price_nanos_per_kwh: number
    amount_minor: number
    basis: 'measured' | 'interpolated'
    reason: string
  }
  commands: {
    id: Generated<number>
    station_id: string
    action: string
    request: string
    requested_at: number
    finished_at: number | null
    outcome: string
  }
  notifications: {
    station_id: string
    event_id: number
    at: number
    component: string
    variable: string
    value: string
    meaning: string
  }
  variables: {
    station_id: string
    component: string
    variable: string
    attribute: string
    value: string | null
    at: number
  }
  settings: { name: string; value: string }
}

export type ColumnType = 'text' | 'bigint'

/** Column types of the tables that are written in bulk, in the order in which rows are handed over. */
export const BULK_COLUMNS = {
  transaction_events: {
    station_id: 'text',
    transaction_id: 'text',
    seq_no: 'bigint',
    received_at: 'bigint',
    payload: 'text',
    answer: 'text',
    fact: 'text',
  },
  transactions: {
    station_id: 'text',
    transaction_id: 'text',
    started_at: 'bigint',
    ended: 'bigint',
    bill_due: 'bigint',
    state: 'text',
  },
  samples: {
    station_id: 'text',
    evse_id: 'bigint',
    at: 'bigint',
    meter_serial: 'text',
    power_watts: 'bigint',
    current_l1_milliamps: 'bigint',
    current_l2_milliamps: 'bigint',
    current_l3_milliamps: 'bigint',
    offered_milliamps: 'bigint',
    register_wh: 'bigint',
  },
  notifications: {
    station_id: 'text',
    event_id: 'bigint',
    at: 'bigint',
    component: 'text',
    variable: 'text',
    value: 'text',
    meaning: 'text',
  },
  variables: {
    station_id: 'text',
    component: 'text',
    variable: 'text',
    attribute: 'text',
    value: 'text',
    at: 'bigint',
  },
} as const satisfies Partial<Record<keyof Tables, Readonly<Record<string, ColumnType>>>>
