// What `prepare` of a board does with its settings: read, compare, write only what differs, read again. Registers that
// wear are written within a budget that lasts from one start of this process to the next.
import { invariant } from '../../../shared/invariant.ts'
import { ok, type Result } from '../../../shared/result.ts'
import type { BusFailure, BusUnit, Outcome } from '../ports/bus.ts'
import {
  type ConfigurationFailure,
  configurationFailure,
  otherModel,
  refusalIsOtherModel,
} from './configuration.ts'
import type { Row } from './table.ts'

/** Neighbouring words that tell which model a unit is; the expectations are told where the unit refuses or differs. */
export interface Identity {
  readonly model: string
  readonly rows: readonly (Pick<Row, 'address' | 'name'> & {
    readonly expected: string
    readonly holds: (word: number) => boolean
  })[]
}

/**
 * Reads from the first row to the last in one request and judges each row. Tells all words, from the first row's address.
 * @param identity rows in order of address, words of function code 3
 */
export async function identityWords(
  unit: BusUnit,
  { model, rows }: Identity,
): Promise<Result<readonly number[], BusFailure | ConfigurationFailure>> {
  const [first] = rows
  const last = rows.at(-1)
  invariant(first && last, 'an identity has rows')
  const register = (row: Pick<Row, 'address' | 'name'>) => `${row.address} (${row.name})`
  const read = refusalIsOtherModel(
    unit,
    { model, register: register(first), expected: first.expected },
    await unit.readWords(3, first.address, last.address - first.address + 1, 'identity'),
  )
  if (!read.ok) return read
  for (const row of rows) {
    const word = read.value[row.address - first.address] ?? 0
    if (!row.holds(word))
      return otherModel(unit, { model, register: register(row), read: `${word}`, expected: row.expected })
  }
  return ok(read.value)
}

export interface SettingsKeeper {
  /** Writes to registers that wear since the start of this process. */
  writes(): number
  /**
   * Makes one word right and tells what it is then.
   * @param wantedOf the word that is wanted, from the word that was found
   * @param memory `kept`: it wears, the budget counts; `lost`: a restart of the board forgets it, or the vendor does not
   *   say: it is written again whenever it was forgotten, and only then
   */
  settle(
    row: Row,
    wantedOf: (found: number) => number,
    memory: 'kept' | 'lost',
  ): Promise<Result<number, BusFailure | ConfigurationFailure>>
  /** Writes one word that cannot be read back; the budget counts it. */
  writeBlind(row: Row, value: number): Promise<Result<null, BusFailure | ConfigurationFailure>>
}

export function settingsKeeper(options: {
  readonly unit: BusUnit
  readonly writesMax: number
  readonly write: (row: Row, value: number) => Promise<Outcome<null>>
}): SettingsKeeper {
  const { unit, writesMax, write } = options
  let writes = 0
  const read = async (row: Row): Promise<Result<number, BusFailure>> => {
    const words = await unit.readWords(3, row.address, 1, 'identity')
    return words.ok ? ok(words.value.value[0] ?? 0) : words
  }
  const where = (row: Row) => `${unit.name} (unit ${unit.unitId}): register ${row.address} (${row.name})`
  const usedUp = (what: string) =>
    configurationFailure(
      `${what}, but ${writes} writes to settings that wear were made since the start; ` +
        'restart the agent to allow more, and find out who changes it back',
    )
  return {
    writes: () => writes,
    async writeBlind(row, value) {
      if (writes >= writesMax) return usedUp(`${where(row)} cannot be read back and must become ${value}`)
      writes++
      const written = await write(row, value)
      return written.ok ? ok(null) : written
    },
    async settle(row, wantedOf, memory) {
      const found = await read(row)
      if (!found.ok) return found
      const wanted = wantedOf(found.value)
      if (found.value === wanted) return found
      if (memory === 'kept') {
        if (writes >= writesMax) return usedUp(`${where(row)} is ${found.value}, wanted ${wanted}`)
        writes++
      }
      const written = await write(row, wanted)
      if (!written.ok) return written
      const after = await read(row)
      if (!after.ok || after.value === wanted) return after
      return configurationFailure(
        `${where(row)} is ${after.value} after ${wanted} was written; it does not stay`,
      )
    },
  }
}
