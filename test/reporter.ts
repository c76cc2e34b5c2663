// What a machine without eyes needs of a test run: one line a file, each failure with its place, each skip with its
// reason, and a closing line `N passed, N failed[, N skipped]`. A test that was skipped without saying why has failed.
import { relative } from 'node:path'
import type { SerializedError } from 'vitest'
import type { Reporter, TestCase, TestModule, TestSuite } from 'vitest/node'

/** Gates that failed before the tests, told by `.ci/run` (names apart by spaces): they are in the closing line too. */
const FAILED_GATES = 'FAILED_GATES'

const say = (line: string) => process.stdout.write(`${line}\n`)
const indent = (text: string) => text.replace(/^/gm, '    ')

const describeError = (error: SerializedError): string => {
  const shown = [error.message || String(error.name ?? 'unknown error')]
  if (typeof error['diff'] === 'string') shown.push(error['diff'])
  for (const frame of error.stacks?.slice(0, 4) ?? [])
    shown.push(`at ${relative(process.cwd(), frame.file)}:${frame.line}:${frame.column}`)
  return shown.join('\n')
}

export default class ClosingLine implements Reporter {
  readonly #skips: string[] = []
  readonly #failures: string[] = []
  #passed = 0

  #fail(what: string, errors: readonly SerializedError[]) {
    this.#failures.push(what)
    say(`FAILED  ${what}`)
    for (const error of errors) say(indent(describeError(error)))
  }

  onTestCaseResult(test: TestCase) {
    const result = test.result()
    const name = `${test.module.relativeModuleId} > ${test.fullName}`
    if (result.state === 'passed') this.#passed++
    else if (result.state === 'failed') this.#fail(name, result.errors)
    else if (result.state === 'skipped' && result.note) this.#skips.push(`${name}: ${result.note}`)
    else this.#fail(`${name}: did not run and gives no reason (ctx.skip(condition, reason) does)`, [])
  }

  /** A hook that throws fails its suite, not one of its tests. */
  onTestSuiteResult(suite: TestSuite) {
    if (suite.errors().length > 0)
      this.#fail(`${suite.module.relativeModuleId} > ${suite.fullName}`, suite.errors())
  }

  onTestModuleEnd(module: TestModule) {
    if (module.errors().length > 0) this.#fail(module.relativeModuleId, module.errors())
    const tests = [...module.children.allTests()].length
    if (tests === 0) this.#fail(`${module.relativeModuleId}: holds no test`, [])
    say(
      `${(module.diagnostic().duration / 1000).toFixed(1).padStart(6)} s  ${tests} tests  ${module.relativeModuleId}`,
    )
  }

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]) {
    if (modules.length === 0) this.#fail('no test file was found', [])
    for (const error of unhandled) this.#fail('an error that no test caught', [error])
    for (const gate of (process.env[FAILED_GATES] ?? '').split(' ').filter(Boolean))
      this.#fail(`gate ${gate}`, [])
    for (const skip of this.#skips) say(`SKIPPED ${skip}`)
    const failed = this.#failures.length
    if (failed > 0) process.exitCode = 1
    const skipped = this.#skips.length > 0 ? `, ${this.#skips.length} skipped` : ''
    say(`${this.#passed} passed, ${failed} failed${skipped}`)
  }
}
