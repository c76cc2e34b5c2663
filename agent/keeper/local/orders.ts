// The orders of the page: what may be asked, in which shape, and what the box does with it. Each is answered after the
// commit. Bodies are strict: an unknown key is a mistake, not something to pass over.
import { z } from 'zod'
import { FAULTS } from '../../../shared/faults.ts'
import type { Result } from '../../../shared/result.ts'
import { currentSchema, mistakes, scheduleOrderSchema } from '../../../shared/tariff/schedule-schema.ts'
import { EPOCH_MS_MAX, epochMs } from '../../../shared/units.ts'
import type { Box, Refusal } from '../ports.ts'
import { type Answer, failure, refused } from './answer.ts'

interface Order {
  readonly shape: z.ZodType
  readonly run: (body: unknown, box: Box, from: string) => Promise<Result<unknown, Refusal>>
}

function order<S extends z.ZodType>(
  shape: S,
  run: (body: z.output<S>, box: Box, from: string) => Promise<Result<unknown, Refusal>>,
): Order {
  // The body is parsed by this very shape before `run` gets it.
  return { shape, run: (body, box, from) => run(body as z.output<S>, box, from) }
}

const instant = z
  .int()
  .min(0)
  .max(EPOCH_MS_MAX)
  .transform((at) => epochMs(at))
  .describe('milliseconds since 1970-01-01T00:00:00Z')

/** By method and path. */
export const ORDERS: Readonly<Record<string, Order>> = {
  'POST /api/override': order(z.strictObject({ until: instant.nullable().optional() }), ({ until }, box) =>
    box.override({ by: 'localPage', until: until ?? null }),
  ),
  'DELETE /api/override': order(z.strictObject({}), (_none, box) => box.endOverride()),
  'POST /api/user-limit': order(
    z.strictObject({ limitMilliamps: currentSchema.nullable() }),
    ({ limitMilliamps }, box) => box.setUserLimit(limitMilliamps),
  ),
  'POST /api/commission': order(
    z.strictObject({
      limitMilliamps: currentSchema,
      phasesWired: z.union([z.literal(1), z.literal(3)]),
      by: z.string().trim().min(1).max(100),
    }),
    (commissioning, box) => box.commission(commissioning),
  ),
  'POST /api/schedule': order(
    z.strictObject({ schedule: scheduleOrderSchema.nullable() }),
    ({ schedule }, box) => box.setSchedule(schedule),
  ),
  'POST /api/clear-fault': order(
    z.strictObject({ code: z.enum(FAULTS.map(({ code }) => code)) }),
    ({ code }, box, from) => box.clearFault({ code, by: `local page, ${from}` }),
  ),
  'POST /api/outbox/retry': order(z.strictObject({}), (_none, box, from) =>
    box.retryParked({ by: `local page, ${from}` }),
  ),
  'POST /api/stop': order(z.strictObject({}), (_none, box) =>
    box.stop({ uuid: box.snapshot().session?.uuid ?? null, by: 'local' }),
  ),
}

/** Longest body of an order, bytes. */
export const BODY_BYTES_MAX = 16_384

/** Carries the order of `from` out; an empty body counts as `{}`. */
export async function carryOut(order: Order, text: string, box: Box, from: string): Promise<Answer> {
  let value: unknown
  try {
    value = text.trim() === '' ? {} : JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError)
      return malformed('The body is no JSON.', 'a JSON object', text.slice(0, 80))
    throw error
  }
  const body = order.shape.safeParse(value)
  if (!body.success) {
    const got = JSON.stringify(value)?.slice(0, 200) ?? ''
    return malformed(mistakes(body.error), 'the body as docs and page send it', got)
  }
  const done = await order.run(body.data, box, from)
  return done.ok ? { status: 200, body: done.value } : refused(done.error)
}

const malformed = (message: string, expected: string, got: string): Answer =>
  failure(400, { code: 'MALFORMED', message, expected, got, do: 'Send it in the shape that is expected.' })
