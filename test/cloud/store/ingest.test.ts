import { expect, test } from 'vitest'
import type { Submission } from '../../../cloud/store/ingest.ts'
import { addStation, samplesOf, stationById } from '../../../cloud/store/stations.ts'
import { eventsOf, meterRegisters, transactionByKey } from '../../../cloud/store/transactions.ts'
import { epochMs } from '../../../shared/units.ts'
import { at, event, said, sample, told } from '../support/facts.ts'
import { onBothDatabases } from '../support/stores.ts'

onBothDatabases('what stations tell', (store) => {
  const write = async (...batch: Submission[]) => (await store().write(batch)).outcomes
  const newStation = (id: string) =>
    addStation(store(), { id, keyHmac: 'ab', createdAt: at('2026-06-01T00:00:00Z') })
  const started = event('tx', 0, 'Started', '2026-06-01T08:00:00Z', 100)
  const updated = event('tx', 1, 'Updated', '2026-06-01T08:15:00Z', 600)
  const ended = event('tx', 2, 'Ended', '2026-06-01T08:20:00Z', 700)

  test('an event is stored once; its repeat gets the first answer and changes nothing', async () => {
    await newStation('repeat')
    const first = told('repeat', started)
    expect(await write(first)).toEqual([{ repeat: 'first', answer: '{"answerTo":0}' }])
    const again = {
      ...first,
      transaction: first.transaction && { ...first.transaction, answer: '{"other":1}' },
    }
    expect(await write(again)).toEqual([{ repeat: 'same', answer: '{"answerTo":0}' }])
    expect(
      (await transactionByKey(store(), { stationId: 'repeat', transactionId: 'tx' }))?.state.events,
    ).toBe(1)
  })

  test('a repeat with other content is told apart, gets the first answer, and the first content stays', async () => {
    await newStation('other')
    await write(told('other', started))
    const changed = event('tx', 0, 'Started', '2026-06-01T08:00:00Z', 999_999)
    expect(await write(told('other', changed))).toEqual([{ repeat: 'different', answer: '{"answerTo":0}' }])
    const events = await eventsOf(store(), { stationId: 'other', transactionId: 'tx' })
    expect(events).toEqual([started])
    expect((await stationById(store(), 'other'))?.state.live?.registerWh).toBe(100)
  })

  test('repeats inside one batch count once, also across stations and transactions of the same name', async () => {
    await newStation('batch-a')
    await newStation('batch-b')
    const outcomes = await write(
      told('batch-a', started),
      told('batch-a', started),
      told('batch-b', started),
      told('batch-a', updated),
      told('batch-a', started, 'other bytes'),
    )
    expect(outcomes.map((outcome) => outcome.repeat)).toEqual([
      'first',
      'same',
      'first',
      'first',
      'different',
    ])
    expect(await eventsOf(store(), { stationId: 'batch-a', transactionId: 'tx' })).toHaveLength(2)
    expect(await eventsOf(store(), { stationId: 'batch-b', transactionId: 'tx' })).toHaveLength(1)
  })

  test('events out of order make the same transaction, sorted by their number', async () => {
    await newStation('order-1')
    await newStation('order-2')
    await write(told('order-1', started), told('order-1', updated), told('order-1', ended))
    await write(told('order-2', ended))
    await write(told('order-2', updated))
    await write(told('order-2', started))
    const [one, two] = await Promise.all(
      ['order-1', 'order-2'].map((stationId) =>
        transactionByKey(store(), { stationId, transactionId: 'tx' }),
      ),
    )
    expect(two?.state).toEqual(one?.state)
    expect(
      (await eventsOf(store(), { stationId: 'order-2', transactionId: 'tx' })).map((e) => e.seqNo),
    ).toEqual([0, 1, 2])
  })

  test('a transaction whose start never came is one all the same', async () => {
    await newStation('lost-start')
    await write(told('lost-start', ended))
    const found = await transactionByKey(store(), { stationId: 'lost-start', transactionId: 'tx' })
    expect(found?.state).toMatchObject({
      startRegisterWh: null,
      lastRegister: { wh: 700 },
      endedAt: ended.at,
      events: 1,
    })
  })

  test('readings of one moment are one row: what one message leaves open another fills, what is known stays', async () => {
    await newStation('merge')
    const moment = '2026-06-01T09:00:00Z'
    await write(said('merge', sample(moment, 500), sample(moment, null, { powerWatts: 11_000 })))
    await write(said('merge', sample(moment, 999, { powerWatts: 1 })))
    const { points } = await samplesOf(store(), {
      stationId: 'merge',
      from: at(moment),
      to: at(moment),
      max: 10,
    })
    expect(points).toEqual([
      {
        at: at(moment),
        registerWh: 500,
        powerWatts: 11_000,
        currentsMilliamps: null,
        offeredMilliamps: null,
      },
    ])
  })

  test('a register beyond 32 bits and a text with quotes, line breaks and umlauts come back as they were', async () => {
    await newStation('exact')
    const odd = event('ø"\n\\æ', 0, 'Started', '2026-06-01T08:00:00Z', 2 ** 45 + 1, { idToken: "';--" })
    await write(told('exact', odd))
    const key = { stationId: 'exact', transactionId: 'ø"\n\\æ' }
    expect(await eventsOf(store(), key)).toEqual([odd])
    expect((await meterRegisters(store(), 'exact'))[0]?.last.wh).toBe(2 ** 45 + 1)
  })

  test('the newest word on a station wins, in whatever order the words come', async () => {
    await newStation('state')
    const connector = (iso: string, status: 'Available' | 'Occupied') =>
      said('state', { kind: 'connector', at: at(iso), evseId: 1, connectorId: 1, status })
    await write(connector('2026-06-01T10:00:00Z', 'Occupied'), connector('2026-06-01T09:00:00Z', 'Available'))
    await write(
      said('state', sample('2026-06-01T10:00:00Z', 50)),
      said('state', sample('2026-06-01T09:00:00Z', 40)),
    )
    const state = (await stationById(store(), 'state'))?.state
    expect(state?.connectors).toMatchObject([{ status: 'Occupied' }])
    expect(state?.live?.registerWh).toBe(50)
    expect(state?.lastSeenAt).toBe(at('2026-06-01T12:00:00Z'))
  })

  test('an alert stands until it is cleared, and its repeat is one row', async () => {
    await newStation('alerts')
    const notice = (iso: string, meaning: 'alert' | 'cleared') =>
      said('alerts', {
        kind: 'notification',
        at: at(iso),
        eventId: 7,
        component: 'Contactor',
        variable: 'Problem',
        value: 'welded',
        meaning,
      })
    await write(notice('2026-06-01T09:00:00Z', 'alert'), notice('2026-06-01T09:00:00Z', 'alert'))
    expect((await stationById(store(), 'alerts'))?.state.problems).toMatchObject([
      { standing: true, detail: 'welded' },
    ])
    await write(notice('2026-06-01T09:30:00Z', 'cleared'))
    await write(notice('2026-06-01T09:00:00Z', 'alert'))
    expect((await stationById(store(), 'alerts'))?.state.problems).toMatchObject([{ standing: false }])
    const rows = await store()
      .db.selectFrom('notifications')
      .selectAll()
      .where('station_id', '=', 'alerts')
      .execute()
    expect(rows).toHaveLength(2)
  })

  test('the newest value of each variable is kept', async () => {
    await newStation('variables')
    const variable = (value: string, iso: string) =>
      said('variables', {
        kind: 'variable',
        at: at(iso),
        component: 'c//',
        variable: 'v/',
        attribute: 'Actual',
        value,
      })
    await write(variable('1', '2026-06-01T09:00:00Z'), variable('2', '2026-06-01T09:01:00Z'))
    const rows = await store()
      .db.selectFrom('variables')
      .select('value')
      .where('station_id', '=', 'variables')
      .execute()
    expect(rows).toEqual([{ value: '2' }])
  })

  test('a batch that fails leaves nothing of itself', async () => {
    await newStation('atomic')
    const bad = told('atomic', event('bad', 1.5, 'Updated', '2026-06-01T08:00:00Z', 1))
    const broken = {
      ...bad,
      transaction: bad.transaction && { ...bad.transaction, answer: JSON.parse('null') },
    }
    await expect(store().write([told('atomic', started), broken])).rejects.toThrow()
    expect(await eventsOf(store(), { stationId: 'atomic', transactionId: 'tx' })).toEqual([])
    expect(await transactionByKey(store(), { stationId: 'atomic', transactionId: 'tx' })).toBeNull()
  })

  test('1,000 messages of 100 stations are one batch', async () => {
    for (let index = 0; index < 100; index++) await newStation(`many-${index}`)
    const batch = Array.from({ length: 1000 }, (_, index) => {
      const seqNo = Math.floor(index / 100)
      const iso = new Date(at('2026-06-01T08:00:00Z') + seqNo * 60_000).toISOString()
      return told(
        `many-${index % 100}`,
        event('tx', seqNo, seqNo === 0 ? 'Started' : 'Updated', iso, seqNo * 100),
      )
    })
    expect((await write(...batch)).every((outcome) => outcome.repeat === 'first')).toBe(true)
    const { count } = await store()
      .db.selectFrom('transaction_events')
      .select(({ fn }) => fn.countAll<number>().as('count'))
      .where('station_id', 'like', 'many-%')
      .executeTakeFirstOrThrow()
    expect(count).toBe(1000)
    const found = await transactionByKey(store(), { stationId: 'many-99', transactionId: 'tx' })
    expect(found?.state).toMatchObject({ events: 10, seqNos: [[0, 9]], lastRegister: { wh: 900 } })
  })

  test('a clock set back within a charge moves no register: the meter knows the order', async () => {
    await newStation('stepped')
    await write(
      said(
        'stepped',
        sample('2026-06-01T08:00:00Z', 100),
        sample('2026-06-01T08:01:00Z', 200),
        // 90 s back, and on.
        sample('2026-06-01T07:59:40Z', 220),
        sample('2026-06-01T08:00:40Z', 333),
        sample('2026-06-01T08:00:50Z', 333),
      ),
    )
    expect(await meterRegisters(store(), 'stepped')).toEqual([
      {
        evseId: 1,
        meterSerial: 'M1',
        first: { at: at('2026-06-01T08:00:00Z'), wh: 100 },
        last: { at: at('2026-06-01T08:00:50Z'), wh: 333 },
      },
    ])
  })

  test('first and last register of each meter are told apart by its serial number', async () => {
    await newStation('meters')
    await write(
      said('meters', sample('2026-06-01T08:00:00Z', 100), sample('2026-06-01T09:00:00Z', 300)),
      said(
        'meters',
        sample('2026-06-01T10:00:00Z', 5, { meterSerial: 'M2' }),
        sample('2026-06-01T11:00:00Z', null),
      ),
    )
    expect(await meterRegisters(store(), 'meters')).toEqual([
      {
        evseId: 1,
        meterSerial: 'M1',
        first: { at: at('2026-06-01T08:00:00Z'), wh: 100 },
        last: { at: at('2026-06-01T09:00:00Z'), wh: 300 },
      },
      {
        evseId: 1,
        meterSerial: 'M2',
        first: { at: at('2026-06-01T10:00:00Z'), wh: 5 },
        last: { at: epochMs(at('2026-06-01T10:00:00Z')), wh: 5 },
      },
    ])
  })
})
