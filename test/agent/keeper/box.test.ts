// The whole of keeper but its processes: the real store on a disk, the real engine, and a control that a test plays.
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { ConnectOptions } from '../../../agent/control-link/client.ts'
import {
  type ControlStatus,
  type Fact,
  type KeeperToControl,
  LINK_VERSION,
  type NumberedFact,
} from '../../../agent/control-link/messages.ts'
import { type RunningBox, startBox } from '../../../agent/keeper/box.ts'
import type { KeeperConfig } from '../../../agent/keeper/config.ts'
import { inProcess, type Store } from '../../../agent/keeper/store/client.ts'
import { openStore, type StoreOptions } from '../../../agent/keeper/store/core.ts'
import { err } from '../../../shared/result.ts'
import { amps, EPOCH_MS_MAX, type EpochMs, epochMs, milliAmps, wattHours } from '../../../shared/units.ts'
import { virtualClock } from '../control/drivers/virtual-clock.ts'
import { CONFIG, CONTROL } from './port-doubles.ts'
import { folder } from './store/fixture.ts'

const CSMS = { url: 'ws://127.0.0.1:1/ocpp', password: 'x' }
const SCHEDULE = {
  timeZone: 'Europe/Copenhagen',
  windows: [{ days: [1, 2, 3, 4, 5, 6, 7] as const, from: '23:00', to: '06:00' }],
  outsideMilliamps: milliAmps(0),
}
const DAY_MS = 86_400_000
const settled = () => new Promise<void>((resolve) => setImmediate(resolve))

interface Played {
  readonly config?: Partial<KeeperConfig>
  readonly options?: StoreOptions
  readonly wrap?: (store: Store) => Store
  readonly bootId?: string
  /** Wall time less monotonic time. */
  readonly wallAt?: number
}

/** A keeper with a control that is played; `said` is everything that control was sent. */
async function keeper({
  config = {},
  options = folder(),
  wrap = (store) => store,
  bootId = 'boot-1',
  wallAt,
}: Played = {}) {
  const base = virtualClock()
  const offset = (wallAt ?? Date.UTC(2026, 5, 1, 12)) - base.monotonic()
  const clock = { ...base, wall: () => epochMs(base.monotonic() + offset) }
  const said: KeeperToControl[] = []
  const warned: string[] = []
  const noted: object[] = []
  let link: ConnectOptions | null = null
  let onSecond: () => void = () => {}
  let register = 1_000_000
  let plugId: string | null = null
  let number = 0
  let uuids = 0
  const running: RunningBox = await startBox({
    config: { ...CONFIG, csms: CSMS, ...config },
    bootId,
    store: wrap(inProcess(openStore(options))),
    clock,
    log: {
      info: (fields) => void noted.push(fields),
      warn: (_fields, text) => void warned.push(text),
      error() {},
    },
    connect: (given) => {
      link = given
      return { send: (message) => said.push(message) > 0, close() {} }
    },
    startTicker: (tick) => {
      onSecond = tick
      return async () => {}
    },
    isNtpSynchronised: () => false,
    makeUuid: () => {
      uuids += 1
      return `${bootId}-s${uuids}`
    },
    onFailure: (cause) => {
      throw cause
    },
  })
  let isClosed = false
  const close = async () => {
    if (!isClosed) await running.close()
    isClosed = true
  }
  onTestFinished(close)

  const quiet = async () => {
    for (let turn = 0; turn < 8; turn += 1) await settled()
  }
  const status = (change: Partial<ControlStatus> = {}): ControlStatus => ({
    ...CONTROL,
    atMonotonicMs: clock.monotonic(),
    pilot: plugId ? 'B' : 'A',
    plugId,
    chargingState: plugId ? 'occupied' : 'idle',
    meter: CONTROL.meter && {
      ...CONTROL.meter,
      takenAtMonotonicMs: clock.monotonic(),
      registerWh: wattHours(register),
    },
    ...change,
  })
  const hello = async (facts: readonly NumberedFact[] = []) => {
    link?.onConnected()
    link?.onMessage({
      kind: 'hello',
      version: 1,
      bootId,
      permission: null,
      planVersion: null,
      facts,
      status: status(),
      mirrorAgeMs: null,
    })
    await quiet()
  }
  const fact = (fact: Fact): NumberedFact => {
    number += 1
    return { number, bootId, atMonotonicMs: clock.monotonic(), meter: status().meter, fact }
  }
  const api = {
    ...running,
    close,
    clock,
    said,
    warned,
    noted,
    options,
    hello,
    fact,
    quiet,
    last: <K extends KeeperToControl['kind']>(kind: K) =>
      said.findLast((message): message is Extract<KeeperToControl, { kind: K }> => message.kind === kind),
    flow: (wh: number) => {
      register += wh
    },
    status: async (change: Partial<ControlStatus> = {}) => {
      link?.onMessage({ kind: 'status', status: status(change) })
      await quiet()
    },
    /** Control's process is gone. */
    lose: async () => {
      link?.onDisconnected()
      await quiet()
    },
    plug: async (id: string) => {
      plugId = id
      link?.onMessage({ kind: 'fact', fact: fact({ kind: 'plugged', plugId: id }) })
      await api.status()
    },
    /** Control comes up and finds a car plugged in. */
    helloPlugged: async (id: string) => {
      plugId = id
      await hello([fact({ kind: 'plugged', plugId: id })])
    },
    unplug: async () => {
      const old = plugId ?? ''
      plugId = null
      link?.onMessage({ kind: 'fact', fact: fact({ kind: 'unplugged', plugId: old }) })
      await api.status()
    },
    /** So many seconds pass, each with its tick and control's status. */
    seconds: async (count: number) => {
      for (let second = 0; second < count; second += 1) {
        await base.advance(1000)
        link?.onMessage({ kind: 'status', status: status() })
        onSecond()
        await quiet()
      }
    },
    commission: () => running.box.commission({ limitMilliamps: amps(16), phasesWired: 3, by: 'A. Fitter' }),
  }
  return api
}

