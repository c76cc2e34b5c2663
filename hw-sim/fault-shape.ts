// The faults of api.ts as POST /faults takes them, strictly.
import { z } from 'zod'
import type { SimFault } from './api.ts'
import { DEVICE_IDS } from './site-fit.ts'

const probability = z.number().min(0).max(1)
const unitId = z.int().min(1).max(255)
const onBus = { bus: z.string().exactOptional() }
const ofUnit = { ...onBus, unitId }
const plain = <K extends string>(kind: K) => z.strictObject({ kind: z.literal(kind) })

const lineFaults = [
  z.strictObject({ kind: z.literal('dead'), ...ofUnit }),
  z.strictObject({ kind: z.literal('late'), ...ofUnit, maxMs: z.int().min(1).max(60_000), probability }),
  z.strictObject({ kind: z.literal('twice'), ...ofUnit, probability }),
  z.strictObject({ kind: z.literal('truncated'), ...ofUnit, probability }),
  z.strictObject({ kind: z.literal('noise'), ...ofUnit, probability }),
  z.strictObject({ kind: z.literal('badCrc'), ...ofUnit, probability }),
  z.strictObject({ kind: z.literal('saysUnit'), ...ofUnit, saysUnitId: unitId }),
  z.strictObject({ kind: z.literal('answersFor'), ...ofUnit, asUnitId: unitId }),
  z.strictObject({ kind: z.literal('otherModel'), ...ofUnit, device: z.enum(DEVICE_IDS) }),
] as const

const portFaults = [
  z.strictObject({ kind: z.literal('portGone'), ...onBus }),
  z.strictObject({ kind: z.literal('portRenamed'), ...onBus }),
  z.strictObject({ kind: z.literal('busShorted'), ...onBus }),
] as const

const boardFaults = [
  z.strictObject({ kind: z.literal('boardError'), bit: z.int().min(1).max(65_535) }),
  z.strictObject({ kind: z.literal('pilot'), state: z.enum(['E', 'F', 'D']) }),
  plain('contactorWelded'),
  plain('overTemperature'),
  plain('protectiveEarthMissing'),
  plain('diodeMissing'),
  z.strictObject({ kind: z.literal('temperature'), milliCelsius: z.int().min(-50_000).max(150_000) }),
  z.strictObject({ kind: z.literal('phaseLost'), phase: z.literal([1, 2, 3]) }),
] as const

const wiredFaults = [
  plain('releaseWelded'),
  plain('residualCurrent'),
  plain('selfTestFailed'),
  z.strictObject({ kind: z.literal('lock'), how: z.enum(['jammed', 'slow', 'feedbackStuck']) }),
  z.strictObject({
    kind: z.literal('relayStuck'),
    relay: z.string(),
    channel: z.int().min(1).max(8),
    closed: z.boolean(),
  }),
  z.strictObject({
    kind: z.literal('inputStuck'),
    inputs: z.string(),
    channel: z.int().min(1).max(8),
    closed: z.boolean(),
  }),
] as const

const carFaults = [
  z.strictObject({ kind: z.literal('greedy'), milliamps: z.int().min(0).max(100_000) }),
  z.strictObject({ kind: z.literal('overdraw'), percent: z.int().min(101).max(300) }),
  z.strictObject({ kind: z.literal('slow'), followMs: z.int().min(0).max(600_000) }),
  z.strictObject({ kind: z.literal('clings'), ms: z.int().min(1).max(600_000) }),
] as const

const meterFault = z.strictObject({
  kind: z.literal('meter'),
  how: z.enum(['nan', 'frozen', 'back', 'otherSerial', 'jump', 'swapped']),
})

export const faultShape: z.ZodType<SimFault> = z.discriminatedUnion('kind', [
  ...lineFaults,
  ...portFaults,
  ...boardFaults,
  ...wiredFaults,
  ...carFaults,
  meterFault,
])
