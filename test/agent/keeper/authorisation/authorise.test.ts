import { expect, test } from 'vitest'
import { authorise } from '../../../../agent/keeper/authorisation/authorise.ts'

const freeVend = { idToken: 'FREE' }
const order = { idToken: 'CARD', remoteStartId: 7 }

test('anyone charges under the fixed token of the configuration', () => {
  expect(authorise(freeVend, { done: false }, null)).toEqual({
    idToken: 'FREE',
    remoteStartId: null,
    trigger: 'CablePluggedIn',
  })
})

test('a plug-in that was stopped gets nothing by itself', () => {
  expect(authorise(freeVend, { done: true }, null)).toBeNull()
})

test('a remote start counts with its own token, also after a stop', () => {
  for (const done of [false, true])
    expect(authorise(freeVend, { done }, order)).toEqual({ ...order, trigger: 'RemoteStart' })
})
