import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { CommandRecord } from '../../../shared/api/commands.ts'
import type { EnergyCheck, StationCreated, StationView } from '../../../shared/api/stations.ts'
import type { TransactionView } from '../../../shared/api/transactions.ts'
import type { RequestOf } from '../../../shared/io/ocpp-link-types.ts'
import { rawPeer } from '../../shared/io/link-bench.ts'
import { type CloudProcess, startCloud, until } from '../support/cloud-process.ts'
import { boot, connectStation, KEY, transactionEvent } from '../support/station.ts'

let dir: string
let cloud: CloudProcess
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'voltkeep-csms-'))
  cloud = await startCloud(['--data', dir])
})
afterAll(async () => {
  await cloud?.stop()
  await rm(dir, { recursive: true, force: true })
})

const newStation = async (id: string) => {
  const { status } = await cloud.api('POST', '/api/stations', { id, key: KEY })
  expect(status).toBe(201)
  return connectStation(cloud.url, id)
}
const view = async (id: string) => (await cloud.api<StationView>('GET', `/api/stations/${id}`)).body
const transaction = async (id: string, transactionId: string) =>
  (await cloud.api<TransactionView>('GET', `/api/stations/${id}/transactions/${transactionId}`)).body

test('a known station boots, says what it is and how it is, and is shown so', async () => {
  const station = await newStation('VIEW')
  expect(await station.link.call('BootNotification', boot)).toMatchObject({
    ok: true,
    value: { status: 'Accepted', interval: 20 },
  })
  await station.link.call('StatusNotification', {
    timestamp: '2026-06-01T08:00:00Z',
    connectorStatus: 'Occupied',
    evseId: 1,
    connectorId: 1,
  })
  await station.link.call('MeterValues', {
    evseId: 1,
    meterValue: [
      {
        timestamp: '2026-06-01T08:00:00Z',
        sampledValue: [
          { value: 5000 },
          { value: 7.4, measurand: 'Power.Active.Import', unitOfMeasure: { unit: 'kW' } },
          { value: 16, measurand: 'Current.Offered' },
        ],
      },
    ],
  })
  expect(await view('VIEW')).toMatchObject({
    online: true,
    boot: { vendor: 'Voltkeep', model: 'Test', serial: 'T1', firmwareVersion: '1.0', reason: 'PowerUp' },
    connectors: [{ evseId: 1, connectorId: 1, status: 'Occupied' }],
    live: { registerWh: 5000, powerWatts: 7400, offeredMilliamps: 16_000 },
  })
  await station.stop()
  const gone = await until(
    () => view('VIEW'),
    (shown) => !shown.online,
  )
  expect(gone.lastSeenAt).not.toBeNull()
})

test('the reason of the limit arrives with a transaction event and by NotifyEvent, the newest is shown', async () => {
  const station = await newStation('REASON')
  const limit = (key: string) => ({
    currentMilliamps: 0,
    reason: { key, values: { until: '23:00' } },
    until: null,
  })
  // CustomDataType is open by its schema (additionalProperties); the generated type names vendorId only.
  const customData = { vendorId: 'voltkeep', limit: limit('limit.schedule'), meterSerial: 'M9' }
  const started = { ...transactionEvent('r1', 0, 'Started', { minute: 0, registerWh: 1 }), customData }
  expect(await station.link.call('TransactionEvent', started)).toMatchObject({ ok: true })
  expect((await view('REASON')).limit).toMatchObject({
    currentMilliamps: 0,
    reason: { key: 'limit.schedule' },
  })
  expect((await transaction('REASON', 'r1')).meterSerial).toBe('M9')
  const notice = (actualValue: string, timestamp: string): RequestOf<'NotifyEvent'> => ({
    generatedAt: timestamp,
    seqNo: 0,
    eventData: [
      {
        eventId: 1,
        timestamp,
        trigger: 'Delta',
        actualValue,
        eventNotificationType: 'HardWiredNotification',
        component: { name: 'LimitControl' },
        variable: { name: 'BindingLimit' },
      },
    ],
  })
  await station.link.call('NotifyEvent', notice(JSON.stringify(limit('limit.user')), '2026-06-01T09:00:00Z'))
  await station.link.call('NotifyEvent', notice('{"broken":', '2026-06-01T09:01:00Z'))
  expect((await view('REASON')).limit).toMatchObject({
    reason: { key: 'limit.user', values: { until: '23:00' } },
  })
  await station.stop()
})

