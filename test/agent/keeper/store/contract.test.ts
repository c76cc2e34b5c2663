// One suite over both faces of the store: in the caller's thread, and in its worker thread.
import { describe, expect, onTestFinished, test } from 'vitest'
import { inProcess, type Store, startStore } from '../../../../agent/keeper/store/client.ts'
import { openStore, type StoreOptions } from '../../../../agent/keeper/store/core.ts'
import { epochMs } from '../../../../shared/units.ts'
import { folder } from './fixture.ts'
import { account, ended, faultRow, installation, NOON, NORMAL, row, session } from './shapes.ts'

const FACES: Record<string, (options: StoreOptions) => Promise<Store>> = {
  'in the same thread': async (options) => inProcess(openStore(options)),
  'in its worker thread': (options) =>
    startStore(options, (cause) => {
      throw cause
    }),
}

describe.each(Object.entries(FACES))('the store, %s', (_, open) => {
  const opened = async (options: StoreOptions) => {
    const store = await open(options)
    let isClosed = false
    const close = async () => {
      if (!isClosed) await store.close()
      isClosed = true
    }
    onTestFinished(close)
    return { store, close }
  }
  /** Writes with one opening, looks with the next. */
  const reopened = async (options: StoreOptions, write: (store: Store) => Promise<unknown>) => {
    const first = await opened(options)
    await write(first.store)
    await first.close()
    return (await opened(options)).store
  }

  test('is empty at first', async () => {
    const { store } = await opened(folder())
    expect(store.remembered).toMatchObject({
      openSessions: [],
      installation: null,
      installationLost: false,
      opening: { database: 'new', damage: null },
    })
    expect(await store.nextRow()).toBeNull()
  })

  test('finds a committed change again, as a whole', async () => {
    const store = await reopened(folder(), async (first) => {
      const running = { account: account(1200), alive: null, aliveAt: NOON }
      expect(
        await first.commit(
          { docs: { running, planVersion: 7 }, sessions: [session('s1')], rows: [row('s1', 0, 'Started')] },
          NORMAL,
        ),
      ).toEqual({ ok: true, value: null })
    })
    expect(store.remembered.docs.running.account).toEqual(account(1200))
    expect(store.remembered.docs.planVersion).toBe(7)
    expect(store.remembered.openSessions).toEqual([session('s1')])
    expect((await store.nextRow())?.fact).toMatchObject({ event: 'Started', uuid: 's1', at: NOON })
  })

  test('takes a repeated change once', async () => {
    const { store } = await opened(folder())
    const change = { sessions: [session('s1')], rows: [row('s1', 0, 'Started')] }
    await store.commit(change, NORMAL)
    await store.commit(change, NORMAL)
    expect(await store.counts()).toMatchObject({ pending: 1, parked: 0 })
  })

  test('gives rows in their order and each one until it is acknowledged', async () => {
    const { store } = await opened(folder())
    await store.commit({ rows: [row('s1', 0, 'Started'), faultRow(1), row('s1', 1, 'Ended')] }, NORMAL)
    const first = await store.nextRow()
    expect(first?.fact).toMatchObject({ event: 'Started' })
    expect((await store.nextRow())?.id).toBe(first?.id)
    await store.acknowledge(first?.id ?? -1, NOON)
    expect((await store.nextRow())?.fact).toMatchObject({ kind: 'fault' })
    expect((await store.counts()).pending).toBe(2)
  })

  test('keeps the first frozen bytes, also over a restart', async () => {
    const store = await reopened(folder(), async (first) => {
      await first.commit({ rows: [row('s1', 0, 'Started')] }, NORMAL)
      const id = (await first.nextRow())?.id ?? -1
      expect(await first.freeze(id, 'bytes 1', NOON)).toEqual({ ok: true, value: 'bytes 1' })
      expect(await first.freeze(id, 'bytes 2', NOON)).toEqual({ ok: true, value: 'bytes 1' })
      await first.countAttempt(id)
    })
    expect(await store.nextRow()).toMatchObject({ frozen: 'bytes 1', attempts: 1, maybeSent: false })
  })

  test('tells nothing while the oldest row has no date', async () => {
    const { store } = await opened(folder())
    await store.commit({ rows: [row('s1', 0, 'Started', null), row('s1', 1, 'Ended')] }, NORMAL)
    expect(await store.nextRow()).toBeNull()
    const [undated] = await store.undatedRows()
    expect(undated).toMatchObject({ bootId: 'boot-1', atMonotonicMs: 10_000 })
    const at = epochMs(NOON - 60_000)
    await store.dateRows([{ id: undated?.id ?? -1, at, timeEstimated: true }], [])
    expect((await store.nextRow())?.fact).toMatchObject({
      at,
      timeEstimated: true,
      samples: [{ at: at - 500, timeEstimated: true }],
    })
  })

  test('parks the later rows of a session with its start, also those that come afterwards', async () => {
    const { store } = await opened(folder())
    await store.commit({ rows: [row('s1', 0, 'Started'), row('s1', 1, 'Updated'), faultRow(1)] }, NORMAL)
    await store.park((await store.nextRow())?.id ?? -1, 'refused by the server', NOON)
    await store.commit({ rows: [row('s1', 2, 'Ended'), row('s2', 0, 'Started')] }, NORMAL)
    expect(await store.counts()).toMatchObject({ pending: 2, parked: 3 })
    expect((await store.nextRow())?.fact).toMatchObject({ kind: 'fault' })
  })

  test('tells parked rows with their reason, and has them wait again in their old places with their old bytes', async () => {
    const { store } = await opened(folder())
    await store.commit({ rows: [row('s1', 0, 'Started'), row('s1', 1, 'Ended'), faultRow(1)] }, NORMAL)
    const first = (await store.nextRow())?.id ?? -1
    await store.freeze(first, 'bytes of the first send', NOON)
    await store.park(first, 'refused by the server', NOON)
    expect(await store.parked()).toMatchObject([
      { key: 't:s1:0', reason: 'refused by the server', fact: { event: 'Started' } },
      { key: 't:s1:1', reason: 'refused by the server', fact: { event: 'Ended' } },
    ])
    expect(await store.unpark(NOON)).toEqual({ ok: true, value: 2 })
    expect(await store.parked()).toEqual([])
    expect(await store.nextRow()).toMatchObject({
      fact: { event: 'Started' },
      frozen: 'bytes of the first send',
    })
    expect(await store.unpark(NOON)).toEqual({ ok: true, value: 0 })
  })

  test('parks nothing else with a row in the middle of a session', async () => {
    const { store } = await opened(folder())
    await store.commit({ rows: [row('s1', 0, 'Started'), row('s1', 1, 'Updated')] }, NORMAL)
    await store.acknowledge((await store.nextRow())?.id ?? -1, NOON)
    await store.park((await store.nextRow())?.id ?? -1, 'refused by the server', NOON)
    await store.commit({ rows: [row('s1', 2, 'Ended')] }, NORMAL)
    expect((await store.nextRow())?.fact).toMatchObject({ event: 'Ended' })
  })

  test('thins periodic readings first, and never starts, ends and faults', async () => {
    const { store } = await opened(folder())
    const old = epochMs(NOON - 31 * 24 * 3_600_000)
    const clock = row('s1', 2, 'Updated', old)
    const rows = [
      row('s1', 0, 'Started', old),
      row('s1', 1, 'Updated', old),
      { ...clock, fact: { ...clock.fact, trigger: 'MeterValueClock' as const } },
      { ...faultRow(1), at: old },
      row('s1', 3, 'Ended', old),
      row('s2', 0, 'Started'),
      row('s2', 1, 'Updated'),
    ]
    await store.commit({ rows }, NORMAL)
    const before = epochMs(NOON - 30 * 24 * 3_600_000)
    expect(await store.thin(before, 100)).toEqual({ ok: true, value: 1 })
    expect(await store.thin(before, 2)).toEqual({ ok: true, value: 1 })
    expect(await store.thin(before, 0)).toEqual({ ok: true, value: 0 })
    expect((await store.counts()).pending).toBe(5)
  })

  test('remembers only sessions without an end as open, and finds the others by their uuid', async () => {
    const done = ended(session('s1'), 5000)
    const store = await reopened(folder(), async (first) => {
      await first.commit({ sessions: [session('s1')] }, NORMAL)
      await first.commit({ sessions: [done, session('s2')] }, NORMAL)
    })
    expect(store.remembered.openSessions.map(({ uuid }) => uuid)).toEqual(['s2'])
    expect(await store.session('s1')).toEqual(done)
    expect(await store.session('s9')).toBeNull()
  })

  test('has the installation record in both places', async () => {
    const store = await reopened(folder(), (first) => first.setInstallation(installation(3)))
    expect(store.remembered.installation).toEqual(installation(3))
    expect(store.remembered.opening.installationHealed).toEqual([])
  })
})
