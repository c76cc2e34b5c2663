// How a session begins, is permitted, resumed after a cut, stopped and ended. Each function writes into the draft of
// one step; the order is always the same: remember first, tell afterwards, but withdraw at once.
import { faultRow } from '../../../shared/faults.ts'
import { invariant } from '../../../shared/invariant.ts'
import { milliAmps, type WattHours, watts } from '../../../shared/units.ts'
import type { MeterReading, Permission } from '../../control-link/messages.ts'
import { authorise } from '../authorisation/authorise.ts'
import { UNTOUCHED } from '../authorisation/touch.ts'
import type { Account, PendingFact, PendingSample, Session, Stamp } from '../memory.ts'
import { accountAfter, beginAccount, closeSession, isEarlier, jumped, wentBack } from './account.ts'
import {
  type Draft,
  isUndecided,
  readMeter,
  sampleOf,
  setDocs,
  setSession,
  stampOf,
  tellServer,
} from './draft.ts'

type TransactionFact = Extract<PendingFact, { kind: 'transaction' }>
type StoppedReason = NonNullable<TransactionFact['stoppedReason']>

/** A public box's tethered cable may have changed hands during a longer cut. */
const PUBLIC_RESUME_MS = 60_000
/** A clock may be set back a little between two boots. */
const CLOCK_CORRECTED_MS = 60_000
/** After a stop the relay opens within 6 s; a box that never tells so is believed after this. */
const STOP_AT_LATEST_MS = 30_000
/** Control tells its state once a second, so a revoke that was heard shows before this. */
const REVOKE_AGAIN_MS = 2000
/** Control holds an `unplugged` back for up to 3 s, until a reading with the relay open is there. */
const FACTS_COME_WITHIN_MS = 5000
/** A car that has taken nothing for so long, although it may, is full. */
const FULL_AFTER_MS = 10 * 60_000

/** What the session waits for may have come: decide, stop, permit or begin. Run at the end of every step. */
export function settle(draft: Draft): void {
  const { status } = draft.state
  if (!status || status.pilot === null) return
  checkPlug(draft)
  if (isUndecided(draft)) decideAfterCut(draft)
  endOfEpoch(draft, status.meter)
  readMeter(draft, status.meter)
  const { session } = draft.state
  if (!session) beginIfAllowed(draft)
  else if (session.stop) endIfStopped(draft, session)
  else if (!isUndecided(draft)) permit(draft, session)
  endOverrideWhenFull(draft)
}

/**
 * Control came back with another plug-in than the one we know. Its facts tell of the change; where its memory was lost
 * none will come, and what it tells as plugged in counts.
 */
function checkPlug(draft: Draft): void {
  const { status, checkPlugSince, docs } = draft.state
  if (!status || checkPlugSince === null) return
  const isDifferent = status.plugId !== (docs.plugIn?.plugId ?? null)
  if (isDifferent && draft.now.atMonotonicMs - checkPlugSince < FACTS_COME_WITHIN_MS) return
  draft.state = { ...draft.state, checkPlugSince: null }
  if (!isDifferent) return
  if (status.plugId === null) plugOut(draft)
  else plugIn(draft, status.plugId, stampOf(draft))
}

/** A plug-in that control tells of. One that follows another without an unplug is perhaps the same car after a cut. */
export function plugIn(draft: Draft, plugId: string, moment: Stamp): void {
  const before = draft.state.docs.plugIn
  if (before?.plugId === plugId) return
  const isSame = before !== null && isSameCar(draft)
  setDocs(draft, {
    plugIn: { plugId, done: isSame && before.done, ...moment },
    ...(isSame ? {} : NO_ORDERS),
  })
}

/** The plug is out. An open session that nobody ended was lost sight of. */
export function plugOut(draft: Draft): void {
  if (draft.state.session) endLost(draft, draft.state.session)
  setDocs(draft, { plugIn: null, ...NO_ORDERS })
  draft.state = { ...draft.state, fullSince: null }
}

/** What holds until the plug is out. */
const NO_ORDERS = { override: null, userLimitMilliamps: null } as const

/** The cut was short enough for the car that is plugged in now to be the one from before. */
function isSameCar({ state, now, rules }: Draft): boolean {
  const last = state.docs.running.account?.last
  if (!last) return false
  const longest =
    rules.access === 'public' ? Math.min(PUBLIC_RESUME_MS, rules.resumeWithinMs) : rules.resumeWithinMs
  if (last.bootId === now.bootId) return now.atMonotonicMs - last.atMonotonicMs <= longest
  const from = now.wallOf(last) ?? state.docs.running.aliveAt
  const to = now.wallOf(now)
  // A cut that seems to have ended before it began was measured with a wrong clock: its length is not known.
  return from !== null && to !== null && to - from <= longest && to - from >= -CLOCK_CORRECTED_MS
}

