// The mutants of a source text: each one small change of what the code does, by the syntax tree. Texts for people, types
// and imports are left alone. Pure.
import { createRequire } from 'node:module'

export interface Mutant {
  readonly file: string
  readonly line: number
  /** The line as it stands, trimmed: with the change it names the mutant, wherever the line moves to. */
  readonly at: string
  readonly change: string
  readonly start: number
  readonly end: number
  readonly text: string
}

interface Node {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [field: string]: unknown
}

/** The compiler that is installed has no syntax tree for others; the linter of dead code brings a parser. */
const { parseSync } = createRequire(import.meta.resolve('knip'))('oxc-parser') as {
  parseSync: (file: string, text: string) => { program: Node; errors: readonly unknown[] }
}

const BOUNDARY: Readonly<Record<string, string>> = { '<': '<=', '<=': '<', '>': '>=', '>=': '>' }
const EQUALITY: Readonly<Record<string, string>> = { '===': '!==', '!==': '===' }
const ARITHMETIC: Readonly<Record<string, string>> = { '+': '-', '-': '+', '*': '/', '/': '*', '%': '*' }
const LOGICAL: Readonly<Record<string, string>> = { '&&': '||', '||': '&&' }
const METHODS: Readonly<Record<string, string>> = {
  min: 'max',
  max: 'min',
  floor: 'ceil',
  ceil: 'floor',
  some: 'every',
  every: 'some',
  find: 'findLast',
  findLast: 'find',
}
/** Said to people or to the type checker. */
const LEFT_ALONE = ['TemplateLiteral', 'ImportDeclaration', 'TSTypeAnnotation', 'TSTypeAliasDeclaration']

const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && typeof Reflect.get(value, 'type') === 'string'

export function mutantsOf(file: string, source: string): readonly Mutant[] {
  const { program, errors } = parseSync(file, source)
  if (errors.length > 0) throw new Error(`${file} cannot be parsed`)
  const found: Mutant[] = []
  const textOf = (node: unknown) => (isNode(node) ? source.slice(node.start, node.end) : '')
  const lines = source.split('\n')
  const add = (start: number, end: number, text: string, change: string) => {
    const line = source.slice(0, start).split('\n').length
    found.push({ file, line, at: (lines[line - 1] ?? '').trim(), change, start, end, text })
  }
  const replace = (node: Node, text: string) =>
    add(node.start, node.end, text, `${short(textOf(node))} -> ${short(text)}`)

  function operator(node: Node, to: string | undefined) {
    const { left, right } = node
    if (to === undefined || !isNode(left) || !isNode(right)) return
    const between = source.slice(left.end, right.start)
    const at = left.end + between.indexOf(String(node['operator']))
    const end = at + String(node['operator']).length
    add(at, end, to, `${short(textOf(node))}: ${String(node['operator'])} -> ${to}`)
  }

  function condition(test: unknown) {
    if (isNode(test)) add(test.start, test.end, `!(${textOf(test)})`, `negated: ${short(textOf(test))}`)
  }

  function visit(node: Node) {
    if (LEFT_ALONE.includes(node.type) || (node.type.startsWith('TS') && !isCarrier(node))) return
    switch (node.type) {
      case 'BinaryExpression':
        operator(node, BOUNDARY[String(node['operator'])])
        operator(node, EQUALITY[String(node['operator'])])
        operator(node, ARITHMETIC[String(node['operator'])])
        break
      case 'LogicalExpression':
        operator(node, LOGICAL[String(node['operator'])])
        for (const side of [node['left'], node['right']]) replace(node, textOf(side))
        break
      case 'UnaryExpression':
        if (node['operator'] === '!') replace(node, textOf(node['argument']))
        break
      case 'IfStatement':
        condition(node['test'])
        if (isNode(node['test']))
          add(
            node['test'].start,
            node['test'].end,
            'false',
            `guard dropped: if (${short(textOf(node['test']))})`,
          )
        break
      case 'ConditionalExpression':
        condition(node['test'])
        break
      case 'WhileStatement':
        condition(node['test'])
        break
      case 'Literal':
        if (typeof node['value'] === 'number') replace(node, String(node['value'] + 1))
        if (typeof node['value'] === 'boolean') replace(node, String(!node['value']))
        break
      case 'ExpressionStatement':
        if (isNode(node['expression']) && node['directive'] === undefined)
          add(node.start, node.end, ';', `removed: ${short(textOf(node))}`)
        break
      case 'MemberExpression': {
        const { property } = node
        const to = isNode(property) ? METHODS[String(property['name'])] : undefined
        if (isNode(property) && to !== undefined && node['computed'] !== true) replace(property, to)
        break
      }
      default:
    }
    for (const [name, child] of Object.entries(node)) {
      if (name === 'typeAnnotation' || name === 'typeArguments' || name === 'typeParameters') continue
      for (const one of Array.isArray(child) ? child : [child]) if (isNode(one)) visit(one)
    }
  }
  visit(program)
  return found
}

/** `x as T`, `x!` and their like hold an expression. */
const isCarrier = ({ type }: Node) => /^TS(As|Satisfies|NonNull)Expression$/.test(type)

const short = (text: string) => {
  const one = text.replace(/\s+/g, ' ')
  return one.length > 70 ? `${one.slice(0, 67)}...` : one
}

export const mutated = (source: string, { start, end, text }: Mutant): string =>
  source.slice(0, start) + text + source.slice(end)