describe('a latched fault', () => {
  test('is cleared by a technician through control, and it is logged who did it', async () => {
    const box = await keeper()
    await box.hello()
    await box.status({ faults: ['CONTACTOR_WELDED'] })
    const order = { code: 'CONTACTOR_WELDED', by: 'local page, 10.0.0.5' } as const
    expect(await box.box.clearFault(order)).toEqual({ ok: true, value: null })
    expect(box.last('clearFault')).toEqual({ kind: 'clearFault', code: 'CONTACTOR_WELDED' })
    expect(box.noted).toContainEqual({ ...order, at: box.box.snapshot().at })
  })

  test.each([
    ['METER_LOST', 'FAULT_NOT_LATCHED'],
    ['METER_WENT_BACK', 'FAULT_NOT_STANDING'],
    ['INSTALLATION_LOST', 'FAULT_CLEARS_OTHERWISE'],
  ] as const)('and no other: %s is refused, %s', async (code, refusal) => {
    const box = await keeper()
    await box.hello()
    await box.status({ faults: ['METER_LOST'] })
    expect(await box.box.clearFault({ code, by: 'x' })).toMatchObject({ ok: false, error: { code: refusal } })
    expect(box.last('clearFault')).toBeUndefined()
  })

  test('is not cleared while control is not heard', async () => {
    const box = await keeper()
    expect(await box.box.clearFault({ code: 'CONTACTOR_WELDED', by: 'x' })).toMatchObject({
      ok: false,
      error: { code: 'CONTROL_NOT_HEARD' },
    })
  })
})