/** First pilot reading after a cut: the same session goes on, or it ends where it was last known. */
function decideAfterCut(draft: Draft): void {
  const { session, status, docs } = draft.state
  if (!session || !status) return
  const isConnected = status.pilot === 'B' || status.pilot === 'C' || status.pilot === 'D'
  const isThisPlugIn = docs.plugIn !== null && docs.plugIn.plugId === status.plugId
  if (isConnected && !isThisPlugIn && docs.plugIn !== null) return
  if (!isConnected || !docs.plugIn || session.stop || !isSameCar(draft)) {
    endLost(draft, session)
    return
  }
  const { running } = docs
  // The meter may have been replaced or set back in the dark: its first reading tells whether the register goes on.
  if (!status.meter) return
  const readAt = stampOf(draft, status.meter.takenAtMonotonicMs)
  const isSameMeter = running.account === null || running.account.meterSerial === status.meter.serial
  const { registerWh } = status.meter
  const isOther =
    running.account !== null &&
    (wentBack(running.account, registerWh, readAt) ||
      jumped(running.account, registerWh, readAt, darkMs(draft, running.account.last)))
  if (!isSameMeter || isOther) {
    endAtLast(draft, session)
    return
  }
  const account = running.account && accountAfter(running.account, registerWh, readAt, true)
  setDocs(draft, { running: { ...running, account } })
  setSession(draft, { ...session, plugId: docs.plugIn.plugId })
}

/** From the last reading before a cut until now, by the wall clock; null where it is not known. */
function darkMs({ state, now }: Draft, last: Stamp): number | null {
  const from = now.wallOf(last) ?? state.docs.running.aliveAt
  const to = now.wallOf(now)
  return from === null || to === null ? null : to - from
}

/** The register went back, or jumped, in a session: it ends at its last one, and the car gets one of the new epoch. */
function endOfEpoch(draft: Draft, reading: MeterReading | null): void {
  const { session, docs } = draft.state
  const { account } = docs.running
  if (!session || !reading || isUndecided(draft) || account?.meterSerial !== reading.serial) return
  const readAt = stampOf(draft, reading.takenAtMonotonicMs)
  if (wentBack(account, reading.registerWh, readAt) || jumped(account, reading.registerWh, readAt))
    endAtLast(draft, session)
}

/** The car of this session was lost sight of: it ends at its last register, and the driver's orders with it. */
export function endLost(draft: Draft, session: Session): void {
  endAtLast(draft, session)
  setDocs(draft, NO_ORDERS)
}

/** Ends a session at the last register known to be its own: what flowed since is unattributed, never billed. */
function endAtLast(draft: Draft, session: Session): void {
  const { account } = draft.state.docs.running
  const last: Stamp = account?.last ?? session
  const isPowerLoss = last.bootId !== draft.now.bootId
  endSession(draft, session, {
    reading: null,
    moment: last,
    trigger: 'AbnormalCondition',
    reason: session.stop ? STOP_REASONS[session.stop] : isPowerLoss ? 'PowerLoss' : 'Other',
  })
}

export interface Ending {
  /** The reading that it ends with; null where only the last known register counts. */
  readonly reading: MeterReading | null
  readonly moment: Stamp
  readonly trigger: TransactionFact['trigger']
  readonly reason: StoppedReason
  /** Where the end's register is told in another way than by a reading. */
  readonly registerWh?: WattHours
}

export function endSession(draft: Draft, session: Session, ending: Ending): void {
  const { running } = draft.state.docs
  const reading = ending.reading?.serial === session.meterSerial ? ending.reading : null
  let account: Account =
    running.account ??
    beginAccount({ serial: session.meterSerial, registerWh: session.startRegisterWh }, session)
  invariant(
    account.meterSerial === session.meterSerial,
    `session ${session.uuid} is of meter ${session.meterSerial}, the account of ${account.meterSerial}`,
  )
  const readAt: Stamp = {
    bootId: ending.moment.bootId,
    atMonotonicMs: reading?.takenAtMonotonicMs ?? ending.moment.atMonotonicMs,
  }
  const read = reading?.registerWh ?? ending.registerWh
  const told = read !== undefined && jumped(account, read, readAt) ? undefined : read
  const isOlder = told !== undefined && isEarlier(account, readAt)
  if (told !== undefined) account = accountAfter(account, told, readAt, true)
  // A register that went back tells nothing of this session, which keeps all that was read as its own.
  const closed = closeSession(account, session, isOlder ? told : account.lastRegisterWh)
  setDocs(draft, { running: { ...running, account: closed.account } })
  const sample: PendingSample = reading
    ? { ...sampleOf(draft, reading, 'end'), registerWh: closed.endRegisterWh }
    : {
        takenAtMonotonicMs: ending.moment.atMonotonicMs,
        context: 'end',
        registerWh: closed.endRegisterWh,
        powerWatts: watts(0),
        currentsMilliamps: [milliAmps(0), milliAmps(0), milliAmps(0)],
        offeredMilliamps: milliAmps(0),
      }
  const last = tellServer(
    draft,
    { ...session, chargingState: 'occupied' },
    {
      event: 'Ended',
      trigger: ending.trigger,
      stoppedReason: ending.reason,
      moment: ending.moment,
      samples: [sample],
    },
  )
  const { bootId, atMonotonicMs } = ending.moment
  const at = draft.now.wallOf(ending.moment)
  const end = { bootId, atMonotonicMs, at, registerWh: closed.endRegisterWh, reason: ending.reason }
  setSession(draft, { ...last, end })
  draft.isEnd = true
  draft.state = { ...draft.state, stoppingSince: null, fullSince: null }
  if (draft.state.permitted === session.uuid) {
    draft.tell.push({ kind: 'revoke', uuid: session.uuid, reason: 'sessionEnded' })
    draft.state = { ...draft.state, permitted: null }
  }
}

