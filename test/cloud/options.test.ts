import { expect, test } from 'vitest'
import { cloudOptions } from '../../cloud/options.ts'

const told = (args: string[], env: Record<string, string> = {}) => {
  const options = cloudOptions(args, env)
  return options.ok ? options.value : options.error.code
}

test('without a word it serves this machine only, from a folder here', () => {
  expect(told([])).toEqual({
    dataDir: 'voltkeep-cloud',
    databaseUrl: null,
    host: '127.0.0.1',
    port: 8080,
    clockOffsetMs: 0,
    apiToken: null,
  })
})

test('every option is taken; the database may come from the environment', () => {
  const args = ['--data', '/d', '--host', '0.0.0.0', '--port', '0', '--clock-offset-ms=-5']
  const env = { DATABASE_URL: 'postgres://u:p@h/d', VOLTKEEP_API_TOKEN: 'a-long-enough-token' }
  expect(told(args, env)).toEqual({
    dataDir: '/d',
    databaseUrl: 'postgres://u:p@h/d',
    host: '0.0.0.0',
    port: 0,
    clockOffsetMs: -5,
    apiToken: 'a-long-enough-token',
  })
})

test.each([
  [['--colour', 'red'], 'WRONG_OPTION'],
  [['stray'], 'WRONG_OPTION'],
  [['--port', 'http'], 'WRONG_OPTION'],
  [['--port', '65536'], 'WRONG_OPTION'],
  [['--clock-offset-ms', '1.5'], 'WRONG_OPTION'],
  [['--database-url', 'mysql://h/d'], 'WRONG_OPTION'],
  [['--host', '0.0.0.0'], 'TOKEN_MISSING'],
])('%j is refused', (args, code) => {
  expect(told(args)).toBe(code)
})

test('a refused database address is not repeated: it may hold a password', () => {
  expect(JSON.stringify(cloudOptions(['--database-url', 'mysql://u:secret@h/d'], {}))).not.toContain('secret')
})
