// The box: what people and servers may ask, answered after the commit. It puts the parts of keeper together (store,
// engine, link to control, ticks); the adapters get `box` and `outbox` and know nothing else.
import { err, ok, type Result } from '../../shared/result.ts'
import { scheduleProblems } from '../../shared/tariff/schedule-time.ts'
import type { Clock, Timer } from '../../shared/time/clock.ts'
import { CURRENT_MIN, type EpochMs, epochMs, type MonotonicMs } from '../../shared/units.ts'
import type { ConnectOptions, ControlLink } from '../control-link/client.ts'
import { type ControlToKeeper, LINK_VERSION } from '../control-link/messages.ts'
import type { KeeperConfig } from './config.ts'
import { type Engine, type Log, startEngine } from './engine.ts'
import { outboxOf } from './outbox/outbox.ts'
import { commissionRefusal } from './plans/commissioning.ts'
import type { Box, BoxSnapshot, InstallationRecord, Outbox, ParkedFact, Refusal } from './ports.ts'
import { CONTROL_NOT_HEARD, clearRefusal, refusalOf, tooLow } from './sessions/intents.ts'
import type { Order, SessionsState } from './sessions/state.ts'
import type { Store } from './store/client.ts'
import type { Stored } from './store/core.ts'
import type { Trouble } from './store/files.ts'
import type { ParkedRow } from './store/rows.ts'
import { beganBetween } from './time/ticker.ts'

export interface BoxOptions {
  readonly config: KeeperConfig
  readonly bootId: string
  readonly store: Store
  readonly clock: Clock
  readonly log: Log
  /** The link to control; the real one is `connectControl`. */
  readonly connect: (options: ConnectOptions) => ControlLink
  /** Calls back each second until the returned function is called; the real one is `startTicker`. */
  readonly startTicker: (onSecond: () => void) => () => Promise<void>
  readonly isNtpSynchronised: () => boolean
  readonly makeUuid?: () => string
  /** A broken invariant or a dead store: the process must end. */
  readonly onFailure: (cause: unknown) => void
}

export interface RunningBox {
  readonly box: Box
  readonly outbox: Outbox
  /** Commits since the start, for the budget of writes. */
  commits(): number
  /** Stops the ticks and the link, makes what waits durable, closes the store. */
  close(): Promise<void>
}

const MINUTE_MS = 60_000
/**
 * A told reading costs the disk about 16 KB (its row, its frozen bytes), the register alone 5 KB: with one in five
 * minutes an hour of charging came to 1.02 MB. What a page shows live is told without being stored.
 */
const READING_EVERY_MINUTES = 10
const IDLE_COMMIT_MS = 15 * MINUTE_MS
const DAY_MS = 24 * 60 * MINUTE_MS
const THIN_AFTER_MS = 30 * DAY_MS
/** Room for 30 days of facts; beyond it clock readings that are older than that go, too. */
const OUTBOX_ROWS_MAX = 50_000
const TOLD_EVERY_MS = 200

export async function startBox(options: BoxOptions): Promise<RunningBox> {
  const { config, bootId, store, clock, log } = options
  let link: ControlLink | null = null
  const engine = await startEngine({ ...options, send: (message) => link?.send(message) ?? false })
  const job = (work: () => Promise<unknown>) => {
    engine.run(work).catch(options.onFailure)
  }

  link = options.connect({
    socketPath: config.socketPath,
    clock,
    log,
    onConnected: () => link?.send({ kind: 'hello', version: LINK_VERSION, bootId }),
    onDisconnected: () => job(() => engine.apply({ kind: 'controlLost' })),
    onMessage: listener(engine, job, log),
  })
  const alive = clock.every('keeper lives', 1000, () => link?.send({ kind: 'alive' }))
  const stopTicker = options.startTicker(ticks(options, engine, job))

  return {
    box: faceOf(options, engine),
    outbox: outboxOf(store, engine),
    commits: engine.commits,
    async close() {
      await stopTicker()
      alive.cancel()
      link?.close()
      await engine.run(() => engine.apply({ kind: 'minute', mustCommit: true, tellsReading: false }))
      await store.close()
    },
  }
}

