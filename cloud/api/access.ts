// Who may speak to the API. On the loopback address everyone on this machine; so a page of another site must not get
// in by naming its own host for 127.0.0.1 (DNS rebinding), nor post across sites. Elsewhere only with the token.
import { createHash, timingSafeEqual } from 'node:crypto'
import type { ApiError } from '../../shared/api/common.ts'

export interface AccessRules {
  /** The address that the server listens on. */
  readonly host: string
  /** VOLTKEEP_API_TOKEN; null where it is not set. */
  readonly token: string | null
}

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)

/** What is wrong with these rules; null when the server may start with them. */
export function accessProblem({ host, token }: AccessRules): ApiError | null {
  if (token !== null && token.length < 16) {
    return {
      code: 'TOKEN_TOO_SHORT',
      message: 'VOLTKEEP_API_TOKEN is too short to protect anything.',
      expected: 'at least 16 characters',
      got: `${token.length} characters`,
      do: 'Set it to a long random word, for example from: openssl rand -hex 24',
    }
  }
  if (token !== null || isLoopback(host)) return null
  return {
    code: 'TOKEN_MISSING',
    message: `The API would be open to everyone who reaches ${host}.`,
    expected: 'VOLTKEEP_API_TOKEN in the environment, or --host 127.0.0.1',
    got: `--host ${host} and no token`,
    do: 'Set VOLTKEEP_API_TOKEN, and give it to those who may use the API.',
  }
}

export interface Visitor {
  readonly method: string
  /**
   * The route that answers, as it was registered; undefined where none does. Never the URL: `/%61pi`, `http://x/api` and
   * `/api` are three spellings of one route, and only the router knows them all.
   */
  readonly route: string | undefined
  readonly host: string | undefined
  readonly origin: string | undefined
  readonly authorization: string | undefined
}

/** What is shown without the token: the console's files (they hold no data) and the health. All else asks for it. */
const OPEN_ROUTES: ReadonlySet<string> = new Set(['/', '/*', '/healthz', '/readyz'])

/** Why a request is refused; null when it may go on. */
export function refusalOf(
  rules: AccessRules,
  visitor: Visitor,
): { readonly status: 401 | 403; readonly body: ApiError } | null {
  if (isLoopback(rules.host) && !isLoopback(hostName(visitor.host ?? ''))) {
    return {
      status: 403,
      body: {
        code: 'FOREIGN_HOST',
        message: 'This server listens on the loopback address and was asked by another name.',
        expected: 'Host: localhost or 127.0.0.1',
        got: visitor.host ?? 'no Host header',
        do: 'Open it as http://127.0.0.1, or start it with --host and a token.',
      },
    }
  }
  if (
    visitor.method !== 'GET' &&
    visitor.origin !== undefined &&
    !isSameOrigin(visitor.origin, visitor.host)
  ) {
    return {
      status: 403,
      body: {
        code: 'FOREIGN_ORIGIN',
        message: 'A page of another site may not change anything here.',
        expected: `Origin: ${visitor.host ?? 'this server'}`,
        got: visitor.origin,
        do: 'Use the console that this server serves.',
      },
    }
  }
  if (rules.token === null || OPEN_ROUTES.has(visitor.route ?? '')) return null
  const told = /^Bearer (\S+)$/.exec(visitor.authorization ?? '')?.[1]
  if (told !== undefined && sameSecret(told, rules.token)) return null
  return {
    status: 401,
    body: {
      code: 'TOKEN_NEEDED',
      message: 'The API asks for its token.',
      expected: 'Authorization: Bearer <VOLTKEEP_API_TOKEN>',
      got: visitor.authorization === undefined ? 'no Authorization header' : 'another token',
      do: 'Send the token that the operator of this server gave you.',
    },
  }
}

/** The name of a Host header, without its port. */
const hostName = (host: string) => host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')

const isSameOrigin = (origin: string, host: string | undefined) =>
  origin.replace(/^https?:\/\//, '').toLowerCase() === (host ?? '').toLowerCase()

/** Compared in constant time, whatever the lengths. */
function sameSecret(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(a), digest(b))
}