test('a charge told once, twice and out of order is one transaction with one bill', async () => {
  const station = await newStation('CHARGE')
  const started = transactionEvent('c1', 0, 'Started', { minute: 0, registerWh: 1000 })
  const updated = transactionEvent('c1', 1, 'Updated', { minute: 15, registerWh: 3000 })
  const ended = transactionEvent('c1', 2, 'Ended', { minute: 30, registerWh: 5500 })
  for (const event of [ended, started, started, updated, ended]) {
    expect(await station.link.call('TransactionEvent', event)).toEqual({
      ok: true,
      value: { idTokenInfo: { status: 'Accepted' } },
    })
  }
  const billed = await until(
    () => transaction('CHARGE', 'c1'),
    (shown) => shown.bill.kind === 'billed',
  )
  expect(billed).toMatchObject({
    state: 'ended',
    events: 3,
    missingSeqNos: [],
    energyWh: 4500,
    bill: { quantityWh: 4500, amountMinor: 1010, lines: [{ band: 'day', basis: 'measured' }] },
  })
  const { body } = await cloud.api<{ meters: EnergyCheck[] }>('GET', '/api/stations/CHARGE/energy')
  expect(body.meters).toMatchObject([
    { billedWh: 4500, unattributedWh: 0, registerDifferenceWh: 4500, differenceWh: 0 },
  ])
  await station.stop()
})

test('a time that cannot be is stored, never billed, and holds nobody up, also after a restart', async () => {
  const [station, honest] = [await newStation('FAR'), await newStation('NEAR')]
  const started = transactionEvent('f1', 0, 'Started', { minute: 0, registerWh: 1000 })
  const ended = transactionEvent('f1', 1, 'Ended', { minute: 30, registerWh: 5500 })
  const dated = (timestamp: string, event: typeof ended) => ({
    ...event,
    timestamp,
    meterValue: event.meterValue?.map((value) => ({ ...value, timestamp })) ?? [],
  })
  const odd = dated(
    '0000-01-01T00:00:00Z',
    transactionEvent('f2', 1, 'Updated', { minute: 5, registerWh: 6000 }),
  )
  for (const event of [
    started,
    dated('9999-12-31T23:59:59Z', ended),
    transactionEvent('f2', 0, 'Started', { minute: 40, registerWh: 5500 }),
    odd,
    transactionEvent('f2', 2, 'Ended', { minute: 50, registerWh: 7000 }),
  ])
    expect(await station.link.call('TransactionEvent', event)).toMatchObject({ ok: true })
  await honest.link.call('TransactionEvent', { ...started, transactionInfo: { transactionId: 'n1' } })
  await honest.link.call('TransactionEvent', { ...ended, transactionInfo: { transactionId: 'n1' } })
  const settled = () =>
    until(
      async () => [
        await transaction('FAR', 'f1'),
        await transaction('FAR', 'f2'),
        await transaction('NEAR', 'n1'),
      ],
      (shown) => shown.every((one) => one.bill.kind !== 'running'),
    )
  const notBilled = { bill: { kind: 'notBilled', reason: { key: 'bill.timeImplausible' } } }
  const shown = await settled()
  expect(shown).toMatchObject([notBilled, notBilled, { bill: { kind: 'billed', quantityWh: 4500 } }])
  expect(new Date(shown[1]?.startedAt ?? 0).toISOString()).toBe('2026-06-01T08:40:00.000Z')
  const { body } = await cloud.api<{ meters: EnergyCheck[] }>('GET', '/api/stations/FAR/energy')
  expect(body.meters).toMatchObject([{ notBilledWh: 6000, registerDifferenceWh: 6000, differenceWh: 0 }])
  // Its live view is not stuck in the year 9999 either.
  await station.link.call('StatusNotification', {
    timestamp: '9999-12-31T23:59:59Z',
    connectorStatus: 'Occupied',
    evseId: 1,
    connectorId: 1,
  })
  expect((await view('FAR')).connectors[0]?.since).toBeLessThan(Date.parse('2026-07-02T00:00:00Z'))
  await station.stop()
  await honest.stop()
  await cloud.stop()
  cloud = await startCloud(['--data', dir])
  expect(await settled()).toEqual(shown)
})

