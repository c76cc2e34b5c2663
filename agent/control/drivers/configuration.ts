// What a board driver says when what it finds is not what it was told to expect: another model, a setting that does not
// stay, a write budget that is used up. It always names the device, the register, what was read and what was expected.
import { err, type Result } from '../../../shared/result.ts'
import type { BusFailure, BusUnit, Outcome } from '../ports/bus.ts'

export interface ConfigurationFailure {
  readonly kind: 'configuration'
  readonly detail: string
}

export const configurationFailure = (detail: string) =>
  err<ConfigurationFailure>({ kind: 'configuration', detail })

export const hexWords = (words: readonly number[]): string =>
  words.map((word) => word.toString(16).padStart(4, '0')).join(' ')

/** This unit is no such device. `read` and `expected` are told as they are. */
export const otherModel = (
  unit: Pick<BusUnit, 'name' | 'unitId'>,
  { model, register, read, expected }: Readonly<Record<'model' | 'register' | 'read' | 'expected', string>>,
) =>
  configurationFailure(
    `${unit.name} (unit ${unit.unitId}) is no ${model}: register ${register} is ${read}, expected ${expected}; ` +
      'check the unit ids of the bus',
  )

/** Modbus Application Protocol V1.1b3, clause 7: illegal function, address, value. */
const REFUSALS: readonly number[] = [1, 2, 3]

/** A device that refuses to be read where this model tells who it is, is another one. */
export function refusalIsOtherModel<T>(
  unit: Pick<BusUnit, 'name' | 'unitId'>,
  what: { readonly model: string; readonly register: string; readonly expected: string },
  outcome: Outcome<T>,
): Result<T, BusFailure | ConfigurationFailure> {
  if (outcome.ok) return { ok: true, value: outcome.value.value }
  const { error } = outcome
  if (error.kind !== 'exception' || !REFUSALS.includes(error.code)) return err(error)
  return otherModel(unit, { ...what, read: `refused with exception ${error.code}` })
}
