// One step of the sessions while it is being made: the state so far, and what it will have remembered and told. Local
// to a step; nothing of it is seen outside before the step is whole.
import { type EpochMs, type MonotonicMs, milliAmps } from '../../../shared/units.ts'
import type { KeeperToControl, MeterReading } from '../../control-link/messages.ts'
import type { Change, Docs, NewRow, PendingFact, PendingSample, Session, Stamp } from '../memory.ts'
import { accountAfter, beginAccount, checkAccount, jumped, wentBack } from './account.ts'
import type { Moment, Rules, SessionDocs, SessionStep, SessionsState } from './state.ts'

export interface Draft {
  readonly before: SessionsState
  readonly now: Moment
  readonly rules: Rules
  state: SessionsState
  readonly rows: NewRow[]
  readonly sessions: Map<string, Session>
  mustCommit: boolean
  isEnd: boolean
  readonly tellFirst: KeeperToControl[]
  readonly tell: KeeperToControl[]
}

export const draftOf = (state: SessionsState, now: Moment, rules: Rules): Draft => ({
  before: state,
  now,
  rules,
  state,
  rows: [],
  sessions: new Map(),
  mustCommit: false,
  isEnd: false,
  tellFirst: [],
  tell: [],
})

export function setDocs(draft: Draft, docs: Partial<SessionDocs>): void {
  draft.state = { ...draft.state, docs: { ...draft.state.docs, ...docs } }
}

export function setSession(draft: Draft, session: Session): void {
  draft.sessions.set(session.uuid, session)
  draft.state = { ...draft.state, session: session.end ? null : session }
  draft.mustCommit = true
}

/** The step, whole: every document that differs goes into the change, the running one always with it. */
export function finish(draft: Draft): SessionStep {
  const { before, state, now } = draft
  checkAccount(state.docs.running.account, state.session)
  const docs: Partial<Docs> = Object.fromEntries(
    Object.entries(state.docs).filter(
      ([name, value]) => name !== 'running' && value !== before.docs[name as keyof SessionDocs],
    ),
  )
  const isDue = draft.mustCommit || draft.rows.length > 0 || Object.keys(docs).length > 0
  if (!isDue) return { state, change: null, room: 'normal', tellFirst: draft.tellFirst, tell: draft.tell }
  const alive: Stamp = { bootId: now.bootId, atMonotonicMs: now.atMonotonicMs }
  // The lower bound of all later times: one wrong answer of a server must not raise it.
  const wall = now.isTimeConfirmed ? now.wallOf(alive) : null
  const running = { ...state.docs.running, alive, aliveAt: wall ?? state.docs.running.aliveAt }
  const change: Change = {
    docs: { ...docs, running },
    sessions: [...draft.sessions.values()],
    rows: draft.rows,
  }
  return {
    state: {
      ...state,
      docs: { ...state.docs, running },
      storedRegisterWh: running.account?.lastRegisterWh ?? null,
    },
    change,
    room: draft.isEnd ? 'reserve' : 'normal',
    tellFirst: draft.tellFirst,
    tell: draft.tell,
  }
}

export const stampOf = ({ now }: Draft, atMonotonicMs: MonotonicMs = now.atMonotonicMs): Stamp => ({
  bootId: now.bootId,
  atMonotonicMs,
})

/**
 * Takes a reading of this boot into the account. While it is not decided whose the energy since a cut is, and while
 * another epoch's account still has an open session, readings wait.
 */
export function readMeter(draft: Draft, reading: MeterReading | null): void {
  if (!reading || isUndecided(draft)) return
  const { running } = draft.state.docs
  const { session } = draft.state
  const last = stampOf(draft, reading.takenAtMonotonicMs)
  const isOfEpoch =
    running.account?.meterSerial === reading.serial && !wentBack(running.account, reading.registerWh, last)
  if (running.account && isOfEpoch) {
    // The session ends first: see endOfEpoch.
    if (session && jumped(running.account, reading.registerWh, last)) return
    const account = accountAfter(running.account, reading.registerWh, last, session !== null)
    setDocs(draft, { running: { ...running, account } })
    return
  }
  if (session) return
  beginEpoch(draft, reading)
}

/** Another meter, or a register that went back: its account begins, the other one is kept as it stands. */
export function beginEpoch(draft: Draft, reading: MeterReading): void {
  const { running, closedAccounts } = draft.state.docs
  const account = beginAccount(reading, stampOf(draft, reading.takenAtMonotonicMs))
  setDocs(draft, {
    running: { ...running, account },
    ...(running.account ? { closedAccounts: [...closedAccounts, running.account] } : {}),
  })
  draft.mustCommit = true
}

/**
 * The open session is of another plug-in than the present one, or was last heard of before a power cut: it is not
 * decided yet whether it goes on.
 */
export function isUndecided({ state: { session, docs }, now }: Draft): boolean {
  if (!session) return false
  const lastBootId = docs.running.account?.last.bootId ?? session.bootId
  return session.plugId !== docs.plugIn?.plugId || lastBootId !== now.bootId
}

export function sampleOf(
  draft: Draft,
  reading: MeterReading,
  context: PendingSample['context'],
): PendingSample {
  return {
    takenAtMonotonicMs: reading.takenAtMonotonicMs,
    context,
    registerWh: reading.registerWh,
    powerWatts: reading.powerWatts,
    currentsMilliamps: reading.currentsMilliamps,
    offeredMilliamps: draft.state.status?.offeredMilliamps ?? milliAmps(0),
  }
}

type TransactionFact = Extract<PendingFact, { kind: 'transaction' }>

/** Writes down an event of the open session under its next number. Returns the session with the number used. */
export function tellServer(
  draft: Draft,
  session: Session,
  event: Pick<TransactionFact, 'event' | 'trigger' | 'samples'> & {
    readonly stoppedReason?: TransactionFact['stoppedReason']
    readonly moment?: Stamp
  },
): Session {
  const { now } = draft
  const moment = event.moment ?? stampOf(draft)
  if (now.hasServer)
    draft.rows.push({
      bootId: moment.bootId,
      atMonotonicMs: moment.atMonotonicMs,
      at: now.wallOf(moment),
      fact: {
        kind: 'transaction',
        event: event.event,
        uuid: session.uuid,
        seqNo: session.nextSeqNo,
        trigger: event.trigger,
        offline: !now.hearsServer,
        idToken: session.idToken,
        remoteStartId: session.remoteStartId,
        chargingState: session.chargingState,
        stoppedReason: event.stoppedReason ?? null,
        samples: event.samples,
        meterSerial: session.meterSerial,
      },
    })
  return { ...session, nextSeqNo: session.nextSeqNo + 1 }
}

/** Writes down a fault's beginning or end. */
export function tellFault(
  draft: Draft,
  fault: Pick<Extract<PendingFact, { kind: 'fault' }>, 'code' | 'raised' | 'detail'>,
  moment: Stamp,
): void {
  draft.mustCommit = true
  if (!draft.now.hasServer) return
  const { nextEventId } = draft.state.docs
  draft.rows.push({
    bootId: moment.bootId,
    atMonotonicMs: moment.atMonotonicMs,
    at: draft.now.wallOf(moment),
    fact: { kind: 'fault', eventId: nextEventId, ...fault },
  })
  setDocs(draft, { nextEventId: nextEventId + 1 })
}

/** Wall time of now; null while it is unknown. */
export const wallNow = (draft: Draft): EpochMs | null => draft.now.wallOf(stampOf(draft))
