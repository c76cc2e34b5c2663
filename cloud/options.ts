// The command line of the cloud: what may be said, with defaults, and what is wrong with what was said.
import { parseArgs } from 'node:util'
import type { ApiError } from '../shared/api/common.ts'
import { err, ok, type Result } from '../shared/result.ts'
import { accessProblem } from './api/access.ts'

export interface CloudOptions {
  /** Folder of the server's key, and of the SQLite file where no other database is named. */
  readonly dataDir: string
  readonly databaseUrl: string | null
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  readonly clockOffsetMs: number
  readonly apiToken: string | null
}

export const USAGE = `voltkeep cloud [--data DIR] [--database-url postgres://…] [--host 127.0.0.1] [--port 8080] [--clock-offset-ms N]
  --data             folder for the server's key and the SQLite file (default ./voltkeep-cloud)
  --database-url     PostgreSQL instead of the SQLite file (or DATABASE_URL)
  --host             address to listen on; another than a loopback address needs VOLTKEEP_API_TOKEN
  --port             one port for stations (/ocpp/<id>), API (/api), live events and console; 0 takes a free one
  --clock-offset-ms  added to the wall clock, for demonstrations
`

type Env = Readonly<Record<string, string | undefined>>

export function cloudOptions(args: readonly string[], env: Env): Result<CloudOptions, ApiError> {
  const parsed = parse(args)
  if (!parsed.ok) return parsed
  const values = parsed.value
  const port = wholeNumber('--port', values.port ?? '8080', { min: 0, max: 65_535 })
  if (!port.ok) return port
  const offset = wholeNumber('--clock-offset-ms', values['clock-offset-ms'] ?? '0', {
    min: -(2 ** 52),
    max: 2 ** 52,
  })
  if (!offset.ok) return offset
  const databaseUrl = values['database-url'] ?? env['DATABASE_URL'] ?? null
  if (databaseUrl !== null && !/^postgres(ql)?:\/\//.test(databaseUrl)) {
    // The text may hold a password: it is not repeated.
    return wrong('--database-url', 'postgres://user:password@host:port/name', 'another kind of address')
  }
  const options = {
    dataDir: values.data ?? 'voltkeep-cloud',
    databaseUrl,
    host: values.host ?? '127.0.0.1',
    port: port.value,
    clockOffsetMs: offset.value,
    apiToken: env['VOLTKEEP_API_TOKEN'] ?? null,
  }
  const problem = accessProblem({ host: options.host, token: options.apiToken })
  return problem ? err(problem) : ok(options)
}

function parse(args: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        data: { type: 'string' },
        'database-url': { type: 'string' },
        host: { type: 'string' },
        port: { type: 'string' },
        'clock-offset-ms': { type: 'string' },
      },
    })
    return ok(values)
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    return wrong('the command line', 'the options below', error.message)
  }
}

function wholeNumber(name: string, text: string, { min, max }: { min: number; max: number }) {
  const value = Number(text)
  return /^-?\d+$/.test(text) && value >= min && value <= max
    ? ok(value)
    : wrong(name, `a whole number from ${min} to ${max}`, text)
}

const wrong = (where: string, expected: string, got: string) =>
  err({
    code: 'WRONG_OPTION',
    message: `${where} is not right.`,
    expected,
    got,
    do: 'Mend it and start again; nothing was started.',
  })
