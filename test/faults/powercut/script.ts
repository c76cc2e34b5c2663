// What the workload does, step by step, and what a box must remember after each step. Both come from one seed, so the
// program under the shim and the judge of what is left agree without talking.

import type { Change, Docs, NewRow, PendingFact, Session } from '../../../agent/keeper/memory.ts'
import { EMPTY_DOCS } from '../../../agent/keeper/memory.ts'
import type { InstallationRecord } from '../../../agent/keeper/ports.ts'
import { type FactKey, factKey } from '../../../agent/keeper/store/ledger.ts'
import { type Prng, prng } from '../../../shared/prng.ts'
import { epochMs, milliAmps, monotonicMs, wattHours, watts } from '../../../shared/units.ts'

/** What keeper asks of its store. */
export type StoreStep =
  | { readonly do: 'commission'; readonly record: InstallationRecord }
  | {
      readonly do: 'commit'
      readonly change: Change
      readonly at: number | null
      readonly room: 'normal' | 'reserve'
    }
  /** The sender's ways with the oldest row that waits. */
  | { readonly do: 'freeze' | 'acknowledge' | 'park'; readonly key: FactKey; readonly payload: string }
  | { readonly do: 'date'; readonly keys: readonly FactKey[]; readonly at: number; readonly session: Session }
  | { readonly do: 'daily'; readonly at: number }
  | { readonly do: 'unpark' }

export type Step =
  | StoreStep
  /** keeper ends by SIGKILL (`false`) or closes its store, and another one begins. The power stays. */
  | { readonly do: 'restart'; readonly closes: boolean }

/** A row of the outbox as it must be found. */
export interface RowState {
  readonly fact: PendingFact
  readonly at: number | null
  readonly timeEstimated: boolean
  readonly frozen: string | null
  readonly parked: string | null
  /** Acknowledged by the server, and not yet durably so: may be found or not. */
  readonly mayBeGone: boolean
}

/** All that must be found again after a step, and nothing else. */
export interface Expected {
  readonly installation: InstallationRecord | null
  readonly docs: Docs
  readonly sessions: ReadonlyMap<string, Session>
  readonly rows: ReadonlyMap<FactKey, RowState>
  /** The bytes of every first send, also of rows that are settled. */
  readonly sent: ReadonlyMap<FactKey, string>
}

const NOTHING: Expected = {
  installation: null,
  docs: EMPTY_DOCS,
  sessions: new Map(),
  rows: new Map(),
  sent: new Map(),
}
const MINUTE_MS = 60_000
const EPOCH = 1_790_000_000_000

/** The script and the states: `states[n]` is what must be found when n steps are done. */
export interface Script {
  readonly steps: readonly Step[]
  readonly states: readonly Expected[]
}

export function script(sessions: number, seed: number): Script {
  const steps: Step[] = []
  const states: Expected[] = [NOTHING]
  const random = prng(seed)
  const play = (step: Step) => {
    steps.push(step)
    states.push(after(states.at(-1) ?? NOTHING, step))
  }
  const box = newBox(random, play, () => states.at(-1) ?? NOTHING)
  box.commission()
  box.schedule()
  for (let session = 0; session < sessions; session++) box.charge(session)
  return { steps, states }
}

