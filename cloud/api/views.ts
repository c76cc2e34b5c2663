// From records to the shapes of the API.
import type { EnergyCheck, StationView } from '../../shared/api/stations.ts'
import type { TransactionView } from '../../shared/api/transactions.ts'
import { epochMs, wattHours } from '../../shared/units.ts'
import { type AccountedTransaction, meterAccount } from '../billing/energy-check.ts'
import type { Presence } from '../csms/server.ts'
import type { StationState } from '../fleet/station-state.ts'
import { missingSeqNos } from '../fleet/transaction-state.ts'
import type { StationRecord } from '../store/stations.ts'
import type { MeterRegisters, TransactionRecord } from '../store/transactions.ts'

/** @param running of this station */
export function viewStation(
  { id, createdAt, state }: StationRecord,
  presence: Presence | null,
  running: readonly TransactionRecord[],
): StationView {
  const newest = running.toSorted((a, b) => b.state.startedAt - a.state.startedAt)[0]
  return {
    id,
    createdAt,
    online: presence !== null,
    connectedSince: presence?.connectedSince ?? null,
    lastSeenAt: presence?.lastHeardAt ?? state.lastSeenAt,
    boot: state.boot,
    connectors: [...state.connectors],
    live: state.live,
    limit: state.limit,
    faults: state.problems
      .filter((problem) => problem.standing)
      .map(({ component, variable, detail, since }) => ({ component, variable, detail, since })),
    running: newest
      ? {
          transactionId: newest.transactionId,
          chargingState: newest.state.charging?.state ?? null,
          startedAt: newest.state.startedAt,
          energyWh: energyOf(newest, registerNow(state, newest)),
        }
      : null,
  }
}

export function viewTransaction(record: TransactionRecord): TransactionView {
  const { stationId, transactionId, state } = record
  return {
    stationId,
    transactionId,
    evseId: state.evseId,
    idToken: state.idToken,
    state: state.endedAt === null ? 'running' : 'ended',
    chargingState: state.charging?.state ?? null,
    stoppedReason: state.stoppedReason,
    startedAt: state.startedAt,
    endedAt: state.endedAt,
    timeEstimated: state.timeEstimated,
    startRegisterWh: state.startRegisterWh,
    lastRegisterWh: state.lastRegister?.wh ?? null,
    energyWh: energyOf(record),
    meterSerial: state.meterSerial,
    events: state.events,
    missingSeqNos: missingSeqNos(state.seqNos),
    bill: billView(record),
  }
}

/**
 * From the start register where it is known, else null: half a difference is none.
 * @param registerNowWh of the same meter, newer than the last stored event; 0 where nobody told one
 */
function energyOf({ state }: TransactionRecord, registerNowWh = 0): number | null {
  if (state.startRegisterWh === null || state.lastRegister === null) return null
  return Math.max(state.lastRegister.wh, registerNowWh) - state.startRegisterWh
}

/** The live register, if it is of the meter and of the time of this running transaction; else 0. For watching only. */
function registerNow({ live, liveSource }: StationState, { state }: TransactionRecord): number {
  if (!live || !liveSource || live.at < state.startedAt || state.endedAt !== null) return 0
  const isItsMeter = liveSource.meterSerial === state.meterSerial && liveSource.evseId === (state.evseId ?? 1)
  return isItsMeter ? (live.registerWh ?? 0) : 0
}

function billView({ bill }: TransactionRecord): TransactionView['bill'] {
  // Ended and not billed yet lasts for a moment: the bill is on its way.
  if (bill === null) return { kind: 'running' }
  if (bill.kind === 'notBilled') return { kind: 'notBilled', reason: plain(bill.reason) }
  return { ...bill, lines: bill.lines.map((line) => ({ ...line, reason: plain(line.reason) })) }
}

const plain = (reason: {
  readonly key: string
  readonly values: Readonly<Record<string, string | number>>
}) => ({
  key: reason.key,
  values: { ...reason.values },
})

/** The energy account of each meter that a station had. @param transactions of this station */
export function energyChecks(
  stationId: string,
  meters: readonly MeterRegisters[],
  transactions: readonly TransactionRecord[],
): EnergyCheck[] {
  return meters.map(({ evseId, meterSerial, first, last }) => {
    const own = transactions.filter(
      ({ state }) => (state.evseId ?? 1) === evseId && state.meterSerial === meterSerial,
    )
    const account = meterAccount({ firstWh: first.wh, lastWh: last.wh }, own.flatMap(accounted))
    return {
      stationId,
      evseId,
      meterSerial,
      registerFirstWh: first.wh,
      registerFirstAt: first.at,
      registerLastWh: last.wh,
      registerLastAt: last.at,
      ...account,
    }
  })
}

/** A transaction by its registers; one that never told any has no energy to account for. */
function accounted({ state, bill }: TransactionRecord): AccountedTransaction[] {
  if (state.firstRegister === null || state.lastRegister === null) return []
  return [
    {
      startedAt: epochMs(state.startedAt),
      firstRegisterWh: wattHours(state.firstRegister.wh),
      lastRegisterWh: wattHours(state.lastRegister.wh),
      account:
        bill?.kind === 'billed'
          ? {
              kind: 'billed',
              billedWh: wattHours(bill.lines.reduce((sum, line) => sum + line.quantityWh, 0)),
            }
          : { kind: bill ? 'notBilled' : 'running' },
    },
  ]
}
