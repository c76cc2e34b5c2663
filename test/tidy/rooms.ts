// The import table: which room may know which, and with which packages. The first row whose path fits a file holds.
import { type Finding, importsOf, isCode, type Tree } from './tree.ts'

interface Room {
  readonly at: string
  /** Paths that its files may import; its own is always among them. */
  readonly knows: readonly string[]
  readonly packages: readonly string[]
  readonly node: boolean
}

const room = (
  at: string,
  knows: readonly string[],
  packages: readonly string[] = [],
  node: 'node' | 'noNode' = 'node',
): Room => ({ at, knows: [at, ...knows], packages, node: node === 'node' })

const KEEPER = [
  ...['agent/control-link/', 'agent/keeper/ports.ts', 'agent/keeper/config.ts', 'agent/keeper/pin.ts'],
  'shared/',
]
/** All of keeper but its adapters, which main.ts puts together. */
const KEEPER_CORE = [
  ...['agent/keeper/', '!agent/keeper/ocpp/', '!agent/keeper/mqtt/', '!agent/keeper/local/'],
  ...['agent/control-link/', 'shared/'],
]
const KEEPER_PACKAGES = ['better-sqlite3', 'mqtt', 'aedes', 'node-cron', 'pino', 'temporal-polyfill', 'zod']
const CORES = ['shared/', '!shared/io/']
const CLOUD = ['cloud/', '!cloud/console/', 'shared/', 'package.json']
const CLOUD_PACKAGES = [
  ...['@fastify/static', '@fastify/swagger', 'better-sqlite3', 'fastify', 'fastify-type-provider-zod'],
  ...['kysely', 'node-cron', 'pg', 'pino', 'temporal-polyfill', 'zod'],
]

const ROOMS: readonly Room[] = [
  room('shared/io/', ['shared/'], ['ocpp-rpc']),
  room('shared/', ['!shared/io/'], ['zod', 'temporal-polyfill'], 'noNode'),
  room(
    'agent/control/safety/',
    ['agent/control/ports/', 'agent/control-link/messages.ts', ...CORES],
    [],
    'noNode',
  ),
  room(
    'agent/control/limits/',
    ['agent/control/ports/', 'agent/control-link/messages.ts', ...CORES],
    [],
    'noNode',
  ),
  room('agent/control/', ['agent/control-link/', 'shared/'], ['serialport', 'modbus-serial', 'pino']),
  room('agent/control-link/', ['shared/']),
  room('agent/keeper/main.ts', ['agent/keeper/', ...KEEPER], KEEPER_PACKAGES),
  room('agent/keeper/store/', KEEPER_CORE, KEEPER_PACKAGES),
  room('agent/keeper/ocpp/', KEEPER, KEEPER_PACKAGES),
  room('agent/keeper/mqtt/', KEEPER, KEEPER_PACKAGES),
  room('agent/keeper/local/', KEEPER, KEEPER_PACKAGES),
  room('agent/keeper/', ['agent/keeper/store/', ...KEEPER_CORE], KEEPER_PACKAGES),
  room('agent/cli/', ['agent/', 'shared/', 'package.json'], ['commander', 'pino', 'yaml', 'zod']),
  room('cloud/contracts/', CORES, [], 'noNode'),
  room('cloud/billing/', ['cloud/contracts/', ...CORES], [], 'noNode'),
  room('cloud/service/', CORES, [], 'noNode'),
  room('cloud/monitoring/', CORES, [], 'noNode'),
  room('cloud/console/', CORES, ['react', 'react-dom', '@mantine/core', '@mantine/hooks', 'uplot'], 'noNode'),
  room('cloud/', CLOUD, CLOUD_PACKAGES),
  room('hw-sim/', ['shared/'], ['serialport', '@lydell/node-pty', 'pino', 'yaml', 'zod']),
  room('scripts/', ['shared/'], ['esbuild', 'json-schema-to-typescript', 'ocpp-rpc']),
]

const roomOf = (file: string) => ROOMS.find((candidate) => file.startsWith(candidate.at))

/** The longest row that fits decides; `!` forbids. */
function knows(room: Room, target: string): boolean {
  const fitting = room.knows.filter((path) => target.startsWith(path.replace(/^!/, '')))
  const longest = fitting.sort((a, b) => b.replace(/^!/, '').length - a.replace(/^!/, '').length)[0]
  return longest !== undefined && !longest.startsWith('!')
}

