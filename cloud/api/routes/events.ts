// GET /api/events: server-sent events (WHATWG HTML, 9.2) of what changes.
import type { FastifyInstance } from 'fastify'
import type { Clock } from '../../../shared/time/clock.ts'
import type { Live, LiveEvent } from '../../bus/live.ts'

/** Proxies and browsers close a stream that is silent for longer. */
const COMMENT_EVERY_MS = 15_000
/** A reader this far behind is cut off: it comes back and gets what it missed. */
const BUFFERED_MAX_BYTES = 4_000_000

export const eventRoutes = (live: Live, clock: Clock) => async (app: FastifyInstance) => {
  app.get('/api/events', { schema: { hide: true } }, (request, reply) => {
    const header = request.headers['last-event-id']
    reply.hijack()
    const stream = reply.raw
    stream.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
      ...Object.fromEntries(
        Object.entries(reply.getHeaders()).filter(([, value]) => typeof value === 'string'),
      ),
    })
    stream.write('retry: 1000\n\n')
    const stop = live.watch(typeof header === 'string' ? header : null, (event) => {
      stream.write(sseText(event))
      if (stream.writableLength > BUFFERED_MAX_BYTES) stream.destroy()
    })
    const comments = clock.every('sse comment', COMMENT_EVERY_MS, () => stream.write(': still here\n\n'))
    stream.on('close', () => {
      stop()
      comments.cancel()
    })
  })
}

/** JSON has no line breaks, so the data is one line. */
const sseText = ({ id, kind, data }: LiveEvent) =>
  `id: ${id}\nevent: ${kind}\ndata: ${JSON.stringify(data)}\n\n`