describe('plans', () => {
  test('a hello is answered with the complete set; an uncommissioned box may not charge, and says so', async () => {
    const box = await keeper()
    await box.hello()
    expect(box.said[0]).toEqual({ kind: 'hello', version: LINK_VERSION, bootId: 'boot-1' })
    expect(box.last('plans')?.set.plans).toMatchObject([
      {
        source: 'installation',
        reason: { key: 'limit.installationMissing' },
        afterwards: { currentMilliamps: 0 },
      },
    ])
  })

  test('each change is a new set of a higher version, also over a restart', async () => {
    const options = folder()
    const box = await keeper({ options })
    await box.hello()
    const versions = () =>
      box.said.flatMap((message) => (message.kind === 'plans' ? [message.set.version] : []))
    await box.commission()
    await box.box.setSchedule(SCHEDULE)
    await box.plug('p1')
    await box.box.override({ by: 'localPage', until: null })
    await box.box.setUserLimit(amps(8))
    expect(box.last('plans')?.set.plans.map(({ source }) => source)).toEqual([
      'installation',
      'schedule',
      'user',
    ])
    const before = versions()
    expect(before).toEqual([...before].sort((a, b) => a - b))
    expect(new Set(before).size).toBe(before.length)
    await box.close()
    const again = await keeper({ options })
    await again.hello()
    const set = again.last('plans')?.set
    expect(set?.version).toBeGreaterThan(before.at(-1) ?? 0)
    expect(set?.plans.map(({ source }) => source)).toEqual(['installation', 'schedule', 'user'])
  })

  test('a schedule holds the car back until an override lifts it, and holds again when the plug is out', async () => {
    const box = await keeper()
    await box.hello()
    await box.commission()
    await box.box.setSchedule(SCHEDULE)
    await box.plug('p1')
    const steps = () => box.last('plans')?.set.plans.find(({ source }) => source === 'schedule')?.steps
    expect(steps()?.[0]?.limit).toEqual({ kind: 'perPhase', currentMilliamps: 0 })
    expect(await box.box.override({ by: 'button', until: null })).toMatchObject({
      ok: true,
      value: { by: 'button' },
    })
    expect(steps()).toEqual([])
    expect(box.box.snapshot().override).not.toBeNull()
    await box.unplug()
    expect(steps()?.[0]?.limit).toEqual({ kind: 'perPhase', currentMilliamps: 0 })
    expect(box.box.snapshot().override).toBeNull()
  })

  test('without a known time the schedule is not applied, until the server tells it', async () => {
    const box = await keeper({ config: { hasRtc: false } })
    await box.hello()
    await box.commission()
    await box.box.setSchedule(SCHEDULE)
    const plan = () => box.last('plans')?.set.plans.find(({ source }) => source === 'schedule')
    expect(plan()).toMatchObject({ reason: { key: 'limit.scheduleTimeUnknown' }, steps: [] })
    expect(box.box.snapshot()).toMatchObject({ timeQuality: 'unknown' })
    box.box.csmsTime(epochMs(Date.UTC(2026, 5, 1, 13)), box.clock.monotonic())
    await box.quiet()
    expect(box.box.snapshot()).toMatchObject({ timeQuality: 'synchronised', at: Date.UTC(2026, 5, 1, 13) })
    expect(plan()?.steps.length).toBeGreaterThan(10)
  })
})

