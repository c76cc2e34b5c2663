// Server-sent events of GET /api/events: `event:` is the kind, `data:` is one JSON object of the shape below, `id:`
// rises. A client that comes back with a Last-Event-ID gets what it missed, or `reset` where that is no longer kept
// (then it asks for everything anew). The first event of a stream is `hello`. A comment line comes every 15 s.
import { z } from 'zod'
import { stationIdSchema, timeSchema } from './common.ts'
import { sampleSchema, stationSchema } from './stations.ts'
import { transactionSchema } from './transactions.ts'

export const eventSchemas = {
  hello: z.object({ at: timeSchema, streamId: z.string() }),
  reset: z.object({ at: timeSchema }),
  /** A station's state changed, or it came or went. At most twice a second a station. */
  station: stationSchema,
  /** A transaction began, went on, ended or was billed. At most twice a second a transaction. */
  transaction: transactionSchema,
  /** A new reading, for the chart. */
  sample: sampleSchema.extend({ stationId: stationIdSchema }),
} as const
export type EventKind = keyof typeof eventSchemas
export type EventData<K extends EventKind> = z.infer<(typeof eventSchemas)[K]>
