import { createRequire } from 'node:module'
import { expect, it } from 'vitest'
import { schemas201 } from '../../../shared/io/ocpp-link-schemas.ts'

const shipped: readonly { readonly $id: string }[] = createRequire(import.meta.url)(
  'ocpp-rpc/lib/schemas/ocpp2_0_1.json',
)
const withoutProse = (value: unknown) =>
  JSON.parse(JSON.stringify(value), (key, inner) =>
    key === 'description' && typeof inner === 'string' ? undefined : inner,
  )

it('all schemas are those that are shipped, without their prose', () => {
  expect(schemas201()).toEqual(shipped.map(withoutProse))
})

it('some schemas are request and response of the actions that were asked for, and no other', () => {
  expect(schemas201(['Heartbeat', 'Reset']).map(({ $id }) => $id)).toEqual([
    'urn:Heartbeat.req',
    'urn:Heartbeat.conf',
    'urn:Reset.req',
    'urn:Reset.conf',
  ])
})