describe('a charge', () => {
  test('is stored, permitted, told in order with its times, and ends with the register', async () => {
    const box = await keeper()
    await box.hello()
    await box.commission()
    await box.plug('p1')
    expect(box.last('permission')?.permission).toMatchObject({
      uuid: 'boot-1-s1',
      startRegisterWh: 1_000_000,
    })
    expect(box.last('factsStored')?.number).toBe(1)
    for (let part = 0; part < 5; part++) {
      box.flow(500)
      await box.seconds(61)
    }
    expect(box.box.snapshot().session).toMatchObject({ uuid: 'boot-1-s1', energyWh: 2500 })
    await box.unplug()
    expect(box.box.snapshot()).toMatchObject({
      session: null,
      energyAccount: { sessionsWh: 2500, unattributedWh: 0, registerAtEpochStartWh: 1_000_000 },
      outbox: { pending: 2, parked: 0 },
    })
    const row = await box.outbox.next()
    expect(row?.fact).toMatchObject({
      event: 'Started',
      seqNo: 0,
      at: Date.UTC(2026, 5, 1, 12),
      offline: true,
    })
    expect(await box.outbox.freeze(row?.id ?? -1, 'bytes')).toBe('bytes')
    await box.outbox.acknowledge(row?.id ?? -1)
    expect((await box.outbox.next())?.fact).toMatchObject({
      event: 'Ended',
      seqNo: 1,
      stoppedReason: 'EVDisconnected',
    })
  })

  test('has a clock reading at each quarter hour of the wall clock', async () => {
    const box = await keeper({ wallAt: Date.UTC(2026, 5, 1, 12, 14, 30) })
    await box.hello()
    await box.commission()
    await box.plug('p1')
    await box.outbox.acknowledge((await box.outbox.next())?.id ?? -1)
    await box.seconds(40)
    expect((await box.outbox.next())?.fact).toMatchObject({
      trigger: 'MeterValueClock',
      at: Date.UTC(2026, 5, 1, 12, 15),
      samples: [{ context: 'clock', at: Date.UTC(2026, 5, 1, 12, 15) }],
    })
  })

  test('that began without a known time is told when the time is known, with exact times', async () => {
    const box = await keeper({ config: { hasRtc: false } })
    await box.hello()
    await box.commission()
    await box.plug('p1')
    await box.seconds(30)
    expect(await box.outbox.next()).toBeNull()
    expect(box.box.snapshot().session?.startedAt).toBeNull()
    box.box.csmsTime(epochMs(Date.UTC(2026, 5, 1, 13)), box.clock.monotonic())
    await box.quiet()
    const startedAt = Date.UTC(2026, 5, 1, 13) - 30_000
    expect((await box.outbox.next())?.fact).toMatchObject({
      event: 'Started',
      at: startedAt,
      timeEstimated: false,
    })
    expect(box.box.snapshot().session?.startedAt).toBe(startedAt)
  })

  test('of a boot that never knew the time is dated before the next boot, marked as estimated', async () => {
    const options = folder()
    const first = await keeper({ options, config: { hasRtc: false } })
    await first.hello()
    await first.commission()
    await first.plug('p1')
    await first.seconds(5)
    await first.unplug()
    await first.close()
    const second = await keeper({ options, bootId: 'boot-2', wallAt: Date.UTC(2026, 5, 2, 9) })
    const row = await second.outbox.next()
    expect(row?.fact).toMatchObject({ event: 'Started', timeEstimated: true })
    const started = row?.fact.at ?? 0
    await second.outbox.acknowledge(row?.id ?? -1)
    const end = (await second.outbox.next())?.fact.at ?? 0
    expect(end - started).toBe(5000)
    expect(end).toBe(Date.UTC(2026, 5, 2, 9) - 1000)
  })

  test('goes on in the same session after a power cut, and every event is there once', async () => {
    const options = folder()
    const first = await keeper({ options })
    await first.hello()
    await first.commission()
    await first.plug('p1')
    first.flow(700)
    await first.seconds(61)
    const second = await keeper({
      options: copyOf(first.options),
      bootId: 'boot-2',
      wallAt: Date.UTC(2026, 5, 1, 12, 3),
    })
    second.flow(700)
    await second.helloPlugged('boot-2:1')
    expect(second.last('permission')?.permission).toMatchObject({
      uuid: 'boot-1-s1',
      bootId: 'boot-2',
      plugId: 'boot-2:1',
    })
    await second.unplug()
    const told = []
    for (let row = await second.outbox.next(); row; row = await second.outbox.next()) {
      if (row.fact.kind === 'transaction') told.push(`${row.fact.seqNo} ${row.fact.event}`)
      await second.outbox.acknowledge(row.id)
    }
    expect(told).toEqual(['0 Started', '1 Ended'])
    expect(second.box.snapshot().energyAccount).toMatchObject({ sessionsWh: 700, unattributedWh: 0 })
  })
})

