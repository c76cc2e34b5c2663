// The register readings of one transaction, from its stored events. Order is the station's own (seqNo); the wall clock
// of a box may step, its meter's register may not.
import type { EpochMs, WattHours } from '../../shared/units.ts'

/** One reading of the meter's import register within a transaction. */
export interface RegisterReading {
  readonly at: EpochMs
  readonly registerWh: WattHours
  /** The time is exact: not estimated by the station, and not moved by us. */
  readonly timeExact: boolean
}

/** What billing needs of one stored transaction event. */
export interface MeteredEvent {
  readonly seqNo: number
  readonly event: 'Started' | 'Updated' | 'Ended'
  readonly timeEstimated: boolean
  readonly timeImplausible: boolean
  readonly meterSerial: string | null
  /** In the order of the message. */
  readonly readings: readonly {
    readonly at: EpochMs
    readonly registerWh: WattHours
    readonly context: 'begin' | 'end' | 'other'
  }[]
}

/** Registers of a transaction, or why there are none to bill. */
export type TransactionReadings =
  | {
      readonly kind: 'complete'
      /** First is the start, last the end; times and registers never fall. At least two. */
      readonly readings: readonly RegisterReading[]
    }
  | {
      readonly kind:
        | 'running'
        | 'noStartRegister'
        | 'noEndRegister'
        | 'registerWentBack'
        | 'timeWentBack'
        | 'meterReplaced'
        | 'timeImplausible'
    }

/** A box's clock may be set back by so much within a transaction; beyond it a person must look. */
const CLOCK_STEP_MAX_MS = 60_000

/** `events` in any order, each seqNo once. Events behind the end are not part of the charge. */
export function transactionReadings(events: readonly MeteredEvent[]): TransactionReadings {
  const sorted = [...events].sort((a, b) => a.seqNo - b.seqNo)
  const endIndex = sorted.findIndex((event) => event.event === 'Ended')
  if (endIndex < 0) return { kind: 'running' }
  const charge = sorted.slice(0, endIndex + 1)
  if (charge.some((event) => event.timeImplausible)) return { kind: 'timeImplausible' }
  const serials = new Set(charge.flatMap((event) => event.meterSerial ?? []))
  if (serials.size > 1) return { kind: 'meterReplaced' }

  const startIndex = charge.findIndex((event) => event.event === 'Started' && event.readings.length > 0)
  if (startIndex < 0) return { kind: 'noStartRegister' }
  if (charge.at(-1)?.readings.length === 0) return { kind: 'noEndRegister' }
  return inOrder(trimmed(charge.slice(startIndex)))
}

/** All readings from the one that the station calls the start to the one that it calls the end. */
function trimmed(charge: readonly MeteredEvent[]): Dated[] {
  return charge.flatMap((event) => {
    const dated = event.readings.map((reading) => ({ ...reading, timeEstimated: event.timeEstimated }))
    if (event.event === 'Updated') return dated
    if (event.event === 'Started') return dated.slice(Math.max(0, dated.findIndex(isBegin)))
    const end = dated.findLastIndex(isEnd)
    return end < 0 ? dated : dated.slice(0, end + 1)
  })
}

const isBegin = (reading: Dated) => reading.context === 'begin'
const isEnd = (reading: Dated) => reading.context === 'end'

type Dated = MeteredEvent['readings'][number] & { readonly timeEstimated: boolean }

function inOrder(all: readonly Dated[]): TransactionReadings {
  const readings: RegisterReading[] = []
  for (const { at, registerWh, timeEstimated } of all) {
    const before = readings.at(-1)
    if (before && registerWh < before.registerWh) return { kind: 'registerWentBack' }
    if (before && at < before.at - CLOCK_STEP_MAX_MS) return { kind: 'timeWentBack' }
    const moved = before !== undefined && at < before.at
    readings.push({
      at: moved ? before.at : at,
      registerWh,
      timeExact: !timeEstimated && !moved,
    })
  }
  return readings.length < 2 ? { kind: 'noEndRegister' } : { kind: 'complete', readings }
}
