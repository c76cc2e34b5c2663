// One bus: a queue with priorities in front, our own wire behind, modbus-serial for the frames' contents between.
// It must hold: each request ends, once, as a value; one frame on the line at a time; nothing that comes late, twice,
// cut or noisy is ever taken for another's reply; the port's loss ends what waits at once and is mended from here.
import type { Logger } from 'pino'
import { invariant } from '../../../../shared/invariant.ts'
import { err, ok } from '../../../../shared/result.ts'
import type { Clock, Timer } from '../../../../shared/time/clock.ts'
import { monotonicMs } from '../../../../shared/units.ts'
import type { BusConfig } from '../../config.ts'
import type { Bus, BusState, BusUnit, Outcome, Priority, UnitLine } from '../../ports/bus.ts'
import { asciiFraming } from './ascii.ts'
import { type BusRequest, type BusValue, modbusCodec } from './codec.ts'
import { rtuFraming } from './framing.ts'
import type { OpenLine } from './line.ts'
import { frameGapMicros, frameMicros, placeOf } from './line-time.ts'
import { barredByQuarantine, nextTurn, overtakenBy } from './queue.ts'
import { reopeningLine } from './reopening-line.ts'
import { type ExpectedReply, expectedReply, looksLike } from './reply.ts'
import { serialOpener } from './serial-line.ts'
import { type Counters, loadMeter, noCounts, totalOf } from './statistics.ts'
import { openTcpLine } from './tcp-line.ts'
import { createTcpWire } from './tcp-wire.ts'
import { type Ask, unitFace } from './unit.ts'
import { createWire, deadlineMs, type FrameSeen, type Wire, type WireOutcome } from './wire.ts'

export interface BusOptions {
  readonly config: BusConfig
  readonly clock: Clock
  readonly log: Pick<Logger, 'info' | 'warn'>
  /** For diagnosis: each frame sent, taken or discarded. Must not throw. */
  readonly onFrame?: (seen: FrameSeen) => void
  /** The serial port or TCP connection; tests of waiting and timing put a line of their own here. */
  readonly openLine?: OpenLine
}

/** More waiting requests than this are a caller that does not wait for its answers. */
const QUEUE_MAX = 64
/** So many given-up requests of a unit are told from noise; only a pause can make more than one. */
const LATE_MAX = 4
/** A line that is never quiet is not waited for longer than a frame of this many bytes takes. */
const BABBLE_BYTES = 48
/**
 * A unit or a converter that repeats a reply does so at once. Where the next reply of the unit would look like its last,
 * so that a repeated one would pass for it, the unit is left alone this long: a repetition has begun by then, is seen,
 * waited for and thrown away. Drivers avoid this wait by reads that differ in length.
 */
const LOOKALIKE_SILENCE_MS = 12
/** Unit ids of Modbus over Serial Line V1.02, 2.2; TCP has the whole byte but 0. */
const UNIT_ID_MAX = { rtu: 247, ascii: 247, tcp: 255 } as const
/** A loss that repeats itself is logged once in this time, where the line was open for less than the other. */
const LOG_AGAIN_MS = 60_000
const STEADY_MS = 5000

interface Unit {
  readonly name: string
  readonly unitId: number
  readonly line: UnitLine
  readonly counters: Counters
  lastReplyMicros: number
  lastReply: ExpectedReply | null
  quarantinedUntilMicros: number
  /** Requests that were given up and whose reply may still come. */
  late: readonly ExpectedReply[]
}

interface Job {
  readonly unit: Unit
  readonly unitId: number
  readonly request: BusRequest
  readonly expected: ExpectedReply
  readonly priority: Priority
  /** Its reply repeats it whole. */
  readonly repeatsItself: boolean
  /** The time that it holds the bus at worst. */
  readonly lastsMicros: number
  readonly settle: (outcome: Outcome<BusValue>) => void
}

/** What the log said last. */
interface Told {
  readonly kind: BusState['kind']
  readonly lost: { readonly detail: string; readonly atMonotonicMs: number } | null
}

