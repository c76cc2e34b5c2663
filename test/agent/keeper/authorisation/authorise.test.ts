import { expect, test } from 'vitest'
import { authorise } from '../../../../agent/keeper/authorisation/authorise.ts'

const freeVend = { idToken: 'FREE' }
const order = { idToken: 'CARD', remoteStartId: 7 }

test('anyone charges under the fixed token of the configuration', () => {
  expect(authorise(freeVend, { done: false }, null, null)).toEqual({
    idToken: 'FREE',
    remoteStartId: null,
    trigger: 'CablePluggedIn',
  })
})

test('a plug-in that was stopped gets nothing by itself', () => {
  expect(authorise(freeVend, { done: true }, null, null)).toBeNull()
})

test('a remote start counts with its own token, also after a stop', () => {
  for (const done of [false, true])
    expect(authorise(freeVend, { done }, order, { idToken: 'SHOWN' })).toEqual({
      ...order,
      trigger: 'RemoteStart',
    })
})

test('a token that was shown counts, also after a stop; without it and without free charging nobody does', () => {
  for (const done of [false, true])
    expect(authorise(null, { done }, null, { idToken: 'SHOWN' })).toEqual({
      idToken: 'SHOWN',
      remoteStartId: null,
      trigger: 'Authorized',
    })
  expect(authorise(null, { done: false }, null, null)).toBeNull()
})