/** One wallbox's life: each method plays the steps that keeper takes for it. */
function newBox(random: Prng, play: (step: Step) => void, now: () => Expected) {
  let clockMs = 10_000
  let life = 1
  let registerWh = random.integer(0, 5_000_000)
  let version = 0
  const stamp = () => ({ bootId: `boot-${life}`, atMonotonicMs: monotonicMs(clockMs) })
  const wall = () => epochMs(EPOCH + clockMs)
  const uuid = () => Array.from({ length: 4 }, () => random.integer(0, 0xffffff).toString(16)).join('-')

  /** The account's sum must fit: what no closed session has is the open one's. */
  const running = (closedNowWh = 0): Docs['running'] => {
    const before = now().docs.running.account
    return {
      alive: stamp(),
      aliveAt: wall(),
      account: {
        meterSerial: 'SDM-1',
        startRegisterWh: before?.startRegisterWh ?? wattHours(registerWh),
        lastRegisterWh: wattHours(registerWh),
        last: stamp(),
        closedSessionsWh: wattHours((before?.closedSessionsWh ?? 0) + closedNowWh),
        unattributedWh: before?.unattributedWh ?? wattHours(0),
      },
    }
  }
  const sample = (context: 'begin' | 'clock' | 'end') => ({
    takenAtMonotonicMs: monotonicMs(clockMs),
    context,
    registerWh: wattHours(registerWh),
    powerWatts: watts(11_000),
    currentsMilliamps: [milliAmps(16_000), milliAmps(16_000), milliAmps(16_000)] as const,
    offeredMilliamps: milliAmps(16_000),
  })
  const row = (
    session: Session,
    event: 'Started' | 'Updated' | 'Ended',
    dated: boolean,
  ): NewRow & { readonly fact: Extract<PendingFact, { kind: 'transaction' }> } => ({
    ...stamp(),
    at: dated ? wall() : null,
    fact: {
      kind: 'transaction',
      event,
      uuid: session.uuid,
      seqNo: session.nextSeqNo,
      trigger:
        event === 'Started' ? 'CablePluggedIn' : event === 'Updated' ? 'MeterValueClock' : 'EVDeparted',
      offline: random.chance(0.5),
      idToken: session.idToken,
      remoteStartId: null,
      chargingState: session.chargingState,
      stoppedReason: event === 'Ended' ? 'EVDisconnected' : null,
      samples: [sample(event === 'Started' ? 'begin' : event === 'Updated' ? 'clock' : 'end')],
    },
  })
  const commit = (change: Change, room: 'normal' | 'reserve' = 'normal', dated = true) =>
    play({ do: 'commit', change, at: dated ? wall() : null, room })
  const minutes = (count: number) => {
    for (let minute = 0; minute < count; minute++) {
      clockMs += MINUTE_MS
      registerWh += random.integer(100, 190)
      commit({ docs: { running: running() } })
    }
  }
  /** Rows that the server hears of: frozen, sent, answered or not. */
  const send = (atMost: number) => {
    for (let sent = 0; sent < atMost; sent++) {
      const waiting = [...now().rows].find(([, state]) => state.parked === null && !state.mayBeGone)
      if (!waiting || waiting[1].at === null) return
      const [key, state] = waiting
      if (state.frozen === null)
        play({ do: 'freeze', key, payload: `${key} frozen at ${clockMs} by life ${life}` })
      if (random.chance(0.1)) return
      if (random.chance(0.02)) play({ do: 'park', key, payload: 'refused' })
      else play({ do: 'acknowledge', key, payload: '' })
    }
  }
  const restart = () => {
    const closes = random.chance(0.3)
    play({ do: 'restart', closes })
    clockMs += 2000
    if (random.chance(0.3)) life += 1
  }

  return {
    commission() {
      version += 1
      const limit = random.pick([milliAmps(16_000), milliAmps(20_000), milliAmps(32_000)])
      const record: InstallationRecord = {
        version,
        limitMilliamps: limit,
        phasesWired: 3,
        mandatory: ['installation', 'board', 'cable'],
        commissionedBy: `electrician ${random.integer(1, 99)}`,
        commissionedAt: wall(),
      }
      play({ do: 'commission', record })
    },
    schedule() {
      const scheduleVersion = now().docs.scheduleVersion + 1
      const from = `${random.integer(20, 23)}:00`
      const windows = [{ days: [1, 2, 3, 4, 5, 6, 7] as const, from, to: '06:00' }]
      const schedule = {
        version: scheduleVersion,
        timeZone: 'Europe/Copenhagen',
        windows,
        outsideMilliamps: milliAmps(0),
      }
      commit({ docs: { schedule, scheduleVersion } })
    },
    charge(number: number) {
      clockMs += random.integer(1, 600) * 1000
      // Now and then the box has no time yet when the car comes.
      const dated = !random.chance(0.25)
      const plugId = `plug-${number}`
      let session: Session = {
        ...stamp(),
        uuid: uuid(),
        idToken: 'FREE',
        remoteStartId: null,
        plugId,
        meterSerial: 'SDM-1',
        startRegisterWh: wattHours(registerWh),
        at: dated ? wall() : null,
        timeEstimated: false,
        chargingState: 'suspendedEvse',
        nextSeqNo: 0,
        stop: null,
        end: null,
      }
      const started = row(session, 'Started', dated)
      session = { ...session, nextSeqNo: 1 }
      const plugIn = { ...stamp(), plugId, done: false }
      commit({ docs: { plugIn, running: running() }, sessions: [session], rows: [started] }, 'normal', dated)
      if (!dated) {
        session = { ...session, at: wall(), timeEstimated: true }
        play({ do: 'date', keys: [factKey(started.fact)], at: wall(), session })
      }
      send(3)
      if (random.chance(0.3)) this.schedule()
      if (random.chance(0.15)) this.commission()
      if (random.chance(0.3))
        commit({ docs: { userLimitMilliamps: random.pick([milliAmps(6000), milliAmps(10_000)]) } })
      for (let quarter = random.integer(1, 3); quarter > 0; quarter--) {
        minutes(random.integer(2, 5))
        const updated = row(session, 'Updated', true)
        session = { ...session, nextSeqNo: session.nextSeqNo + 1, chargingState: 'charging' }
        commit({ docs: { running: running() }, sessions: [session], rows: [updated] })
        send(random.integer(0, 4))
        if (random.chance(0.15)) restart()
      }
      if (random.chance(0.2)) {
        const eventId = now().docs.nextEventId
        const fact = { kind: 'fault', code: 'METER_LOST', raised: true, detail: 'no reply', eventId } as const
        commit({ docs: { nextEventId: eventId + 1 }, rows: [{ ...stamp(), at: wall(), fact }] })
      }
      minutes(1)
      const ended = row(session, 'Ended', true)
      const end = {
        ...stamp(),
        at: wall(),
        registerWh: wattHours(registerWh),
        reason: 'EVDisconnected',
      } as const
      session = { ...session, nextSeqNo: session.nextSeqNo + 1, chargingState: 'idle', end }
      commit(
        {
          docs: {
            plugIn: null,
            userLimitMilliamps: null,
            running: running(registerWh - session.startRegisterWh),
          },
          sessions: [session],
          rows: [ended],
        },
        'reserve',
      )
      send(random.integer(0, 6))
      if (random.chance(0.15)) {
        // After a month's pause the ledger is rewritten without what is settled.
        if (random.chance(0.5)) clockMs += 31 * 24 * 60 * MINUTE_MS
        play({ do: 'daily', at: wall() })
      }
      const isParked = [...now().rows.values()].some(({ parked }) => parked !== null)
      if (isParked && random.chance(0.5)) play({ do: 'unpark' })
      if (random.chance(0.2)) restart()
    },
  }
}

