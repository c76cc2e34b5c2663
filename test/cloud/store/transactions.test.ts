import { expect, test } from 'vitest'
import { billTransaction } from '../../../cloud/billing/bill.ts'
import { transactionReadings } from '../../../cloud/billing/readings.ts'
import { billDue, meteredEvent } from '../../../cloud/jobs/biller.ts'
import { addStation } from '../../../cloud/store/stations.ts'
import {
  dueForBilling,
  eventsOf,
  listTransactions,
  makeAllDue,
  runningTransactions,
  storeBill,
  transactionByKey,
} from '../../../cloud/store/transactions.ts'
import { exampleTariff } from '../billing/example-tariff.ts'
import { at, event, sample, told } from '../support/facts.ts'
import { onBothDatabases } from '../support/stores.ts'

const tariff = exampleTariff()

onBothDatabases('transactions and their bills', (store) => {
  const newCharge = async (stationId: string, ...facts: ReturnType<typeof event>[]) => {
    await addStation(store(), { id: stationId, keyHmac: 'ab', createdAt: at('2026-06-01T00:00:00Z') })
    await store().write(facts.map((fact) => told(stationId, fact)))
    return { stationId, transactionId: 'tx' }
  }
  const bill = () =>
    billDue({ store: store(), tariff, onBilled: () => {}, log: { error: () => {} } }, () => false)
  const started = event('tx', 0, 'Started', '2026-06-01T14:30:00Z', 0)
  const boundary = event('tx', 1, 'Updated', '2026-06-01T15:00:01Z', 5500)
  const ended = event('tx', 2, 'Ended', '2026-06-01T15:30:00Z', 11_000)

  test('an ended transaction is due, is billed once, and the bill comes back line by line', async () => {
    const key = await newCharge('billed', started, boundary, ended)
    expect(await dueForBilling(store(), 1000)).toContainEqual(key)
    await bill()
    expect(await dueForBilling(store(), 1000)).not.toContainEqual(key)
    const stored = (await transactionByKey(store(), key))?.bill
    expect(stored).toMatchObject({
      kind: 'billed',
      quantityWh: 11_000,
      amountMinor: 1235 + 1867,
      lines: [
        { number: 1, band: 'day', quantityWh: 5500, priceNanosPerKwh: 2_245_000_000, basis: 'measured' },
        {
          number: 2,
          band: 'peak',
          quantityWh: 5500,
          reason: { key: 'bill.energy', values: { band: 'peak' } },
        },
      ],
    })
  })

  test('a running transaction is not due and has no bill', async () => {
    const key = await newCharge('running', started, boundary)
    await bill()
    expect((await transactionByKey(store(), key))?.bill).toBeNull()
    expect((await runningTransactions(store(), 'running')).map((one) => one.transactionId)).toEqual(['tx'])
  })

  test('a late event takes the bill away and brings the right one', async () => {
    const key = await newCharge('late', started, ended)
    await bill()
    const interpolated = (await transactionByKey(store(), key))?.bill
    expect(interpolated).toMatchObject({
      kind: 'billed',
      lines: [{ basis: 'interpolated' }, { basis: 'interpolated' }],
    })
    await store().write([told('late', boundary)])
    expect((await transactionByKey(store(), key))?.bill).toBeNull()
    await bill()
    expect((await transactionByKey(store(), key))?.bill).toMatchObject({
      lines: [{ basis: 'measured' }, { basis: 'measured' }],
    })
  })

  test('a transaction that cannot be computed gets a reason, and the bills of others are made', async () => {
    const odd = event('tx', 2, 'Ended', '2026-06-01T15:30:00Z', 11_000, {
      samples: [sample('2026-06-01T15:30:00Z', 11_000, { context: 'end' })].map((one) => ({
        ...one,
        sample: { ...one.sample, at: 2 ** 60 },
      })),
    })
    const bad = await newCharge('bad', { ...started, samples: odd.samples }, odd)
    const good = await newCharge('good', started, boundary, ended)
    await bill()
    expect((await transactionByKey(store(), bad))?.bill).toEqual({
      kind: 'notBilled',
      reason: { key: 'bill.failed', values: {} },
    })
    expect((await transactionByKey(store(), good))?.bill).toMatchObject({ kind: 'billed' })
    expect(await dueForBilling(store(), 1000)).not.toContainEqual(bad)
  })

  test('a lost start is a reason on the bill until the start comes in', async () => {
    const key = await newCharge('start-late', boundary, ended)
    await bill()
    expect((await transactionByKey(store(), key))?.bill).toEqual({
      kind: 'notBilled',
      reason: { key: 'bill.noStartRegister', values: {} },
    })
    await store().write([told('start-late', started)])
    await bill()
    expect((await transactionByKey(store(), key))?.bill).toMatchObject({ kind: 'billed', quantityWh: 11_000 })
  })

  test('billing everything anew from the stored messages gives the same bills', async () => {
    await newCharge('anew', started, boundary, ended)
    await bill()
    const before = await listTransactions(store(), { limit: 500 })
    await makeAllDue(store())
    expect((await dueForBilling(store(), 1000)).length).toBeGreaterThan(0)
    await bill()
    expect(await listTransactions(store(), { limit: 500 })).toEqual(before)
    const lines = await store()
      .db.selectFrom('bill_lines')
      .selectAll()
      .where('station_id', '=', 'anew')
      .execute()
    expect(lines).toHaveLength(2)
  })

  test('a bill of fewer events than are stored is not kept', async () => {
    const key = await newCharge('raced', started, ended)
    const seen = (await eventsOf(store(), key)).map(meteredEvent)
    const made = billTransaction(transactionReadings(seen), tariff)
    if (made.kind === 'running') throw new Error('it has ended')
    await store().write([told('raced', boundary)])
    expect(await storeBill(store(), key, made, seen.length)).toBe(false)
    expect(await dueForBilling(store(), 1000)).toContainEqual(key)
    expect(await storeBill(store(), { ...key, transactionId: 'unknown' }, made, 2)).toBe(false)
  })

  test('the list is newest first, and can be asked page by page and by station', async () => {
    await addStation(store(), { id: 'pages', keyHmac: 'ab', createdAt: at('2026-06-01T00:00:00Z') })
    const days = ['2026-07-01', '2026-07-03', '2026-07-02']
    await store().write(days.map((day) => told('pages', event(day, 0, 'Started', `${day}T08:00:00Z`, 1))))
    const page = await listTransactions(store(), { stationId: 'pages', limit: 2 })
    expect(page.map((one) => one.transactionId)).toEqual(['2026-07-03', '2026-07-02'])
    const before = page.at(-1)?.state.startedAt
    const next = await listTransactions(store(), { stationId: 'pages', limit: 2, before })
    expect(next.map((one) => one.transactionId)).toEqual(['2026-07-01'])
  })
})
