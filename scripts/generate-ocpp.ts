// Makes the OCPP 2.0.1 message types from the JSON schemas that ocpp-rpc ships: `npm run generate` writes them, a test
// makes them anew and compares.
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { compile, type JSONSchema } from 'json-schema-to-typescript'

const require = createRequire(import.meta.url)
const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** The file of the 2.0.1 types. */
export const GENERATED_201 = join(root, 'shared/ocpp/generated/actions-201.ts')

const BANNER = `// Made by \`npm run generate\` from ocpp-rpc's copy of the OCPP 2.0.1 JSON schemas (Open Charge Alliance). Not edited by hand.
// List lengths, string lengths and formats are not in these types: the link checks each message against its schema.
`

/** The text of the 2.0.1 types: one interface a message, and `Actions201` with request and response of each action. */
export async function generate201(): Promise<string> {
  const messages = await readSchemas('ocpp2_0_1.json')
  const definitions = mergeDefinitions(messages)
  // The one type that vendors may extend; all others are closed.
  definitions['CustomDataType'] = { ...definitions['CustomDataType'], additionalProperties: true }
  const actions = new Map<string, Record<string, JSONSchema>>()
  for (const { $id, $schema: _, definitions: __, ...schema } of messages) {
    const { action, part } = nameOf($id)
    const type = action + (part === 'request' ? 'Request' : 'Response')
    definitions[type] = tidy(schema) as JSONSchema
    actions.set(action, { ...actions.get(action), [part]: { $ref: `#/definitions/${type}` } })
  }
  const properties = Object.fromEntries([...actions].map(([action, parts]) => [action, closedObject(parts)]))
  const text = await compile(
    { ...closedObject(properties), title: 'Actions201', definitions },
    'Actions201',
    {
      bannerComment: BANNER,
      additionalProperties: false,
      ignoreMinAndMaxItems: true,
      format: true,
      style: { singleQuote: true, semi: false, printWidth: 110, trailingComma: 'all' },
    },
  )
  return withoutReferenceNotes(text)
}

interface MessageSchema {
  readonly $id: string
  readonly $schema: string
  readonly definitions?: Readonly<Record<string, JSONSchema>>
}

async function readSchemas(file: string): Promise<readonly MessageSchema[]> {
  const path = join(dirname(require.resolve('ocpp-rpc')), 'lib/schemas', file)
  return JSON.parse(await readFile(path, 'utf8'))
}

/** `urn:BootNotification.req` and `.conf`. */
function nameOf(id: string): { readonly action: string; readonly part: 'request' | 'response' } {
  const match = /^urn:(\w+)\.(req|conf)$/.exec(id)
  if (!match?.[1]) throw new RangeError(`not the id of a message's schema: ${id}`)
  return { action: match[1], part: match[2] === 'req' ? 'request' : 'response' }
}

/** Each message brings its own copy of the data types that it uses; one name must mean one thing. */
function mergeDefinitions(messages: readonly MessageSchema[]): Record<string, JSONSchema> {
  const merged: Record<string, JSONSchema> = {}
  for (const message of messages) {
    for (const [name, definition] of Object.entries(message.definitions ?? {})) {
      const known = merged[name]
      const next = tidy(definition) as JSONSchema
      if (known && shape(known) !== shape(next)) {
        throw new RangeError(`${message.$id} defines ${name} otherwise than the messages before it`)
      }
      merged[name] = known ?? next
    }
  }
  return merged
}

const shape = (schema: unknown): string =>
  JSON.stringify(schema, (key, value) =>
    key === 'description' && typeof value === 'string' ? undefined : value,
  )

/** One line a description, and no JSON Schema words that only other languages need. */
function tidy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(tidy)
  if (typeof value !== 'object' || value === null) return value
  // A schema of prose alone allows any value.
  if ('description' in value && typeof value.description === 'string' && Object.keys(value).length === 1) {
    return { ...value, tsType: 'unknown' }
  }
  const entries = Object.entries(value).filter(([key]) => key !== 'javaType' && key !== 'additionalItems')
  return Object.fromEntries(
    entries.map(([key, inner]) =>
      key === 'description' && typeof inner === 'string'
        ? [key, inner.replace(/\s+/g, ' ').trim()]
        : [key, tidy(inner)],
    ),
  )
}

const closedObject = (properties: Record<string, JSONSchema>): JSONSchema => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
  additionalProperties: false,
})

/** The compiler says of each type where it was first met; it is noise here. */
const withoutReferenceNotes = (text: string): string =>
  text
    .replace(/ \*\n \* This interface was referenced by [^\n]*\n \* via the `definition` [^\n]*\n/g, '')
    .replace(
      /\/\*\*\n \* This interface was referenced by [^\n]*\n \* via the `definition` [^\n]*\n \*\/\n/g,
      '',
    )

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await mkdir(dirname(GENERATED_201), { recursive: true })
  await writeFile(GENERATED_201, await generate201())
}