export function openBus(options: BusOptions): Bus {
  const { config, clock, log, onFrame } = options
  const openLine = options.openLine ?? (config.kind === 'tcp' ? openTcpLine : serialOpener())

  const units = new Map<number, Unit>()
  const strays = noCounts()
  const load = loadMeter()
  const codec = modbusCodec()
  // modbus-serial waits for one reply, to what it encoded last; requests that still wait go through another one.
  const waitingCodec = modbusCodec()
  const listeners = new Set<(state: BusState) => void>()
  let state: BusState = { kind: 'opening' }
  let queue: readonly Job[] = []
  let current: Job | null = null
  let flushing = false
  let notBeforeMicros = 0
  /** Since when something could be sent but for the line. */
  let wantedMicros: number | null = null
  let wake: Timer | null = null
  let openedAtMonotonicMs = clock.monotonic()
  let told: Told = { kind: 'opening', lost: null }

  const wire = wireOf()
  function wireOf(): Wire {
    const parts = {
      clock,
      send: (bytes: Buffer) => line.write(bytes),
      onFrame: (seen: FrameSeen) => {
        if (seen.kind === 'discarded') countDiscarded(seen)
        onFrame?.(seen)
      },
    }
    if (config.kind === 'tcp') return createTcpWire({ ...parts, giveUpLine: (detail) => line.giveUp(detail) })
    return createWire({
      ...parts,
      line: config,
      framing: config.kind === 'ascii' ? asciiFraming : rtuFraming,
      stale: () => [...units.values()].flatMap((unit) => unit.late),
    })
  }

  /** They count for the unit whose address they begin with; noise for the one that was asked. */
  function countDiscarded({ unitId, from, bytes }: FrameSeen) {
    const unit = units.get(from ?? 0) ?? units.get(unitId ?? 0)
    ;(unit?.counters ?? strays).discardedBytes += bytes.length
  }

  // The port.

  function lost(detail: string) {
    wire.abandon()
    wake?.cancel()
    flushing = false
    wantedMicros = null
    enter({ kind: 'lost', detail })
    failAll(detail)
  }

  function enter(next: BusState) {
    const changed = next.kind !== state.kind
    state = next
    if (next.kind === 'open') openedAtMonotonicMs = clock.monotonic()
    tell(next)
    if (changed) for (const listener of listeners) listener(next)
  }

  /** Once down and once up; a line that comes and goes for one reason is told once a minute. */
  function tell(next: BusState) {
    const now = clock.monotonic()
    const isFlapping =
      next.kind === 'lost' &&
      told.lost?.detail === next.detail &&
      now - told.lost.atMonotonicMs < LOG_AGAIN_MS &&
      now - openedAtMonotonicMs < STEADY_MS
    if (next.kind === told.kind || isFlapping) return
    told = {
      kind: next.kind,
      lost: next.kind === 'lost' ? { detail: next.detail, atMonotonicMs: now } : told.lost,
    }
    const fields = { bus: config.name, port: placeOf(config) }
    if (next.kind === 'lost')
      log.warn({ ...fields, detail: next.detail }, 'bus lost; opening it again and again')
    else log.info(fields, `bus ${next.kind}`)
  }

  function failAll(detail: string) {
    const waiting = current === null ? queue : [current, ...queue]
    current = null
    queue = []
    for (const job of waiting) job.settle(err({ kind: 'portClosed', detail }))
  }

  // The queue.

  function enqueue(job: Job) {
    if (state.kind !== 'open') {
      const detail = state.kind === 'lost' ? state.detail : `the bus is ${state.kind}`
      return job.settle(err({ kind: 'portClosed', detail }))
    }
    invariant(
      queue.length < QUEUE_MAX,
      `${QUEUE_MAX} requests wait on bus ${config.name}: await the outcomes`,
    )
    const overtaken = queue.filter((waiting) => overtakenBy(job, waiting))
    queue = [...queue.filter((waiting) => !overtaken.includes(waiting)), job]
    for (const waiting of overtaken) waiting.settle(err({ kind: 'overtaken' }))
    pump()
  }

  /** Ends what waits for a unit in quarantine: nothing is sent to it. */
  function refuseQuarantined(nowMicros: number) {
    const refused = queue.filter((job) => {
      const mayBeMistaken = job.unit.late.some((late) => looksLike(late, job.expected))
      const waiting = { ...job, isUnmistakable: job.repeatsItself || !mayBeMistaken }
      return barredByQuarantine(waiting, job.unit.quarantinedUntilMicros, nowMicros)
    })
    if (refused.length === 0) return
    queue = queue.filter((job) => !refused.includes(job))
    for (const job of refused) {
      const untilMonotonicMs = monotonicMs(Math.ceil(job.unit.quarantinedUntilMicros / 1000))
      job.settle(err({ kind: 'quarantined', untilMonotonicMs }))
    }
  }

  function readyAtMicros({ unit, expected, repeatsItself }: Job): number {
    const { lastReply, lastReplyMicros, line } = unit
    if (lastReply === null) return 0
    const alike = config.kind !== 'tcp' && !repeatsItself && looksLike(lastReply, expected)
    return lastReplyMicros + Math.max(line.silenceMs, alike ? LOOKALIKE_SILENCE_MS : 0) * 1000
  }

  const times = { readyAtMicros, lastsMicros: ({ lastsMicros }: Job) => lastsMicros }

  /** When the line may be used: quiet for t3.5 and for the longest whole-bus silence, but no waiting for a babbler. */
  function lineFreeMicros(nowMicros: number): number {
    wantedMicros ??= nowMicros
    const silenceMicros = Math.max(0, ...[...units.values()].map((unit) => unit.line.busSilenceMs)) * 1000
    const quiet = wire.lastByteMicros() + Math.max(frameGapMicros(config), silenceMicros)
    const patience = wantedMicros + silenceMicros + frameMicros(config, BABBLE_BYTES)
    return Math.max(notBeforeMicros, Math.min(quiet, patience))
  }

  function pump() {
    wake?.cancel()
    wake = null
    const nowMicros = clock.monotonicMicros()
    refuseQuarantined(nowMicros)
    if (state.kind !== 'open' || current !== null || flushing) return
    const turn = nextTurn(queue, times, nowMicros)
    if (turn.kind === 'idle') return
    const dueMicros = turn.kind === 'wait' ? turn.untilMicros : lineFreeMicros(nowMicros)
    if (dueMicros > nowMicros) {
      const afterMs = Math.ceil((dueMicros - nowMicros) / 1000)
      wake = clock.after(`${config.name} turn`, afterMs, pump)
      return
    }
    flushing = true
    line.flush(() => {
      flushing = false
      sendNext()
    })
  }

  /** What was received until now is flushed; who goes is chosen only now, so that a pause that just came goes first. */
  function sendNext() {
    const nowMicros = clock.monotonicMicros()
    const turn = nextTurn(queue, times, nowMicros)
    if (turn.kind !== 'send' || lineFreeMicros(nowMicros) > nowMicros) return pump()
    const job = turn.waiting
    queue = queue.filter((other) => other !== job)
    current = job
    wantedMicros = null
    job.unit.counters.requests++
    const frame = codec.encode(job.unitId, job.request)
    wire.exchange(frame, job.expected, job.unit.line, (outcome) => finish(job, nowMicros, outcome))
  }

  function finish(job: Job, sentMicros: number, outcome: WireOutcome) {
    const nowMicros = clock.monotonicMicros()
    const { unit } = job
    load.add(sentMicros, nowMicros)
    current = null
    // One turn of the event loop: who awaits this outcome asks next before anything less urgent is sent.
    notBeforeMicros = nowMicros + 1000
    unit.late = unit.quarantinedUntilMicros > nowMicros ? unit.late : []
    const settled = judge(job, outcome)
    if (outcome.kind !== 'reply' && outcome.replyUntilMicros !== null) {
      unit.quarantinedUntilMicros = Math.max(unit.quarantinedUntilMicros, outcome.replyUntilMicros)
      unit.late = [...unit.late, job.expected].slice(-LATE_MAX)
    }
    job.settle(settled)
    pump()
  }

  function judge(job: Job, outcome: WireOutcome): Outcome<BusValue> {
    const { counters } = job.unit
    if (outcome.kind === 'timedOut') {
      counters.timeOuts++
      return err({ kind: 'timedOut' })
    }
    if (outcome.kind === 'damaged') {
      if (outcome.badCheck) counters.badCrc++
      return err({ kind: 'badReply', detail: outcome.detail })
    }
    const takenAtMonotonicMs = clock.monotonic()
    job.unit.lastReplyMicros = clock.monotonicMicros()
    job.unit.lastReply = job.expected
    counters.roundTripMs = outcome.roundTripMs
    counters.lastReplyAtMonotonicMs = takenAtMonotonicMs
    const decoded = codec.decode(outcome.frame)
    if (decoded.ok) return ok({ value: decoded.value, takenAtMonotonicMs })
    if (decoded.error.kind === 'exception') counters.exceptions++
    return err(decoded.error)
  }

  // The public face.

  function declare({ name, unitId, line }: Parameters<Bus['unit']>[0]): BusUnit {
    const unitIdMax = UNIT_ID_MAX[config.kind]
    invariant(unitId >= 1 && unitId <= unitIdMax, `unit ids are 1-${unitIdMax}, got ${unitId} for ${name}`)
    invariant(!units.has(unitId), `unit ${unitId} is declared twice on bus ${config.name}`)
    const unit: Unit = {
      name,
      unitId,
      line,
      counters: noCounts(),
      lastReplyMicros: 0,
      lastReply: null,
      quarantinedUntilMicros: 0,
      late: [],
    }
    units.set(unitId, unit)
    const ask: Ask = (request, priority) =>
      new Promise((settle) => {
        const frame = waitingCodec.encode(unitId, request)
        const expected = expectedReply(frame)
        const repeatsItself = request.kind === 'writeCoil' || request.kind === 'writeWord'
        const bytes = { request: frame.length, reply: expected.bytes }
        const lastsMicros = deadlineMs(config, unit.line, bytes) * 1000
        enqueue({ unit, unitId, request, expected, priority, repeatsItself, lastsMicros, settle })
      })
    return unitFace(unit, ask, () => ({ ...unit.counters }))
  }

  const line = reopeningLine(config, clock, openLine, {
    opened: () => enter({ kind: 'open' }),
    received: (bytes) => wire.receive(bytes),
    lost,
  })
  return {
    name: config.name,
    unit: declare,
    status: () => ({
      name: config.name,
      state,
      total: totalOf([strays, ...[...units.values()].map((unit) => unit.counters)]),
      loadPercent: load.percent(clock.monotonicMicros()),
      reopened: line.reopened(),
      units: [...units.values()].map(({ name, unitId, counters }) => ({
        name,
        unitId,
        statistics: { ...counters },
      })),
    }),
    onState(listener) {
      listeners.add(listener)
      listener(state)
      return () => listeners.delete(listener)
    },
    async close() {
      if (state.kind === 'closed') return
      wake?.cancel()
      wire.abandon()
      enter({ kind: 'closed' })
      failAll('the bus was closed')
      await line.close()
    },
  }
}
