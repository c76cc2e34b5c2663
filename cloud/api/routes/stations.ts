// Stations: list, make known, look at, power series, energy check.
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { errorSchema, stationIdSchema } from '../../../shared/api/common.ts'
import {
  energyChecksSchema,
  newStationSchema,
  seriesQuerySchema,
  seriesSchema,
  stationCreatedSchema,
  stationListSchema,
  stationSchema,
} from '../../../shared/api/stations.ts'
import type { Clock } from '../../../shared/time/clock.ts'
import { noSuchStation, stationExists } from '../errors.ts'
import type { ApiPorts } from '../ports.ts'

const HOUR_MS = 3_600_000
const params = z.strictObject({ id: stationIdSchema })

export const stationRoutes =
  ({ stations }: ApiPorts, clock: Clock): FastifyPluginAsyncZod =>
  async (app) => {
    const known = async (id: string) => {
      const station = await stations.one(id)
      if (!station) throw noSuchStation(id)
      return station
    }
    app.get(
      '/api/stations',
      { schema: { tags: ['stations'], response: { 200: stationListSchema } } },
      async () => ({
        stations: await stations.list(),
      }),
    )
    app.post(
      '/api/stations',
      {
        schema: {
          tags: ['stations'],
          summary: 'Makes a station known; a key that the cloud makes is shown this once.',
          body: newStationSchema,
          response: { 201: stationCreatedSchema, 409: errorSchema },
        },
      },
      async (request, reply) => {
        const made = await stations.add(request.body)
        if (!made) throw stationExists(request.body.id)
        return reply.code(201).send(made)
      },
    )
    app.get(
      '/api/stations/:id',
      { schema: { tags: ['stations'], params, response: { 200: stationSchema, 404: errorSchema } } },
      async (request) => known(request.params.id),
    )
    app.get(
      '/api/stations/:id/series',
      {
        schema: {
          tags: ['stations'],
          summary: 'Readings for the power chart.',
          params,
          querystring: seriesQuerySchema,
          response: { 200: seriesSchema, 404: errorSchema },
        },
      },
      async (request) => {
        const { id } = await known(request.params.id)
        const to = request.query.to ?? clock.wall()
        const from = request.query.from ?? to - HOUR_MS
        return stations.series({ stationId: id, from, to, points: request.query.points })
      },
    )
    app.get(
      '/api/stations/:id/energy',
      {
        schema: {
          tags: ['stations'],
          summary: 'Where all energy of the meter went: billed, running, not billed, unattributed.',
          params,
          response: { 200: energyChecksSchema, 404: errorSchema },
        },
      },
      async (request) => {
        const { id } = await known(request.params.id)
        return { meters: await stations.energy(id) }
      },
    )
  }
