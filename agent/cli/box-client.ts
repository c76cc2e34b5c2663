// The box's own page as the command speaks to it: plain HTTP on the box or its local network.
import { z } from 'zod'
import { err, ok, type Result } from '../../shared/result.ts'

const time = z.number().int()
const perPhase = z.tuple([z.number(), z.number(), z.number()])

/** What the command reads of `GET /api/state`; the page may say more. */
export const BOX_STATE = z.object({
  stationId: z.string(),
  at: time,
  timeQuality: z.string(),
  timeZone: z.string(),
  control: z
    .object({
      chargingState: z.string(),
      offeredMilliamps: z.number(),
      meter: z
        .object({
          serial: z.string(),
          registerWh: z.number(),
          powerWatts: z.number(),
          currentsMilliamps: perPhase,
        })
        .nullable(),
      devices: z.array(
        z.object({
          name: z.string(),
          driver: z.string(),
          bus: z.string(),
          unitId: z.number(),
          reachable: z.boolean(),
          requests: z.number(),
          errors: z.number(),
        }),
      ),
    })
    .nullable(),
  meterAgeMs: z.number().nullable(),
  installation: z
    .object({
      version: z.number(),
      limitMilliamps: z.number(),
      phasesWired: z.number(),
      commissionedBy: z.string(),
    })
    .nullable(),
  session: z.object({ startedAt: time.nullable(), energyWh: z.number(), idToken: z.string() }).nullable(),
  override: z.object({ id: z.string() }).nullable(),
  limit: z.object({
    currentMilliamps: z.number(),
    reason: z.object({ key: z.string(), values: z.record(z.string(), z.union([z.string(), z.number()])) }),
    until: time.nullable(),
  }),
  faults: z.array(z.string()),
  csms: z.string(),
  outbox: z.object({ pending: z.number(), parked: z.number() }),
})
export type BoxState = z.infer<typeof BOX_STATE>

const PARKED = z.object({
  parked: z.array(z.object({ at: z.number().nullable(), what: z.string(), reason: z.string() })),
})

const REFUSAL = z.object({
  code: z.string(),
  message: z.string(),
  expected: z.string().optional(),
  got: z.string().optional(),
  do: z.string(),
})

export interface BoxClient {
  /** GET /api/state */
  state(): Promise<Result<BoxState, string>>
  /** GET /api/outbox: what the server refused for good, oldest first. */
  parked(): Promise<Result<z.output<typeof PARKED>['parked'], string>>
  /** POST; the answer's body as it came. The error is the whole text for a person. */
  post(path: string, body: unknown): Promise<Result<unknown, string>>
}

const ANSWER_WITHIN_MS = 10_000

export interface BoxAddress {
  /** Of the box's page, such as http://127.0.0.1:8081. */
  readonly url: string
  /** Orders need it where the box has one. */
  readonly pin?: string | undefined
}

export function boxClient({ url, pin }: BoxAddress): BoxClient {
  const headers = { 'content-type': 'application/json', ...(pin === undefined ? {} : { 'x-pin': pin }) }
  const call = async (
    method: 'GET' | 'POST',
    path: string,
    body?: unknown,
  ): Promise<Result<unknown, string>> => {
    if (!/^https?:\/\//i.test(url) || !URL.canParse(url)) return err(noAddressInWords(url))
    try {
      const response = await fetch(new URL(path, url), {
        method,
        signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
        ...(body === undefined ? {} : { body: JSON.stringify(body), headers }),
      })
      const text = await response.text()
      const answer: unknown = text === '' ? null : JSON.parse(text)
      return response.ok
        ? ok(answer)
        : err(refusalInWords(`${method} ${url}${path}`, response.status, answer))
    } catch (error) {
      if (!(error instanceof Error)) throw error
      return err(unreachableInWords(url, error))
    }
  }
  const look = async <S extends z.ZodType>(
    path: string,
    shape: S,
    what: string,
  ): Promise<Result<z.output<S>, string>> => {
    const answer = await call('GET', path)
    if (!answer.ok) return answer
    const parsed = shape.safeParse(answer.value)
    if (parsed.success) return ok(parsed.data)
    return err(
      `${url}${path}\n` +
        `  expected  ${what} of a Voltkeep box\n` +
        `  got       ${parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ')}\n` +
        '  do        check the address, and that box and command are of one version',
    )
  }
  return {
    state: () => look('/api/state', BOX_STATE, 'the state'),
    parked: async () => {
      const told = await look('/api/outbox', PARKED, 'the outbox')
      return told.ok ? ok(told.value.parked) : told
    },
    post: (path, body) => call('POST', path, body),
  }
}

function refusalInWords(request: string, status: number, answer: unknown): string {
  const refusal = REFUSAL.safeParse(answer)
  if (!refusal.success) return `${request}\n  got       HTTP ${status}\n  do        check the address`
  const { code, message, expected, got, do: advice } = refusal.data
  if (CLOUD_CODES.includes(code)) return cloudInWords(request)
  const lines = [
    `${request}: ${message} (${code})`,
    ...(expected === undefined ? [] : [`  expected  ${expected}`]),
    ...(got === undefined ? [] : [`  got       ${got}`]),
    `  do        ${advice}`,
  ]
  return lines.join('\n')
}

/** Codes that the cloud answers a box's path with (cloud/api/server.ts, cloud/api/access.ts), and no box. */
const CLOUD_CODES = ['NO_SUCH_ROUTE', 'TOKEN_NEEDED', 'FOREIGN_HOST']

const cloudInWords = (request: string): string =>
  `${request}\n` +
  '  expected  the page of a box\n' +
  '  got       the Voltkeep cloud\n' +
  "  do        name the box's own address with --url; its port is 8081 where agent.yaml names none (local.port)"

function noAddressInWords(url: string): string {
  const withScheme = `http://${url.replace(/^\/+/, '')}`
  const advice = !url.includes('://') && URL.canParse(withScheme) ? withScheme : 'http://127.0.0.1:8081'
  return (
    `--url ${url}\n` +
    '  expected  an address that begins with http:// or https://\n' +
    `  got       ${url === '' ? 'nothing' : url}\n` +
    `  do        write --url ${advice}`
  )
}

function unreachableInWords(url: string, error: Error): string {
  const cause = error.cause instanceof Error ? error.cause.message : error.message
  return (
    `${url}\n` +
    '  expected  the page of a box that runs (voltkeep agent)\n' +
    `  got       ${cause || error.name}\n` +
    '  do        name the address with --url, or look whether keeper runs; its log says where it listens'
  )
}
