// The face of one unit: typed reads and writes over the one way to ask.
import { invariant } from '../../../../shared/invariant.ts'
import { ok } from '../../../../shared/result.ts'
import type { BusStatistics, BusUnit, Outcome, Priority } from '../../ports/bus.ts'
import type { BusRequest, BusValue } from './codec.ts'

export type Ask = (request: BusRequest, priority: Priority) => Promise<Outcome<BusValue>>

export function unitFace(
  identity: { readonly name: string; readonly unitId: number },
  ask: Ask,
  statistics: () => BusStatistics,
): BusUnit {
  return {
    name: identity.name,
    unitId: identity.unitId,
    readWords: async (fc, address, count, priority) =>
      narrow(await ask({ kind: 'readWords', fc, address, count }, priority), (value) =>
        value.kind === 'words' ? value.words : null,
      ),
    readBits: async (fc, address, count, priority) =>
      narrow(await ask({ kind: 'readBits', fc, address, count }, priority), (value) =>
        value.kind === 'bits' ? value.bits : null,
      ),
    writeWord: async (address, value, priority) =>
      nothing(await ask({ kind: 'writeWord', address, value }, priority)),
    writeWords: async (address, values, priority) =>
      nothing(await ask({ kind: 'writeWords', address, values }, priority)),
    writeCoil: async (address, value, priority) =>
      nothing(await ask({ kind: 'writeCoil', address, value }, priority)),
    statistics,
  }
}

/** The value of the kind that was asked for; the codec gives no other. */
function narrow<T>(outcome: Outcome<BusValue>, pick: (value: BusValue) => T | null): Outcome<T> {
  if (!outcome.ok) return outcome
  const value = pick(outcome.value.value)
  invariant(value !== null, `the codec gave ${outcome.value.value.kind}`)
  return ok({ value, takenAtMonotonicMs: outcome.value.takenAtMonotonicMs })
}

const nothing = (outcome: Outcome<BusValue>): Outcome<null> =>
  outcome.ok ? ok({ value: null, takenAtMonotonicMs: outcome.value.takenAtMonotonicMs }) : outcome
