import { expect, test } from 'vitest'
import { accessProblem, refusalOf, type Visitor } from '../../../cloud/api/access.ts'

const TOKEN = 'a-long-enough-token'
const visitor = (more: Partial<Visitor> = {}): Visitor => ({
  method: 'GET',
  route: '/api/stations',
  host: '127.0.0.1:8080',
  origin: undefined,
  authorization: undefined,
  ...more,
})
const local = { host: '127.0.0.1', token: null }
const open = { host: '0.0.0.0', token: TOKEN }
const code = (rules: typeof local | typeof open, more: Partial<Visitor> = {}) =>
  refusalOf(rules, visitor(more))?.body.code ?? 'let in'

test('another address than loopback needs a token, and a token must be worth its name', () => {
  expect(accessProblem(local)).toBeNull()
  expect(accessProblem({ host: 'localhost', token: null })).toBeNull()
  expect(accessProblem({ host: '::1', token: null })).toBeNull()
  expect(accessProblem({ host: '0.0.0.0', token: null })?.code).toBe('TOKEN_MISSING')
  expect(accessProblem({ host: '192.168.1.5', token: null })?.code).toBe('TOKEN_MISSING')
  expect(accessProblem({ host: '127.0.0.1', token: 'short' })?.code).toBe('TOKEN_TOO_SHORT')
  expect(accessProblem(open)).toBeNull()
})

test.each(['localhost', 'localhost:8080', '127.0.0.1', '127.1.2.3:80', '[::1]:8080'])(
  'on loopback %s is a name of this machine',
  (host) => {
    expect(code(local, { host })).toBe('let in')
  },
)

test.each(['evil.example', '127.0.0.1.evil.example', 'localhost.evil.example:80', '', undefined])(
  'on loopback %s is not: a foreign page may have made it point here',
  (host) => {
    expect(code(local, { host })).toBe('FOREIGN_HOST')
  },
)

test('a page of another site may look at nothing it could change', () => {
  const post = { method: 'POST', origin: 'http://evil.example' }
  expect(code(local, post)).toBe('FOREIGN_ORIGIN')
  expect(code(local, { ...post, origin: 'null' })).toBe('FOREIGN_ORIGIN')
  expect(code(local, { ...post, origin: 'http://127.0.0.1:8080' })).toBe('let in')
  expect(code(local, { method: 'POST' })).toBe('let in')
})

test('with a token the API asks for it; page and health do not', () => {
  expect(code(open)).toBe('TOKEN_NEEDED')
  expect(code(open, { authorization: `Bearer ${TOKEN}x` })).toBe('TOKEN_NEEDED')
  expect(code(open, { authorization: `Basic ${TOKEN}` })).toBe('TOKEN_NEEDED')
  expect(code(open, { authorization: `Bearer ${TOKEN}` })).toBe('let in')
  for (const route of ['/', '/*', '/healthz', '/readyz']) expect(code(open, { route })).toBe('let in')
  expect(code(open, { route: undefined })).toBe('TOKEN_NEEDED')
  expect(code(open, { route: '/a-route-of-tomorrow' })).toBe('TOKEN_NEEDED')
  expect(code(open, { host: 'cloud.example', authorization: `Bearer ${TOKEN}` })).toBe('let in')
})

test('a refusal never repeats the token that was told', () => {
  const refusal = refusalOf(open, visitor({ authorization: 'Bearer someone-elses-secret' }))
  expect(JSON.stringify(refusal)).not.toContain('secret')
})
