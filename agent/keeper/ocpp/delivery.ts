// Facts out of the outbox to the server: one in flight, in their order, each sent as the bytes that were frozen before
// its first send. Nothing is dropped here: a fact is acknowledged by the server, or parked with the reason. Parked is
// only what the server says is wrong with the message itself; a server in trouble is told again until it can listen.
import type { ActionName, CallFailure, CallOutcome, LinkLog } from '../../../shared/io/ocpp-link-types.ts'
import type { Prng } from '../../../shared/prng.ts'
import type { Clock, Timer } from '../../../shared/time/clock.ts'
import type { Outbox, OutboxFact, OutboxRow } from '../ports.ts'

/** No answer, or one that tells of the server's own trouble: the wait doubles up to the last, 50-100 % of it at random. */
const SILENCE_FIRST_MS = 1000
const SILENCE_MAX_MS = 60_000
/**
 * Error codes that are about the message itself, so that the same bytes will be refused again (OCPP-J 2.0.1 part 4,
 * table 7, and the spellings of 1.6). Every other code, also one we do not know, may be gone the next time.
 */
const MESSAGE_VIOLATIONS: readonly string[] = [
  'FormatViolation',
  'FormationViolation',
  'PropertyConstraintViolation',
  'TypeConstraintViolation',
  'OccurrenceConstraintViolation',
  'OccurenceConstraintViolation',
  'NotSupported',
  'NotImplemented',
  'ProtocolError',
]
/** When the outbox itself fails (disk full): it is asked again after this. */
const STORE_RETRY_MS = 5000

export interface DeliveryTuning {
  /** Refusals of one row's message before it is parked. */
  readonly attemptsMax: number
  /** Wait after the first refusal; after the second twice as long, and so on (OCPP 2.0.1 part 2, MessageAttemptInterval). */
  readonly intervalMs: number
}

export interface DeliveryOptions {
  readonly outbox: Outbox
  readonly clock: Clock
  readonly random: Pick<Prng, 'next'>
  readonly log: LinkLog
  readonly tuning: () => DeliveryTuning
  /** The socket is open and the server has accepted us. */
  readonly ready: () => boolean
  readonly build: (fact: OutboxFact) => { readonly action: ActionName; readonly request: object }
  readonly send: (action: ActionName, payload: string) => Promise<CallOutcome<ActionName>>
  /** The server says that we must boot first; true when we will, so that the try does not count. */
  readonly mustBoot: (failure: CallFailure) => boolean
}

export interface Delivery {
  /** There may be something to do: a new row, an open socket. */
  wake(): void
  /** The socket was opened anew: waits of before are over. */
  restart(): void
  stop(): void
}

/** What a try's outcome asks for. Pure; tried on all outcomes. */
export type Verdict =
  | { readonly kind: 'acknowledge' }
  | { readonly kind: 'park'; readonly reason: string }
  | { readonly kind: 'wait'; readonly ms: number }
  /** The socket is gone; the next one begins again. */
  | { readonly kind: 'pause' }

export function verdict(
  outcome: CallOutcome<ActionName>,
  tries: { readonly refusals: number; readonly silences: number },
  tuning: DeliveryTuning,
  random: number,
): Verdict {
  if (outcome.ok) return { kind: 'acknowledge' }
  const failure = outcome.error
  switch (failure.kind) {
    case 'notOpen':
    case 'closed':
      return { kind: 'pause' }
    case 'timedOut':
      return transient(tries.silences, random)
    case 'callError': {
      if (!isRefusal(failure)) return transient(tries.silences, random)
      const refusals = tries.refusals + 1
      if (refusals >= tuning.attemptsMax) {
        const told = `${failure.code}: ${failure.description}`.slice(0, 300)
        return { kind: 'park', reason: `refused ${refusals} times, last with ${told}` }
      }
      return { kind: 'wait', ms: Math.round(tuning.intervalMs * refusals * (1 + random / 2)) }
    }
  }
}

const isRefusal = (failure: CallFailure) =>
  failure.kind === 'callError' && MESSAGE_VIOLATIONS.includes(failure.code)

function transient(before: number, random: number): Verdict {
  const longest = Math.min(SILENCE_MAX_MS, SILENCE_FIRST_MS * 2 ** Math.min(before, 16))
  return { kind: 'wait', ms: Math.round(longest * (0.5 + random / 2)) }
}

const NO_TRIES = { id: -1, refusals: 0, silences: 0 }

export function outboxDelivery(options: DeliveryOptions): Delivery {
  const { outbox, clock, log } = options
  let busy = false
  let wanted = false
  let stopped = false
  let waiting: Timer | null = null
  let tries = NO_TRIES

  const stopWaiting = () => {
    waiting?.cancel()
    waiting = null
  }
  const wait = (ms: number) => {
    waiting = clock.after('outbox', ms, () => {
      waiting = null
      wake()
    })
  }

  function wake() {
    wanted = true
    if (busy || waiting || stopped) return
    busy = true
    run().then(
      () => {
        busy = false
        // Asked for between the last look and here.
        if (wanted && !waiting && options.ready()) wake()
      },
      (error: unknown) => {
        busy = false
        log.error({ why: String(error) }, 'the outbox failed')
        if (!stopped) wait(STORE_RETRY_MS)
      },
    )
  }

  async function run() {
    while (wanted && !waiting && !stopped && options.ready()) {
      wanted = false
      const row = await outbox.next()
      if (!row || !options.ready()) return
      // A wake that came meanwhile counts too: the outcome may be that of an older socket.
      if (await deliver(row)) wanted = true
    }
  }

  /** True when the next row may follow at once. */
  async function deliver(row: OutboxRow): Promise<boolean> {
    if (tries.id !== row.id) tries = { id: row.id, refusals: 0, silences: 0 }
    const { action, request } = options.build(row.fact)
    const payload = row.frozen ?? (await outbox.freeze(row.id, JSON.stringify(request)))
    if (stopped || !options.ready()) return false
    const outcome = await options.send(action, payload)
    if (!outcome.ok && options.mustBoot(outcome.error)) return false
    if (outcome.ok || outcome.error.kind !== 'notOpen') outbox.countAttempt(row.id)
    const said = verdict(outcome, tries, options.tuning(), options.random.next())
    switch (said.kind) {
      case 'acknowledge':
        await outbox.acknowledge(row.id)
        return true
      case 'park':
        log.error({ row: row.id, fact: row.fact.kind, why: said.reason }, 'a fact is parked')
        await outbox.park(row.id, said.reason)
        // A person may have it told again: then it has all its tries.
        tries = NO_TRIES
        return true
      case 'wait':
        tries = outcome.ok ? tries : counted(tries, outcome.error)
        log.warn(
          { row: row.id, waitMs: said.ms, failure: outcome.ok ? null : outcome.error },
          'a fact is told again',
        )
        if (!stopped) wait(said.ms)
        return false
      case 'pause':
        return false
    }
  }

  return {
    wake,
    restart: () => {
      stopWaiting()
      wake()
    },
    stop: () => {
      stopped = true
      stopWaiting()
    },
  }
}

function counted(tries: { id: number; refusals: number; silences: number }, failure: CallFailure) {
  return isRefusal(failure)
    ? { ...tries, refusals: tries.refusals + 1 }
    : { ...tries, silences: tries.silences + 1 }
}
