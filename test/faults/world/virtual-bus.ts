// A Modbus line in virtual time: real drivers above, hw-sim's devices below, whole requests and replies between. Frames
// take their line time, go one at a time in the order of their priority, get lost, come late or come damaged; a request
// may be carried out and its reply lost. What the line does to single bytes is not shown here: bus.test.ts does that.
import type { BusConfig } from '../../../agent/control/config.ts'
import type { BusRequest, BusValue } from '../../../agent/control/drivers/bus/codec.ts'
import { frameGapMicros, frameMicros } from '../../../agent/control/drivers/bus/line-time.ts'
import { barredByQuarantine, nextTurn, overtakenBy } from '../../../agent/control/drivers/bus/queue.ts'
import { unitFace } from '../../../agent/control/drivers/bus/unit.ts'
import type {
  Bus,
  BusFailure,
  BusState,
  BusStatistics,
  Outcome,
  Priority,
  UnitLine,
} from '../../../agent/control/ports/bus.ts'
import type { SimFault } from '../../../hw-sim/api.ts'
import type { Prng } from '../../../shared/prng.ts'
import { err, ok } from '../../../shared/result.ts'
import { monotonicMs } from '../../../shared/units.ts'
import type { Program, VirtualTime } from './virtual-time.ts'

export interface LineParts {
  readonly config: BusConfig
  readonly time: VirtualTime
  readonly random: Prng
  /** What the unit answers to a request that has arrived whole; null: nothing. */
  readonly answer: (unitId: number, pdu: Uint8Array) => Uint8Array | null
  readonly faults: () => readonly SimFault[]
  /** Probability that an exchange goes wrong although no fault is played. */
  readonly slips: number
}

/** The line outlives the controls that speak on it. */
export interface VirtualLine {
  readonly open: (program: Program) => Bus
  readonly counts: { requests: number; slips: number; overtaken: number }
}

interface Unit {
  readonly unitId: number
  readonly line: UnitLine
  lastReplyMicros: number
  quarantinedUntilMicros: number
  statistics: BusStatistics
}

interface Job {
  readonly unit: Unit
  readonly unitId: number
  readonly priority: Priority
  readonly isUnmistakable: boolean
  readonly lastsMicros: number
  readonly request: BusRequest
  readonly settle: (outcome: Outcome<BusValue>) => void
}

const CRC_AND_UNIT_BYTES = 3
const REOPEN_MS = { min: 100, max: 1000 }
/** Kernel, adapter and event loop, from the last byte to the program. */
const DELIVERY_MICROS = { min: 200, max: 1500 }

const NO_STATISTICS: BusStatistics = {
  requests: 0,
  timeOuts: 0,
  badCrc: 0,
  discardedBytes: 0,
  exceptions: 0,
  roundTripMs: null,
  lastReplyAtMonotonicMs: null,
}

type Fate = 'well' | 'requestLost' | 'replyLost' | 'damaged'

