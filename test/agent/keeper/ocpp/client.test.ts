// The box's conversation against a real server of ours, over real sockets of the loopback.
import { afterEach, describe, expect, it } from 'vitest'
import { type OcppOptions, startOcpp } from '../../../../agent/keeper/ocpp/client.ts'
import {
  type ActionName,
  type Handler,
  type RequestOf,
  type ResponseOf,
  refuseCall,
  type StationSocket,
} from '../../../../shared/io/ocpp-link-types.ts'
import { systemClock } from '../../../../shared/io/system-clock.ts'
import { prng } from '../../../../shared/prng.ts'
import { amps, milliAmps, watts } from '../../../../shared/units.ts'
import { KEY, keptLog, serverBench, until } from '../../../shared/io/link-bench.ts'
import {
  CONFIG,
  CONTROL,
  type MemoryBox,
  type MemoryOutbox,
  memoryBox,
  memoryOutbox,
  NOON,
  SESSION,
  SNAPSHOT,
  transactionFact,
  UUID,
} from '../port-doubles.ts'

const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

const ACCEPTED: ResponseOf<'BootNotification'> = {
  currentTime: '2026-11-22T12:00:00.000Z',
  interval: 300,
  status: 'Accepted',
}

type Heard = readonly [ActionName, object]

interface Csms {
  readonly url: string
  readonly port: number
  readonly heard: Heard[]
  readonly boots: ResponseOf<'BootNotification'>[]
  /** Replaces how an action is answered. */
  answer<A extends ActionName>(action: A, handler: Handler<A>): void
  station(): StationSocket
  stop(): Promise<void>
}

/** A server that keeps what it hears. Boots are answered from the list, then Accepted. */
async function aCsms(port = 0): Promise<Csms> {
  const heard: Heard[] = []
  const boots: ResponseOf<'BootNotification'>[] = []
  const handlers = new Map<ActionName, (request: never) => Promise<object>>()
  const bench = await serverBench({ port })
  const answer: Csms['answer'] = (action, handler) => {
    handlers.set(action, handler as (request: never) => Promise<object>)
  }
  answer('BootNotification', async () => boots.shift() ?? ACCEPTED)
  answer('Heartbeat', async () => ({ currentTime: ACCEPTED.currentTime }))
  for (const action of ['StatusNotification', 'TransactionEvent', 'NotifyEvent', 'NotifyReport'] as const) {
    answer(action, async () => ({}))
  }
  bench.server.onStation((socket) => {
    for (const action of handlers.keys()) {
      socket.handle(action, (async (request: never) => {
        heard.push([action, request])
        return handlers.get(action)?.(request)
      }) as never)
    }
  })
  let stopped = false
  const stop = async () => {
    if (!stopped) await bench.stop()
    stopped = true
  }
  ends.push(stop)
  return {
    url: bench.url,
    port: bench.port,
    heard,
    boots,
    answer,
    stop,
    station: () => {
      const socket = bench.server.station('VK-1')
      if (!socket) throw new Error('the station is not connected')
      return socket
    },
  }
}

function aBox(
  csms: { url: string },
  parts: Partial<Omit<OcppOptions, 'box' | 'outbox'>> & { box?: MemoryBox; outbox?: MemoryOutbox } = {},
) {
  const box = parts.box ?? memoryBox()
  const outbox = parts.outbox ?? memoryOutbox()
  const log = keptLog()
  const handle = startOcpp({
    config: { ...CONFIG, csms: { url: csms.url, password: KEY } },
    clock: systemClock(),
    random: prng(3),
    log,
    ...parts,
    tuning: { callTimeoutMs: 10_000, backoff: { firstMs: 20, maxMs: 60 }, ...parts.tuning },
    box,
    outbox,
  })
  ends.push(handle.stop)
  return { box, outbox, log, handle }
}

const named = (csms: Csms, action: ActionName) =>
  csms.heard.filter(([name]) => name === action).map(([, request]) => request)

