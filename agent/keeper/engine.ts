// The engine of keeper: one job at a time it takes what comes in, lets the pure cores decide, makes the decision
// durable, and only then lets it count and tells control. A disk that stalls delays everything here and nothing in
// control; withdrawals are sent before the disk is asked.
import { randomUUID } from 'node:crypto'
import type { FaultCode } from '../../shared/faults.ts'
import { err, ok, type Result } from '../../shared/result.ts'
import type { Schedule } from '../../shared/tariff/schedule.ts'
import type { Clock } from '../../shared/time/clock.ts'
import type { EpochMs, MonotonicMs } from '../../shared/units.ts'
import type { ControlToKeeper, KeeperToControl } from '../control-link/messages.ts'
import type { KeeperConfig } from './config.ts'
import type { BootRecord, Change, Docs, Stamp } from './memory.ts'
import { type PlanParts, planSet } from './plans/plan-set.ts'
import type { BoxSnapshot, InstallationRecord } from './ports.ts'
import { isBeyondBounds } from './sessions/intents.ts'
import { beginSessions, type Moment, type SessionInput, type SessionsState } from './sessions/state.ts'
import { stepSession } from './sessions/step.ts'
import { snapshotOf } from './snapshot.ts'
import type { Store } from './store/client.ts'
import type { OutboxCounts, Stored } from './store/core.ts'
import { dateStored } from './store/date-stored.ts'
import type { Trouble } from './store/files.ts'
import { beginTime, bootsWith, csmsTold, systemClockSeen, type TimeState, wallOf } from './time/quality.ts'

export interface Log {
  info(fields: object, text: string): void
  warn(fields: object, text: string): void
  error(fields: object, text: string): void
}

export interface EngineOptions {
  readonly config: KeeperConfig
  readonly bootId: string
  readonly store: Store
  readonly clock: Clock
  readonly log: Log
  readonly isNtpSynchronised: () => boolean
  readonly makeUuid?: () => string
  /** Sends to control; false when it is not linked. */
  readonly send: (message: KeeperToControl) => boolean
}

type Hello = Extract<ControlToKeeper, { kind: 'hello' }>

export type Engine = Awaited<ReturnType<typeof startEngine>>

/** How often a fact that could not be stored is tried again. */
const RETRY_MS = 5000

