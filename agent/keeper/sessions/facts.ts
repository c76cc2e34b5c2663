// What control's facts do. Facts are numbered within a kernel boot; the last number that was applied is stored in the
// same commit as what they did, so a fact that comes again does nothing.
import { type FaultCode, outlastsPower } from '../../../shared/faults.ts'
import type { Fact, NumberedFact } from '../../control-link/messages.ts'
import type { Docs, Session, Stamp } from '../memory.ts'
import { accountAfter } from './account.ts'
import {
  beginEpoch,
  type Draft,
  isUndecided,
  readMeter,
  sampleOf,
  setDocs,
  setSession,
  tellFault,
  tellServer,
} from './draft.ts'
import { endLost, endSession, plugIn, plugOut, stoppedBy } from './lifecycle.ts'

const BOOTS_KEPT = 4

/** Applies facts in order, each once, and has control told up to where they are stored. */
export function applyFacts(draft: Draft, facts: readonly NumberedFact[]): void {
  for (const fact of facts) if (fact.number > lastNumber(draft, fact.bootId)) applyFact(draft, fact)
  const number = lastNumber(draft, draft.now.bootId)
  if (facts.length > 0 && number > 0) draft.tell.push({ kind: 'factsStored', number })
}

const lastNumber = ({ state }: Draft, bootId: string): number =>
  state.docs.factNumbers.find((known) => known.bootId === bootId)?.number ?? 0

function withNumber(numbers: Docs['factNumbers'], { bootId, number }: NumberedFact): Docs['factNumbers'] {
  return [...numbers.filter((known) => known.bootId !== bootId), { bootId, number }].slice(-BOOTS_KEPT)
}

function applyFact(draft: Draft, numbered: NumberedFact): void {
  const { fact, meter } = numbered
  const moment: Stamp = { bootId: numbered.bootId, atMonotonicMs: numbered.atMonotonicMs }
  switch (fact.kind) {
    case 'plugged':
      plugIn(draft, fact.plugId, moment)
      readMeter(draft, meter)
      break
    case 'unplugged':
      unplugged(draft, fact.plugId, numbered, moment)
      break
    case 'chargingState':
      readMeter(draft, meter)
      chargingStateChanged(draft, fact, numbered, moment)
      break
    case 'released':
      released(draft, fact, numbered, moment)
      break
    case 'restarted':
      break
    case 'faultRaised':
      faultRaised(draft, fact, moment)
      break
    case 'faultCleared':
      tellFault(draft, { code: fact.code, raised: false, detail: '' }, moment)
      forgetFault(draft, fact.code)
      break
    case 'meterReplaced':
      meterReplaced(draft, fact, numbered, moment)
      break
  }
  setDocs(draft, { factNumbers: withNumber(draft.state.docs.factNumbers, numbered) })
  draft.mustCommit = true
}

function unplugged(draft: Draft, plugId: string, { meter }: NumberedFact, moment: Stamp): void {
  const { session } = draft.state
  if (session && session.plugId === plugId) {
    const why = session.stop
      ? stoppedBy(session.stop)
      : ({ trigger: 'EVDeparted', reason: 'EVDisconnected' } as const)
    endSession(draft, session, { reading: meter, moment, ...why })
  } else if (session) endLost(draft, session)
  plugOut(draft)
  readMeter(draft, meter)
}

type FactOf<K extends Fact['kind']> = Extract<Fact, { kind: K }>

function chargingStateChanged(
  draft: Draft,
  fact: FactOf<'chargingState'>,
  { meter }: NumberedFact,
  moment: Stamp,
): void {
  const { session, fullSince } = draft.state
  if (!session || isUndecided(draft) || session.chargingState === fact.state) return
  const stoppedTaking = session.chargingState === 'charging' && fact.state === 'suspendedEv'
  draft.state = { ...draft.state, fullSince: stoppedTaking ? (fullSince ?? moment.atMonotonicMs) : null }
  const samples = meter ? [sampleOf(draft, meter, 'periodic')] : []
  const changed: Session = { ...session, chargingState: fact.state }
  setSession(
    draft,
    tellServer(draft, changed, { event: 'Updated', trigger: 'ChargingStateChanged', moment, samples }),
  )
}

/** Control gave the permission up by itself. After the stop button the plug-in is done; after keeper's silence it is not. */
function released(draft: Draft, fact: FactOf<'released'>, { meter }: NumberedFact, moment: Stamp): void {
  const { session, docs } = draft.state
  if (session?.uuid !== fact.uuid) return
  draft.state = { ...draft.state, permitted: null }
  const isButton = fact.why === 'stopButton'
  const why = isButton
    ? stoppedBy('local')
    : session.stop
      ? stoppedBy(session.stop)
      : ({ trigger: 'AbnormalCondition', reason: 'Other' } as const)
  endSession(draft, session, { reading: meter, moment, ...why })
  if (isButton && docs.plugIn) setDocs(draft, { plugIn: { ...docs.plugIn, done: true } })
}

/** One that is remembered from before a power cut was told already. */
function faultRaised(draft: Draft, { code, detail }: FactOf<'faultRaised'>, moment: Stamp): void {
  const { controlFaults } = draft.state.docs
  if (controlFaults.some((fault) => fault.code === code)) return
  tellFault(draft, { code, raised: true, detail }, moment)
  if (outlastsPower(code)) setDocs(draft, { controlFaults: [...controlFaults, { code, detail }] })
}

function forgetFault(draft: Draft, code: FaultCode): void {
  const { controlFaults } = draft.state.docs
  const others = controlFaults.filter((fault) => fault.code !== code)
  if (others.length < controlFaults.length) setDocs(draft, { controlFaults: others })
}

/** The open session is closed at the old meter's register; a new one begins on the new meter. */
function meterReplaced(
  draft: Draft,
  fact: FactOf<'meterReplaced'>,
  { meter }: NumberedFact,
  moment: Stamp,
): void {
  const { session } = draft.state
  if (session && session.meterSerial === fact.fromSerial) {
    draft.tellFirst.push({ kind: 'revoke', uuid: session.uuid, reason: 'meterReplaced' })
    draft.state = { ...draft.state, permitted: null }
    const registerWh = fact.fromRegisterWh
    endSession(draft, session, {
      reading: null,
      registerWh,
      moment,
      trigger: 'AbnormalCondition',
      reason: 'Other',
    })
  }
  const { running } = draft.state.docs
  const account =
    running.account?.meterSerial === fact.fromSerial
      ? accountAfter(running.account, fact.fromRegisterWh, moment, false)
      : running.account
  setDocs(draft, { running: { ...running, account } })
  const { status } = draft.state
  // The last status may still show the old meter.
  if (status?.meter?.serial === fact.fromSerial)
    draft.state = { ...draft.state, status: { ...status, meter } }
  if (meter && meter.serial === fact.toSerial && account?.meterSerial !== fact.toSerial)
    beginEpoch(draft, meter)
}