async function accepted(csms: Csms, parts: Parameters<typeof aBox>[1] = {}) {
  const bench = aBox(csms, parts)
  await until('accepted and told', () => named(csms, 'NotifyEvent').length > 0)
  return bench
}

describe('the boot', () => {
  it('is the first thing said; then the state and the limit are told', async () => {
    const csms = await aCsms()
    const { box } = await accepted(csms)
    expect(csms.heard.map(([name]) => name)).toEqual([
      'BootNotification',
      'StatusNotification',
      'NotifyEvent',
    ])
    expect(csms.heard[0]?.[1]).toEqual({
      reason: 'PowerUp',
      chargingStation: {
        model: 'Demo box',
        vendorName: 'Voltkeep',
        serialNumber: '0001',
        firmwareVersion: '0.1.0',
      },
    })
    expect(csms.heard[1]?.[1]).toEqual({
      timestamp: '2026-11-22T12:00:00.000Z',
      connectorStatus: 'Available',
      evseId: 1,
      connectorId: 1,
    })
    expect(box.csmsStates).toEqual(['connecting', 'connecting', 'accepted'])
    expect(box.timesTold).toEqual([NOON])
  })

  it('that is pending or rejected is said again after the interval, and nothing else meanwhile', async () => {
    const csms = await aCsms()
    csms.boots.push(
      { ...ACCEPTED, status: 'Pending', interval: 1 },
      { ...ACCEPTED, status: 'Rejected', interval: 1 },
    )
    const outbox = memoryOutbox()
    outbox.add(transactionFact(0))
    const { box } = await accepted(csms, { outbox })
    await until('delivered', () => outbox.rows.length === 0)
    const names = csms.heard.map(([name]) => name)
    expect(names.slice(0, 3)).toEqual(['BootNotification', 'BootNotification', 'BootNotification'])
    expect(names.slice(3)).toContain('TransactionEvent')
    expect(box.csmsStates).toEqual(['connecting', 'connecting', 'pending', 'rejected', 'accepted'])
  })

  it('is not said again after a reconnect; state and limit are', async () => {
    const csms = await aCsms()
    const { box } = await accepted(csms)
    csms.station().close(1001, 'for the test')
    await until('told again', () => named(csms, 'NotifyEvent').length === 2)
    expect(named(csms, 'BootNotification')).toHaveLength(1)
    expect(named(csms, 'StatusNotification')).toHaveLength(2)
    expect(box.csmsStates.slice(-2)).toEqual(['disconnected', 'accepted'])
  })

  it('is said again when the server answers SecurityError, and the fact is not parked for it', async () => {
    const csms = await aCsms()
    const { outbox } = await accepted(csms)
    let known = false
    csms.answer('BootNotification', async () => {
      known = true
      return ACCEPTED
    })
    csms.answer('TransactionEvent', async () => {
      if (!known) throw refuseCall('SecurityError', 'boot first')
      return {}
    })
    outbox.add(transactionFact(0))
    await until('delivered', () => outbox.rows.length === 0)
    expect(outbox.parked).toEqual([])
    expect(named(csms, 'BootNotification')).toHaveLength(2)
  })
})