/** Current is offered only with this, and this is sent only when the session is stored. */
function permit(draft: Draft, session: Session): void {
  const { permitted, status, refused } = draft.state
  if (permitted === session.uuid || status?.plugId !== session.plugId) return
  if (refused?.uuid === session.uuid && draft.now.atMonotonicMs < refused.againAt) return
  const started: Stamp = session.bootId === draft.now.bootId ? session : stampOf(draft)
  const permission: Permission = {
    uuid: session.uuid,
    evseId: 1,
    idToken: session.idToken,
    plugId: session.plugId,
    meterSerial: session.meterSerial,
    startRegisterWh: session.startRegisterWh,
    bootId: started.bootId,
    startedAtMonotonicMs: started.atMonotonicMs,
  }
  draft.tell.push({ kind: 'permission', permission })
  draft.state = { ...draft.state, permitted: session.uuid }
}

/** Begins a session for the present plug-in: a token, a meter, an installation, and no fault that withdraws. */
function beginIfAllowed(draft: Draft): void {
  const { status, docs, remoteOrder, touch } = draft.state
  const { plugIn: plug, running } = docs
  if (!status?.meter || !plug || status.plugId !== plug.plugId || !draft.now.isCommissioned) return
  if (status.pilot === 'A' || running.account?.meterSerial !== status.meter.serial) return
  if (status.faults.some((code) => faultRow(code).withdraws)) return
  const authorised = authorise(draft.rules.freeVend, plug, remoteOrder, touch.order)
  if (!authorised) return
  const startRegisterWh = running.account.lastRegisterWh
  const moment = stampOf(draft)
  const session: Session = {
    ...moment,
    uuid: draft.now.makeUuid(),
    idToken: authorised.idToken,
    remoteStartId: authorised.remoteStartId,
    plugId: plug.plugId,
    meterSerial: status.meter.serial,
    startRegisterWh,
    at: draft.now.wallOf(moment),
    timeEstimated: false,
    chargingState: status.chargingState,
    nextSeqNo: 0,
    stop: null,
    end: null,
  }
  const sample = { ...sampleOf(draft, status.meter, 'begin'), registerWh: startRegisterWh }
  const begun = tellServer(draft, session, {
    event: 'Started',
    trigger: authorised.trigger,
    samples: [sample],
  })
  if (plug.done) setDocs(draft, { plugIn: { ...plug, done: false } })
  draft.state = { ...draft.state, remoteOrder: null, touch: UNTOUCHED }
  setSession(draft, begun)
  permit(draft, begun)
}

const STOP_REASONS = { remote: 'Remote', local: 'Local' } as const

/** Somebody's stop, in the words of the server. */
export const stoppedBy = (by: 'remote' | 'local') =>
  ({ trigger: by === 'remote' ? 'RemoteStop' : 'StopAuthorized', reason: STOP_REASONS[by] }) as const

/** Control still holds the permission of a session that was stopped: the word was lost on its way. */
function revokeAgain(draft: Draft, { uuid, stop }: Session): void {
  const { revokedAt } = draft.state
  const now = draft.now.atMonotonicMs
  if (stop === null || (revokedAt !== null && now - revokedAt < REVOKE_AGAIN_MS)) return
  draft.tellFirst.push({ kind: 'revoke', uuid, reason: stop === 'remote' ? 'remoteStop' : 'localStop' })
  draft.state = { ...draft.state, permitted: null, revokedAt: now }
}

/** A stopped session ends with the first reading after the relay is open. */
function endIfStopped(draft: Draft, session: Session): void {
  const { status, stoppingSince } = draft.state
  if (!session.stop || !status) return
  if (status.permissionUuid === session.uuid) {
    revokeAgain(draft, session)
    return
  }
  if (isUndecided(draft)) return
  const waitedMs = stoppingSince === null ? 0 : draft.now.atMonotonicMs - stoppingSince
  const { meter } = status
  const isFresh = meter !== null && (stoppingSince === null || meter.takenAtMonotonicMs >= stoppingSince)
  const isOver = status.relay === 'open' && isFresh
  if (!isOver && waitedMs < STOP_AT_LATEST_MS) return
  endSession(draft, session, { reading: meter, moment: stampOf(draft), ...stoppedBy(session.stop) })
}

function endOverrideWhenFull(draft: Draft): void {
  const { fullSince, docs } = draft.state
  if (fullSince === null || !docs.override || draft.now.atMonotonicMs - fullSince < FULL_AFTER_MS) return
  setDocs(draft, { override: null })
}
