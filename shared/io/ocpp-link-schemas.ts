// The JSON schemas of OCPP 2.0.1, read when a link is made: they stay out of the bundles, where they would cost memory in
// programs that never speak OCPP.
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ActionName } from './ocpp-link-types.ts'

export interface ActionSchema {
  readonly $id: string
  readonly [word: string]: unknown
}

/**
 * Schemas with the ids `urn:<Action>.req` and `urn:<Action>.conf`, without their prose.
 * @param actions only of these; all 64 where it is left out.
 */
export function schemas201(actions?: readonly ActionName[]): ActionSchema[] {
  // The schema files are valid JSON lists of schemas: ocpp-rpc ships them, and the build parses them once.
  const all = JSON.parse(readFileSync(schemaFile(), 'utf8'), withoutProse) as ActionSchema[]
  if (!actions) return all
  const wanted = new Set(actions.flatMap((action) => [`urn:${action}.req`, `urn:${action}.conf`]))
  return all.filter((schema) => wanted.has(schema.$id))
}

const withoutProse = (key: string, value: unknown): unknown =>
  key === 'description' && typeof value === 'string' ? undefined : value

/** Beside the bundle; from source, in ocpp-rpc itself. */
function schemaFile(): string {
  const besideBundle = join(dirname(fileURLToPath(import.meta.url)), 'schemas/ocpp2_0_1.json')
  if (existsSync(besideBundle)) return besideBundle
  const resolve = createRequire(import.meta.url).resolve
  return join(dirname(resolve('ocpp-rpc')), 'lib/schemas/ocpp2_0_1.json')
}
