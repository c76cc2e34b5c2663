import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type AccountedTransaction, meterAccount } from '../../../cloud/billing/energy-check.ts'
import { epochMs, wattHours } from '../../../shared/units.ts'

const charge = (
  first: number,
  last: number,
  account: AccountedTransaction['account'],
): AccountedTransaction => ({
  startedAt: epochMs(first),
  firstRegisterWh: wattHours(first),
  lastRegisterWh: wattHours(last),
  account,
})
const billed = (first: number, last: number) =>
  charge(first, last, { kind: 'billed', billedWh: wattHours(last - first) })

test('what flows between two transactions belongs to nobody, and is shown', () => {
  expect(
    meterAccount({ firstWh: wattHours(100), lastWh: wattHours(1000) }, [
      billed(110, 400),
      charge(450, 600, { kind: 'notBilled' }),
      charge(600, 990, { kind: 'notBilled' }),
    ]),
  ).toEqual({
    registerDifferenceWh: 900,
    billedWh: 290,
    notBilledWh: 540,
    runningWh: 0,
    unattributedWh: 10 + 50 + 10,
    differenceWh: 0,
  })
})

test('what the register rose by behind a running transaction is its own, until its end tells otherwise', () => {
  const registers = { firstWh: wattHours(0), lastWh: wattHours(1000) }
  const before = meterAccount(registers, [billed(0, 400), charge(500, 600, { kind: 'running' })])
  expect(before).toMatchObject({ billedWh: 400, runningWh: 500, unattributedWh: 100, differenceWh: 0 })
  const after = meterAccount(registers, [billed(0, 400), billed(500, 990)])
  expect(after).toMatchObject({ billedWh: 890, runningWh: 0, unattributedWh: 110, differenceWh: 0 })
})

test('energy that is billed twice shows as a difference', () => {
  const account = meterAccount({ firstWh: wattHours(0), lastWh: wattHours(150) }, [
    billed(0, 100),
    billed(50, 150),
  ])
  expect(account.differenceWh).toBe(50)
})

test('bill lines that do not add up to the registers show as a difference', () => {
  const wrong = charge(0, 100, { kind: 'billed', billedWh: wattHours(99) })
  expect(meterAccount({ firstWh: wattHours(0), lastWh: wattHours(100) }, [wrong]).differenceWh).toBe(-1)
})

test('any chain of transactions and gaps is accounted for to the Wh', () => {
  const pieces = fc.array(
    fc.record({
      gap: fc.nat(5000),
      used: fc.integer({ min: 1, max: 50_000 }),
      kind: fc.constantFrom('billed', 'running', 'notBilled'),
    }),
  )
  fc.assert(
    fc.property(fc.nat(2 ** 30), pieces, fc.nat(5000), (first, chain, tail) => {
      let position = first
      const transactions: AccountedTransaction[] = []
      for (const { gap, used, kind } of chain) {
        const start = position + gap
        position = start + used
        transactions.push(
          kind === 'billed' ? billed(start, position) : charge(start, position, { kind: kind as 'running' }),
        )
      }
      const account = meterAccount(
        { firstWh: wattHours(first), lastWh: wattHours(position + tail) },
        transactions.reverse(),
      )
      expect(account.differenceWh).toBe(0)
      const isLastRunning = chain.at(-1)?.kind === 'running'
      expect(account.unattributedWh + (isLastRunning ? tail : 0)).toBe(
        chain.reduce((sum, { gap }) => sum + gap, tail),
      )
    }),
  )
})
