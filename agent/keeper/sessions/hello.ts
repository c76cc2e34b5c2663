// Control's hello: what it holds against what keeper remembers. A permission of an ended session is revoked, one that
// nobody knows is adopted, and none at all is no word against a session: absence is not revocation.
import { type WattHours, wattHours } from '../../../shared/units.ts'
import type { ControlStatus, Permission } from '../../control-link/messages.ts'
import type { Account, Session, Stamp } from '../memory.ts'
import { beginAccount } from './account.ts'
import { type Draft, setDocs, setSession, tellServer } from './draft.ts'
import { applyFacts } from './facts.ts'
import { endLost } from './lifecycle.ts'
import type { SessionInput } from './state.ts'

/** Numbers of an adopted session's later events: what was told before the loss is not known, and never used again. */
const SEQ_NO_ADOPTED = 100_000

export function hello(draft: Draft, { hello, known }: Extract<SessionInput, { kind: 'hello' }>): void {
  const permission = hello.permission
  draft.state = {
    ...draft.state,
    status: hello.status,
    checkPlugSince: draft.now.atMonotonicMs,
    permitted: permission?.uuid ?? null,
    refused: null,
  }
  applyFacts(draft, hello.facts)
  if (hello.mirrorAgeMs === null) remindOfFaults(draft, hello.status)
  if (!permission || draft.state.permitted !== permission.uuid) return
  const { session } = draft.state
  if (session?.uuid === permission.uuid) {
    if (session.stop) revoke(draft, permission, session.stop === 'remote' ? 'remoteStop' : 'localStop')
  } else if (known) revoke(draft, permission, 'sessionEnded')
  else adopt(draft, permission)
}

/** A control without a mirror knows of no fault of before; what nobody has cleared stands, and nothing is begun. */
function remindOfFaults(draft: Draft, status: ControlStatus): void {
  const faults = draft.state.docs.controlFaults.filter(({ code }) => !status.faults.includes(code))
  if (faults.length === 0) return
  draft.tellFirst.push({ kind: 'standingFaults', faults })
  const codes = [...status.faults, ...faults.map(({ code }) => code)]
  draft.state = { ...draft.state, status: { ...status, faults: codes } }
}

function revoke(
  draft: Draft,
  { uuid }: Permission,
  reason: 'remoteStop' | 'localStop' | 'sessionEnded',
): void {
  draft.tellFirst.push({ kind: 'revoke', uuid, reason })
  draft.state = { ...draft.state, permitted: null, revokedAt: draft.now.atMonotonicMs }
}

/** A running charge that was lost from memory goes on under its own uuid and from its own start register. */
function adopt(draft: Draft, permission: Permission): void {
  const other = draft.state.session
  if (other) endLost(draft, other)
  const moment: Stamp = { bootId: permission.bootId, atMonotonicMs: permission.startedAtMonotonicMs }
  const { running, closedAccounts } = draft.state.docs
  const own = running.account?.meterSerial === permission.meterSerial ? running.account : null
  if (running.account && !own) setDocs(draft, { closedAccounts: [...closedAccounts, running.account] })
  const begun = withSessionFrom(own, permission, moment)
  setDocs(draft, { running: { ...draft.state.docs.running, account: begun.account } })
  const session: Session = {
    ...moment,
    uuid: permission.uuid,
    idToken: permission.idToken,
    remoteStartId: null,
    plugId: permission.plugId,
    meterSerial: permission.meterSerial,
    startRegisterWh: begun.startRegisterWh,
    at: draft.now.wallOf(moment),
    timeEstimated: false,
    chargingState: draft.state.status?.chargingState ?? 'occupied',
    nextSeqNo: 0,
    stop: null,
    end: null,
  }
  const told = tellServer(draft, session, {
    event: 'Started',
    trigger: 'AbnormalCondition',
    moment,
    samples: [],
  })
  if (draft.state.docs.plugIn === null)
    setDocs(draft, { plugIn: { ...moment, plugId: permission.plugId, done: false } })
  setSession(draft, { ...told, nextSeqNo: SEQ_NO_ADOPTED })
}

/** The account with an open session from this register on; energy that was booked as unattributed is the session's. */
function withSessionFrom(
  account: Account | null,
  { meterSerial, startRegisterWh }: Permission,
  moment: Stamp,
): { readonly account: Account; readonly startRegisterWh: WattHours } {
  if (!account)
    return {
      account: beginAccount({ serial: meterSerial, registerWh: startRegisterWh }, moment),
      startRegisterWh,
    }
  const beyondWh = account.lastRegisterWh - startRegisterWh
  if (beyondWh <= 0) {
    const unattributedWh = wattHours(account.unattributedWh - beyondWh)
    return {
      account: { ...account, lastRegisterWh: startRegisterWh, last: moment, unattributedWh },
      startRegisterWh,
    }
  }
  const takenBackWh = Math.min(beyondWh, account.unattributedWh)
  return {
    account: { ...account, last: moment, unattributedWh: wattHours(account.unattributedWh - takenBackWh) },
    startRegisterWh: wattHours(account.lastRegisterWh - takenBackWh),
  }
}