export async function startEngine(options: EngineOptions) {
  const { config, bootId, store, clock, log, send } = options
  const remembered = store.remembered
  const stored = remembered.docs
  const makeUuid = options.makeUuid ?? randomUUID
  const { freeVend, tokens, access, resumeWithinMs } = config
  const rules = { freeVend, tokens, access, resumeWithinMs }
  const firstSeen = clock.monotonic()

  let time: TimeState = beginTime({
    bootId,
    hasRtc: config.hasRtc,
    clocks: clocksNow(),
    boots: stored.boots,
    running: stored.running,
  })
  const wallAtStart = wallOf(time, stored.boots, { bootId, atMonotonicMs: firstSeen })
  const isOverrideOut = stored.override !== null && isBeyondBounds(stored.override, wallAtStart)
  const docs = isOverrideOut ? { ...stored, override: null } : stored
  let sessions: SessionsState = beginSessions(docs, remembered.openSessions.at(-1) ?? null)
  let boots: readonly BootRecord[] = docs.boots
  let installation = remembered.installation
  let isInstallationLost = remembered.installationLost
  let schedule: Schedule | null = docs.schedule
  let scheduleVersion = docs.scheduleVersion
  let planVersion = docs.planVersion
  let csms: BoxSnapshot['csms'] = 'none'
  let counts: OutboxCounts = await store.counts()
  let trouble: { readonly cause: Trouble; readonly since: Stamp } | null = null
  let unstoredFacts: Extract<SessionInput, { kind: 'facts' }>['facts'] = []
  let unstoredHello: Hello | null = null
  let lastTry: MonotonicMs = firstSeen
  let lastCommit: MonotonicMs = firstSeen
  let commits = 0

  const listeners = new Set<() => void>()
  const workListeners = new Set<() => void>()
  const changed = () => {
    for (const listener of listeners) listener()
  }
  const newWork = () => {
    for (const listener of workListeners) listener()
  }

  function clocksNow() {
    return {
      wall: clock.wall(),
      monotonicMs: clock.monotonic(),
      isNtpSynchronised: options.isNtpSynchronised(),
    }
  }
  const stampNow = (): Stamp => ({ bootId, atMonotonicMs: clock.monotonic() })
  const wallNow = (): EpochMs | null => wallOf(time, boots, stampNow())
  const isCommissioned = () => installation !== null && !isInstallationLost
  const moment = (): Moment => ({
    ...stampNow(),
    wallOf: (stamp) => wallOf(time, boots, stamp),
    isTimeConfirmed: time.isConfirmed,
    hasServer: config.csms !== null,
    hearsServer: csms === 'accepted',
    isCommissioned: isCommissioned(),
    makeUuid,
  })

  // One job at a time, in the order of asking.
  let queue: Promise<unknown> = Promise.resolve()
  function run<T>(job: () => Promise<T>): Promise<T> {
    const done = queue.then(job)
    queue = done.catch(() => undefined)
    return done
  }

  const partsOf = (state: SessionsState): PlanParts => ({
    installation: isInstallationLost ? null : installation,
    phasesWired: config.phasesWired,
    schedule,
    override: state.docs.override,
    userLimitMilliamps: state.docs.userLimitMilliamps,
  })
  const sendPlans = () => {
    const now = clock.monotonic()
    const set = planSet(partsOf(sessions), planVersion, { bootId, now, offsetMs: time.offsetMs })
    send({ kind: 'plans', set })
  }

  /** What a write came to: a disk that refuses is a fault until a write succeeds again. */
  function noted<T>(stored: Stored<T>): Stored<T> {
    if (!stored.ok && !trouble) {
      trouble = { cause: stored.error, since: stampNow() }
      log.error({ cause: stored.error.cause, detail: stored.error.message }, 'STORE_UNWRITABLE raised')
      changed()
    } else if (stored.ok && trouble) {
      const { since, cause } = trouble
      trouble = null
      log.info({}, 'STORE_UNWRITABLE cleared')
      const code: FaultCode = 'STORE_UNWRITABLE'
      void run(async () => {
        await apply({ kind: 'ownFault', code, raised: true, detail: cause.cause, moment: since })
        await apply({ kind: 'ownFault', code, raised: false, detail: '', moment: stampNow() })
      }).catch(fail)
      changed()
    }
    return stored
  }
  const fail = (thrown: unknown) => {
    log.error({ error: String(thrown) }, 'a job of keeper failed')
    throw thrown
  }

  async function commit(change: Change, room: 'normal' | 'reserve' = 'normal'): Promise<Stored> {
    const stored = noted(await store.commit(change, { at: wallNow(), room }))
    if (!stored.ok) return stored
    commits += 1
    lastCommit = clock.monotonic()
    counts = await store.counts()
    if (change.rows && change.rows.length > 0) newWork()
    return stored
  }

  /** One step of the sessions, made durable. On a refusing disk nothing has happened but the withdrawals. */
  async function apply(input: SessionInput, isNewLink = false): Promise<Stored> {
    const step = stepSession(sessions, input, moment(), rules)
    for (const message of step.tellFirst) send(message)
    const { override, userLimitMilliamps } = step.state.docs
    const before = sessions.docs
    const renewsPlans =
      isNewLink || override !== before.override || userLimitMilliamps !== before.userLimitMilliamps
    const version = renewsPlans ? planVersion + 1 : planVersion
    if (step.change || renewsPlans) {
      const planDocs = renewsPlans ? { planVersion: version } : {}
      const change = { ...step.change, docs: { ...step.change?.docs, ...planDocs } }
      const stored = await commit(change, step.room)
      if (!stored.ok) return stored
    }
    sessions = step.state
    planVersion = version
    if (renewsPlans) sendPlans()
    for (const message of step.tell) send(message)
    changed()
    return ok(null)
  }

  /** Makes a new set of plans, with what changed beside it. */
  async function renewPlans(changes: Partial<Docs> = {}): Promise<Stored> {
    const stored = await commit({ docs: { ...changes, planVersion: planVersion + 1 } })
    if (!stored.ok) return stored
    planVersion += 1
    return stored
  }

  /** The clock became known or moved: later facts are dated by it, earlier ones now, and the schedule follows it. */
  async function timeChanged(next: TimeState): Promise<void> {
    const isNews = next.quality !== time.quality || next.source !== time.source
    const withThis = bootsWith(boots, next, firstSeen)
    time = next
    if (isNews) {
      log.info({ quality: time.quality, source: time.source, offsetMs: time.offsetMs }, 'time')
      changed()
    }
    if (withThis === boots) return
    const stored = await renewPlans({ boots: withThis })
    if (!stored.ok) return
    boots = withThis
    sendPlans()
    await dateFacts()
    changed()
  }

  async function dateFacts(): Promise<void> {
    const dated = noted(await dateStored(store, boots, time))
    if (!dated.ok || dated.value === null) return
    const open = dated.value.find((session) => session.uuid === sessions.session?.uuid)
    if (open) sessions = { ...sessions, session: open }
    newWork()
  }

  async function takeHello(hello: Hello): Promise<void> {
    if (hello.bootId !== bootId)
      log.warn({ own: bootId, control: hello.bootId }, 'control tells of another boot')
    planVersion = Math.max(planVersion, hello.planVersion ?? 0)
    // A hello brings all that is not known to be stored; what was told after one that is tried again is in none.
    if (hello !== unstoredHello) unstoredFacts = []
    unstoredHello = null
    const uuid = hello.permission?.uuid
    const known = uuid === undefined || uuid === sessions.session?.uuid ? null : await store.session(uuid)
    const stored = await apply({ kind: 'hello', hello, known }, true)
    if (!stored.ok) unstoredHello = hello
  }

  async function takeFacts(): Promise<void> {
    if (unstoredFacts.length === 0 || unstoredHello) return
    const facts = unstoredFacts
    const stored = await apply({ kind: 'facts', facts })
    if (stored.ok) unstoredFacts = unstoredFacts.slice(facts.length)
  }

  async function retry(): Promise<void> {
    if (clock.monotonic() - lastTry < RETRY_MS) return
    lastTry = clock.monotonic()
    if (unstoredHello) await takeHello(unstoredHello)
    await takeFacts()
  }

  // What was found at the start, made whole before anything else happens.
  if (isOverrideOut) {
    log.warn({ override: stored.override }, 'a stored override ends beyond 8 days and is dropped')
    await commit({ docs: { override: null } })
  }
  for (const stray of remembered.openSessions.slice(0, -1)) {
    log.warn({ uuid: stray.uuid }, 'an older session without an end is closed without energy')
    const { bootId: endBootId, atMonotonicMs, at, startRegisterWh: registerWh } = stray
    const end = { bootId: endBootId, atMonotonicMs, at, registerWh, reason: 'Other' as const }
    await commit({ sessions: [{ ...stray, end }] })
  }
  await timeChanged(time)
  if (isInstallationLost || sessions.docs.ownFaults.includes('INSTALLATION_LOST'))
    await apply({
      kind: 'ownFault',
      code: 'INSTALLATION_LOST',
      raised: isInstallationLost,
      detail: 'both copies are missing or damaged',
      moment: stampNow(),
    })

  return {
    run,
    apply,
    snapshot: (): BoxSnapshot =>
      snapshotOf({
        config,
        sessions,
        time,
        wall: wallNow(),
        now: clock.monotonic(),
        installation: isInstallationLost ? null : installation,
        schedule,
        ownFaults: [
          ...(isInstallationLost ? (['INSTALLATION_LOST'] as const) : []),
          ...(trouble ? (['STORE_UNWRITABLE'] as const) : []),
        ],
        csms,
        outbox: counts,
      }),
    sessions: () => sessions,
    isCommissioned,
    wallNow,
    lastCommit: () => lastCommit,
    commits: () => commits,
    noted,
    fail,
    onChanged: (listener: () => void) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    onWork: (listener: () => void) => {
      workListeners.add(listener)
      return () => workListeners.delete(listener)
    },
    parked: () => store.parked(),
    /** What a person looked into is owed again. Returns how many rows. */
    async retryParked(): Promise<Stored<number>> {
      const stored = noted(await store.unpark(wallNow()))
      counts = await store.counts()
      if (stored.ok && stored.value > 0) newWork()
      changed()
      return stored
    },
    refreshCounts: async () => {
      counts = await store.counts()
      changed()
    },

    takeHello,
    takeFacts,
    retry,
    addFact: (fact: (typeof unstoredFacts)[number]) => {
      unstoredFacts = [...unstoredFacts, fact]
    },

    /** Follows the system's clock; run once a second. */
    followClock: () => timeChanged(systemClockSeen(time, clocksNow(), config.hasRtc)),
    csmsTime: (told: EpochMs, receivedAt: MonotonicMs) => timeChanged(csmsTold(time, told, receivedAt)),
    csmsState: (state: BoxSnapshot['csms']) => {
      csms = state
      changed()
    },

    /** The daily renewal of plans, with the moment of the daily copy. */
    async renewDaily(lastDailyAt: EpochMs): Promise<void> {
      const stored = await renewPlans({ lastDailyAt })
      if (stored.ok) sendPlans()
    },
    async setSchedule(next: Omit<Schedule, 'version'> | null): Promise<Stored<Schedule | null>> {
      const version = scheduleVersion + (next ? 1 : 0)
      const made = next && { ...next, version }
      const stored = await renewPlans({ schedule: made, scheduleVersion: version })
      if (!stored.ok) return stored
      schedule = made
      scheduleVersion = version
      sendPlans()
      changed()
      return ok(made)
    },
    /** False when control is not linked. */
    clearFault: (code: FaultCode) => send({ kind: 'clearFault', code }),
    installation: () => (isInstallationLost ? null : installation),
    async setInstallation(record: InstallationRecord): Promise<Result<null, Trouble>> {
      const stored = noted(await store.setInstallation(record))
      if (!stored.ok) return err(stored.error)
      installation = record
      isInstallationLost = false
      const renewed = await renewPlans()
      // The lower limit does not wait for a version to be stored: control's hello tells the highest one, too.
      if (!renewed.ok) planVersion += 1
      sendPlans()
      const cleared = { code: 'INSTALLATION_LOST', raised: false, detail: '', moment: stampNow() } as const
      await apply({ kind: 'ownFault', ...cleared })
      await apply({ kind: 'commissioned' })
      return ok(null)
    },
  }
}
