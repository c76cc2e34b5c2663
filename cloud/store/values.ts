// The one layer between our values and the two databases' values.
import { type RawBuilder, sql } from 'kysely'
import type { ColumnType } from './tables.ts'

export type DialectName = 'sqlite' | 'postgres'

export const toJson = (value: unknown): string => JSON.stringify(value)

/** Reads what `toJson` wrote into the same column; the type is the one of the column's only writer. */
export const fromJson = <T>(text: string): T => JSON.parse(text) as T

/** PostgreSQL tells bigint and numeric as text; ours are whole and safe, or something is badly wrong. */
export function safeIntegerOf(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value))
    throw new RangeError(`the database holds ${text}, beyond what a number can tell`)
  return value
}

/**
 * Rows as one parameter, for statements over any number of rows with one text (and so one plan): a select of the
 * columns in the order of `columns`, to stand behind INSERT INTO or inside IN (...).
 */
export function rowsSelect<C extends string>(
  dialect: DialectName,
  columns: Readonly<Record<C, ColumnType>>,
  rows: readonly Readonly<Record<C, string | number | null>>[],
): RawBuilder<unknown> {
  // Object.keys of a literal record gives its own keys, in the order written.
  const names = Object.keys(columns) as C[]
  const data = JSON.stringify(rows.map((row) => names.map((name) => row[name])))
  const cells = names.map((name, index) => {
    const position = sql.lit(index)
    const cell =
      dialect === 'sqlite'
        ? sql`j.value->>${position}`
        : columns[name] === 'text'
          ? sql`j.value->>${position}`
          : sql`(j.value->>${position})::bigint`
    return sql`${cell} as ${sql.ref(name)}`
  })
  return dialect === 'sqlite'
    ? sql`select ${sql.join(cells)} from json_each(${data}) as j where true`
    : sql`select ${sql.join(cells)} from json_array_elements(${data}::json) as j(value) where true`
}
