// Stations as the API shows them: what a station said last, and whether it can be heard now.
//   GET  /api/stations              -> StationList
//   POST /api/stations              NewStation -> 201 StationCreated (the key is shown this once)
//   GET  /api/stations/:id          -> StationView
//   GET  /api/stations/:id/series   ?from&to&points -> PowerSeries
//   GET  /api/stations/:id/energy   -> EnergyCheck[]
import { z } from 'zod'
import { messageSchema, stationIdSchema, timeSchema } from './common.ts'

export const CONNECTOR_STATUSES = ['Available', 'Occupied', 'Reserved', 'Unavailable', 'Faulted'] as const
/** OCPP 2.0.1 ChargingStateEnumType. */
export const CHARGING_STATES = ['Charging', 'EVConnected', 'SuspendedEV', 'SuspendedEVSE', 'Idle'] as const

const perPhase = z.tuple([z.int(), z.int(), z.int()])

/** The binding limit, as the station explains it. */
export const limitSchema = z.object({
  at: timeSchema.describe('when the station said so'),
  currentMilliamps: z.int().describe('per phase; 0 is pause'),
  reason: messageSchema,
  until: timeSchema.nullable().describe('when the limit changes by itself; null where it does not'),
})
export type ApiLimit = z.infer<typeof limitSchema>

/** One moment of a station's meter; null where it did not say. */
export const sampleSchema = z.object({
  at: timeSchema,
  powerWatts: z.int().nullable(),
  currentsMilliamps: perPhase.nullable(),
  offeredMilliamps: z.int().nullable(),
  registerWh: z.int().nullable(),
})
export type ApiSample = z.infer<typeof sampleSchema>

export const stationSchema = z.object({
  id: stationIdSchema,
  createdAt: timeSchema,
  online: z.boolean().describe('an open socket; a dead one is found and closed within 60 s'),
  connectedSince: timeSchema.nullable(),
  lastSeenAt: timeSchema.nullable(),
  boot: z
    .object({
      at: timeSchema,
      reason: z.string(),
      vendor: z.string(),
      model: z.string(),
      serial: z.string().nullable(),
      firmwareVersion: z.string().nullable(),
    })
    .nullable(),
  connectors: z.array(
    z.object({
      evseId: z.int(),
      connectorId: z.int(),
      status: z.enum(CONNECTOR_STATUSES),
      since: timeSchema,
    }),
  ),
  live: sampleSchema.nullable().describe('the newest reading; look at its time'),
  limit: limitSchema.nullable(),
  faults: z.array(
    z.object({ component: z.string(), variable: z.string(), detail: z.string(), since: timeSchema }),
  ),
  running: z
    .object({
      transactionId: z.string(),
      chargingState: z.enum(CHARGING_STATES).nullable(),
      startedAt: timeSchema,
      energyWh: z.int().nullable(),
    })
    .nullable(),
})
export type StationView = z.infer<typeof stationSchema>

export const stationListSchema = z.object({ stations: z.array(stationSchema) })
export type StationList = z.infer<typeof stationListSchema>

export const newStationSchema = z.strictObject({
  id: stationIdSchema,
  key: z
    .string()
    .regex(/^[\x21-\x7e]{16,64}$/)
    .optional()
    .describe('16 to 64 printable characters; made by the cloud where it is left out'),
})
export type NewStation = z.infer<typeof newStationSchema>

export const stationCreatedSchema = z.object({
  station: stationSchema,
  key: z.string().nullable().describe('the key that the cloud made, shown this once; null for a given one'),
})
export type StationCreated = z.infer<typeof stationCreatedSchema>

export const seriesQuerySchema = z.strictObject({
  from: z.coerce.number().int().optional().describe('default: one hour before `to`'),
  to: z.coerce.number().int().optional().describe('default: now'),
  points: z.coerce.number().int().min(2).max(5000).default(1000).describe('at most so many, evenly thinned'),
})

/** Readings in the order of time. */
export const seriesSchema = z.object({
  stationId: stationIdSchema,
  from: timeSchema,
  to: timeSchema,
  points: z.array(sampleSchema),
  thinned: z.boolean(),
})
export type PowerSeries = z.infer<typeof seriesSchema>

/** One meter of a station: all energy of its register must be somewhere. */
export const energyCheckSchema = z.object({
  stationId: stationIdSchema,
  evseId: z.int(),
  meterSerial: z.string().nullable().describe('null where the station does not say'),
  registerFirstWh: z.int(),
  registerFirstAt: timeSchema,
  registerLastWh: z.int(),
  registerLastAt: timeSchema,
  registerDifferenceWh: z.int(),
  billedWh: z.int().describe('sum of the bill lines'),
  runningWh: z.int().describe('of transactions that have not ended'),
  notBilledWh: z.int().describe('of ended transactions that could not be billed; see their reason'),
  unattributedWh: z.int().describe('between transactions; never billed'),
  differenceWh: z
    .int()
    .describe('billed + running + not billed + unattributed − register difference; 0 when right'),
})
export type EnergyCheck = z.infer<typeof energyCheckSchema>
export const energyChecksSchema = z.object({ meters: z.array(energyCheckSchema) })
