// A YAML file whose values keep their lines, and the words in which its problems are told: file:line path, expected,
// got, do. Nothing here knows what the configuration means.
import {
  type Document,
  isMap,
  isNode,
  isPair,
  isScalar,
  LineCounter,
  parseDocument,
  type YAMLParseError,
} from 'yaml'
import { err, ok, type Result } from '../../shared/result.ts'

export type ConfigPath = readonly (string | number)[]

/** What is wrong at a place, without the line. */
export interface Finding {
  readonly path: ConfigPath
  readonly expected: string
  readonly got: string
  /** What to do about it. */
  readonly do: string
  /** The path's last part is a key that should not be there. */
  readonly atKey?: true
}

export interface ConfigProblem extends Finding {
  readonly file: string
  /** From 1. */
  readonly line: number
}

export interface ConfigText {
  readonly value: unknown
  /** Adds the line: of the value, of its key, or of the nearest parent that is there. */
  locate(finding: Finding): ConfigProblem
}

/** Reads YAML 1.2; a file that is none (also one with a key twice) gives its problems. */
export function readConfigText(file: string, text: string): Result<ConfigText, readonly ConfigProblem[]> {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  if (document.errors.length > 0) {
    return err(
      document.errors.map((error) => ({
        file,
        line: lines.linePos(error.pos[0]).line,
        path: [],
        ...yamlProblem(error, text),
      })),
    )
  }
  const value: unknown = document.toJS()
  const locate = (finding: Finding): ConfigProblem => {
    const offset = offsetOf(document, finding.path, finding.atKey === true)
    return { ...finding, file, line: offset === null ? 1 : lines.linePos(offset).line }
  }
  return ok({ value, locate })
}

function yamlProblem(error: YAMLParseError, text: string): Pick<Finding, 'expected' | 'got' | 'do'> {
  const key = /^["']?([^"'\s:]+)/.exec(text.slice(error.pos[0]))?.[1]
  if (error.code === 'DUPLICATE_KEY' && key !== undefined) {
    return {
      expected: 'each key once',
      got: `the key ${key} a second time`,
      do: `remove one of the two lines of ${key}`,
    }
  }
  return {
    expected: 'YAML',
    got: error.message,
    do: 'correct the line; docs/operate/agent.example.yaml shows the whole file',
  }
}

function offsetOf(document: Document, path: ConfigPath, atKey: boolean): number | null {
  if (path.length === 0) return null
  const last = path[path.length - 1]
  const parentPath = path.slice(0, -1)
  const parent = parentPath.length === 0 ? document.contents : document.getIn(parentPath, true)
  if (isMap(parent)) {
    const pair = parent.items.find((item) => isScalar(item.key) && item.key.value === last)
    if (pair && isPair(pair)) {
      const node = !atKey && isScalar(pair.value) && pair.value.value !== null ? pair.value : pair.key
      if (isNode(node) && node.range) return node.range[0]
    }
  }
  const node = document.getIn(path, true)
  if (isNode(node) && node.range) return node.range[0]
  return offsetOf(document, parentPath, true)
}

/** `buses[0].name` */
export function pathInWords(path: ConfigPath): string {
  if (path.length === 0) return '(the whole file)'
  return path
    .map((part, index) => (typeof part === 'number' ? `[${part}]` : index === 0 ? part : `.${part}`))
    .join('')
}

/** The whole message for a terminal, all problems of a configuration at once. */
export const problemsInWords = (problems: readonly ConfigProblem[]): string =>
  problemsOf(problems, 'nothing was started')

/** All problems of a file at once, and what was not done because of them. */
export function problemsOf(problems: readonly ConfigProblem[], consequence: string): string {
  const blocks = problems.map(
    (problem) =>
      `${problem.file}:${problem.line}  ${pathInWords(problem.path)}\n` +
      `  expected  ${problem.expected}\n` +
      `  got       ${problem.got}\n` +
      `  do        ${problem.do}`,
  )
  return `${blocks.join('\n')}\n${consequence}`
}

/** A value as its writer wrote it; what looks like a number says whether it is one or a text. */
export function valueInWords(value: unknown): string {
  if (value === undefined || value === null) return 'nothing'
  if (value === '') return 'an empty text'
  if (typeof value === 'string')
    return /^(-?\d+(\.\d+)?|true|false)$/.test(value) ? `the text "${value}"` : value
  if (typeof value === 'number') return `the number ${value}`
  if (typeof value === 'boolean') return `${value}`
  return Array.isArray(value) ? 'a list' : 'a map of keys'
}

/** The value at a path of parsed YAML; undefined where there is none. */
export function valueAt(value: unknown, path: ConfigPath): unknown {
  let at: unknown = value
  for (const part of path) {
    if (typeof at !== 'object' || at === null) return undefined
    at = Object.getOwnPropertyDescriptor(at, part)?.value
  }
  return at
}