test('two ends are one: bill and energy account speak of the first', async () => {
  const station = await newStation('ENDS')
  for (const event of [
    transactionEvent('e1', 0, 'Started', { minute: 0, registerWh: 1000 }),
    transactionEvent('e1', 9, 'Ended', { minute: 30, registerWh: 5500 }),
    transactionEvent('e1', 11, 'Ended', { minute: 40, registerWh: 56_500 }),
  ])
    await station.link.call('TransactionEvent', event)
  const shown = await until(
    () => transaction('ENDS', 'e1'),
    (one) => one.bill.kind !== 'running' && one.events === 3,
  )
  expect(shown).toMatchObject({ energyWh: 4500, bill: { kind: 'billed', quantityWh: 4500 } })
  const { body } = await cloud.api<{ meters: EnergyCheck[] }>('GET', '/api/stations/ENDS/energy')
  // What the meter counted behind the end belongs to nobody, and is shown so.
  expect(body.meters).toMatchObject([{ billedWh: 4500, unattributedWh: 51_000, differenceWh: 0 }])
  await station.stop()
})

test('a repeat with other content gets the first answer, changes nothing and is logged', async () => {
  const station = await newStation('LIAR')
  await station.link.call(
    'TransactionEvent',
    transactionEvent('l1', 0, 'Started', { minute: 0, registerWh: 1000 }),
  )
  const { idToken: _, ...other } = transactionEvent('l1', 0, 'Started', { minute: 0, registerWh: 9999 })
  expect(await station.link.call('TransactionEvent', other)).toEqual({
    ok: true,
    value: { idTokenInfo: { status: 'Accepted' } },
  })
  expect((await transaction('LIAR', 'l1')).startRegisterWh).toBe(1000)
  const said = cloud.log.filter((entry) => entry['stationId'] === 'LIAR' && entry['seqNo'] === 0)
  expect(said).toHaveLength(1)
  await station.stop()
})

test('a token is authorised; an action that is not served is answered NotImplemented', async () => {
  const station = await newStation('TOKENS')
  const authorize = (idToken: string, type: 'Central' | 'NoAuthorization') =>
    station.link.call('Authorize', { idToken: { idToken, type } })
  expect(await authorize('FREE-VEND', 'Central')).toMatchObject({
    value: { idTokenInfo: { status: 'Accepted' } },
  })
  expect(await authorize('', 'NoAuthorization')).toMatchObject({
    value: { idTokenInfo: { status: 'Accepted' } },
  })
  expect(await authorize('  ', 'Central')).toMatchObject({ value: { idTokenInfo: { status: 'Invalid' } } })
  expect(
    await station.link.call('SecurityEventNotification', { type: 'x', timestamp: '2026-06-01T08:00:00Z' }),
  ).toMatchObject({ ok: false, error: { kind: 'callError', code: 'NotImplemented' } })
  await station.stop()
})

test('what stations say beyond their schema is refused, and the next message is heard', async () => {
  const station = await newStation('ODD')
  const negative = { ...transactionEvent('o1', -1, 'Started', { minute: 0, registerWh: 1 }) }
  expect(await station.link.call('TransactionEvent', negative)).toMatchObject({
    ok: false,
    error: { code: 'PropertyConstraintViolation' },
  })
  expect(await station.link.call('Heartbeat', {})).toMatchObject({ ok: true })
  expect((await cloud.api('GET', '/api/stations/ODD/transactions/o1')).status).toBe(404)
  await station.stop()
})