/** What a step leaves behind; the words of store/core.ts, played on plain values. */
function after(before: Expected, step: Step): Expected {
  const withoutGone = () => new Map([...before.rows].filter(([, row]) => !row.mayBeGone))
  const rowOf = (key: FactKey): RowState => {
    const row = before.rows.get(key)
    if (!row) throw new Error(`the script uses ${key}, which is not there`)
    return row
  }
  switch (step.do) {
    case 'commission':
      return { ...before, rows: withoutGone(), installation: step.record }
    case 'commit': {
      const sessions = new Map(before.sessions)
      for (const session of step.change.sessions ?? []) sessions.set(session.uuid, session)
      const rows = withoutGone()
      for (const { fact, at } of step.change.rows ?? []) {
        const start = fact.kind === 'transaction' ? rows.get(`t:${fact.uuid}:0`) : undefined
        const parked = start?.parked ?? null
        rows.set(factKey(fact), { fact, at, timeEstimated: false, frozen: null, parked, mayBeGone: false })
      }
      return { ...before, docs: { ...before.docs, ...step.change.docs }, sessions, rows }
    }
    case 'freeze':
      // Syncs the ledger, and with it the acknowledgements before.
      return {
        ...before,
        rows: withoutGone().set(step.key, { ...rowOf(step.key), frozen: step.payload }),
        sent: new Map(before.sent).set(step.key, step.payload),
      }
    case 'acknowledge':
      return { ...before, rows: new Map(before.rows).set(step.key, { ...rowOf(step.key), mayBeGone: true }) }
    case 'park': {
      const rows = withoutGone().set(step.key, { ...rowOf(step.key), parked: step.payload })
      const { fact } = rowOf(step.key)
      if (fact.kind === 'transaction' && fact.seqNo === 0)
        for (const [key, row] of rows)
          if (
            row.fact.kind === 'transaction' &&
            row.fact.uuid === fact.uuid &&
            row.parked === null &&
            row.frozen === null
          )
            rows.set(key, { ...row, parked: step.payload })
      return { ...before, rows }
    }
    case 'unpark': {
      const rows = withoutGone()
      for (const [key, row] of rows) rows.set(key, { ...row, parked: null })
      return { ...before, rows }
    }
    case 'date': {
      const rows = withoutGone()
      for (const key of step.keys) rows.set(key, { ...rowOf(key), at: step.at, timeEstimated: true })
      return { ...before, rows, sessions: new Map(before.sessions).set(step.session.uuid, step.session) }
    }
    case 'daily':
      return { ...before, rows: withoutGone() }
    case 'restart':
      return step.closes ? { ...before, rows: withoutGone() } : before
  }
}
