// Transactions with their bills, and the tariffs behind them.
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { errorSchema, stationIdSchema } from '../../../shared/api/common.ts'
import { tariffListSchema } from '../../../shared/api/tariffs.ts'
import {
  transactionListSchema,
  transactionQuerySchema,
  transactionSchema,
} from '../../../shared/api/transactions.ts'
import { noSuchTransaction } from '../errors.ts'
import type { ApiPorts } from '../ports.ts'

export const transactionRoutes =
  ({ transactions, tariffs }: ApiPorts): FastifyPluginAsyncZod =>
  async (app) => {
    app.get(
      '/api/transactions',
      {
        schema: {
          tags: ['transactions'],
          summary: 'Newest start first.',
          querystring: transactionQuerySchema,
          response: { 200: transactionListSchema },
        },
      },
      async (request) => ({ transactions: await transactions.list(request.query) }),
    )
    app.get(
      '/api/stations/:id/transactions/:transactionId',
      {
        schema: {
          tags: ['transactions'],
          params: z.strictObject({ id: stationIdSchema, transactionId: z.string().min(1).max(36) }),
          response: { 200: transactionSchema, 404: errorSchema },
        },
      },
      async (request) => {
        const { id: stationId, transactionId } = request.params
        const found = await transactions.one({ stationId, transactionId })
        if (!found) throw noSuchTransaction(stationId, transactionId)
        return found
      },
    )
    app.get(
      '/api/tariffs',
      { schema: { tags: ['transactions'], response: { 200: tariffListSchema } } },
      async () => ({ billing: tariffs.billing, tariffs: [...tariffs.all] }),
    )
  }
