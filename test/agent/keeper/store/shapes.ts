// Shapes for the store's tests: sessions, facts and records with made-up but whole contents.
import { join } from 'node:path'
import type { Account, NewRow, Session } from '../../../../agent/keeper/memory.ts'
import type { InstallationRecord } from '../../../../agent/keeper/ports.ts'
import type { StoreOptions } from '../../../../agent/keeper/store/core.ts'
import {
  amps,
  type EpochMs,
  epochMs,
  milliAmps,
  monotonicMs,
  wattHours,
  watts,
} from '../../../../shared/units.ts'

export const NOON = epochMs(Date.UTC(2026, 5, 1, 12))

export const optionsIn = (root: string): StoreOptions => ({
  dir: join(root, 'state'),
  installationCopyPath: join(root, 'copy', 'installation.json'),
})

export const session = (uuid: string, change: Partial<Session> = {}): Session => ({
  uuid,
  idToken: 'free',
  remoteStartId: null,
  plugId: `plug-${uuid}`,
  meterSerial: 'SDM-1',
  startRegisterWh: wattHours(1000),
  bootId: 'boot-1',
  atMonotonicMs: monotonicMs(10_000),
  at: NOON,
  timeEstimated: false,
  chargingState: 'charging',
  nextSeqNo: 1,
  stop: null,
  end: null,
  ...change,
})

export const ended = (session: Session, registerWh: number): Session => ({
  ...session,
  end: {
    bootId: session.bootId,
    atMonotonicMs: monotonicMs(session.atMonotonicMs + 60_000),
    at: NOON,
    registerWh: wattHours(registerWh),
    reason: 'EVDisconnected',
  },
})

export const account = (lastRegisterWh: number): Account => ({
  meterSerial: 'SDM-1',
  startRegisterWh: wattHours(1000),
  lastRegisterWh: wattHours(lastRegisterWh),
  last: { bootId: 'boot-1', atMonotonicMs: monotonicMs(10_000) },
  closedSessionsWh: wattHours(0),
  unattributedWh: wattHours(lastRegisterWh - 1000),
})

type Event = 'Started' | 'Updated' | 'Ended'
const TRIGGERS = { Started: 'CablePluggedIn', Updated: 'MeterValuePeriodic', Ended: 'EVDeparted' } as const

export const row = (uuid: string, seqNo: number, event: Event, at: EpochMs | null = NOON): NewRow => ({
  bootId: 'boot-1',
  atMonotonicMs: monotonicMs(10_000 + seqNo * 1000),
  at,
  fact: {
    kind: 'transaction',
    event,
    uuid,
    seqNo,
    trigger: TRIGGERS[event],
    offline: false,
    idToken: 'free',
    remoteStartId: null,
    chargingState: 'charging',
    stoppedReason: event === 'Ended' ? 'EVDisconnected' : null,
    samples: [
      {
        takenAtMonotonicMs: monotonicMs(9_500 + seqNo * 1000),
        context: 'periodic',
        registerWh: wattHours(1000 + seqNo),
        powerWatts: watts(11_000),
        currentsMilliamps: [milliAmps(16_000), milliAmps(16_000), milliAmps(16_000)],
        offeredMilliamps: amps(16),
      },
    ],
  },
})

export const faultRow = (eventId: number): NewRow => ({
  bootId: 'boot-1',
  atMonotonicMs: monotonicMs(20_000),
  at: NOON,
  fact: { kind: 'fault', code: 'METER_LOST', raised: true, detail: 'no answer', eventId },
})

export const installation = (version: number, limitAmps = 16): InstallationRecord => ({
  version,
  limitMilliamps: amps(limitAmps),
  phasesWired: 3,
  mandatory: ['installation', 'board', 'cable'],
  commissionedBy: 'A. Fitter',
  commissionedAt: NOON,
})

export const NORMAL = { at: NOON, room: 'normal' } as const