export function virtualLine(parts: LineParts): VirtualLine {
  const { config, time, random } = parts
  const counts = { requests: 0, slips: 0, overtaken: 0 }
  /** Until when somebody's frames hold the line, be it of a program that is gone. */
  let busyUntilMicros = 0
  const isGone = () => parts.faults().some((fault) => fault.kind === 'portGone')

  function fateOf(unitId: number): Fate {
    const hurt = parts
      .faults()
      .some(
        (fault) =>
          (fault.kind === 'truncated' || fault.kind === 'noise' || fault.kind === 'badCrc') &&
          fault.unitId === unitId &&
          random.chance(fault.probability),
      )
    if (hurt) return 'damaged'
    if (!random.chance(parts.slips)) return 'well'
    counts.slips++
    return random.pick(['requestLost', 'replyLost', 'damaged'])
  }

  function lateMs(unitId: number): number {
    const late = parts.faults().find((fault) => fault.kind === 'late' && fault.unitId === unitId)
    return late?.kind === 'late' && random.chance(late.probability) ? random.integer(0, late.maxMs) : 0
  }

  const isDead = (unitId: number) =>
    parts.faults().some((fault) => fault.kind === 'dead' && fault.unitId === unitId)

  function open(program: Program): Bus {
    const units = new Map<number, Unit>()
    const listeners = new Set<(state: BusState) => void>()
    let state: BusState = { kind: 'opening' }
    let queue: readonly Job[] = []
    let current: Job | null = null
    let wakeAtMicros = Number.POSITIVE_INFINITY
    let wakes = 0
    let reopened = 0

    const enter = (next: BusState) => {
      const changed = next.kind !== state.kind
      state = next
      if (changed) for (const listener of listeners) listener(next)
    }
    const tryOpen = () => {
      if (state.kind === 'closed') return
      if (!isGone()) {
        reopened += state.kind === 'lost' ? 1 : 0
        enter({ kind: 'open' })
        return watch()
      }
      enter({ kind: 'lost', detail: 'No such file or directory' })
      program.later(random.integer(REOPEN_MS.min, REOPEN_MS.max) * 1000, tryOpen)
    }
    /** The kernel tells of a port that vanished. */
    const watch = () => {
      if (state.kind !== 'open') return
      if (!isGone()) return program.later(20_000, watch)
      const detail = 'the port vanished'
      enter({ kind: 'lost', detail })
      const waiting = current === null ? queue : [current, ...queue]
      current = null
      queue = []
      for (const job of waiting) job.settle(err({ kind: 'portClosed', detail }))
      program.later(random.integer(REOPEN_MS.min, REOPEN_MS.max) * 1000, tryOpen)
    }
    program.later(random.integer(1, 30) * 1000, tryOpen)

    function enqueue(job: Job) {
      if (state.kind !== 'open') return job.settle(err({ kind: 'portClosed', detail: `bus ${state.kind}` }))
      const overtaken = queue.filter((waiting) => overtakenBy(job, waiting))
      queue = [...queue.filter((waiting) => !overtaken.includes(waiting)), job]
      counts.overtaken += overtaken.length
      for (const waiting of overtaken) waiting.settle(err({ kind: 'overtaken' }))
      pumpSoon(0)
    }

    /** One turn of the event loop later, so that who awaits an outcome asks next. */
    function pumpSoon(afterMicros: number) {
      const atMicros = time.nowMicros() + afterMicros
      if (atMicros >= wakeAtMicros) return
      wakeAtMicros = atMicros
      wakes++
      const mine = wakes
      program.later(afterMicros, () => {
        if (mine !== wakes) return
        wakeAtMicros = Number.POSITIVE_INFINITY
        pump()
      })
    }

    function pump() {
      if (current !== null || state.kind !== 'open') return
      const nowMicros = time.nowMicros()
      const refused = queue.filter((job) =>
        barredByQuarantine(job, job.unit.quarantinedUntilMicros, nowMicros),
      )
      queue = queue.filter((job) => !refused.includes(job))
      for (const { unit, settle } of refused) {
        const untilMonotonicMs = monotonicMs(
          program.clock.monotonic() + Math.ceil((unit.quarantinedUntilMicros - nowMicros) / 1000),
        )
        settle(err({ kind: 'quarantined', untilMonotonicMs }))
      }
      if (nowMicros < busyUntilMicros) return pumpSoon(busyUntilMicros - nowMicros)
      const times = {
        readyAtMicros: ({ unit }: Job) => unit.lastReplyMicros + unit.line.silenceMs * 1000,
        lastsMicros: (job: Job) => job.lastsMicros,
      }
      const turn = nextTurn(queue, times, nowMicros)
      if (turn.kind === 'idle') return
      if (turn.kind === 'wait') return pumpSoon(Math.max(500, turn.untilMicros - nowMicros))
      const job = turn.waiting
      queue = queue.filter((other) => other !== job)
      current = job
      exchange(job)
    }

    function exchange(job: Job) {
      counts.requests++
      const { unit } = job
      unit.statistics = { ...unit.statistics, requests: unit.statistics.requests + 1 }
      const pdu = pduOf(job.request)
      const requestMicros = frameMicros(config, pdu.length + CRC_AND_UNIT_BYTES)
      const fate = fateOf(job.unitId)
      const turnaroundMicros =
        random.integer(2000, 5000) + lateMs(job.unitId) * 1000 + random.integer(0, DELIVERY_MICROS.max)
      const worstMicros = unit.line.turnaroundWorstMs * 1000
      busyUntilMicros = time.nowMicros() + requestMicros + worstMicros
      // The frame is on the line: it arrives whatever becomes of the program that sent it.
      time.after(requestMicros, () => {
        const silent = isGone() || isDead(job.unitId) || fate === 'requestLost'
        const reply = silent ? null : parts.answer(job.unitId, pdu)
        const lost = reply === null || fate === 'replyLost' || turnaroundMicros > worstMicros
        if (lost) return program.later(worstMicros + 2000, () => finish(job, err({ kind: 'timedOut' })))
        const replyMicros = frameMicros(config, reply.length + CRC_AND_UNIT_BYTES)
        busyUntilMicros = time.nowMicros() + turnaroundMicros + replyMicros + frameGapMicros(config)
        const delivery = random.integer(DELIVERY_MICROS.min, DELIVERY_MICROS.max)
        program.later(turnaroundMicros + replyMicros + delivery, () =>
          finish(
            job,
            fate === 'damaged' ? err({ kind: 'badReply', detail: 'bad CRC' }) : decoded(job.request, reply),
          ),
        )
      })
    }

    function finish(job: Job, result: { ok: true; value: BusValue } | { ok: false; error: BusFailure }) {
      if (current !== job) return
      current = null
      const { unit } = job
      const nowMicros = time.nowMicros()
      const takenAtMonotonicMs = program.clock.monotonic()
      if (result.ok || result.error.kind === 'exception') {
        unit.lastReplyMicros = nowMicros
        unit.statistics = { ...unit.statistics, lastReplyAtMonotonicMs: takenAtMonotonicMs }
      }
      if (!result.ok && result.error.kind === 'timedOut') {
        unit.quarantinedUntilMicros = nowMicros + unit.line.latenessWorstMs * 1000
        unit.statistics = { ...unit.statistics, timeOuts: unit.statistics.timeOuts + 1 }
      }
      job.settle(result.ok ? ok({ value: result.value, takenAtMonotonicMs }) : result)
      pumpSoon(Math.max(1000, busyUntilMicros - nowMicros))
    }

    return {
      name: config.name,
      unit({ name, unitId, line }) {
        const unit: Unit = {
          unitId,
          line,
          lastReplyMicros: -1_000_000,
          quarantinedUntilMicros: 0,
          statistics: NO_STATISTICS,
        }
        units.set(unitId, unit)
        const ask = (request: BusRequest, priority: Priority) =>
          new Promise<Outcome<BusValue>>((settle) => {
            // Late replies are not played: what is given up stays away.
            const isUnmistakable = request.kind !== 'writeWords'
            const lastsMicros =
              frameMicros(config, pduOf(request).length + CRC_AND_UNIT_BYTES) + line.turnaroundWorstMs * 1000
            enqueue({ unit, unitId, request, priority, isUnmistakable, lastsMicros, settle })
          })
        return unitFace({ name, unitId }, ask, () => unit.statistics)
      },
      status: () => ({
        name: config.name,
        state,
        total: NO_STATISTICS,
        loadPercent: 0,
        reopened,
        units: [...units.values()].map(({ unitId, statistics }) => ({
          name: `unit ${unitId}`,
          unitId,
          statistics,
        })),
      }),
      onState(listener) {
        listeners.add(listener)
        listener(state)
        return () => listeners.delete(listener)
      },
      async close() {
        enter({ kind: 'closed' })
      },
    }
  }
  return { open, counts }
}