/** Takes control's messages: facts together where several wait, of statuses only the newest. */
function listener(engine: Engine, job: (work: () => Promise<unknown>) => void, log: Log) {
  let newestStatus: Extract<ControlToKeeper, { kind: 'status' }>['status'] | null = null
  return (message: ControlToKeeper) => {
    switch (message.kind) {
      case 'hello':
        newestStatus = null
        job(() => engine.takeHello(message))
        break
      case 'status':
        if (newestStatus === null)
          job(async () => {
            const status = newestStatus
            newestStatus = null
            if (status) await engine.apply({ kind: 'status', status })
          })
        newestStatus = message.status
        break
      case 'fact':
        engine.addFact(message.fact)
        job(engine.takeFacts)
        break
      case 'ack':
        break
      case 'touch':
        job(() => engine.apply(message))
        break
      case 'refused':
        log.warn({ uuid: message.uuid, why: message.why }, 'control refused a permission')
        job(() => engine.apply({ kind: 'refused', uuid: message.uuid }))
        break
    }
  }
}

/** What happens each second, minute, quarter hour and day. A second that comes while one still runs is left out. */
function ticks(
  { store, clock, log }: BoxOptions,
  engine: Engine,
  job: (work: () => Promise<unknown>) => void,
): () => void {
  let isRunning = false
  let lastWall: EpochMs | null = null
  let lastMinute: MonotonicMs = clock.monotonic()
  let minutes = 0
  const lastDailyAt = store.remembered.docs.lastDailyAt
  let isDailyDue = lastDailyAt === null || lastDailyAt <= (engine.wallNow() ?? 0) - DAY_MS

  const daily = async (now: EpochMs) => {
    isDailyDue = false
    const thinned = engine.noted(await store.thin(epochMs(now - THIN_AFTER_MS), OUTBOX_ROWS_MAX))
    if (thinned.ok && thinned.value > 0)
      log.warn({ readings: thinned.value }, 'readings older than 30 days could not be told and were thinned')
    const copied = engine.noted(await store.copyDaily(now))
    if (copied.ok) await engine.renewDaily(now)
  }

  const second = async () => {
    await engine.followClock()
    await engine.retry()
    const wall = engine.wallNow()
    const now = clock.monotonic()
    const began = wall === null ? { quarterHour: false, day: false } : beganBetween(lastWall, wall)
    lastWall = wall
    if (began.quarterHour) {
      lastMinute = now
      minutes = 0
      await engine.apply({ kind: 'quarterHour' })
    } else if (now - lastMinute >= MINUTE_MS) {
      lastMinute = now
      const mustCommit = now - engine.lastCommit() >= IDLE_COMMIT_MS || (await store.hasWaiting())
      minutes += 1
      const tellsReading = minutes % READING_EVERY_MINUTES === 0
      await engine.apply({ kind: 'minute', mustCommit, tellsReading })
    } else await engine.apply({ kind: 'second' })
    if (wall !== null && (began.day || isDailyDue)) await daily(wall)
  }

  return () => {
    if (isRunning) return
    isRunning = true
    job(async () => {
      try {
        await second()
      } finally {
        isRunning = false
      }
    })
  }
}

const unwritable = (trouble: Trouble): Refusal => ({
  code: trouble.code,
  message: `The box cannot write to its disk (${trouble.cause}), so nothing was changed.`,
  do: 'Make room on the disk or replace it; a running charge goes on meanwhile.',
})
const answered = <T, U>(stored: Stored<T>, value: (stored: T) => U): Result<U, Refusal> =>
  stored.ok ? ok(value(stored.value)) : err(unwritable(stored.error))

