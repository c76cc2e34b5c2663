// The HTTP side of the cloud: API with its OpenAPI description, live events, health, and the console's files.
import { existsSync } from 'node:fs'
import fastifyStatic from '@fastify/static'
import swagger from '@fastify/swagger'
import Fastify, { type FastifyInstance } from 'fastify'
import {
  hasZodFastifySchemaValidationErrors,
  jsonSchemaTransform,
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider,
} from 'fastify-type-provider-zod'
import type { ApiError } from '../../shared/api/common.ts'
import type { Clock } from '../../shared/time/clock.ts'
import type { Live } from '../bus/live.ts'
import { type AccessRules, refusalOf } from './access.ts'
import { ApiFailure } from './errors.ts'
import type { ApiPorts } from './ports.ts'
import { commandRoutes } from './routes/commands.ts'
import { eventRoutes } from './routes/events.ts'
import { stationRoutes } from './routes/stations.ts'
import { transactionRoutes } from './routes/transactions.ts'

export interface ApiOptions {
  readonly ports: ApiPorts
  readonly live: Live
  readonly clock: Clock
  readonly access: AccessRules
  /** Folder of the built console; may be missing. */
  readonly consoleDir: string
  readonly version: string
  readonly log: { error(fields: object, message: string): void }
}

export async function apiServer(options: ApiOptions): Promise<FastifyInstance> {
  const { ports, live, clock, log } = options
  const app = Fastify({
    logger: false,
    bodyLimit: 256 * 1024,
    // Event streams stay open for ever; at the end they are closed, not waited for.
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 200 },
  }).withTypeProvider<ZodTypeProvider>()
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(serializerCompiler)
  guard(app, options.access)
  answerErrors(app, log)
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Voltkeep cloud',
        version: options.version,
        description:
          'Times are milliseconds since 1970 (UTC), energy is Wh, prices are 10^-9 per kWh, amounts are minor units.',
      },
    },
    transform: jsonSchemaTransform,
  })
  await app.register(stationRoutes(ports, clock))
  await app.register(transactionRoutes(ports))
  await app.register(commandRoutes(ports))
  await app.register(eventRoutes(live, clock))
  app.get('/api/openapi.json', { schema: { hide: true } }, () => app.swagger())
  app.get('/healthz', { schema: { hide: true } }, () => ({ alive: true }))
  app.get('/readyz', { schema: { hide: true } }, async () => {
    await ports.ping()
    return { ready: true }
  })
  await serveConsole(app, options.consoleDir)
  return app
}

function guard(app: FastifyInstance, access: AccessRules) {
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-content-type-options', 'nosniff')
    reply.header('referrer-policy', 'no-referrer')
    reply.header('x-frame-options', 'DENY')
    const refusal = refusalOf(access, {
      method: request.method,
      route: request.routeOptions.url,
      host: request.headers.host,
      origin: request.headers.origin,
      authorization: request.headers.authorization,
    })
    if (refusal) return reply.code(refusal.status).send(refusal.body)
    return undefined
  })
}

function answerErrors(app: FastifyInstance, log: ApiOptions['log']) {
  app.setNotFoundHandler((request, reply) => {
    const body: ApiError = {
      code: 'NO_SUCH_ROUTE',
      message: `There is nothing at ${request.method} ${request.url}.`,
      expected: 'a route of /api/openapi.json',
      got: `${request.method} ${request.url}`,
      do: 'Read /api/openapi.json.',
    }
    return reply.code(404).send(body)
  })
  app.setErrorHandler((error, request, reply) => {
    if (error instanceof ApiFailure) return reply.code(error.status).send(error.body)
    if (hasZodFastifySchemaValidationErrors(error)) return reply.code(400).send(invalidRequest(error))
    const told = refusedByFastify(error)
    if (told) return reply.code(told.status).send(told.body)
    log.error({ why: String(error), route: request.routeOptions.url }, 'a request failed')
    const body: ApiError = {
      code: 'INTERNAL',
      message: 'The server failed; it has logged why.',
      expected: 'an answer',
      got: 'a mistake of ours, or a database that is away',
      do: 'Try again. If it stays so, tell the operator of this server the time of it.',
    }
    return reply.code(500).send(body)
  })
}

function invalidRequest(error: {
  validation: readonly { instancePath: string; message?: string | undefined }[]
  validationContext?: string | undefined
}): ApiError {
  const first = error.validation[0]
  const where = `${error.validationContext ?? 'request'}${first?.instancePath ?? ''}`
  return {
    code: 'INVALID_REQUEST',
    message: `${where} is not right.`,
    expected: error.validation
      .map((issue) => `${issue.instancePath || '/'}: ${issue.message ?? ''}`)
      .join('; '),
    got: where,
    do: 'Read /api/openapi.json for the shape.',
  }
}

/** Fastify's own refusals (no JSON, too large, wrong content type) carry a status below 500. */
function refusedByFastify(error: unknown): { status: number; body: ApiError } | null {
  if (!(error instanceof Error) || !('statusCode' in error) || typeof error.statusCode !== 'number')
    return null
  if (error.statusCode < 400 || error.statusCode >= 500) return null
  return {
    status: error.statusCode,
    body: {
      code: 'code' in error ? String(error.code) : 'BAD_REQUEST',
      message: error.message,
      expected: 'a JSON body of at most 256 KiB with Content-Type: application/json',
      got: error.message,
      do: 'Read /api/openapi.json for the shape.',
    },
  }
}

async function serveConsole(app: FastifyInstance, consoleDir: string) {
  if (!existsSync(consoleDir)) {
    app.get('/', { schema: { hide: true } }, (_request, reply) =>
      reply
        .type('text/plain; charset=utf-8')
        .send('The console is not built. Run: npm run build\nThe API is described at /api/openapi.json\n'),
    )
    return
  }
  await app.register(fastifyStatic, { root: consoleDir, index: ['index.html'], cacheControl: false })
}
