// Runs in a copy of the tree: takes mutants one by one, writes each into its file, runs the tests that have to see it, and
// tells what came of it, a line each. It is killed and started again where a mutant never ends.
// Arguments: the list's file (JSON), the number of the mutant to begin with.
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { createVitest } from 'vitest/node'
import { type Mutant, mutated } from './mutate.ts'

const [, , listPath = '', from = '0'] = process.argv
// As the trial wrote it.
const { mutants, tests } = JSON.parse(readFileSync(listPath, 'utf8')) as {
  mutants: readonly Mutant[]
  tests: readonly string[]
}
const tell = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`)

const vitest = await createVitest('test', {
  watch: false,
  bail: 1,
  pool: 'threads',
  maxWorkers: 1,
  fileParallelism: false,
  reporters: [{}],
  testTimeout: 10_000,
})
await vitest.standalone()
const specifications = await vitest.globTestSpecifications([...tests])

/** The names of the tests that failed; null where all passed. */
async function run(file: string | null): Promise<string | null> {
  if (file !== null) vitest.invalidateFile(resolve(file))
  const { testModules, unhandledErrors } = await vitest.runTestSpecifications(specifications)
  if (unhandledErrors.length > 0) return 'an error that no test caught'
  for (const module of testModules) {
    for (const test of module.children.allTests('failed')) return test.fullName
    if (!module.ok()) return `${module.relativeModuleId} could not be loaded`
  }
  return null
}

/** The gate of a change is the compiler before any test; it is slower, so it is asked only for what no test noticed. */
const compiles = () =>
  spawnSync('node_modules/.bin/tsc', ['-p', '.', '--noEmit', '--incremental', 'false']).status === 0

if (specifications.length === 0) {
  tell({ kind: 'trouble', detail: `no test file fits ${tests.join(', ')}` })
  process.exit(1)
}
const before = await run(null)
if (before !== null) {
  tell({ kind: 'trouble', detail: `a test fails without any mutant: ${before}` })
  process.exit(1)
}
tell({ kind: 'ready', files: specifications.length })
for (const [index, mutant] of mutants.entries()) {
  if (index < Number(from)) continue
  const source = readFileSync(mutant.file, 'utf8')
  tell({ kind: 'begun', index })
  writeFileSync(mutant.file, mutated(source, mutant))
  const killedBy = (await run(mutant.file)) ?? (compiles() ? null : 'the compiler')
  writeFileSync(mutant.file, source)
  vitest.invalidateFile(resolve(mutant.file))
  tell({ kind: 'done', index, killedBy })
}
await vitest.close()
process.exit(0)