function faceOf({ config, clock, log, onFailure }: BoxOptions, engine: Engine): Box {
  const order = <T>(input: Order, view: (state: SessionsState) => Result<T, Refusal>) =>
    engine.run(async (): Promise<Result<T, Refusal>> => {
      const refusal = refusalOf(engine.sessions(), input, {
        isCommissioned: engine.isCommissioned(),
        wall: engine.wallNow(),
      })
      if (refusal) return err(refusal)
      const stored = await engine.apply(input)
      return stored.ok ? view(engine.sessions()) : err(unwritable(stored.error))
    })

  return {
    snapshot: engine.snapshot,
    onChange: (tell) => throttled(engine, clock, tell),
    override: ({ by, until }) =>
      order({ kind: 'override', by, until }, ({ docs }) =>
        docs.override ? ok(docs.override) : err(OVERRIDE_OVER),
      ),
    endOverride: () =>
      engine.run(async () => answered(await engine.apply({ kind: 'endOverride' }), () => null)),
    setUserLimit: (limitMilliamps) => order({ kind: 'userLimit', limitMilliamps }, () => ok(null)),
    remoteStart: (start) =>
      order({ kind: 'remoteStart', order: start }, ({ session }) => ok({ uuid: session?.uuid ?? null })),
    stop: ({ uuid, by }) => order({ kind: 'stop', uuid, by }, () => ok(null)),

    commission: ({ limitMilliamps, phasesWired, by }) =>
      engine.run(async (): Promise<Result<InstallationRecord, Refusal>> => {
        const before = engine.installation()
        const refusal = commissionRefusal({ limitMilliamps, phasesWired, by }, before, config)
        if (refusal) return err(refusal)
        const record: InstallationRecord = {
          version: (before?.version ?? 0) + 1,
          limitMilliamps,
          phasesWired,
          mandatory: ['installation', 'board', 'cable'],
          commissionedBy: by.trim(),
          commissionedAt: engine.snapshot().at,
        }
        return answered(await engine.setInstallation(record), () => record)
      }),
    setSchedule: (schedule) =>
      engine.run(async () => {
        if (schedule && schedule.outsideMilliamps > 0 && schedule.outsideMilliamps < CURRENT_MIN)
          return err(tooLow(schedule.outsideMilliamps))
        const problems = schedule ? scheduleProblems(schedule) : []
        if (problems.length > 0)
          return err({
            code: 'SCHEDULE_INVALID',
            message: problems.join('; '),
            do: 'Correct the schedule and send it whole.',
          })
        return answered(await engine.setSchedule(schedule), (made) => made)
      }),
    clearFault: ({ code, by }) =>
      engine.run(async (): Promise<Result<null, Refusal>> => {
        const refusal = clearRefusal(code, engine.snapshot())
        if (refusal) {
          log.warn({ code, by, at: engine.wallNow(), why: refusal.code }, 'a fault was not cleared')
          return err(refusal)
        }
        if (!engine.clearFault(code)) return err(CONTROL_NOT_HEARD)
        log.info({ code, by, at: engine.wallNow() }, 'a technician clears a fault')
        return ok(null)
      }),
    parked: async () => (await engine.parked()).map(parkedFact),
    retryParked: ({ by }) =>
      engine.run(async () => {
        const retried = answered(await engine.retryParked(), (facts) => ({ facts }))
        if (retried.ok)
          log.info({ by, ...retried.value, at: engine.wallNow() }, 'parked facts are told again')
        return retried
      }),
    csmsTime: (told, receivedAt) => {
      engine.run(() => engine.csmsTime(told, receivedAt)).catch(onFailure)
    },
    csmsState: engine.csmsState,
  }
}

const parkedFact = ({ at, fact, reason }: ParkedRow): ParkedFact => ({
  at,
  reason,
  what: fact.kind === 'fault' ? `fault ${fact.code}` : `${fact.event} ${fact.seqNo} of ${fact.uuid}`,
})

const OVERRIDE_OVER: Refusal = {
  code: 'OVERRIDE_OVER',
  message: 'The override ended at once: its end lies in the past, or the car is full.',
  do: 'Give a later end, or plug the car in anew.',
}

/** At most five times a second, and always after the last change. */
function throttled(engine: Engine, clock: Clock, tell: (snapshot: BoxSnapshot) => void): () => void {
  let waiting: Timer | null = null
  const end = engine.onChanged(() => {
    waiting ??= clock.after('tell the adapters', TOLD_EVERY_MS, () => {
      waiting = null
      tell(engine.snapshot())
    })
  })
  return () => {
    waiting?.cancel()
    end()
  }
}