const two = (value: number) => [value >> 8, value & 0xff]

function pduOf(request: BusRequest): Uint8Array {
  switch (request.kind) {
    case 'readWords':
    case 'readBits':
      return Uint8Array.of(request.fc, ...two(request.address), ...two(request.count))
    case 'writeWord':
      return Uint8Array.of(6, ...two(request.address), ...two(request.value))
    case 'writeWords':
      return Uint8Array.of(
        16,
        ...two(request.address),
        ...two(request.values.length),
        request.values.length * 2,
        ...request.values.flatMap(two),
      )
    case 'writeCoil': {
      const value = typeof request.value === 'number' ? request.value : request.value ? 0xff00 : 0
      return Uint8Array.of(5, ...two(request.address), ...two(value))
    }
  }
}

function decoded(
  request: BusRequest,
  pdu: Uint8Array,
): { ok: true; value: BusValue } | { ok: false; error: BusFailure } {
  if (((pdu[0] ?? 0) & 0x80) !== 0) return err({ kind: 'exception', code: pdu[1] ?? 0 })
  switch (request.kind) {
    case 'readWords': {
      const words = Array.from(
        { length: request.count },
        (_, index) => ((pdu[2 + 2 * index] ?? 0) << 8) | (pdu[3 + 2 * index] ?? 0),
      )
      return ok({ kind: 'words', words })
    }
    case 'readBits': {
      const bits = Array.from(
        { length: request.count },
        (_, index) => (((pdu[2 + (index >> 3)] ?? 0) >> (index & 7)) & 1) === 1,
      )
      return ok({ kind: 'bits', bits })
    }
    default:
      return ok({ kind: 'written' })
  }
}
