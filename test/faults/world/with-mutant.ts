// The trial with a mutant of the agent: one module of the real tree stands in for another, everything else is as it is.
// It runs in a process of its own, so that a mutant's memory dies with it.
import { execFile } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { promisify } from 'node:util'
import { build, type Plugin } from 'esbuild'
import type { Violation } from './judge.ts'

const FOLDER = 'test/faults/world/mutants'
const OUT = 'dist/trial-mutants'

export interface Mutant {
  readonly name: string
  /** Its first comment: what it does wrong. */
  readonly does: string
  /** The module and the function of it that the mutant stands in for. */
  readonly module: string
  readonly replaces: string
}

export function mutants(): readonly Mutant[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith('.ts'))
    .sort()
    .map((file) => {
      const text = readFileSync(`${FOLDER}/${file}`, 'utf8')
      const [, replaces, module] = /import \{ (\w+) as real \} from '(?:\.\.\/)+(.*)'/.exec(text) ?? []
      if (replaces === undefined || module === undefined)
        throw new Error(`${file}: expected an import of what it replaces, as real`)
      return { name: file.replace('.ts', ''), does: /^\/\/ (.*)/.exec(text)?.[1] ?? '', module, replaces }
    })
}

/** For all but the mutant the module has its own exports, and the mutant's in place of the one that it replaces. */
function standIn({ name, module, replaces }: Mutant): Plugin {
  const [own, replaced] = [resolve(FOLDER, `${name}.ts`), resolve(module)]
  return {
    name: 'mutant',
    setup(builder) {
      builder.onResolve({ filter: /^\./ }, ({ path, importer, namespace }) =>
        namespace === 'file' && importer !== own && resolve(dirname(importer), path) === replaced
          ? { path: replaced, namespace: 'mutated' }
          : undefined,
      )
      builder.onLoad({ filter: /./, namespace: 'mutated' }, () => ({
        contents: `export * from '${replaced}'\nexport { ${replaces} } from '${own}'`,
        resolveDir: '.',
        loader: 'ts',
      }))
    },
  }
}

const PROGRAM = `
  import { playEpisode } from './episode.ts'
  const { violation } = await playEpisode(JSON.parse(process.argv[2]))
  console.log(JSON.stringify(violation && { rule: violation.rule, detail: violation.detail, tick: violation.tick }))
`

export type Caught = Violation & { readonly tick: number }

/** Bundles the trial with the mutant; the returned function plays one episode and tells what rule was broken. */
export async function trialWith(mutant: Mutant) {
  mkdirSync(OUT, { recursive: true })
  const outfile = `${OUT}/${mutant.name}.mjs`
  await build({
    stdin: { contents: PROGRAM, resolveDir: 'test/faults/world', loader: 'ts' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    logLevel: 'error',
    plugins: [standIn(mutant)],
    outfile,
  })
  return async (episode: { seed: number; episode: number; ticks: number }): Promise<Caught | null> => {
    const { stdout } = await promisify(execFile)(process.execPath, [outfile, JSON.stringify(episode)])
    return JSON.parse(stdout) as Caught | null // as PROGRAM writes it
  }
}
