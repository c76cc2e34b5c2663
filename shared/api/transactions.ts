// Transactions and their bills as the API shows them.
//   GET /api/transactions                        ?stationId&before&limit -> TransactionList, newest first
//   GET /api/stations/:id/transactions/:transactionId -> TransactionView
import { z } from 'zod'
import { currencySchema, messageSchema, stationIdSchema, timeSchema } from './common.ts'
import { CHARGING_STATES } from './stations.ts'

/** Energy of one band over one span of time. The amount is quantity × price, rounded once, half away from zero. */
export const billLineSchema = z.object({
  number: z.int().describe('from 1'),
  band: z.string(),
  from: timeSchema,
  to: timeSchema,
  fromRegisterWh: z.int(),
  toRegisterWh: z.int(),
  quantityWh: z.int(),
  priceNanosPerKwh: z.int().describe('10^-9 of the currency per kWh'),
  amountMinor: z.int(),
  basis: z
    .enum(['measured', 'interpolated'])
    .describe('measured: both registers were read within 2 s of their time'),
  reason: messageSchema,
})
export type ApiBillLine = z.infer<typeof billLineSchema>

const billSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('running') }),
  z.object({
    kind: z.literal('billed'),
    tariffId: z.string(),
    currency: currencySchema,
    quantityWh: z.int(),
    amountMinor: z.int(),
    lines: z.array(billLineSchema),
  }),
  z.object({ kind: z.literal('notBilled'), reason: messageSchema }),
])

export const transactionSchema = z.object({
  stationId: stationIdSchema,
  transactionId: z.string(),
  evseId: z.int().nullable(),
  idToken: z.string().nullable(),
  state: z.enum(['running', 'ended']),
  chargingState: z.enum(CHARGING_STATES).nullable(),
  stoppedReason: z.string().nullable(),
  startedAt: timeSchema.describe('of its first known event'),
  endedAt: timeSchema.nullable(),
  timeEstimated: z.boolean().describe('the station could not date all events exactly'),
  startRegisterWh: z.int().nullable(),
  lastRegisterWh: z.int().nullable().describe('the end register once it has ended'),
  energyWh: z.int().nullable(),
  meterSerial: z.string().nullable(),
  events: z.int().describe('stored events, each once'),
  missingSeqNos: z.array(z.int()).describe('events that never came, of those between the first and the last'),
  bill: billSchema,
})
export type TransactionView = z.infer<typeof transactionSchema>

export const transactionQuerySchema = z.strictObject({
  stationId: stationIdSchema.optional(),
  before: z.coerce.number().int().optional().describe('only those that started before this time'),
  limit: z.coerce.number().int().min(1).max(500).default(50),
})
export const transactionListSchema = z.object({ transactions: z.array(transactionSchema) })
export type TransactionList = z.infer<typeof transactionListSchema>
