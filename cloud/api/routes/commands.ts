// Commands to a station: recorded, sent, answered.
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { commandListSchema, commandRecordSchema, commandSchema } from '../../../shared/api/commands.ts'
import { errorSchema, stationIdSchema } from '../../../shared/api/common.ts'
import { noSuchStation } from '../errors.ts'
import type { ApiPorts } from '../ports.ts'

const params = z.strictObject({ id: stationIdSchema })

export const commandRoutes =
  ({ stations, commands }: ApiPorts): FastifyPluginAsyncZod =>
  async (app) => {
    app.post(
      '/api/stations/:id/commands',
      {
        schema: {
          tags: ['commands'],
          summary: "Sends a command and waits for the station's answer, at most 30 s.",
          params,
          body: commandSchema,
          response: { 200: commandRecordSchema, 404: errorSchema },
        },
      },
      async (request) => {
        const { id } = request.params
        if (!(await stations.one(id))) throw noSuchStation(id)
        return commands.send(id, request.body)
      },
    )
    app.get(
      '/api/stations/:id/commands',
      { schema: { tags: ['commands'], params, response: { 200: commandListSchema, 404: errorSchema } } },
      async (request) => {
        const { id } = request.params
        if (!(await stations.one(id))) throw noSuchStation(id)
        return { commands: await commands.list(id) }
      },
    )
  }
