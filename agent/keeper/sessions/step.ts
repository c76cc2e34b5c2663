// Sessions, decided purely: what comes from control, from people and from the clock becomes the next state, what must
// be remembered before it counts, and what control is told then. The shell commits, then sends; nothing else.
import { monotonicMs } from '../../../shared/units.ts'
import { stepTouch, touchesOver } from '../authorisation/touch.ts'
import type { Override } from '../memory.ts'
import {
  type Draft,
  draftOf,
  finish,
  isUndecided,
  sampleOf,
  setDocs,
  setSession,
  tellFault,
  tellServer,
  wallNow,
} from './draft.ts'
import { applyFacts } from './facts.ts'
import { hello } from './hello.ts'
import { isStopped } from './intents.ts'
import { settle } from './lifecycle.ts'
import type { Moment, Rules, SessionInput, SessionStep, SessionsState } from './state.ts'

/** How long a remote start waits for its car. */
export const REMOTE_START_WAITS_MS = 60_000
/** A permission that control refused is sent again after this; the wait doubles up to the last. */
const REFUSED_FIRST_MS = 1000
const REFUSED_MAX_MS = 60_000
/** A clock reading is told with the meter's own time, and not at all when the meter is silent. */
const CLOCK_READING_AGE_MAX_MS = 5000

/** The next state of the sessions. Total and synchronous; the state counts when its change is durable. */
export function stepSession(
  state: SessionsState,
  input: SessionInput,
  now: Moment,
  rules: Rules,
): SessionStep {
  const draft = draftOf(state, now, rules)
  take(draft, input)
  if (input.kind !== 'controlLost') settle(draft)
  return finish(draft)
}

function take(draft: Draft, input: SessionInput): void {
  switch (input.kind) {
    case 'hello':
      hello(draft, input)
      break
    case 'controlLost':
      draft.state = {
        ...draft.state,
        isControlLost: draft.state.isControlLost || draft.state.status !== null,
        status: null,
        permitted: null,
      }
      break
    case 'status':
      draft.state = { ...draft.state, status: input.status }
      break
    case 'facts':
      applyFacts(draft, input.facts)
      break
    case 'refused':
      refused(draft, input.uuid)
      break
    case 'touch':
      touch(draft, input)
      break
    case 'minute':
      minute(draft, input)
      break
    case 'quarterHour':
      tellReading(draft, 'MeterValueClock')
      break
    case 'second':
      second(draft)
      break
    case 'commissioned':
      break
    case 'remoteStart':
      draft.state = {
        ...draft.state,
        remoteOrder: { ...input.order, untilMonotonicMs: later(draft, REMOTE_START_WAITS_MS) },
      }
      break
    case 'stop':
      stop(draft, input.by)
      break
    case 'override':
      beginOverride(draft, input)
      break
    case 'endOverride':
      setDocs(draft, { override: null })
      break
    case 'userLimit':
      setDocs(draft, { userLimitMilliamps: input.limitMilliamps })
      break
    case 'ownFault':
      ownFault(draft, input)
      break
  }
}

const later = ({ now }: Draft, ms: number) => monotonicMs(now.atMonotonicMs + ms)

/** Control would not take a permission: it may when its mirror can be written or the plug-in is settled again. */
function refused(draft: Draft, uuid: string): void {
  const { permitted, refused: before } = draft.state
  if (permitted !== uuid) return
  const times = before?.uuid === uuid ? before.times + 1 : 1
  const waitMs = Math.min(REFUSED_MAX_MS, REFUSED_FIRST_MS * 2 ** Math.min(times - 1, 16))
  draft.state = { ...draft.state, permitted: null, refused: { uuid, times, againAt: later(draft, waitMs) } }
}

/**
 * Once a minute everything periodic goes into one commit. A car that waits overnight makes none, but on public boxes:
 * there the moment of the last commit tells how long a power cut was, and a minute decides.
 */