describe('orders are refused with what to do', () => {
  test.each([
    [
      'override without a car',
      (box: RunningBox['box']) => box.override({ by: 'mqtt', until: null }),
      'NO_CAR',
    ],
    ['own limit of 5 A', (box: RunningBox['box']) => box.setUserLimit(amps(5)), 'CURRENT_TOO_LOW'],
    [
      'stop without a session',
      (box: RunningBox['box']) => box.stop({ uuid: null, by: 'local' }),
      'NO_SESSION',
    ],
    [
      'remote start before commissioning',
      (box: RunningBox['box']) => box.remoteStart({ idToken: 'x', remoteStartId: 1 }),
      'NOT_COMMISSIONED',
    ],
    [
      'limit above the wire',
      (box: RunningBox['box']) => box.commission({ limitMilliamps: amps(33), phasesWired: 3, by: 'A' }),
      'ABOVE_WIRE_RATING',
    ],
    [
      'schedule of 3 A',
      (box: RunningBox['box']) => box.setSchedule({ ...SCHEDULE, outsideMilliamps: amps(3) }),
      'CURRENT_TOO_LOW',
    ],
    [
      'schedule of no zone',
      (box: RunningBox['box']) => box.setSchedule({ ...SCHEDULE, timeZone: 'Mars' }),
      'SCHEDULE_INVALID',
    ],
  ])('%s', async (_, order, code) => {
    const { box } = await keeper()
    const answer = await order(box)
    expect(answer).toMatchObject({ ok: false, error: { code } })
    if (!answer.ok) expect(answer.error.do.length).toBeGreaterThan(10)
  })

  test('a raised limit and other phases need presence; a lowered limit reaches control at once', async () => {
    const box = await keeper()
    await box.hello()
    await box.commission()
    expect(await box.box.commission({ limitMilliamps: amps(20), phasesWired: 3, by: 'A' })).toMatchObject({
      ok: false,
      error: { code: 'PRESENCE_NEEDED' },
    })
    expect(await box.box.commission({ limitMilliamps: amps(10), phasesWired: 1, by: 'A' })).toMatchObject({
      ok: false,
      error: { code: 'PRESENCE_NEEDED' },
    })
    expect(await box.box.commission({ limitMilliamps: amps(10), phasesWired: 3, by: 'A' })).toMatchObject({
      ok: true,
      value: { version: 2, limitMilliamps: 10_000 },
    })
    expect(box.last('plans')?.set).toMatchObject({
      phasesWired: 3,
      plans: [{ afterwards: { currentMilliamps: 10_000 } }],
    })
  })
})

describe('the way back from a limit that was commissioned too low', () => {
  const page = readFileSync('docs/safety/hazards.md', 'utf8')
  const chapter = page.split('\n## ').find((part) => part.startsWith('A limit that was commissioned')) ?? ''
  const step = chapter.split('\n2. ')[1]?.split('Leave')[0] ?? ''
  const moved = [...step.matchAll(/`([a-z.]+\.(json|db|db-wal))`/g)].map(([, name]) => name ?? '')

  async function lowered() {
    const box = await keeper()
    await box.hello()
    await box.box.commission({ limitMilliamps: amps(6), phasesWired: 1, by: 'A. Fitter' })
    await box.box.setSchedule(SCHEDULE)
    await box.plug('p1')
    box.flow(500)
    await box.status()
    await box.unplug()
    const { dir, installationCopyPath } = box.options
    await box.close()
    return { options: box.options, dir, installationCopyPath }
  }

  test('moves every copy that the page names, and the box is commissioned anew with its memory', async () => {
    expect(moved).toEqual(['installation.json', 'keeper.db', 'keeper.db-wal', 'keeper.daily.db'])
    const { options, dir, installationCopyPath } = await lowered()
    for (const name of moved)
      rmSync(name === 'installation.json' ? installationCopyPath : join(dir, name), { force: true })
    const box = await keeper({ options, bootId: 'boot-2' })
    // The meter's register is where the charge left it.
    box.flow(500)
    await box.hello()
    expect(box.box.snapshot()).toMatchObject({
      installation: null,
      faults: ['INSTALLATION_LOST'],
      limit: { currentMilliamps: 0, reason: { key: 'limit.fault', values: { fault: 'INSTALLATION_LOST' } } },
    })
    expect(await box.commission()).toMatchObject({ ok: true, value: { version: 1, limitMilliamps: 16_000 } })
    expect(box.box.snapshot()).toMatchObject({
      faults: [],
      schedule: SCHEDULE,
      energyAccount: { meterSerial: 'SDM-1', sessionsWh: 500 },
    })
    expect(await box.outbox.next()).toMatchObject({ fact: { uuid: 'boot-1-s1', event: 'Started' } })
  })

  test('one copy that is left brings the low limit back', async () => {
    const { options, installationCopyPath } = await lowered()
    rmSync(installationCopyPath)
    const box = await keeper({ options, bootId: 'boot-2' })
    expect(box.box.snapshot().installation).toMatchObject({ limitMilliamps: 6000 })
    expect(await box.commission()).toMatchObject({ ok: false, error: { code: 'PRESENCE_NEEDED' } })
  })
})

