import { expect, test } from 'vitest'
import {
  closeWaitingCommands,
  commandById,
  commandsOf,
  finishCommand,
  recordCommand,
} from '../../../cloud/store/commands.ts'
import { migrate } from '../../../cloud/store/migrations.ts'
import {
  addStation,
  allStations,
  samplesOf,
  setSetting,
  setting,
  stationById,
} from '../../../cloud/store/stations.ts'
import { at, said, sample } from '../support/facts.ts'
import { onBothDatabases } from '../support/stores.ts'

onBothDatabases('stations and commands', (store, dialect) => {
  const createdAt = at('2026-06-01T00:00:00Z')

  test('a station is added once; the second time changes nothing', async () => {
    expect(await addStation(store(), { id: 'one', keyHmac: 'first', createdAt })).toBe(true)
    expect(await addStation(store(), { id: 'one', keyHmac: 'second', createdAt })).toBe(false)
    expect((await stationById(store(), 'one'))?.keyHmac).toBe('first')
    expect(await stationById(store(), 'none')).toBeNull()
    expect((await allStations(store())).map((station) => station.id)).toEqual(['one'])
  })

  test('a setting is null until it is set, then the newest', async () => {
    expect(await setting(store(), 'colour')).toBeNull()
    await setSetting(store(), 'colour', 'green')
    await setSetting(store(), 'colour', 'blue')
    expect(await setting(store(), 'colour')).toBe('blue')
  })

  test('the series holds both ends of its span and is thinned evenly, ends kept', async () => {
    await addStation(store(), { id: 'series', keyHmac: 'x', createdAt })
    const moments = Array.from({ length: 101 }, (_, index) =>
      new Date(createdAt + index * 1000).toISOString(),
    )
    await store().write([said('series', ...moments.map((iso, index) => sample(iso, index)))])
    const all = await samplesOf(store(), {
      stationId: 'series',
      from: createdAt,
      to: createdAt + 100_000,
      max: 500,
    })
    expect(all.points.map((point) => point.registerWh)).toEqual(
      Array.from({ length: 101 }, (_, index) => index),
    )
    expect(all.thinned).toBe(false)
    const few = await samplesOf(store(), {
      stationId: 'series',
      from: createdAt,
      to: createdAt + 100_000,
      max: 5,
    })
    expect(few).toMatchObject({ thinned: true })
    expect(few.points.map((point) => point.registerWh)).toEqual([0, 25, 50, 75, 100])
    const part = await samplesOf(store(), {
      stationId: 'series',
      from: createdAt + 500,
      to: createdAt + 2000,
      max: 5,
    })
    expect(part.points.map((point) => point.registerWh)).toEqual([1, 2])
  })

  test('a command is recorded with its request, then with its outcome; the newest is first', async () => {
    const command = { stationId: 'one', action: 'Reset', at: createdAt }
    const first = await recordCommand(store(), command, (id) => ({ type: 'OnIdle', number: id }))
    const second = await recordCommand(store(), command, () => ({ type: 'Immediate' }))
    expect(first.request).toEqual({ type: 'OnIdle', number: first.id })
    await finishCommand(
      store(),
      first.id,
      { kind: 'answered', status: 'Accepted', response: { status: 'Accepted' } },
      createdAt,
    )
    expect(await commandById(store(), first.id)).toEqual({
      id: first.id,
      action: 'Reset',
      request: { type: 'OnIdle', number: first.id },
      requestedAt: createdAt,
      finishedAt: createdAt,
      outcome: { kind: 'answered', status: 'Accepted', response: { status: 'Accepted' } },
    })
    expect((await commandsOf(store(), 'one')).map((one) => one.id)).toEqual([second.id, first.id])
  })

  test('commands that waited when the cloud ended are closed at the next start, the answered ones stay', async () => {
    expect(await closeWaitingCommands(store(), createdAt)).toBe(1)
    expect((await commandsOf(store(), 'one')).map((one) => one.outcome.kind)).toEqual(['failed', 'answered'])
    expect(await closeWaitingCommands(store(), createdAt)).toBe(0)
  })

  test('migrating a second time changes nothing', async () => {
    await migrate(store().db, dialect)
    expect((await allStations(store())).length).toBeGreaterThan(0)
  })

  test('what the database refuses is an error with its own words', async () => {
    await expect(
      store().db.insertInto('settings').values({ name: 'twice', value: '1' }).execute(),
    ).resolves.toBeDefined()
    await expect(
      store().db.insertInto('settings').values({ name: 'twice', value: '2' }).execute(),
    ).rejects.toThrow(/unique/i)
  })
})
