// The PIN at every door: guesses are counted by address, and of all together only slowed.
import { expect, test } from 'vitest'
import { pinCheck } from '../../../agent/keeper/pin.ts'
import { virtualClock } from '../control/drivers/virtual-clock.ts'

const LOCAL = { host: '0.0.0.0', port: 0, pin: '471100' }

test('five wrong PINs from one address let that address rest for 60 s, and nobody else', async () => {
  const clock = virtualClock()
  const check = pinCheck(LOCAL, clock)
  for (let guess = 0; guess < 5; guess++)
    expect(await check('guesser', `00000${guess}`)).toEqual({ kind: 'wrong' })
  expect(await check('guesser', '471100')).toEqual({ kind: 'resting', leftMs: 60_000 })
  expect(await check('owner', '471100')).toEqual({ kind: 'right' })
  await clock.advance(60_000)
  expect(await check('guesser', '471100')).toEqual({ kind: 'right' })
})

test('no PIN is no guess', async () => {
  const check = pinCheck(LOCAL, virtualClock())
  for (let look = 0; look < 20; look++) expect(await check('page', undefined)).toEqual({ kind: 'missing' })
  expect(await check('page', '471100')).toEqual({ kind: 'right' })
})

test('guesses from many addresses are checked once in 2 s, and the owner who is known at once', async () => {
  const clock = virtualClock()
  const check = pinCheck(LOCAL, clock)
  await check('owner', '471100')
  for (let guess = 0; guess < 20; guess++) await check(`g${guess}`, '000000')
  let answered = 0
  const guesses = Array.from({ length: 30 }, (_, guess) =>
    check(`h${guess}`, '000000').then(() => {
      answered += 1
    }),
  )
  expect(await check('owner', '471100')).toEqual({ kind: 'right' })
  await clock.advance(10_000)
  expect(answered).toBe(5)
  await clock.advance(60_000)
  await Promise.all(guesses)
})

test('a newcomer with the right PIN waits his turn while others guess, and is let in', async () => {
  const clock = virtualClock()
  const check = pinCheck(LOCAL, clock)
  for (let guess = 0; guess < 20; guess++) await check(`g${guess}`, '000000')
  const newcomer = check('owner', '471100')
  expect(await check('owner', '471100')).toMatchObject({ kind: 'resting' })
  await clock.advance(2000)
  expect(await newcomer).toEqual({ kind: 'right' })
})