describe('facts', () => {
  it('are told in order, once each, over a server that is killed and comes back', async () => {
    const first = await aCsms()
    const { outbox } = await accepted(first)
    for (const seqNo of [0, 1, 2]) outbox.add(transactionFact(seqNo))
    await until('the first are told', () => outbox.rows.length === 0)
    await first.stop()
    for (const seqNo of [3, 4, 5]) outbox.add(transactionFact(seqNo, { offline: true }))
    const second = await aCsms(first.port)
    await until('the others are told', () => outbox.rows.length === 0)
    const told = [
      ...named(first, 'TransactionEvent'),
      ...named(second, 'TransactionEvent'),
    ] as RequestOf<'TransactionEvent'>[]
    expect(told.map((request) => request.seqNo)).toEqual([0, 1, 2, 3, 4, 5])
    expect(told.map((request) => request.offline ?? false)).toEqual([false, false, false, true, true, true])
  })

  it('that are not answered are sent again as the same bytes', async () => {
    const csms = await aCsms()
    const { outbox } = await accepted(csms, { tuning: { callTimeoutMs: 300 } })
    let silent = 1
    csms.answer('TransactionEvent', async () => {
      if (silent-- > 0) await systemClock().sleep('test', 500)
      return {}
    })
    outbox.add(transactionFact(0))
    await until('delivered', () => outbox.rows.length === 0)
    const [once, again] = named(csms, 'TransactionEvent')
    expect(again).toEqual(once)
  })

  it('that are refused are parked with the reason after the attempts that were set, and later ones go on', async () => {
    const csms = await aCsms()
    const { outbox } = await accepted(csms)
    const attempts = { name: 'MessageAttempts', instance: 'TransactionEvent' }
    const interval = { name: 'MessageAttemptInterval', instance: 'TransactionEvent' }
    expect(
      await csms.station().call('SetVariables', {
        setVariableData: [
          { component: { name: 'OCPPCommCtrlr' }, variable: attempts, attributeValue: '2' },
          { component: { name: 'OCPPCommCtrlr' }, variable: interval, attributeValue: '1' },
        ],
      }),
    ).toMatchObject({
      value: { setVariableResult: [{ attributeStatus: 'Accepted' }, { attributeStatus: 'Accepted' }] },
    })
    csms.answer('TransactionEvent', async ({ seqNo }) => {
      if (seqNo === 0) throw refuseCall('PropertyConstraintViolation', 'not this one')
      return {}
    })
    outbox.add(transactionFact(0))
    outbox.add(transactionFact(1))
    await until('both are done', () => outbox.rows.length === 0)
    expect(outbox.parked).toEqual([
      { id: 1, reason: 'refused 2 times, last with PropertyConstraintViolation: not this one' },
    ])
    expect(outbox.acknowledged).toEqual([2])
  })

  it('of faults are told as events, raised and cleared', async () => {
    const csms = await aCsms()
    const { outbox } = await accepted(csms)
    const fault = { kind: 'fault', code: 'METER_LOST', detail: 'no reply', at: NOON } as const
    outbox.add({ ...fault, raised: true, eventId: 1 })
    outbox.add({ ...fault, raised: false, eventId: 2 })
    await until('told', () => outbox.rows.length === 0)
    const events = (named(csms, 'NotifyEvent') as RequestOf<'NotifyEvent'>[]).flatMap(
      ({ eventData }) => eventData,
    )
    expect(events.filter(({ techCode }) => techCode === 'METER_LOST')).toMatchObject([
      { cleared: false, component: { name: 'FiscalMetering' } },
      { cleared: true, eventId: 2 },
    ])
  })
})

