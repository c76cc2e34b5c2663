// A meter from its table: blocks read one call at a time, floats turned into integers once, here, and a value that is
// none (NaN, all ones, infinite, out of its range) told as implausible, never as 0.
import { invariant } from '../../../shared/invariant.ts'
import { err, ok } from '../../../shared/result.ts'
import { type MonotonicMs, milliAmps, milliVolts, wattHours, watts } from '../../../shared/units.ts'
import type { UnitLine } from '../ports/bus.ts'
import type { ImplausibleValue, Meter, RawMeterReading } from '../ports/meter.ts'
import { SHORT_FRAME_BYTES, wordsReplyBytes } from './bus/line-time.ts'
import type { MeterDriver } from './driver.ts'
import {
  type Block,
  numberOf,
  planBlocks,
  type ReadLimits,
  type Row,
  SHARED_BUS_WORDS_MAX,
  unsigned,
  wordsOf,
} from './table.ts'

/** Quantities of a reading; a table may hold more. */
type Quantity =
  | 'voltageL1'
  | 'voltageL2'
  | 'voltageL3'
  | 'currentL1'
  | 'currentL2'
  | 'currentL3'
  | 'power'
  | 'energyImport'

export interface MeterDefinition<N extends string> {
  readonly id: string
  readonly line: UnitLine
  readonly blocks: ReadLimits
  readonly table: readonly Row<N>[]
  /** The serial number, a whole number; null where no such register is known. */
  readonly serial: Row | null
  /** Smallest step of the import register at a value, Wh. */
  readonly resolutionWh: (registerWh: number) => number
}

const WH_PER: Readonly<Record<string, number>> = { kWh: 1000, Wh: 1 }

/** -0 is no integer of ours. */
const rounded = (value: number): number => Math.round(value) + 0

export function meterDriver<N extends string>(
  definition: MeterDefinition<N> & { readonly table: readonly Row<N | Quantity>[] },
): MeterDriver {
  const { id, line, serial, table } = definition
  const blocksOf = (sharesBusWithBoard: boolean): readonly Block[] => {
    const wordsMax = sharesBusWithBoard
      ? Math.min(SHARED_BUS_WORDS_MAX, definition.blocks.wordsMax)
      : definition.blocks.wordsMax
    return planBlocks<string>(table, { ...definition.blocks, wordsMax })
  }
  const turn = (block: { readonly address: number; readonly count: number }) => ({
    name: `${block.count} words at ${block.address}`,
    requestBytes: SHORT_FRAME_BYTES,
    replyBytes: wordsReplyBytes(block.count),
  })
  return {
    id,
    line,
    rows: serial === null ? table : [...table, serial],
    turns: [...blocksOf(true), ...(serial === null ? [] : [serial])].map(turn),
    create({ name, bus, unitId, sharesBusWithBoard }): Meter {
      const unit = bus.unit({ name, unitId, line })
      const blocks = blocksOf(sharesBusWithBoard)
      let pass: Pass = { next: 0, values: new Map(), takenAtMonotonicMs: null }
      const startAgain = () => {
        pass = { next: 0, values: new Map(), takenAtMonotonicMs: null }
      }
      return {
        name,
        blocks: blocks.length,
        resolutionWh: definition.resolutionWh,
        async readSerial() {
          if (serial === null) return ok(null)
          invariant(serial.fc === 3 || serial.fc === 4, 'a serial number is in registers')
          const read = await unit.readWords(serial.fc, serial.address, serial.count, 'identity')
          return read.ok ? ok(String(unsigned(read.value.value))) : read
        },
        async readNext() {
          const block = blocks[pass.next]
          invariant(block !== undefined, 'a pass ends with its last block')
          invariant(block.fc === 3 || block.fc === 4, 'a meter is read by registers')
          const mine = pass
          const read = await unit.readWords(block.fc, block.address, block.count, 'meter')
          invariant(mine === pass, 'one block at a time')
          if (!read.ok) {
            startAgain()
            return read
          }
          const values = new Map(pass.values)
          for (const row of block.rows) {
            const value = numberOf(row, wordsOf(row, block, read.value.value))
            if (typeof value !== 'number') {
              startAgain()
              const implausible: ImplausibleValue = {
                kind: 'implausible',
                quantity: row.name,
                detail: value.implausible,
              }
              return err(implausible)
            }
            values.set(row.name, value * (row.name === 'energyImport' ? (WH_PER[row.unit] ?? Number.NaN) : 1))
          }
          // The oldest block's time: a reading is never younger than any of its values.
          const takenAtMonotonicMs = pass.takenAtMonotonicMs ?? read.value.takenAtMonotonicMs
          pass = { next: pass.next + 1, values, takenAtMonotonicMs }
          if (pass.next < blocks.length) return ok(null)
          startAgain()
          return ok(readingOf(values, takenAtMonotonicMs))
        },
      }
    },
  }
}

interface Pass {
  readonly next: number
  readonly values: ReadonlyMap<string, number>
  readonly takenAtMonotonicMs: MonotonicMs | null
}

function readingOf(values: ReadonlyMap<string, number>, takenAtMonotonicMs: MonotonicMs): RawMeterReading {
  const at = (quantity: Quantity): number => {
    const value = values.get(quantity)
    invariant(value !== undefined, `the table has no ${quantity}`)
    return value
  }
  const current = (quantity: Quantity) => milliAmps(rounded(at(quantity) * 1000))
  const voltage = (quantity: Quantity) => milliVolts(rounded(at(quantity) * 1000))
  return {
    takenAtMonotonicMs,
    registerWh: wattHours(rounded(at('energyImport'))),
    powerWatts: watts(rounded(at('power'))),
    currentsMilliamps: [current('currentL1'), current('currentL2'), current('currentL3')],
    voltagesMillivolts: [voltage('voltageL1'), voltage('voltageL2'), voltage('voltageL3')],
  }
}