describe('what is shown when nothing charges', () => {
  test('before control was heard it starts; when it was, its loss is told', async () => {
    const box = await keeper()
    expect(box.box.snapshot().limit.reason.key).toBe('wait.starting')
    await box.hello()
    expect(box.box.snapshot().limit.reason.key).toBe('limit.installation')
    await box.lose()
    expect(box.box.snapshot()).toMatchObject({
      control: null,
      meterAgeMs: null,
      limit: { currentMilliamps: 0, reason: { key: 'wait.controlLost' }, until: null },
    })
  })

  test('a control that hangs with its link open is lost after 3 s', async () => {
    const box = await keeper()
    await box.hello()
    await box.clock.advance(3000)
    expect(box.box.snapshot().control).not.toBeNull()
    await box.clock.advance(1)
    expect(box.box.snapshot()).toMatchObject({
      control: null,
      limit: { reason: { key: 'wait.controlLost' } },
    })
    await box.status()
    expect(box.box.snapshot().limit.reason.key).toBe('limit.installation')
  })

  test('a fault that withdraws is the limit, by its name; one that does not is none', async () => {
    const box = await keeper()
    await box.hello()
    await box.commission()
    await box.status({ faults: ['METER_REPLACED'] })
    expect(box.box.snapshot().limit.currentMilliamps).toBe(16_000)
    await box.status({ faults: ['BUS_LOST', 'METER_LOST'] })
    expect(box.box.snapshot().limit).toEqual({
      currentMilliamps: 0,
      reason: { key: 'limit.fault', values: { fault: 'BUS_LOST, METER_LOST' } },
      until: null,
    })
  })

  test('the meter’s last reading is told with its age', async () => {
    const box = await keeper()
    await box.hello()
    const meter = box.box.snapshot().control?.meter ?? null
    await box.clock.advance(7000)
    await box.status({ meter })
    expect(box.box.snapshot().meterAgeMs).toBe(7000)
    await box.status({ meter: null })
    expect(box.box.snapshot().meterAgeMs).toBeNull()
  })

  test.each(['local', 'remote'] as const)(
    'a charge that was stopped (%s) is 0 A until the plug is out, and no override changes that',
    async (by) => {
      const box = await keeper()
      await box.hello()
      await box.commission()
      await box.plug('p1')
      await box.status({ pilot: 'C', chargingState: 'charging', relay: 'closed' })
      expect(await box.box.stop({ uuid: null, by })).toMatchObject({ ok: true })
      const stopped = { limit: { currentMilliamps: 0, reason: { key: 'wait.stopped' } }, override: null }
      expect(box.box.snapshot()).toMatchObject({ session: { uuid: 'boot-1-s1' }, ...stopped })
      await box.seconds(31)
      expect(box.box.snapshot()).toMatchObject({ session: null, ...stopped })
      expect(await box.box.override({ by: 'localPage', until: null })).toMatchObject({
        ok: false,
        error: { code: 'STOPPED', do: 'Unplug the car and plug it in again.' },
      })
      expect(box.box.snapshot().override).toBeNull()
      await box.unplug()
      await box.plug('p2')
      expect(box.box.snapshot().limit.reason.key).toBe('limit.installation')
      expect(await box.box.override({ by: 'localPage', until: null })).toMatchObject({ ok: true })
    },
  )

  test('an override that ends in the past is refused, and the one before it stays', async () => {
    const box = await keeper()
    await box.hello()
    await box.commission()
    await box.plug('p1')
    const now = box.box.snapshot().at
    const later = epochMs(now + 3_600_000)
    expect(await box.box.override({ by: 'localPage', until: later })).toMatchObject({ ok: true })
    const before = box.box.snapshot().override
    const answer = await box.box.override({ by: 'mqtt', until: now })
    expect(answer).toMatchObject({ ok: false, error: { code: 'UNTIL_PAST' } })
    if (!answer.ok) expect(answer.error.message).toContain('lies in the past')
    await box.seconds(2)
    expect(box.box.snapshot().override).toEqual(before)
  })

  test.each([0, DAY_MS * 8 + 1, EPOCH_MS_MAX - Date.UTC(2026, 5, 2)])(
    'an override that ends %i ms from now is refused in words, and the one before it stays',
    async (fromNow) => {
      const box = await keeper()
      await box.hello()
      await box.commission()
      await box.plug('p1')
      const { at } = box.box.snapshot()
      expect(await box.box.override({ by: 'localPage', until: epochMs(at + 8 * DAY_MS) })).toMatchObject({
        ok: true,
      })
      const before = box.box.snapshot().override
      expect(await box.box.override({ by: 'mqtt', until: epochMs(at + fromNow) })).toMatchObject({
        ok: false,
        error: { code: fromNow === 0 ? 'UNTIL_PAST' : 'UNTIL_TOO_FAR' },
      })
      expect(box.box.snapshot().override).toEqual(before)
    },
  )

  test('an override with an end is refused while the time is unknown, one without is not', async () => {
    const box = await keeper({ config: { hasRtc: false }, wallAt: 0 })
    await box.hello()
    await box.commission()
    await box.plug('p1')
    expect(box.box.snapshot().timeQuality).toBe('unknown')
    const until = epochMs(Date.UTC(2026, 5, 1))
    expect(await box.box.override({ by: 'localPage', until })).toMatchObject({
      ok: false,
      error: { code: 'TIME_UNKNOWN' },
    })
    expect(await box.box.override({ by: 'localPage', until: null })).toMatchObject({ ok: true })
  })

  test.each([Number.MAX_SAFE_INTEGER, Date.UTC(2026, 5, 20)])(
    'a stored override that ends at %i, beyond all bounds, is dropped at the start for good, with a log line',
    async (until) => {
      const options = folder()
      const first = await keeper({ options })
      await first.hello()
      await first.commission()
      await first.plug('p1')
      await first.close()
      const store = openStore(options)
      const override = { id: 'o', by: 'localPage', since: null, until: until as EpochMs } as const
      expect(store.commit({ docs: { override } }, { at: null, room: 'normal' })).toMatchObject({ ok: true })
      store.close()
      const second = await keeper({ options })
      expect(second.box.snapshot().override).toBeNull()
      expect(second.warned).toContain('a stored override ends beyond 8 days and is dropped')
      await second.close()
      const third = await keeper({ options })
      expect(third.warned).not.toContain('a stored override ends beyond 8 days and is dropped')
    },
  )

  test('the age of the oldest message is told while one waits, and only then', async () => {
    const box = await keeper()
    await box.hello()
    await box.commission()
    await box.plug('p1')
    await box.seconds(5)
    expect(box.box.snapshot().outbox).toEqual({ pending: 1, parked: 0, oldestAgeMs: 5000 })
    const row = await box.outbox.next()
    if (row) await box.outbox.acknowledge(row.id)
    expect(box.box.snapshot().outbox).toEqual({ pending: 0, parked: 0, oldestAgeMs: null })
  })
})