function minute(draft: Draft, due: Extract<SessionInput, { kind: 'minute' }>): void {
  const { session, docs, storedRegisterWh } = draft.state
  if (due.tellsReading && session?.chargingState === 'charging') tellReading(draft, 'MeterValuePeriodic')
  const hasFlowed = docs.running.account?.lastRegisterWh !== storedRegisterWh
  const isKept = session !== null && (hasFlowed || draft.rules.access === 'public')
  if (isKept || due.mustCommit) draft.mustCommit = true
}

function tellReading(draft: Draft, trigger: 'MeterValueClock' | 'MeterValuePeriodic'): void {
  const { session, status } = draft.state
  const reading = status?.meter
  if (!session || !reading || isUndecided(draft) || reading.serial !== session.meterSerial) return
  if (draft.now.atMonotonicMs - reading.takenAtMonotonicMs > CLOCK_READING_AGE_MAX_MS) return
  const context = trigger === 'MeterValueClock' ? 'clock' : 'periodic'
  const samples = [sampleOf(draft, reading, context)]
  setSession(draft, tellServer(draft, session, { event: 'Updated', trigger, samples }))
}

function touch(draft: Draft, { token, atMonotonicMs }: Extract<SessionInput, { kind: 'touch' }>): void {
  const { session, docs } = draft.state
  const stepped = stepTouch(
    draft.state.touch,
    token,
    {
      tokens: draft.rules.tokens,
      session: session && { ...session, isStopped: session.stop !== null },
      mayOverride: docs.plugIn !== null && !isStopped(draft.state),
    },
    atMonotonicMs,
  )
  draft.state = { ...draft.state, touch: stepped.state }
  if (stepped.orders === 'stop') stop(draft, 'local')
  if (stepped.orders === 'override') beginOverride(draft, { kind: 'override', by: 'rfid', until: null })
}

function second(draft: Draft): void {
  const touched = touchesOver(draft.state.touch, draft.state.session, draft.now.atMonotonicMs)
  draft.state = { ...draft.state, touch: touched.state }
  if (touched.orders === 'stop') stop(draft, 'local')
  const { docs, remoteOrder } = draft.state
  const wall = wallNow(draft)
  const until = docs.override?.until ?? null
  if (until !== null && wall !== null && until <= wall) setDocs(draft, { override: null })
  if (remoteOrder && remoteOrder.untilMonotonicMs <= draft.now.atMonotonicMs)
    draft.state = { ...draft.state, remoteOrder: null }
}

/** Stops now, ends with the first reading after the relay is open; the plug-in is done. */
function stop(draft: Draft, by: 'remote' | 'local'): void {
  const { session, docs } = draft.state
  if (!session) return
  draft.tellFirst.push({
    kind: 'revoke',
    uuid: session.uuid,
    reason: by === 'remote' ? 'remoteStop' : 'localStop',
  })
  const { atMonotonicMs } = draft.now
  draft.state = { ...draft.state, permitted: null, stoppingSince: atMonotonicMs, revokedAt: atMonotonicMs }
  if (docs.plugIn) setDocs(draft, { plugIn: { ...docs.plugIn, done: true } })
  setSession(draft, { ...session, stop: session.stop ?? by })
  draft.isEnd = true
}

function beginOverride(draft: Draft, input: Extract<SessionInput, { kind: 'override' }>): void {
  const override: Override = {
    id: draft.now.makeUuid(),
    by: input.by,
    since: wallNow(draft),
    until: input.until,
  }
  setDocs(draft, { override })
}

function ownFault(draft: Draft, input: Extract<SessionInput, { kind: 'ownFault' }>): void {
  const { code, raised, detail, moment } = input
  const { ownFaults } = draft.state.docs
  if (ownFaults.includes(code) === raised) return
  tellFault(draft, { code, raised, detail }, moment)
  setDocs(draft, { ownFaults: raised ? [...ownFaults, code] : ownFaults.filter((own) => own !== code) })
}
