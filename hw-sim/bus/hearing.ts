// Which unit of a bus hears a request, and why none does: ids, dead units, the silence that a device asks for, sleep.
import { invariant } from '../../shared/invariant.ts'
import type { SimFault } from '../api.ts'
import { isDead } from './line-faults.ts'

/** A device on a bus. */
export interface BusUnit {
  /** 1-247, with TCP also up to 255; unique on its bus. */
  readonly unitId: number
  /** Requests that begin sooner than this after the unit's own last reply are not heard. 0: no such rule. */
  readonly silenceMs: number
  /** Hears writes to unit 0. */
  readonly hearsBroadcast: boolean
  /** Modbus ASCII: its replies begin with this in place of a colon. */
  readonly replyStart?: '>'
  /** After so long without a request to it, it does not hear the one that wakes it. */
  readonly sleepsAfterMs?: number
  /** Answers a PDU (function code and data); null: no answer. Called when the frame has ended on the line. */
  answer(pdu: Uint8Array): Uint8Array | null
}

export interface Hearing {
  /** The units that answer a request for this id which began then, or why none does. Notes that they were asked. */
  heardBy(unitId: number, startMicros: number): readonly BusUnit[] | string
  replied(unitId: number, sentMicros: number): void
  setFaults(faults: readonly SimFault[]): void
  faults(): readonly SimFault[]
}

export const BROADCAST = 'broadcast'

/** Nothing crosses the line. */
export const isShorted = (faults: readonly SimFault[]): boolean =>
  faults.some((fault) => fault.kind === 'busShorted')

/** The vendors' 100 ms are a round figure, and a master's timer may be a millisecond early. */
const SILENCE_SLACK_MICROS = 2000

export function hearing(units: readonly BusUnit[], pacing: 'line' | 'none'): Hearing {
  const ids = new Set(units.map((unit) => unit.unitId))
  invariant(ids.size === units.length, 'two units share an id on one bus')
  let faults: readonly SimFault[] = []
  const repliedAtMicros = new Map<number, number>()
  const askedAtMicros = new Map<number, number>()

  const sleeps = ({ unitId, sleepsAfterMs }: BusUnit, startMicros: number): boolean => {
    const askedMicros = askedAtMicros.get(unitId) ?? Number.NEGATIVE_INFINITY
    askedAtMicros.set(unitId, startMicros)
    return sleepsAfterMs !== undefined && startMicros - askedMicros > sleepsAfterMs * 1000
  }

  const answersFor = (unit: BusUnit, unitId: number): boolean =>
    faults.some((it) => it.kind === 'answersFor' && it.unitId === unit.unitId && it.asUnitId === unitId)

  /** The unit, or why it does not hear. */
  const hears = (unit: BusUnit, startMicros: number): BusUnit | string => {
    const { unitId } = unit
    if (isDead(faults, unitId)) return 'the unit is dead'
    if (sleeps(unit, startMicros)) return 'the unit slept: this request woke it'
    const since = startMicros - (repliedAtMicros.get(unitId) ?? Number.NEGATIVE_INFINITY)
    const silent = unit.silenceMs * 1000 - SILENCE_SLACK_MICROS
    if (pacing === 'line' && unit.silenceMs > 0 && since < silent) {
      return `the unit wants ${unit.silenceMs} ms of silence after its reply, it had ${(since / 1000).toFixed(1)} ms`
    }
    return unit
  }

  return {
    heardBy: (unitId, startMicros) => {
      if (isShorted(faults)) return 'the line is shorted'
      const meant = units.filter((unit) => unit.unitId === unitId || answersFor(unit, unitId))
      if (meant.length === 0) return unitId === 0 ? BROADCAST : 'no unit has this id'
      const heard = meant.map((unit) => hears(unit, startMicros))
      const hearing = heard.filter((it) => typeof it !== 'string')
      return hearing.length > 0 ? hearing : heard.filter((it) => typeof it === 'string').join('; ')
    },
    replied: (unitId, sentMicros) => {
      repliedAtMicros.set(unitId, sentMicros)
    },
    setFaults: (next) => {
      faults = next
    },
    faults: () => faults,
  }
}