test('frames that are no OCPP get the right error, are logged once, and disturb no other station', async () => {
  const other = await newStation('CALM')
  await cloud.api('POST', '/api/stations', { id: 'BABBLE', key: KEY })
  const ocpp = `${cloud.url.replace(/^http/, 'ws')}/ocpp`
  const peer = await rawPeer(ocpp, { stationId: 'BABBLE', password: KEY })
  const answers: [frame: unknown, id: string, code: string][] = [
    ['{', '-1', 'RpcFrameworkError'],
    ['{}', '-1', 'RpcFrameworkError'],
    [[2, '1', 'Heartbeat', { surprise: true }], '1', 'PropertyConstraintViolation'],
    [[2, '2', 'TransactionEvent', {}], '2', 'OccurrenceConstraintViolation'],
    [[2, '3', 'Dance', {}], '3', 'NotImplemented'],
    ['[2,"4"]', '4', 'RpcFrameworkError'],
  ]
  for (const [index, [frame, id, code]] of answers.entries()) {
    peer.say(frame)
    await until(
      () => peer.frames.length,
      (count) => count === index + 1,
    )
    expect([peer.frames[index]].flat().slice(0, 3), JSON.stringify(frame)).toEqual([4, id, code])
  }
  const said = cloud.log.filter((entry) => entry['msg'] === 'a frame that is no OCPP message')
  expect(said).toMatchObject([{ peer: 'BABBLE' }])
  // It is heard again as soon as it speaks OCPP, and the other never noticed.
  peer.say([2, '5', 'Heartbeat', {}])
  await until(
    () => peer.frames.at(-1),
    (frame) => Array.isArray(frame) && frame[0] === 3 && frame[1] === '5',
  )
  expect(await other.link.call('Heartbeat', {})).toMatchObject({ ok: true })
  expect(other.closures).toEqual([])
  peer.socket.terminate()
  await other.stop()
})

test('reports of variables are taken part by part', async () => {
  const station = await newStation('REPORT')
  const part = (seqNo: number, tbc: boolean): RequestOf<'NotifyReport'> => ({
    requestId: 1,
    generatedAt: '2026-06-01T08:00:00Z',
    seqNo,
    tbc,
    reportData: [
      {
        component: { name: 'OCPPCommCtrlr' },
        variable: { name: `Variable${seqNo}` },
        variableAttribute: [{ type: 'Actual', value: '20' }],
      },
    ],
  })
  expect(await station.link.call('NotifyReport', part(0, true))).toEqual({ ok: true, value: {} })
  expect(await station.link.call('NotifyReport', part(1, false))).toEqual({ ok: true, value: {} })
  await station.stop()
})

test('an unknown station and a wrong key stay outside', async () => {
  await cloud.api('POST', '/api/stations', { id: 'LOCKED', key: KEY })
  const status = (id: string, key: string | null) => upgradeStatus(cloud.url, id, key)
  expect(await status('NOBODY', KEY)).toBe(404)
  expect(await status('LOCKED', 'another-key-0123456789')).toBe(401)
  expect(await status('LOCKED', null)).toBe(401)
  expect(await status('LOCKED', KEY)).toBe(101)
})

test('a key that the cloud made opens, and is never told again', async () => {
  const { body } = await cloud.api<StationCreated>('POST', '/api/stations', { id: 'MADE' })
  expect(body.key).toMatch(/^[A-Za-z0-9_-]{30}$/)
  const station = await connectStation(cloud.url, 'MADE', body.key)
  expect(await station.link.call('Heartbeat', {})).toMatchObject({ ok: true })
  expect(JSON.stringify((await cloud.api('GET', '/api/stations')).body)).not.toContain(body.key)
  expect(JSON.stringify(cloud.log)).not.toContain(body.key)
  await station.stop()
})

