import fc from 'fast-check'
import { expect, it } from 'vitest'
import { hashOf, parseHash, type Route } from '../../../cloud/console/route.ts'

const name = fc.string({ minLength: 1, maxLength: 48, unit: 'grapheme' })
const route: fc.Arbitrary<Route> = fc.oneof(
  fc.constant({ kind: 'list' as const }),
  fc.record({ kind: fc.constant('station' as const), stationId: name, transactionId: fc.option(name) }),
)

it('a deep link leads back to where it was made', () => {
  fc.assert(
    fc.property(route, (wanted) => {
      expect(parseHash(hashOf(wanted))).toEqual(wanted)
    }),
  )
})

it.each([
  '',
  '#',
  '#/',
  '#/stations',
  '#/stations/',
  '#/stations/%E0%A4%A',
  '#/elsewhere',
  '#/stations/a/b/c',
])('the unknown address %j is the list', (hash) => expect(parseHash(hash)).toEqual({ kind: 'list' }))
