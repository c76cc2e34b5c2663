// The reporter of unattended runs, tried on real vitest runs over small suites.
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'

const root = join(import.meta.dirname, '..')
const made: string[] = []
afterEach(async () => {
  for (const folder of made.splice(0)) await rm(folder, { recursive: true, force: true })
})

async function run(files: Readonly<Record<string, string>>, env: NodeJS.ProcessEnv = {}) {
  // Inside the repository, so that `vitest` is found from there.
  await mkdir(join(root, 'test/.out'), { recursive: true })
  const folder = await mkdtemp(join(root, 'test/.out/reporter-'))
  made.push(folder)
  // Without one of its own vitest would take the repository's.
  await writeFile(join(folder, 'vitest.config.mjs'), 'export default {}\n')
  for (const [name, body] of Object.entries(files))
    await writeFile(join(folder, name), `import { beforeAll, describe, expect, it } from 'vitest'\n${body}\n`)
  const vitest = join(root, 'node_modules/vitest/vitest.mjs')
  const options = ['run', '--root', folder, '--reporter', join(root, 'test/reporter.ts')]
  return new Promise<{ code: number; lines: string[]; closing: string }>((resolve) => {
    const child = execFile(
      process.execPath,
      [vitest, ...options],
      { env: { ...process.env, FAILED_GATES: '', ...env } },
      (_error, stdout) => {
        const lines = stdout.trimEnd().split('\n')
        resolve({ code: child.exitCode ?? -1, lines, closing: lines.at(-1) ?? '' })
      },
    )
  })
}

const GREEN = "it('adds', () => expect(1 + 1).toBe(2))"

it('a green run closes with its count and exit code 0', async () => {
  const { code, closing } = await run({ 'a.test.ts': GREEN, 'b.test.ts': GREEN })
  expect({ code, closing }).toEqual({ code: 0, closing: '2 passed, 0 failed' })
})

it('a skip is counted and its reason told', async () => {
  const { code, lines, closing } = await run({
    'a.test.ts': `${GREEN}\nit('browses', (ctx) => ctx.skip(true, 'no browser here'))`,
  })
  expect(lines).toContain('SKIPPED a.test.ts > browses: no browser here')
  expect({ code, closing }).toEqual({ code: 0, closing: '1 passed, 0 failed, 1 skipped' })
})

it.each([
  ['a failing test', "it('adds', () => expect(1 + 1).toBe(3))", '0 passed, 1 failed'],
  ['a skip without a reason', `${GREEN}\nit.skip('later', () => {})`, '1 passed, 1 failed'],
  ['a file that throws', "throw new Error('at import')", '0 passed, 2 failed'],
  ['a file without tests', 'export const nothing = 1', '0 passed, 2 failed'],
  [
    'a hook that throws',
    "describe('s', () => { beforeAll(() => { throw new Error('hook') }); it('never ran', () => {}) })",
    '0 passed, 2 failed',
  ],
])('%s is red', async (_what, body, expected) => {
  const { code, closing } = await run({ 'a.test.ts': body })
  expect({ code, closing }).toEqual({ code: 1, closing: expected })
})

it('a run that finds no file is red', async () => {
  const { code, closing } = await run({})
  expect({ code, closing }).toEqual({ code: 1, closing: '0 passed, 1 failed' })
})

it('gates that failed before the tests are in the closing line', async () => {
  const { code, closing } = await run({ 'a.test.ts': GREEN }, { FAILED_GATES: 'biome knip' })
  expect({ code, closing }).toEqual({ code: 1, closing: '1 passed, 2 failed' })
})
