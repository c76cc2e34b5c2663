// What is known of each driver beyond what it does: its grade, its sources, its gaps, and the registers of its device that
// wear. driver-facts.json is made from test/facts/registers.json and the grades by test/contract/drivers-facts.test.ts.
import { z } from 'zod'
import facts from './driver-facts.json' with { type: 'json' }

const DRIVER_FACTS = z.array(
  z.strictObject({
    id: z.string(),
    vendor: z.string(),
    model: z.string(),
    grade: z.enum(['bronze', 'silver', 'gold']),
    /** How sure the register map is, in words. */
    confidence: z.string(),
    sources: z.string(),
    /** One a line. */
    gaps: z.string(),
    wears: z.array(
      z.strictObject({
        address: z.number().int(),
        count: z.number().int(),
        isCoil: z.boolean(),
        name: z.string(),
        memory: z.string(),
      }),
    ),
  }),
)
export type DriverFacts = z.infer<typeof DRIVER_FACTS>[number]

export const driverFacts = (): readonly DriverFacts[] => DRIVER_FACTS.parse(facts)

/** For each device that keeps what is written there for ever: a warning. */
export function wearOf(write: {
  readonly fc: number
  readonly address: number
  readonly count: number
}): readonly string[] {
  const isCoil = write.fc === 5 || write.fc === 15
  return driverFacts().flatMap(({ vendor, id, wears }) =>
    wears
      .filter(
        (row) =>
          row.isCoil === isCoil &&
          write.address < row.address + row.count &&
          row.address < write.address + write.count,
      )
      .map(
        (row) =>
          `WARNING: if this is a ${vendor} (${id}), register ${row.address} (${row.name}) is kept for ever ` +
          `(${row.memory}) and wears with each write`,
      ),
  )
}