describe('what changes', () => {
  it('is told as it is now: state and limit, not each step between', async () => {
    const csms = await aCsms()
    const { box } = await accepted(csms)
    box.change({ control: { ...CONTROL, chargingState: 'suspendedEvse' } })
    await until('occupied is told', () => named(csms, 'StatusNotification').length === 2)
    for (const current of [6, 7, 8, 10])
      box.change({ limit: { ...SNAPSHOT.limit, currentMilliamps: amps(current) } })
    await until('the limit is told', () =>
      named(csms, 'NotifyEvent').some((event) => JSON.stringify(event).includes('10000')),
    )
    expect(named(csms, 'NotifyEvent').length).toBeLessThanOrEqual(3)
    const ids = (named(csms, 'NotifyEvent') as RequestOf<'NotifyEvent'>[]).map(
      ({ eventData }) => eventData[0]?.eventId,
    )
    expect(new Set(ids).size).toBe(ids.length)
  })

  it('of the flow is told as meter values that the standard allows, without a register', async () => {
    const csms = await aCsms()
    csms.answer('MeterValues', async () => ({}))
    const { box } = await accepted(csms)
    const flow = (current: number) => {
      const now = systemClock().monotonic()
      const currents = [milliAmps(current), milliAmps(current), milliAmps(current)] as const
      const meter = CONTROL.meter && {
        ...CONTROL.meter,
        takenAtMonotonicMs: now,
        powerWatts: watts(11_040),
        currentsMilliamps: currents,
      }
      const offeredMilliamps = amps(16)
      box.change({ control: { ...CONTROL, chargingState: 'charging', offeredMilliamps, meter } })
    }
    await until('told', () => {
      flow(16_000)
      return named(csms, 'MeterValues').length > 0
    })
    const [told] = named(csms, 'MeterValues') as RequestOf<'MeterValues'>[]
    expect(told?.evseId).toBe(1)
    expect(
      told?.meterValue[0]?.sampledValue.map(({ measurand, phase, value }) => [measurand, phase, value]),
    ).toEqual([
      ['Power.Active.Import', undefined, 11_040],
      ['Current.Import', 'L1', 16],
      ['Current.Import', 'L2', 16],
      ['Current.Import', 'L3', 16],
      ['Current.Offered', undefined, 16],
    ])
  })

  it('without a date waits until there is one', async () => {
    const csms = await aCsms()
    const { box } = aBox(csms, { box: memoryBox({ timeQuality: 'unknown' }) })
    await until('booted', () => box.csmsStates.includes('accepted'))
    expect(named(csms, 'StatusNotification')).toEqual([])
    box.change({ timeQuality: 'synchronised' })
    await until('told', () => named(csms, 'StatusNotification').length === 1)
  })
})

