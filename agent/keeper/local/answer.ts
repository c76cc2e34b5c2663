// How the page's server answers: JSON, and errors that help. The shape is that of the cloud's API errors.
import type { ServerResponse } from 'node:http'
import type { Refusal } from '../ports.ts'

export interface LocalError {
  readonly code: string
  /** What was wrong, and where. */
  readonly message: string
  readonly expected: string
  readonly got: string
  /** What to do about it. */
  readonly do: string
}

export interface Answer {
  readonly status: number
  readonly body: unknown
  readonly headers?: Readonly<Record<string, string>>
}

export const failure = (status: number, error: LocalError, headers: Answer['headers'] = {}): Answer => ({
  status,
  body: error,
  headers,
})

/** The box did not do it; nothing was changed. */
export const refused = ({ code, message, do: advice }: Refusal): Answer =>
  failure(409, {
    code,
    message,
    expected: 'a box whose state allows it',
    got: message,
    do: advice,
  })

export function send(response: ServerResponse, { status, body, headers }: Answer) {
  const text = JSON.stringify(body)
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...headers,
  })
  response.end(text)
}
