// The two ports of keeper in memory, for trying its conversations: a box that does what it is told at once, and an
// outbox that keeps what an outbox must keep.
import type { ControlStatus } from '../../../agent/control-link/messages.ts'
import type { KeeperConfig } from '../../../agent/keeper/config.ts'
import type { Box, BoxSnapshot, Outbox, OutboxFact, OutboxRow, Refusal } from '../../../agent/keeper/ports.ts'
import { message } from '../../../shared/message.ts'
import { err, ok } from '../../../shared/result.ts'
import { amps, epochMs, milliAmps, milliVolts, monotonicMs, wattHours, watts } from '../../../shared/units.ts'

export const UUID = '6f2b5c1e-3d0a-4a7b-9c58-2f1d7e9b4a10'
/** 2026-11-22T12:00:00Z */
export const NOON = epochMs(1_795_348_800_000)

export const CONFIG: KeeperConfig = {
  station: {
    id: 'VK-1',
    vendor: 'Voltkeep',
    model: 'Demo box',
    serial: '0001',
    firmwareVersion: '0.1.0',
  },
  stateDir: '/nowhere',
  runDir: '/nowhere',
  socketPath: '/nowhere/control.sock',
  installationCopyPath: '/nowhere/installation.json',
  timeZone: 'Europe/Copenhagen',
  access: 'private',
  phasesWired: 3,
  wireRatingMilliamps: amps(32),
  cableKind: 'tethered',
  resumeWithinMs: 86_400_000,
  hasRtc: true,
  freeVend: { idToken: 'FREE-0001' },
  tokens: [],
  csms: null,
  mqtt: null,
  local: { host: '127.0.0.1', port: 0, pin: null },
  bootId: 'boot-1',
  wallOffsetMs: 0,
}

export const CONTROL: ControlStatus = {
  atMonotonicMs: monotonicMs(1000),
  pilot: 'A',
  plugId: null,
  chargingState: 'idle',
  relay: 'open',
  offeredMilliamps: milliAmps(0),
  binding: {
    currentMilliamps: amps(16),
    source: 'installation',
    reason: message('limit.installation', { milliamps: 16_000 }),
    untilMonotonicMs: null,
  },
  permissionUuid: null,
  planVersion: 1,
  meter: {
    takenAtMonotonicMs: monotonicMs(900),
    serial: 'SDM-1',
    registerWh: wattHours(123_456),
    powerWatts: watts(0),
    currentsMilliamps: [milliAmps(0), milliAmps(0), milliAmps(0)],
    voltagesMillivolts: [milliVolts(230_100), milliVolts(229_900), milliVolts(230_400)],
  },
  faults: [],
  devices: [
    {
      name: 'board',
      driver: 'phoenix-ev-cc-ac1-m3-rtu',
      bus: 'main',
      unitId: 1,
      reachable: true,
      lastReplyAgeMs: 40,
      requests: 1000,
      errors: 2,
      roundTripMs: 21,
    },
  ],
}

export const SNAPSHOT: BoxSnapshot = {
  stationId: 'VK-1',
  at: NOON,
  timeQuality: 'held',
  timeZone: 'Europe/Copenhagen',
  control: CONTROL,
  meterAgeMs: 100,
  installation: {
    version: 1,
    limitMilliamps: amps(16),
    phasesWired: 3,
    mandatory: ['installation', 'board', 'cable'],
    commissionedBy: 'An Installer',
    commissionedAt: epochMs(NOON - 86_400_000),
  },
  schedule: null,
  session: null,
  override: null,
  userLimitMilliamps: null,
  limit: {
    currentMilliamps: amps(16),
    reason: message('limit.installation', { milliamps: 16_000 }),
    until: null,
  },
  faults: [],
  csms: 'disconnected',
  outbox: { pending: 0, parked: 0, oldestAgeMs: null },
  energyAccount: {
    meterSerial: 'SDM-1',
    unattributedWh: wattHours(0),
    sessionsWh: wattHours(0),
    registerAtEpochStartWh: wattHours(123_456),
  },
}

export const SESSION: NonNullable<BoxSnapshot['session']> = {
  uuid: UUID,
  idToken: 'FREE-0001',
  startedAt: NOON,
  startRegisterWh: wattHours(123_000),
  energyWh: wattHours(456),
  chargingState: 'charging',
}

export interface MemoryBox extends Box {
  /** Changes what is seen and tells the listeners. */
  change(part: Partial<BoxSnapshot>): void
  /** What was asked of the box, in order. */
  readonly orders: readonly (readonly [string, unknown])[]
  readonly csmsStates: readonly BoxSnapshot['csms'][]
  readonly timesTold: readonly number[]
  /** The next orders are refused with this. */
  refuse: Refusal | null
}