/** Each import of each file against the table; nobody imports a program's main.ts, nor a test but a test. */
export function importsOutsideTheTable(tree: Tree): readonly Finding[] {
  const findings: Finding[] = []
  for (const [file, text] of tree) {
    if (!isCode(file)) continue
    const here = roomOf(file)
    for (const { target, kind } of importsOf(file, text)) {
      const says = (why: string) => findings.push({ file, says: `imports ${target}: ${why}` })
      if (kind === 'file' && /(^|\/)main\.tsx?$/.test(target)) says('nothing imports a program')
      else if (kind === 'file' && !tree.has(target)) says('there is no such file')
      else if (!here) continue
      else if (kind === 'file' && !knows(here, target)) says(`${here.at} may know ${here.knows.join(', ')}`)
      else if (kind === 'node' && !here.node) says(`${here.at} is pure`)
      else if (kind === 'package' && !here.packages.includes(target))
        says(`packages of ${here.at}: ${here.packages.join(', ') || 'none'}`)
    }
  }
  return findings
}

/** What control loads at run time must not bring zod along, however far away: 10 MB of a 60 MB budget. */
export function zodInControl(tree: Tree): readonly Finding[] {
  const findings: Finding[] = []
  const seen = new Set<string>()
  const visit = (file: string, way: readonly string[]): void => {
    if (seen.has(file)) return
    seen.add(file)
    for (const { target, kind, typeOnly } of importsOf(file, tree.get(file) ?? '')) {
      if (typeOnly) continue
      if (target === 'zod')
        findings.push({ file, says: `brings zod into control by ${[...way, file].join(' → ')}` })
      else if (kind === 'file') visit(target, [...way, file])
    }
  }
  for (const file of tree.keys()) if (isCode(file) && /^agent\/control(-link)?\//.test(file)) visit(file, [])
  return findings
}

export function driversOf(tree: Tree): readonly string[] {
  const registry = 'agent/control/registry.ts'
  return importsOf(registry, tree.get(registry) ?? '')
    .map(({ target }) => target)
    .filter((target) => /^agent\/control\/drivers\/(evse-boards|meters|io)\//.test(target))
}

/** A driver is what the registry names; it stands alone, so that a device can be added or removed by one file. */
export function driversThatKnowDrivers(tree: Tree): readonly Finding[] {
  const drivers = driversOf(tree)
  return drivers.flatMap((file) =>
    importsOf(file, tree.get(file) ?? '')
      .filter(({ target }) => drivers.includes(target))
      .map(({ target }) => ({ file, says: `a driver knows another driver, ${target}` })),
  )
}

const ROOT_FILES =
  /^(package(-lock)?|tsconfig|biome|knip)\.json$|^vitest\.config\.ts$|^(README|ARCHITECTURE|CONTRIBUTING|CHANGELOG)\.md$|^(LICENSE|\.gitignore|\.ci\/run)$/
const TEST_ROOMS =
  /^test\/((shared|agent|cloud|hw-sim|scripts|contract|scenario|sim|e2e|interop|faults|bench|golden|facts|tidy)\/|(tidy|reporter)(\.test)?\.ts$)/

/** No file outside a room; a unit test lies where its subject lies. */
export function filesOutsideRooms(tree: Tree): readonly Finding[] {
  const findings: Finding[] = []
  const folders = new Set(
    [...tree.keys()].filter((path) => !path.startsWith('test/')).map((path) => path.replace(/[^/]*$/, '')),
  )
  for (const file of tree.keys()) {
    const placed = ROOT_FILES.test(file) || file.startsWith('docs/') || TEST_ROOMS.test(file) || roomOf(file)
    if (!placed) findings.push({ file, says: 'lies in no room of the import table (test/tidy/rooms.ts)' })
    const mirrored = /^test\/((?:shared|agent|cloud|hw-sim|scripts)\/(?:.*\/)?)[^/]*\.test\.tsx?$/.exec(
      file,
    )?.[1]
    if (mirrored && ![...folders].some((folder) => folder.startsWith(mirrored)))
      findings.push({ file, says: `tests mirror the tree, and there is no ${mirrored}` })
  }
  return findings
}
