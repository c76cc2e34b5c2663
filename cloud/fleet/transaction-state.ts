// What is known of a transaction, folded from its events. Each event is folded once; their order does not matter, and
// a transaction exists from its first known event, whichever that is.
import type { EpochMs } from '../../shared/units.ts'
import type { ChargingState, TransactionFact } from './facts.ts'

export interface TransactionState {
  readonly evseId: number | null
  readonly idToken: string | null
  readonly startedAt: EpochMs
  readonly endedAt: EpochMs | null
  readonly stoppedReason: string | null
  readonly timeEstimated: boolean
  readonly meterSerial: string | null
  /** Register of the Started event; null while that event or its register is unknown. */
  readonly startRegisterWh: number | null
  /** Lowest numbered event with a register. */
  readonly firstRegister: NumberedRegister | null
  /** Register of the end where it is known; else of the highest numbered event with a register. */
  readonly lastRegister: NumberedRegister | null
  readonly highestRegister: NumberedRegister | null
  /** The lowest numbered Ended event, as in billing: what is told behind it is not part of the charge. */
  readonly end: { readonly seqNo: number; readonly registerWh: number | null } | null
  readonly charging: { readonly seqNo: number; readonly state: ChargingState } | null
  readonly events: number
  /** Numbers of the known events as inclusive ranges, rising, apart from each other. */
  readonly seqNos: readonly (readonly [number, number])[]
}

interface NumberedRegister {
  readonly seqNo: number
  readonly wh: number
}

/** `state` is null for the first event that is known. */
export function foldTransaction(state: TransactionState | null, fact: TransactionFact): TransactionState {
  const base = state ?? emptyTransaction(fact.at)
  const { seqNo } = fact
  const registers = fact.samples.flatMap(({ sample, context }) =>
    sample.registerWh === null ? [] : [{ wh: sample.registerWh, context }],
  )
  const begin = registers.find((register) => register.context === 'begin') ?? registers[0]
  const closing = registers.findLast((register) => register.context === 'end') ?? registers.at(-1)
  const first = begin && { seqNo, wh: begin.wh }
  const last = closing && { seqNo, wh: closing.wh }
  const charging = fact.chargingState && { seqNo, state: fact.chargingState }
  const ends = fact.event === 'Ended' && (!base.end || seqNo < base.end.seqNo)
  const end = ends ? { seqNo, registerWh: last?.wh ?? null } : base.end
  const highest = last && (!base.highestRegister || seqNo > base.highestRegister.seqNo)
  const highestRegister = highest ? last : base.highestRegister
  return {
    evseId: base.evseId ?? fact.evseId,
    idToken: base.idToken ?? fact.idToken,
    // The start's own time where it is known; before that the earliest that was told.
    startedAt: fact.at < base.startedAt ? fact.at : base.startedAt,
    endedAt: ends ? fact.at : base.endedAt,
    stoppedReason: ends ? fact.stoppedReason : base.stoppedReason,
    timeEstimated: base.timeEstimated || fact.timeEstimated,
    meterSerial: base.meterSerial ?? fact.meterSerial,
    startRegisterWh: fact.event === 'Started' ? (begin?.wh ?? null) : base.startRegisterWh,
    firstRegister:
      first && (!base.firstRegister || seqNo < base.firstRegister.seqNo) ? first : base.firstRegister,
    lastRegister:
      typeof end?.registerWh === 'number' ? { seqNo: end.seqNo, wh: end.registerWh } : highestRegister,
    highestRegister,
    end,
    charging: charging && (!base.charging || seqNo > base.charging.seqNo) ? charging : base.charging,
    events: base.events + 1,
    seqNos: withNumber(base.seqNos, seqNo),
  }
}

/** Numbers between the first and the last known event that never came; at most 100 of them. */
export function missingSeqNos(seqNos: TransactionState['seqNos']): number[] {
  const missing: number[] = []
  for (const [index, [, to]] of seqNos.entries()) {
    const next = seqNos[index + 1]
    for (let number = to + 1; next && number < next[0] && missing.length < 100; number++) missing.push(number)
  }
  return missing
}

const emptyTransaction = (at: EpochMs): TransactionState => ({
  evseId: null,
  idToken: null,
  startedAt: at,
  endedAt: null,
  stoppedReason: null,
  timeEstimated: false,
  meterSerial: null,
  startRegisterWh: null,
  firstRegister: null,
  lastRegister: null,
  highestRegister: null,
  end: null,
  charging: null,
  events: 0,
  seqNos: [],
})

function withNumber(ranges: TransactionState['seqNos'], seqNo: number): TransactionState['seqNos'] {
  const merged: [number, number][] = []
  for (const [from, to] of [...ranges, [seqNo, seqNo] as const].sort((a, b) => a[0] - b[0])) {
    const last = merged.at(-1)
    if (last && from <= last[1] + 1) last[1] = Math.max(last[1], to)
    else merged.push([from, to])
  }
  return merged
}