describe('STORE_UNWRITABLE while keeper runs', () => {
  const trouble = { code: 'STORE_UNWRITABLE', cause: 'ENOSPC', message: 'no space left' } as const

  test('nothing new begins, control keeps its facts, and all is made up for when the disk writes again', async () => {
    let isFull = false
    const box = await keeper({
      wrap: (store) => ({
        ...store,
        commit: async (change, how) => (isFull ? err(trouble) : store.commit(change, how)),
      }),
    })
    await box.hello()
    await box.commission()
    isFull = true
    await box.plug('p1')
    expect(box.last('permission')).toBeUndefined()
    expect(box.last('factsStored')).toBeUndefined()
    expect(box.box.snapshot()).toMatchObject({ session: null, faults: ['STORE_UNWRITABLE'] })
    expect(await box.box.setSchedule(SCHEDULE)).toMatchObject({
      ok: false,
      error: { code: 'STORE_UNWRITABLE' },
    })
    isFull = false
    await box.seconds(6)
    expect(box.last('factsStored')?.number).toBe(1)
    expect(box.last('permission')?.permission.plugId).toBe('p1')
    expect(box.box.snapshot()).toMatchObject({ faults: [] })
    const codes = []
    for (let row = await box.outbox.next(); row; row = await box.outbox.next()) {
      if (row.fact.kind === 'fault') codes.push(`${row.fact.code} ${row.fact.raised}`)
      await box.outbox.acknowledge(row.id)
    }
    expect(codes).toEqual(['STORE_UNWRITABLE true', 'STORE_UNWRITABLE false'])
  })

  test('what control told behind a hello that could not be stored is applied when it can: a car that left has left', async () => {
    let isFull = false
    const box = await keeper({
      wrap: (store) => ({
        ...store,
        commit: async (change, how) => (isFull ? err(trouble) : store.commit(change, how)),
      }),
    })
    await box.hello()
    await box.commission()
    await box.plug('p1')
    expect(box.box.snapshot().session?.uuid).toBe('boot-1-s1')
    isFull = true
    await box.lose()
    await box.helloPlugged('p1')
    await box.unplug()
    isFull = false
    await box.seconds(12)
    expect(box.box.snapshot().session).toBeNull()
    await box.plug('p2')
    expect(box.last('permission')?.permission).toMatchObject({ uuid: 'boot-1-s2', plugId: 'p2' })
  })

  test('a stop is told to control although it cannot be stored', async () => {
    let isFull = false
    const box = await keeper({
      wrap: (store) => ({
        ...store,
        commit: async (change, how) => (isFull ? err(trouble) : store.commit(change, how)),
      }),
    })
    await box.hello()
    await box.commission()
    await box.plug('p1')
    isFull = true
    expect(await box.box.stop({ uuid: null, by: 'local' })).toMatchObject({ ok: false })
    expect(box.last('revoke')).toMatchObject({ uuid: 'boot-1-s1', reason: 'localStop' })
  })
})

test('listeners are told at most five times a second, and of the last change', async () => {
  const box = await keeper()
  await box.hello()
  const seen: number[] = []
  const end = box.box.onChange((snapshot) => seen.push(snapshot.control?.meter?.registerWh ?? 0))
  for (let wh = 0; wh < 20; wh += 1) {
    box.flow(1)
    await box.status()
    await box.clock.advance(20)
  }
  await box.clock.advance(1000)
  expect(seen.length).toBeLessThanOrEqual(3)
  expect(seen.at(-1)).toBe(1_000_020)
  end()
  await box.status()
  await box.clock.advance(1000)
  expect(seen.at(-1)).toBe(1_000_020)
})

/** The disk as it is at this moment, as after a power cut; the first keeper's lock is its own. */
function copyOf(options: StoreOptions): StoreOptions {
  const copy = folder()
  const { cpSync } = process.getBuiltinModule('fs')
  cpSync(options.dir, copy.dir, { recursive: true })
  cpSync(options.installationCopyPath, copy.installationCopyPath, { recursive: true })
  return copy
}
