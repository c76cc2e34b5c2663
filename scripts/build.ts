// Bundles what runs: the agent's two processes, the cloud, hw-sim, the demo, the command and the console's page.
import { copyFile, mkdir, readFile, rm, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, type Plugin } from 'esbuild'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const dist = join(root, 'dist')
const require = createRequire(import.meta.url)

/** Programs by the name of their file in dist/. */
const PROGRAMS: Readonly<Record<string, string>> = {
  control: 'agent/control/main.ts',
  keeper: 'agent/keeper/main.ts',
  'keeper-store-worker': 'agent/keeper/store/worker.ts',
  voltkeep: 'agent/cli/main.ts',
  cloud: 'cloud/main.ts',
  'cloud-store-worker': 'cloud/store/worker.ts',
  'hw-sim': 'hw-sim/main.ts',
  demo: 'hw-sim/demo/main.ts',
}

/** ocpp-rpc loads the schemas of three versions at import, 9 MB of memory; ours are read from dist/schemas on demand. */
const withoutSchemas: Plugin = {
  name: 'without-schemas',
  setup(setup) {
    setup.onResolve({ filter: /standard-validators$/ }, (args) => ({
      path: args.path,
      namespace: 'no-schemas',
    }))
    setup.onLoad({ filter: /.*/, namespace: 'no-schemas' }, () => ({
      contents: 'module.exports = []',
      loader: 'js',
    }))
  },
}

const exists = async (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  )

async function buildPrograms() {
  const entryPoints = Object.entries(PROGRAMS).map(([out, file]) => ({ out, in: join(root, file) }))
  const present = []
  for (const entry of entryPoints) if (await exists(entry.in)) present.push(entry)
  await build({
    entryPoints: present,
    outdir: dist,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    sourcemap: 'linked',
    sourcesContent: false,
    minifySyntax: true,
    // Native addons and what finds its files beside itself stay in node_modules.
    external: ['better-sqlite3', '@serialport/bindings-cpp', '@lydell/node-pty', 'pg-native'],
    plugins: [withoutSchemas],
    banner: {
      js: "import{createRequire as _cr}from'node:module';import{fileURLToPath as _fu}from'node:url';import{dirname as _dn}from'node:path';const require=_cr(import.meta.url);const __filename=_fu(import.meta.url);const __dirname=_dn(__filename);",
    },
    logLevel: 'warning',
  })
}

async function buildConsole() {
  const entry = join(root, 'cloud/console/main.tsx')
  if (!(await exists(entry))) return
  await build({
    entryPoints: { console: entry },
    outdir: join(dist, 'console'),
    bundle: true,
    format: 'esm',
    target: 'es2022',
    jsx: 'automatic',
    minify: true,
    define: { 'process.env.NODE_ENV': '"production"' },
    loader: { '.svg': 'dataurl' },
    logLevel: 'warning',
  })
  await copyFile(join(root, 'cloud/console/index.html'), join(dist, 'console/index.html'))
}

async function copySchemas() {
  await mkdir(join(dist, 'schemas'), { recursive: true })
  const from = join(dirname(require.resolve('ocpp-rpc')), 'lib/schemas/ocpp2_0_1.json')
  JSON.parse(await readFile(from, 'utf8'))
  await copyFile(from, join(dist, 'schemas/ocpp2_0_1.json'))
}

await rm(dist, { recursive: true, force: true })
await mkdir(dist, { recursive: true })
await Promise.all([buildPrograms(), buildConsole(), copySchemas()])