describe('what the server asks', () => {
  it('starts and stops a charge through the box', async () => {
    const csms = await aCsms()
    const { box } = await accepted(csms)
    const start = { idToken: { idToken: 'ABC', type: 'Central' }, remoteStartId: 12 } as const
    expect(await csms.station().call('RequestStartTransaction', start)).toEqual({
      ok: true,
      value: { status: 'Accepted', transactionId: UUID },
    })
    expect(await csms.station().call('RequestStopTransaction', { transactionId: UUID })).toMatchObject({
      value: { status: 'Rejected', statusInfo: { reasonCode: 'UnknownTransaction' } },
    })
    box.change({ session: SESSION })
    expect(await csms.station().call('RequestStopTransaction', { transactionId: UUID })).toEqual({
      ok: true,
      value: { status: 'Accepted' },
    })
    box.refuse = { code: 'NO_CAR', message: 'No car is plugged in.', do: 'Plug a car in.' }
    expect(await csms.station().call('RequestStartTransaction', start)).toMatchObject({
      value: {
        status: 'Rejected',
        statusInfo: { reasonCode: 'NO_CAR', additionalInfo: 'No car is plugged in. Plug a car in.' },
      },
    })
    expect(box.orders).toEqual([
      ['remoteStart', { idToken: 'ABC', remoteStartId: 12 }],
      ['stop', { uuid: UUID, by: 'remote' }],
      ['remoteStart', { idToken: 'ABC', remoteStartId: 12 }],
    ])
  })

  it('does not start a charge before the boot is accepted, but may be looked at', async () => {
    const csms = await aCsms()
    csms.boots.push({ ...ACCEPTED, status: 'Pending', interval: 60 })
    const { box } = aBox(csms)
    await until('pending', () => box.csmsStates.includes('pending'))
    const start = { idToken: { idToken: 'ABC', type: 'Central' }, remoteStartId: 12 } as const
    expect(await csms.station().call('RequestStartTransaction', start)).toMatchObject({
      value: { status: 'Rejected' },
    })
    expect(await csms.station().call('TriggerMessage', { requestedMessage: 'BootNotification' })).toEqual({
      ok: true,
      value: { status: 'Accepted' },
    })
    await until('accepted', () => box.csmsStates.includes('accepted'))
    expect(box.orders).toEqual([])
  })

  it('reads and sets the schedule as a variable', async () => {
    const csms = await aCsms()
    const { box } = await accepted(csms)
    const of = { component: { name: 'VoltkeepSchedule' }, variable: { name: 'Windows' } }
    const schedule = {
      timeZone: 'Europe/Copenhagen',
      windows: [{ days: [1, 2, 3, 4, 5, 6, 7], from: '23:00', to: '06:00' }],
      outsideMilliamps: 0,
    }
    const set = (attributeValue: string) =>
      csms.station().call('SetVariables', { setVariableData: [{ ...of, attributeValue }] })
    expect(await set(JSON.stringify(schedule))).toMatchObject({
      value: { setVariableResult: [{ attributeStatus: 'Accepted' }] },
    })
    expect(box.orders).toEqual([['setSchedule', schedule]])
    expect(await csms.station().call('GetVariables', { getVariableData: [of] })).toMatchObject({
      value: {
        getVariableResult: [{ attributeStatus: 'Accepted', attributeValue: JSON.stringify(schedule) }],
      },
    })
    for (const wrong of [
      '{',
      '{}',
      JSON.stringify({ ...schedule, outsideMilliamps: 3000 }),
      JSON.stringify({ ...schedule, timeZone: 'Mars/Base' }),
    ]) {
      expect(await set(wrong)).toMatchObject({
        value: {
          setVariableResult: [
            { attributeStatus: 'Rejected', attributeStatusInfo: { reasonCode: 'BadSchedule' } },
          ],
        },
      })
    }
    expect(box.orders).toHaveLength(1)
  })

  it('gets a status for each variable that it asks for', async () => {
    const csms = await aCsms()
    await accepted(csms)
    const ask = (component: string, variable: string, attributeType?: 'MaxSet') => ({
      component: { name: component },
      variable: { name: variable },
      ...(attributeType ? { attributeType } : {}),
    })
    const answer = await csms.station().call('GetVariables', {
      getVariableData: [
        ask('OCPPCommCtrlr', 'HeartbeatInterval'),
        ask('ocppcommctrlr', 'heartbeatinterval'),
        ask('NoSuch', 'X'),
        ask('OCPPCommCtrlr', 'X'),
        ask('OCPPCommCtrlr', 'HeartbeatInterval', 'MaxSet'),
      ],
    })
    expect(
      answer.ok && answer.value.getVariableResult.map((one) => [one.attributeStatus, one.attributeValue]),
    ).toEqual([
      ['Accepted', '300'],
      ['Accepted', '300'],
      ['UnknownComponent', undefined],
      ['UnknownVariable', undefined],
      ['NotSupportedAttributeType', undefined],
    ])
    const set = await csms.station().call('SetVariables', {
      setVariableData: [
        { ...ask('OCPPCommCtrlr', 'HeartbeatInterval'), attributeValue: '0' },
        { ...ask('OCPPCommCtrlr', 'HeartbeatInterval'), attributeValue: '1e3' },
        { ...ask('ClockCtrlr', 'DateTime'), attributeValue: '2026-01-01T00:00:00Z' },
        { ...ask('VoltkeepInstallation', 'LimitMilliamps'), attributeValue: '32000' },
        { ...ask('OCPPCommCtrlr', 'HeartbeatInterval'), attributeValue: '1' },
      ],
    })
    expect(
      set.ok &&
        set.value.setVariableResult.map((one) => [one.attributeStatus, one.attributeStatusInfo?.reasonCode]),
    ).toEqual([
      ['Rejected', 'PropertyConstraint'],
      ['Rejected', 'PropertyConstraint'],
      ['Rejected', 'ReadOnly'],
      ['Rejected', 'ReadOnly'],
      ['Accepted', undefined],
    ])
    await until('the heartbeat follows the new interval', () => named(csms, 'Heartbeat').length > 0)
  })

  it('gets the whole device model in parts', async () => {
    const csms = await aCsms()
    await accepted(csms)
    expect(await csms.station().call('GetBaseReport', { requestId: 4, reportBase: 'FullInventory' })).toEqual(
      {
        ok: true,
        value: { status: 'Accepted' },
      },
    )
    const parts = () => named(csms, 'NotifyReport') as RequestOf<'NotifyReport'>[]
    await until('the last part came', () => parts().some((part) => part.tbc === undefined))
    expect(parts().map(({ requestId, seqNo }) => [requestId, seqNo])).toEqual(
      parts().map((_, seqNo) => [4, seqNo]),
    )
    const names = parts().flatMap(
      ({ reportData }) => reportData?.map((one) => `${one.component.name}.${one.variable.name}`) ?? [],
    )
    expect(names).toContain('OCPPCommCtrlr.HeartbeatInterval')
    expect(names).toContain('VoltkeepSchedule.Windows')
    expect(names).toContain('LimitControl.BindingLimit')
    expect(
      await csms.station().call('GetBaseReport', { requestId: 5, reportBase: 'SummaryInventory' }),
    ).toMatchObject({
      value: { status: 'NotSupported' },
    })
  })

  it('may ask for our messages once more', async () => {
    const csms = await aCsms()
    await accepted(csms)
    const ask = async (
      requestedMessage: RequestOf<'TriggerMessage'>['requestedMessage'],
      evseId?: number,
    ) => {
      const evse = evseId === undefined ? {} : { evse: { id: evseId } }
      const answer = await csms.station().call('TriggerMessage', { requestedMessage, ...evse })
      return answer.ok ? answer.value.status : answer.error.kind
    }
    expect(await ask('Heartbeat')).toBe('Accepted')
    expect(await ask('StatusNotification', 1)).toBe('Accepted')
    expect(await ask('StatusNotification', 2)).toBe('Rejected')
    expect(await ask('BootNotification')).toBe('Rejected')
    expect(await ask('TransactionEvent')).toBe('NotImplemented')
    await until(
      'both came',
      () => named(csms, 'Heartbeat').length === 1 && named(csms, 'StatusNotification').length === 2,
    )
  })

  it('may reset an idle box; a charge is never ended for it', async () => {
    const csms = await aCsms()
    let restarts = 0
    const { box } = await accepted(csms, { restart: () => restarts++ })
    box.change({ session: SESSION })
    const ask = (type: 'Immediate' | 'OnIdle') => csms.station().call('Reset', { type })
    expect(await ask('Immediate')).toMatchObject({
      value: { status: 'Rejected', statusInfo: { reasonCode: 'Charging' } },
    })
    expect(await ask('OnIdle')).toEqual({ ok: true, value: { status: 'Scheduled' } })
    box.change({ limit: { ...SNAPSHOT.limit, currentMilliamps: milliAmps(0) } })
    expect(restarts).toBe(0)
    box.change({ session: null })
    expect(restarts).toBe(1)
    expect(await ask('Immediate')).toEqual({ ok: true, value: { status: 'Accepted' } })
    await until('restarted', () => restarts === 2)
  })

  it('is told NotImplemented where we do not know how', async () => {
    const csms = await aCsms()
    await accepted(csms)
    expect(await csms.station().call('ClearCache', {})).toEqual({
      ok: false,
      error: {
        kind: 'callError',
        code: 'NotImplemented',
        description: "Unable to handle 'ClearCache' calls",
      },
    })
    expect(await csms.station().call('DataTransfer', { vendorId: 'x' })).toMatchObject({
      value: { status: 'UnknownVendorId' },
    })
    expect(await csms.station().call('GetTransactionStatus', { transactionId: UUID })).toEqual({
      ok: true,
      value: { messagesInQueue: false, ongoingIndicator: false },
    })
  })
})

it('without a server in the configuration nothing is said', async () => {
  const box = memoryBox()
  const handle = startOcpp({
    config: CONFIG,
    box,
    outbox: memoryOutbox(),
    clock: systemClock(),
    random: prng(1),
    log: keptLog(),
  })
  expect(box.csmsStates).toEqual(['none'])
  await handle.stop()
})
