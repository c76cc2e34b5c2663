import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { TransactionFact } from '../../../cloud/fleet/facts.ts'
import {
  foldTransaction,
  missingSeqNos,
  type TransactionState,
} from '../../../cloud/fleet/transaction-state.ts'
import { at, event } from '../support/facts.ts'

const fold = (facts: readonly TransactionFact[]) =>
  facts.reduce<TransactionState | null>(foldTransaction, null)

const charge = [
  event('tx', 0, 'Started', '2026-06-01T08:00:00Z', 100, { chargingState: 'EVConnected' }),
  event('tx', 1, 'Updated', '2026-06-01T08:00:05Z', 100, { chargingState: 'Charging' }),
  event('tx', 2, 'Updated', '2026-06-01T08:15:00Z', 600, { chargingState: null }),
  event('tx', 3, 'Updated', '2026-06-01T08:16:00Z', null, { chargingState: 'SuspendedEV' }),
  event('tx', 4, 'Ended', '2026-06-01T08:20:00Z', 700, { chargingState: null, timeEstimated: true }),
]

test('a whole charge is folded to its registers, its times and its last states', () => {
  expect(fold(charge)).toEqual({
    evseId: 1,
    idToken: 'free',
    startedAt: at('2026-06-01T08:00:00Z'),
    endedAt: at('2026-06-01T08:20:00Z'),
    stoppedReason: 'EVDisconnected',
    timeEstimated: true,
    meterSerial: 'M1',
    startRegisterWh: 100,
    firstRegister: { seqNo: 0, wh: 100 },
    lastRegister: { seqNo: 4, wh: 700 },
    highestRegister: { seqNo: 4, wh: 700 },
    end: { seqNo: 4, registerWh: 700 },
    charging: { seqNo: 3, state: 'SuspendedEV' },
    events: 5,
    seqNos: [[0, 4]],
  })
})

test('the order of arrival makes no difference, for all orders', () => {
  const inOrder = fold(charge)
  fc.assert(
    fc.property(fc.shuffledSubarray(charge, { minLength: charge.length }), (shuffled) => {
      expect(fold(shuffled)).toEqual(inOrder)
    }),
  )
})

test('of two ends the lower numbered one is the end, with its register, in all orders', () => {
  const twice = [
    ...charge,
    event('tx', 5, 'Updated', '2026-06-01T08:30:00Z', 40_000),
    event('tx', 6, 'Ended', '2026-06-01T09:00:00Z', 51_700, { stoppedReason: 'Other' }),
  ]
  fc.assert(
    fc.property(fc.shuffledSubarray(twice, { minLength: twice.length }), (shuffled) => {
      expect(fold(shuffled)).toMatchObject({
        endedAt: at('2026-06-01T08:20:00Z'),
        stoppedReason: 'EVDisconnected',
        lastRegister: { seqNo: 4, wh: 700 },
      })
    }),
  )
})

test('numbers that never came are told', () => {
  const state = fold([7, 1, 2, 4].map((seqNo) => event('tx', seqNo, 'Updated', '2026-06-01T08:00:00Z', 1)))
  expect(state?.seqNos).toEqual([
    [1, 2],
    [4, 4],
    [7, 7],
  ])
  expect(missingSeqNos(state?.seqNos ?? [])).toEqual([3, 5, 6])
})

test('ranges of numbers hold exactly the numbers that came', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(60), { minLength: 1 }), (numbers) => {
      const ranges =
        fold(numbers.map((n) => event('tx', n, 'Updated', '2026-06-01T08:00:00Z', 1)))?.seqNos ?? []
      const listed = ranges.flatMap(([from, to]) =>
        Array.from({ length: to - from + 1 }, (_, index) => from + index),
      )
      expect(listed).toEqual([...numbers].sort((a, b) => a - b))
    }),
  )
})
