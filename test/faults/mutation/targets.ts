// Which rooms are mutated, and which tests have to see it. The first list is the agent's; `billing` is the second.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'

export interface Target {
  readonly name: string
  /** Files and folders. */
  readonly sources: readonly string[]
  /** What vitest is asked to run: parts of paths. */
  readonly tests: readonly string[]
}

const CONTROL = 'test/agent/control'

export const TARGETS: readonly Target[] = [
  {
    name: 'limits',
    sources: ['agent/control/limits', 'shared/limits'],
    tests: [`${CONTROL}/limits/`],
  },
  {
    name: 'decide',
    sources: ['agent/control/decide.ts'],
    tests: [`${CONTROL}/decide`, `${CONTROL}/limits/`, `${CONTROL}/safety/`, `${CONTROL}/loop.test.ts`],
  },
  { name: 'facts', sources: ['agent/control/fact-book.ts'], tests: [`${CONTROL}/fact-book`] },
  { name: 'safety', sources: ['agent/control/safety'], tests: [`${CONTROL}/safety/`] },
  {
    name: 'sessions',
    sources: ['agent/keeper/sessions'],
    tests: ['test/agent/keeper/sessions/', 'test/agent/keeper/box'],
  },
  { name: 'billing', sources: ['cloud/billing'], tests: ['test/cloud/billing/'] },
]

/** Paths from the root of the tree, in order. */
export const filesOf = ({ sources }: Target, root: string): readonly string[] =>
  sources.flatMap((source) =>
    source.endsWith('.ts')
      ? [source]
      : readdirSync(join(root, source))
          .filter((name) => name.endsWith('.ts'))
          .sort()
          .map((name) => `${source}/${name}`),
  )
