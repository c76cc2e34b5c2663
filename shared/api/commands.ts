// Commands to a station. Each is recorded before it is sent, and its outcome after.
//   POST /api/stations/:id/commands  Command -> CommandRecord (after the station answered, or why it did not)
//   GET  /api/stations/:id/commands  -> CommandList, newest first
import { z } from 'zod'
import { timeSchema } from './common.ts'

const component = z.strictObject({
  component: z.string().min(1).max(50),
  instance: z.string().max(50).optional(),
  variable: z.string().min(1).max(50),
})

export const commandSchema = z.discriminatedUnion('action', [
  z.strictObject({
    action: z.literal('RequestStartTransaction'),
    evseId: z.int().min(1).optional(),
    idToken: z.string().min(1).max(36),
  }),
  z.strictObject({
    action: z.literal('RequestStopTransaction'),
    transactionId: z.string().min(1).max(36),
  }),
  z.strictObject({ action: z.literal('GetVariables'), variables: z.array(component).min(1).max(50) }),
  z.strictObject({
    action: z.literal('SetVariables'),
    variables: z
      .array(component.extend({ value: z.string().max(1000) }))
      .min(1)
      .max(50),
  }),
  z.strictObject({
    action: z.literal('TriggerMessage'),
    requestedMessage: z.enum([
      'BootNotification',
      'StatusNotification',
      'Heartbeat',
      'MeterValues',
      'TransactionEvent',
    ]),
    evseId: z.int().min(1).optional(),
  }),
  z.strictObject({ action: z.literal('Reset'), type: z.enum(['Immediate', 'OnIdle']) }),
])
export type Command = z.infer<typeof commandSchema>

export const commandRecordSchema = z.object({
  id: z.int(),
  action: z.string(),
  request: z.unknown().describe('the OCPP request as it was sent'),
  requestedAt: timeSchema,
  finishedAt: timeSchema.nullable(),
  outcome: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('waiting') }),
    z.object({
      kind: z.literal('answered'),
      status: z.string().nullable().describe("the answer's own status word, where it has one"),
      response: z.unknown(),
    }),
    z.object({
      kind: z.literal('failed'),
      why: z
        .enum(['notOpen', 'timedOut', 'closed', 'callError', 'cloudStopped'])
        .describe('notOpen was never sent; the others may have been received'),
      detail: z.string(),
    }),
  ]),
})
export type CommandRecord = z.infer<typeof commandRecordSchema>
export const commandListSchema = z.object({ commands: z.array(commandRecordSchema) })