export function memoryBox(start: Partial<BoxSnapshot> = {}): MemoryBox {
  let seen: BoxSnapshot = { ...SNAPSHOT, ...start }
  const listeners = new Set<(snapshot: BoxSnapshot) => void>()
  const orders: (readonly [string, unknown])[] = []
  const csmsStates: BoxSnapshot['csms'][] = []
  const timesTold: number[] = []
  const change = (part: Partial<BoxSnapshot>) => {
    seen = { ...seen, ...part }
    for (const listener of listeners) listener(seen)
  }
  const taken = async <T>(name: string, order: unknown, done: () => T) => {
    orders.push([name, order])
    return box.refuse ? err(box.refuse) : ok(done())
  }
  const box: MemoryBox = {
    refuse: null,
    orders,
    csmsStates,
    timesTold,
    change,
    snapshot: () => seen,
    onChange: (listener) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    override: (order) =>
      taken('override', order, () => {
        const override = { id: 'o-1', by: order.by, since: seen.at, until: order.until }
        change({ override })
        return override
      }),
    endOverride: () =>
      taken('endOverride', null, () => {
        change({ override: null })
        return null
      }),
    commission: (order) =>
      taken('commission', order, () => {
        const { limitMilliamps, phasesWired, by } = order
        const version = (seen.installation?.version ?? 0) + 1
        const mandatory = ['installation', 'board', 'cable'] as const
        const installation = {
          version,
          limitMilliamps,
          phasesWired,
          mandatory,
          commissionedBy: by,
          commissionedAt: seen.at,
        }
        change({ installation })
        return installation
      }),
    setSchedule: (order) =>
      taken('setSchedule', order, () => {
        const schedule = order ? { ...order, version: (seen.schedule?.version ?? 0) + 1 } : null
        change({ schedule })
        return schedule
      }),
    setUserLimit: (order) => taken('setUserLimit', order, () => null),
    remoteStart: (order) => taken('remoteStart', order, () => ({ uuid: UUID })),
    stop: (order) => taken('stop', order, () => null),
    clearFault: (order) => taken('clearFault', order, () => null),
    parked: async () => [{ at: NOON, what: `Started 0 of ${UUID}`, reason: 'refused 5 times' }],
    retryParked: (order) => taken('retryParked', order, () => ({ facts: 1 })),
    csmsTime: (told) => void timesTold.push(told),
    csmsState: (state) => {
      csmsStates.push(state)
      change({ csms: state })
    },
  }
  return box
}

export interface MemoryOutbox extends Outbox {
  add(fact: OutboxFact): number
  readonly rows: readonly OutboxRow[]
  readonly parked: readonly { readonly id: number; readonly reason: string }[]
  readonly acknowledged: readonly number[]
}

/** Keeps rows as JSON text, as a store does, so that nothing is shared by accident. */
export function memoryOutbox(kept: readonly OutboxRow[] = []): MemoryOutbox {
  let rows: OutboxRow[] = structuredClone([...kept])
  let lastId = rows.reduce((highest, { id }) => Math.max(highest, id), 0)
  const parked: { id: number; reason: string }[] = []
  const acknowledged: number[] = []
  const listeners = new Set<() => void>()
  const edit = (id: number, part: (row: OutboxRow) => Partial<OutboxRow>) => {
    rows = rows.map((row) => (row.id === id ? { ...row, ...part(row) } : row))
  }
  return {
    get rows() {
      return rows
    },
    parked,
    acknowledged,
    add: (fact) => {
      lastId++
      rows.push(structuredClone({ id: lastId, fact, frozen: null, attempts: 0, maybeSent: false }))
      for (const listener of listeners) listener()
      return lastId
    },
    next: async () => structuredClone(rows[0] ?? null),
    freeze: async (id, payload) => {
      const frozen = rows.find((row) => row.id === id)?.frozen ?? payload
      edit(id, () => ({ frozen }))
      return frozen
    },
    acknowledge: async (id) => {
      acknowledged.push(id)
      rows = rows.filter((row) => row.id !== id)
    },
    park: async (id, reason) => {
      parked.push({ id, reason })
      rows = rows.filter((row) => row.id !== id)
    },
    countAttempt: (id) => edit(id, ({ attempts }) => ({ attempts: attempts + 1 })),
    onWork: (listener) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}

type TransactionFact = Extract<OutboxFact, { kind: 'transaction' }>

/** A fact of a charge; `seqNo` decides its time and register. */
export function transactionFact(seqNo: number, part: Partial<TransactionFact> = {}): TransactionFact {
  return {
    kind: 'transaction',
    event: seqNo === 0 ? 'Started' : 'Updated',
    uuid: UUID,
    seqNo,
    trigger: seqNo === 0 ? 'CablePluggedIn' : 'MeterValuePeriodic',
    at: epochMs(NOON + seqNo * 60_000),
    timeEstimated: false,
    offline: false,
    idToken: 'FREE-0001',
    remoteStartId: null,
    chargingState: 'charging',
    stoppedReason: null,
    samples: [
      {
        at: epochMs(NOON + seqNo * 60_000),
        timeEstimated: false,
        context: seqNo === 0 ? 'begin' : 'periodic',
        registerWh: wattHours(123_000 + seqNo * 100),
        powerWatts: watts(11_040),
        currentsMilliamps: [milliAmps(16_020), milliAmps(15_980), milliAmps(16_000)],
        offeredMilliamps: amps(16),
      },
    ],
    meterSerial: 'SDM-1',
    ...part,
  }
}
