// A box in words: control's side of the link as a test tells it, the pure steps of the sessions behind it. What a step
// wants remembered is kept as the store would keep it, so that a restart of keeper begins from that and nothing else.

import type {
  ChargingState,
  ControlStatus,
  Fact,
  KeeperToControl,
  MeterReading,
  NumberedFact,
  Permission,
  Pilot,
} from '../../../../agent/control-link/messages.ts'
import { EMPTY_DOCS, type NewRow, type Session } from '../../../../agent/keeper/memory.ts'
import { accountErrorWh } from '../../../../agent/keeper/sessions/account.ts'
import {
  beginSessions,
  type Rules,
  type SessionDocs,
  type SessionInput,
  type SessionStep,
} from '../../../../agent/keeper/sessions/state.ts'
import { stepSession } from '../../../../agent/keeper/sessions/step.ts'
import { message } from '../../../../shared/message.ts'
import {
  amps,
  type EpochMs,
  epochMs,
  milliAmps,
  milliVolts,
  monotonicMs,
  wattHours,
  watts,
} from '../../../../shared/units.ts'

export const NOON = epochMs(Date.UTC(2026, 5, 1, 12))
const RULES: Rules = {
  freeVend: { idToken: 'FREE' },
  tokens: [],
  access: 'private',
  resumeWithinMs: 24 * 3_600_000,
}

