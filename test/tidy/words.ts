// Rules about words: what must not be written, and what docs and code must say alike.
import { dirname, join, normalize } from 'node:path'
import { type Finding, isCode, type Tree } from './tree.ts'

/** The tidy files name what they forbid. */
const TIDY = /^test\/tidy(\/|\.test\.ts$)/

interface Banned {
  readonly pattern: RegExp
  readonly where: RegExp
  /** Only in files whose text holds this. */
  readonly beside?: RegExp
  readonly says: string
}

const BANNED: readonly Banned[] = [
  { pattern: /\b(TODO|FIXME)\b/, where: /./, says: 'say it in an issue; the tree holds what is done' },
  {
    pattern: /\bas any\b|@ts-(ignore|nocheck)/,
    where: /\.tsx?$/,
    says: 'a type that lies',
  },
  { pattern: /\bcatch\s*(\([^)]*\)\s*)?\{\s*\}/, where: /\.tsx?$/, says: 'a swallowed error' },
  {
    pattern: /\b(it|test|describe)\.(only|todo|skip)\b/,
    where: /^test\//,
    says: 'ctx.skip(condition, reason)',
  },
  {
    // Its pid is −1: both signal every process of the user. Close master and slave instead.
    pattern: /\b(pty|terminal|term)\w*(\?)?\.(destroy|kill)\(/i,
    where: /\.tsx?$/,
    says: 'a terminal of node-pty ends with master.destroy() and slave.destroy()',
  },
  {
    pattern: /(?<!\b(master|slave)[?!]?)\.(destroy|kill)\(/,
    where: /\.tsx?$/,
    beside: /@lydell\/node-pty/,
    says: 'a terminal of node-pty ends with master.destroy() and slave.destroy()',
  },
  {
    pattern: /(^|[\s'"`(=])\/(work|farm|home\/\w+|root|Users\/\w+)\//,
    where: /./,
    says: "a machine's own path",
  },
]

export function bannedWords(tree: Tree): readonly Finding[] {
  const findings: Finding[] = []
  for (const [file, text] of tree) {
    if (TIDY.test(file) || file === 'package-lock.json' || file.startsWith('test/facts/')) continue
    for (const { pattern, where, beside, says } of BANNED)
      if (where.test(file) && (beside?.test(text) ?? true)) {
        const at = text.search(pattern)
        if (at >= 0) findings.push({ file: `${file}:${text.slice(0, at + 1).split('\n').length}`, says })
      }
  }
  return findings
}

const isPage = (path: string) =>
  /^(README|ARCHITECTURE|CONTRIBUTING|CHANGELOG)\.md$|^docs\/.*\.md$/.test(path)
export const pages = (tree: Tree) => [...tree].filter(([path]) => isPage(path))

/** Links of a page: Markdown targets and, in code marks, paths that begin with a folder of ours. */
export function deadLinks(tree: Tree): readonly Finding[] {
  const folders = new Set([...tree.keys()].flatMap((path) => parents(path)))
  return pages(tree).flatMap(([file, text]) =>
    [...text.matchAll(/\]\(([^)\s#]+)(?:#[^)]*)?\)/g)]
      .map((match) => match[1] ?? '')
      .filter((target) => !/^[a-z]+:/.test(target))
      .filter((target) => {
        const path = normalize(join(dirname(file), target)).replace(/\/$/, '')
        return !tree.has(path) && !folders.has(path)
      })
      .map((target) => ({ file, says: `links to ${target}, which is not there` })),
  )
}

const parents = (path: string): string[] =>
  path.includes('/') ? [dirname(path), ...parents(dirname(path))] : []

/** Commands that a page tells people to run exist. */
export function unknownCommands(tree: Tree): readonly Finding[] {
  const manifest: unknown = JSON.parse(tree.get('package.json') ?? '{}')
  const scripts = typeof manifest === 'object' && manifest && 'scripts' in manifest ? manifest.scripts : {}
  const known = Object.keys(scripts ?? {})
  return pages(tree).flatMap(([file, text]) =>
    [...text.matchAll(/\bnpm run (?:--silent |-s )?([a-z][\w:-]*)/g)]
      .map((match) => match[1] ?? '')
      .filter((name) => !known.includes(name))
      .map((name) => ({ file, says: `npm run ${name}: package.json has no such script` })),
  )
}

/** A lock file that names a download host works in one place only. */
export function lockedHosts(tree: Tree): readonly Finding[] {
  return [...(tree.get('package-lock.json') ?? '').matchAll(/"resolved": "([^"]*)"/g)].map((match) => ({
    file: 'package-lock.json',
    says: `names a download host: ${match[1]}`,
  }))
}

/** Each fault is proved by the test that its row names: the code stands in that file. */
export function uncoveredFaults(
  tree: Tree,
  faults: readonly { readonly code: string; readonly test: string }[],
): readonly Finding[] {
  return faults
    .filter(({ code, test }) => !new RegExp(`\\b${code}\\b`).test(tree.get(`test/${test}`) ?? ''))
    .map(({ code, test }) => ({
      file: `test/${test}`,
      says: `does not name ${code}, which it covers (shared/faults.ts)`,
    }))
}

export const codeFiles = (tree: Tree) => [...tree.keys()].filter(isCode)
