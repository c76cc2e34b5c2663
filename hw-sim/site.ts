// The site file: which devices hang on which bus, what the cable and the grid are, and the car. YAML, strict: an unknown key,
// a wrong range or devices that do not fit together are told with file, line, path, expected and got; nothing starts.
import { LineCounter, parseDocument } from 'yaml'
import type { z } from 'zod'
import { err, ok, type Result } from '../shared/result.ts'
import { DEVICE_IDS, type Unfit, unfit } from './site-fit.ts'
import { DEFAULT_SITE, type Site, siteFile } from './site-shape.ts'

/** One thing wrong with a site file. */
export interface SiteProblem {
  readonly file: string
  /** From 1; null where the file does not hold the key. */
  readonly line: number | null
  readonly path: string
  readonly expected: string
  readonly got: string
}

export function defaultSite(): Site {
  return siteFile.parse(structuredClone(DEFAULT_SITE))
}

/** Reads a site from YAML text; `file` is for the messages. */
export function parseSite(text: string, file: string): Result<Site, readonly SiteProblem[]> {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines })
  const [broken] = document.errors
  if (broken) {
    const line = broken.linePos?.[0].line ?? null
    return err([{ file, line, path: '(file)', expected: 'YAML', got: broken.message }])
  }
  const data: unknown = document.toJS() ?? {}
  const problem = (path: readonly PropertyKey[], expected: string): SiteProblem => ({
    file,
    line: lineOf(document, lines, path),
    path: pathText(path),
    expected,
    got: gotText(valueAt(data, path)),
  })
  const parsed = siteFile.safeParse(data)
  if (!parsed.success) {
    return err(
      parsed.error.issues.flatMap((issue) => problemsOf(issue).map((p) => problem(p.path, p.expected))),
    )
  }
  const problems = unfit(parsed.data).map((it) => problem(it.path, it.expected))
  return problems.length > 0 ? err(problems) : ok(parsed.data)
}

/** A problem as people read it. */
export const problemText = (problem: SiteProblem): string =>
  [
    `${problem.file}${problem.line === null ? '' : `:${problem.line}`}  ${problem.path}`,
    `  expected  ${problem.expected}`,
    `  got       ${problem.got}`,
  ].join('\n')

function problemsOf(issue: z.core.$ZodIssue): readonly Unfit[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ path: [...issue.path, key], expected: 'no such key' }))
  }
  if (issue.code === 'invalid_union' && issue.path.at(-1) === 'device') {
    return [{ path: issue.path, expected: `one of ${DEVICE_IDS.join(', ')}` }]
  }
  return [{ path: issue.path, expected: issue.message }]
}

const pathText = (path: readonly PropertyKey[]): string =>
  path.length === 0
    ? '(file)'
    : path.reduce<string>((text, key) => {
        if (typeof key === 'number') return `${text}[${key}]`
        return text === '' ? String(key) : `${text}.${String(key)}`
      }, '')

function valueAt(data: unknown, path: readonly PropertyKey[]): unknown {
  let value = data
  for (const key of path) {
    if (typeof value !== 'object' || value === null) return undefined
    value = Reflect.get(value, key)
  }
  return value
}

const gotText = (value: unknown): string => {
  if (value === undefined) return 'nothing'
  const text = JSON.stringify(value)
  return text.length > 120 ? `${text.slice(0, 117)}...` : text
}

/** The line of the deepest part of the path that the file holds. */
function lineOf(
  document: ReturnType<typeof parseDocument>,
  lines: LineCounter,
  path: readonly PropertyKey[],
): number | null {
  for (let depth = path.length; depth > 0; depth--) {
    const node: unknown = document.getIn(path.slice(0, depth), true)
    const range: unknown = typeof node === 'object' && node !== null ? Reflect.get(node, 'range') : undefined
    if (Array.isArray(range) && typeof range[0] === 'number') return lines.linePos(range[0]).line
  }
  return null
}