export function world(rules: Partial<Rules> = {}) {
  const stored: { docs: SessionDocs; sessions: Map<string, Session>; rows: NewRow[] } = {
    docs: EMPTY_DOCS,
    sessions: new Map(),
    rows: [],
  }
  const told: KeeperToControl[] = []
  const hardware = {
    bootId: 'boot-1',
    mono: 100_000,
    wall: NOON as EpochMs | null,
    pilot: 'A' as Pilot | null,
    plugId: null as string | null,
    chargingState: 'idle' as ChargingState,
    relay: 'open' as ControlStatus['relay'],
    serial: 'SDM-1',
    registerWh: 1_000_000,
    hasMeter: true,
    hasMirror: true,
    isTimeConfirmed: true,
    faults: [] as ControlStatus['faults'],
    permission: null as Permission | null,
  }
  const kept: NumberedFact[] = []
  let lastNumber = 0
  let uuids = 0
  let isCommissioned = true
  let state = beginSessions(stored.docs, null)

  const reading = (): MeterReading | null =>
    hardware.hasMeter
      ? {
          takenAtMonotonicMs: monotonicMs(hardware.mono),
          serial: hardware.serial,
          registerWh: wattHours(hardware.registerWh),
          powerWatts: watts(0),
          currentsMilliamps: [milliAmps(0), milliAmps(0), milliAmps(0)],
          voltagesMillivolts: [milliVolts(230_000), milliVolts(230_000), milliVolts(230_000)],
        }
      : null
  const status = (): ControlStatus => ({
    atMonotonicMs: monotonicMs(hardware.mono),
    pilot: hardware.pilot,
    plugId: hardware.plugId,
    chargingState: hardware.chargingState,
    relay: hardware.relay,
    offeredMilliamps: amps(16),
    binding: {
      currentMilliamps: amps(16),
      source: 'installation',
      reason: message('limit.installation'),
      untilMonotonicMs: null,
    },
    permissionUuid: hardware.permission?.uuid ?? null,
    planVersion: 1,
    meter: reading(),
    faults: hardware.faults,
    devices: [],
  })

  const obey = (messages: readonly KeeperToControl[]) => {
    for (const one of messages) {
      told.push(one)
      if (one.kind === 'permission') hardware.permission = one.permission
      if (one.kind === 'revoke' && hardware.permission?.uuid === one.uuid) hardware.permission = null
      if (one.kind === 'standingFaults')
        hardware.faults = [...hardware.faults, ...one.faults.map(({ code }) => code)]
      if (one.kind === 'factsStored') {
        const rest = kept.filter((fact) => fact.number > one.number)
        kept.splice(0, kept.length, ...rest)
      }
    }
  }

  /** One step; `cutBeforeCommit` is a keeper that dies before its change is durable. */
  const give = (input: SessionInput): SessionStep => {
    const step = stepSession(
      state,
      input,
      {
        bootId: hardware.bootId,
        atMonotonicMs: monotonicMs(hardware.mono),
        wallOf: (moment) =>
          hardware.wall === null ? null : epochMs(hardware.wall + moment.atMonotonicMs - 100_000),
        isTimeConfirmed: hardware.isTimeConfirmed,
        hasServer: true,
        hearsServer: true,
        isCommissioned,
        makeUuid: () => {
          uuids += 1
          return `s${uuids}`
        },
      },
      { ...RULES, ...rules },
    )
    obey(step.tellFirst)
    if (step.change) {
      stored.docs = { ...stored.docs, ...step.change.docs }
      for (const session of step.change.sessions ?? []) stored.sessions.set(session.uuid, session)
      stored.rows.push(...(step.change.rows ?? []))
    }
    state = step.state
    obey(step.tell)
    return step
  }

  const api = {
    hardware,
    stored,
    told,
    kept,
    give,
    state: () => state,
    reading,
    pass: (ms: number) => {
      hardware.mono += ms
    },
    /** Energy flows through the meter. */
    flow: (wh: number) => {
      hardware.registerWh += wh
    },
    commissioned: (is: boolean) => {
      isCommissioned = is
    },
    /** A fact happens in control; it stays kept until it is stored. */
    happens: (fact: Fact): NumberedFact => {
      lastNumber += 1
      const numbered: NumberedFact = {
        number: lastNumber,
        bootId: hardware.bootId,
        atMonotonicMs: monotonicMs(hardware.mono),
        meter: reading(),
        fact,
      }
      kept.push(numbered)
      return numbered
    },
    tellFact: (fact: Fact) => give({ kind: 'facts', facts: [api.happens(fact)] }),
    status: () => give({ kind: 'status', status: status() }),
    hello: () =>
      give({
        kind: 'hello',
        hello: {
          kind: 'hello',
          version: 1,
          bootId: hardware.bootId,
          permission: hardware.permission,
          planVersion: 1,
          facts: [...kept],
          status: status(),
          mirrorAgeMs: hardware.hasMirror ? 0 : null,
        },
        known: (hardware.permission && stored.sessions.get(hardware.permission.uuid)) ?? null,
      }),
    plug: (plugId: string) => {
      Object.assign(hardware, { pilot: 'B', plugId, chargingState: 'occupied' })
      api.tellFact({ kind: 'plugged', plugId })
      return api.status()
    },
    charge: (wh: number) => {
      Object.assign(hardware, { pilot: 'C', chargingState: 'charging', relay: 'closed' })
      api.tellFact({ kind: 'chargingState', state: 'charging' })
      api.flow(wh)
      return api.status()
    },
    unplug: () => {
      const plugId = hardware.plugId ?? 'none'
      Object.assign(hardware, {
        pilot: 'A',
        plugId: null,
        chargingState: 'idle',
        relay: 'open',
        permission: null,
      })
      api.tellFact({ kind: 'unplugged', plugId })
      return api.status()
    },
    /** Keeper is killed and starts again with what was stored. */
    restartKeeper: () => {
      const open = [...stored.sessions.values()].filter((session) => session.end === null)
      state = beginSessions(stored.docs, open.at(-1) ?? null)
    },
    /** Control's memory is gone, the car stays: the plug-in has another name. */
    forgetControl: (plugId: string) => {
      kept.splice(0)
      hardware.permission = null
      hardware.hasMirror = false
      hardware.plugId = plugId
    },
    /** Power fails for so long: both processes and control's memory are gone, the boot is another one. */
    cutPower: (ms: number, bootId: string, plugId: string | null) => {
      api.forgetControl(plugId ?? 'none')
      hardware.mono += ms
      Object.assign(hardware, {
        bootId,
        plugId,
        pilot: plugId === null ? 'A' : 'B',
        chargingState: plugId === null ? 'idle' : 'occupied',
        relay: 'open',
      })
      lastNumber = 0
      api.restartKeeper()
    },
    events: () =>
      stored.rows.flatMap(({ fact }) =>
        fact.kind === 'transaction' ? [`${fact.uuid}#${fact.seqNo} ${fact.event} ${fact.trigger}`] : [],
      ),
    facts: () => stored.rows.map((row) => row.fact),
    errorWh: () => {
      const account = state.docs.running.account
      return account ? accountErrorWh(account, state.session) : 0
    },
    ended: (uuid: string) => {
      const session = stored.sessions.get(uuid)
      return (
        session?.end && {
          wh: session.end.registerWh - session.startRegisterWh,
          reason: session.end.reason,
        }
      )
    },
  }
  api.hello()
  return api
}
