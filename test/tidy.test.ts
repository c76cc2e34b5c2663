// The rules that no linter knows, on the whole repository. Each rule is tried on a mutated tree too, so that a rule that
// has gone blind is seen; each says that it looked at something.
import { describe, expect, it } from 'vitest'
import { FAULTS_PAGE, faultsPage } from '../scripts/generate-faults.ts'
import { FAULTS } from '../shared/faults.ts'
import {
  driversOf,
  driversThatKnowDrivers,
  filesOutsideRooms,
  importsOutsideTheTable,
  zodInControl,
} from './tidy/rooms.ts'
import { type Finding, importsOf, readTree, type Tree } from './tidy/tree.ts'
import {
  bannedWords,
  codeFiles,
  deadLinks,
  lockedHosts,
  pages,
  uncoveredFaults,
  unknownCommands,
} from './tidy/words.ts'

const tree = readTree()
const with_ = (files: Readonly<Record<string, string>>): Tree => new Map([...tree, ...Object.entries(files)])
const lines = (findings: readonly Finding[]) => findings.map(({ file, says }) => `${file} ${says}`)

type Rule = (tree: Tree) => readonly Finding[]
/** The rule, and for each of its sides a file that must wake it. */
const RULES: readonly {
  name: string
  rule: Rule
  wakes: readonly (readonly [file: string, text: string])[]
}[] = [
  {
    name: 'imports follow the import table',
    rule: importsOutsideTheTable,
    wakes: [
      ['shared/x.ts', "import { a } from './io/system-clock.ts'"],
      ['shared/x.ts', "import 'node:fs'"],
      ['shared/units.ts', "import type { Box } from '../agent/keeper/ports.ts'"],
      ['shared/io/x.ts', "import 'zod'"],
      ['agent/control/safety/x.ts', "import { readFile } from 'node:fs/promises'"],
      ['agent/control/safety/x.ts', "import type { KeeperConfig } from '../../keeper/config.ts'"],
      ['agent/control/limits/x.ts', "import {\n  systemClock,\n} from '../../../shared/io/system-clock.ts'"],
      ['agent/control/x.ts', "import type { Box } from '../keeper/ports.ts'"],
      ['agent/control/x.ts', "const z = await import('zod')"],
      ['agent/keeper/mqtt/x.ts', "import './../ocpp/x.ts'"],
      ['agent/keeper/store/x.ts', "import 'fastify'"],
      ['agent/keeper/x.ts', "import { a } from '../../shared/no-such-file.ts'"],
      ['cloud/csms/x.ts', "import type { Box } from '../../agent/keeper/ports.ts'"],
      ['cloud/billing/x.ts', "import 'kysely'"],
      ['cloud/console/x.tsx', "import 'pino'"],
      ['hw-sim/x.ts', "export * from '../agent/control/config.ts'"],
      ['agent/cli/x.ts', "import '../control/main.ts'"],
      ['shared/x.ts', "import { readTree } from '../test/tidy/tree.ts'"],
    ],
  },
  {
    name: 'control loads no zod',
    rule: zodInControl,
    wakes: [['agent/control/x.ts', "import { command } from '../../shared/api/commands.ts'"]],
  },
  {
    name: 'drivers never know each other',
    rule: driversThatKnowDrivers,
    wakes: driversOf(tree).map(
      (driver) =>
        [
          driver,
          `import { ours } from '../../../../${driversOf(tree).find((other) => other !== driver)}'`,
        ] as const,
    ),
  },
  {
    name: 'every file lies in a room',
    rule: filesOutsideRooms,
    wakes: [
      ['utils/helpers.ts', ''],
      ['agent/index.ts', ''],
      ['notes.md', ''],
      ['test/agent/control/no-such-room/a.test.ts', ''],
    ],
  },
  {
    name: 'nothing banned is written',
    rule: bannedWords,
    wakes: [
      ['shared/x.ts', '// TODO later'],
      ['shared/x.ts', 'const a = b as any'],
      ['shared/x.ts', 'try { a() } catch {}'],
      ['hw-sim/x.ts', 'this.terminal.kill()'],
      ['hw-sim/x.ts', 'pty.destroy()'],
      ['hw-sim/x.ts', "import { open } from '@lydell/node-pty'\nconst pair = open({})\npair.kill()"],
      ['test/agent/x.test.ts', "it.skip('a', () => {})"],
      ['docs/x.md', 'see /home/somebody/notes'],
    ],
  },
  {
    name: 'links point to files',
    rule: deadLinks,
    wakes: [['docs/x.md', 'as [told](safety/no-such-page.md#a)']],
  },
  {
    name: 'told commands exist',
    rule: unknownCommands,
    wakes: [['docs/x.md', 'run `npm run no-such-script`']],
  },
  {
    name: 'the lock file names no host',
    rule: lockedHosts,
    wakes: [['package-lock.json', '"resolved": "https://example.org/a.tgz"']],
  },
]

describe.each(RULES)('$name', ({ rule, wakes }) => {
  it('in the whole tree', () => {
    expect(lines(rule(tree))).toEqual([])
  })
  it.each(wakes)('%s is found when it says: %s', (file, text) => {
    expect(rule(with_({ [file]: text })).length).toBeGreaterThan(rule(tree).length)
  })
})

it('the rules looked at code, at imports and at pages', () => {
  const imports = [...tree].flatMap(([file, text]) => importsOf(file, text))
  expect(codeFiles(tree).length).toBeGreaterThan(40)
  expect(imports.filter(({ kind }) => kind === 'file').length).toBeGreaterThan(40)
  expect(driversOf(tree).length).toBeGreaterThan(1)
  expect(pages(tree).length).toBeGreaterThan(0)
})

it(`${FAULTS_PAGE} is the fault table (npm run generate writes it)`, () => {
  expect(FAULTS.length).toBeGreaterThan(0)
  expect(tree.get(FAULTS_PAGE)).toBe(faultsPage(FAULTS))
})

it('a fault whose test does not name it is found', () => {
  const first = { code: FAULTS[0].code, test: 'x.test.ts' }
  expect(uncoveredFaults(with_({ 'test/x.test.ts': '' }), [first])).toHaveLength(1)
  expect(uncoveredFaults(with_({ 'test/x.test.ts': `it('${first.code}')` }), [first])).toEqual([])
})

describe.each(FAULTS.map(({ code, test }) => ({ code, test })))('$code', (fault) => {
  it(`is named by test/${fault.test}`, () => {
    expect(lines(uncoveredFaults(tree, [fault]))).toEqual([])
  })
})