test('a second socket of a station closes the older, and the station stays online', async () => {
  const older = await newStation('TWICE')
  const newer = await connectStation(cloud.url, 'TWICE')
  await until(
    () => older.closures.length,
    (count) => count > 0,
  )
  expect(older.closures[0]).toMatch(/1008/)
  await older.stop()
  await newer.stop()
})

test('commands go out, their answers are recorded; an absent station is told as not open', async () => {
  const station = await newStation('COMMANDED')
  const heard: unknown[] = []
  station.link.handle('RequestStartTransaction', async (request) => {
    heard.push(request)
    return { status: 'Accepted', transactionId: 'x1' }
  })
  station.link.handle('RequestStopTransaction', async () => ({ status: 'Rejected' }))
  station.link.handle('GetVariables', async (request) => ({
    getVariableResult: request.getVariableData.map((data) => ({
      ...data,
      attributeStatus: 'Accepted' as const,
      attributeValue: '20',
    })),
  }))
  station.link.handle('SetVariables', async (request) => ({
    setVariableResult: request.setVariableData.map(({ component, variable }) => ({
      component,
      variable,
      attributeStatus: 'RebootRequired' as const,
    })),
  }))
  station.link.handle('TriggerMessage', async () => ({ status: 'NotImplemented' }))
  const send = async (body: unknown) =>
    (await cloud.api<CommandRecord>('POST', '/api/stations/COMMANDED/commands', body)).body
  const started = await send({ action: 'RequestStartTransaction', idToken: 'free', evseId: 1 })
  expect(started.outcome).toEqual({
    kind: 'answered',
    status: 'Accepted',
    response: { status: 'Accepted', transactionId: 'x1' },
  })
  expect(heard).toEqual([
    { idToken: { idToken: 'free', type: 'Central' }, remoteStartId: started.id, evseId: 1 },
  ])
  expect(started.request).toEqual(heard[0])
  expect((await send({ action: 'RequestStopTransaction', transactionId: 'x1' })).outcome).toMatchObject({
    status: 'Rejected',
  })
  const variables = [{ component: 'OCPPCommCtrlr', variable: 'HeartbeatInterval' }]
  expect((await send({ action: 'GetVariables', variables })).outcome).toMatchObject({
    kind: 'answered',
    status: null,
  })
  const set = variables.map((one) => ({ ...one, value: '30' }))
  expect((await send({ action: 'SetVariables', variables: set })).outcome).toMatchObject({ kind: 'answered' })
  const trigger = { action: 'TriggerMessage', requestedMessage: 'Heartbeat', evseId: 1 }
  expect((await send(trigger)).outcome).toMatchObject({ status: 'NotImplemented' })
  // Not handled by this station: the OCPP error is the outcome.
  expect((await send({ action: 'Reset', type: 'OnIdle' })).outcome).toMatchObject({
    kind: 'failed',
    why: 'callError',
  })
  await station.stop()
  await until(
    () => view('COMMANDED'),
    (shown) => !shown.online,
  )
  expect((await send({ action: 'Reset', type: 'OnIdle' })).outcome).toMatchObject({
    kind: 'failed',
    why: 'notOpen',
  })
  const { body } = await cloud.api<{ commands: CommandRecord[] }>('GET', '/api/stations/COMMANDED/commands')
  expect(body.commands).toHaveLength(7)
  expect(body.commands.every((one) => one.finishedAt !== null)).toBe(true)
})

/** The HTTP status of a WebSocket handshake, made by hand. */
async function upgradeStatus(url: string, id: string, key: string | null): Promise<number> {
  const { request } = await import('node:http')
  return new Promise((resolve, reject) => {
    const asked = request(`${url}/ocpp/${id}`, {
      headers: {
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
        'sec-websocket-protocol': 'ocpp2.0.1',
        ...(key === null ? {} : { authorization: `Basic ${Buffer.from(`${id}:${key}`).toString('base64')}` }),
      },
    })
    asked.on('response', (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    })
    asked.on('upgrade', (response, socket) => {
      socket.destroy()
      resolve(response.statusCode ?? 0)
    })
    asked.on('error', reject)
    asked.end()
  })
}
