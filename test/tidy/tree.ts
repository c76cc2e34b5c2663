// The repository as text: what the tidy rules look at. A rule is a function of a tree, so a mutated tree can try it.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join, normalize } from 'node:path'

/** Text by path from the root; files that git would commit, those not yet added included. */
export type Tree = ReadonlyMap<string, string>

/** One thing that is not tidy: where, and what to do about it. */
export interface Finding {
  readonly file: string
  readonly says: string
}

const root = join(import.meta.dirname, '../..')
const TEXT = /\.(tsx?|mts|json|md|yaml|yml|sh|c|css|html|sql|scenario)$|^\.ci\/|^LICENSE$|^\.gitignore$/

export function readTree(): Tree {
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
  })
  const paths = listed.toString().split('\0').filter(Boolean)
  // A folder that stands as a link (a shared node_modules) is listed as a file.
  const files = paths.filter((path) => existsSync(join(root, path)) && statSync(join(root, path)).isFile())
  return new Map(files.map((path) => [path, TEXT.test(path) ? readFileSync(join(root, path), 'utf8') : '']))
}

export const isCode = (path: string) => /\.tsx?$/.test(path)

export interface Import {
  /** A path from the root, or the name of a package or of a Node module. */
  readonly target: string
  readonly kind: 'file' | 'node' | 'package'
  /** Vanishes when the types are stripped. */
  readonly typeOnly: boolean
}

const IMPORT =
  /^\s*(import|export)\s+(type\s)?[^'"`;]*?from\s*['"]([^'"]+)['"]|^\s*import\s*['"]([^'"]+)['"]/gm
const DYNAMIC = /\b(?:import|require|require\.resolve)\s*\(\s*['"]([^'"]+)['"]/g

export function importsOf(path: string, text: string): readonly Import[] {
  const found: { specifier: string; typeOnly: boolean }[] = []
  for (const match of text.matchAll(IMPORT))
    found.push({ specifier: match[3] ?? match[4] ?? '', typeOnly: match[2] !== undefined })
  for (const match of text.matchAll(DYNAMIC)) found.push({ specifier: match[1] ?? '', typeOnly: false })
  // A specifier with a placeholder stands in a text that is a program for somebody else.
  return found
    .filter(({ specifier }) => !specifier.includes('${'))
    .map(({ specifier, typeOnly }) => {
      if (specifier.startsWith('.'))
        return { target: normalize(join(path, '..', specifier)), kind: 'file', typeOnly }
      if (specifier.startsWith('node:')) return { target: specifier, kind: 'node', typeOnly }
      const parts = specifier.split('/')
      return {
        target: parts.slice(0, specifier.startsWith('@') ? 2 : 1).join('/'),
        kind: 'package',
        typeOnly,
      }
    })
}
