// Bills each transaction that has ended, and bills it again when late events come in. What is due is written in the
// database with the events themselves, so a bill that a kill prevented is made after the restart.
import { message } from '../../shared/message.ts'
import type { Tariff } from '../../shared/tariff/price.ts'
import type { Clock, Timer } from '../../shared/time/clock.ts'
import { type EpochMs, epochMs, wattHours } from '../../shared/units.ts'
import { type Bill, billTransaction } from '../billing/bill.ts'
import { type MeteredEvent, transactionReadings } from '../billing/readings.ts'
import type { TransactionFact } from '../fleet/facts.ts'
import type { Store } from '../store/database.ts'
import { dueForBilling, eventsOf, storeBill, type TransactionKey } from '../store/transactions.ts'

export interface Biller {
  /** Something may be due; returns at once. */
  wake(): void
  /** Resolves when the present run has ended; no other follows. */
  stop(): Promise<void>
}

export interface BillerOptions {
  readonly store: Store
  readonly tariff: Tariff | null
  readonly clock: Clock
  readonly onBilled: (key: TransactionKey) => void
  readonly log: { error(fields: object, message: string): void }
}

/** A run that failed (the database was away) is tried again after this. */
const RETRY_MS = 5000

export function biller(options: BillerOptions): Biller {
  const { clock, log } = options
  let running: Promise<void> | null = null
  let wanted = false
  let stopped = false
  let retry: Timer | null = null

  const run = async () => {
    try {
      while (wanted && !stopped) {
        wanted = false
        await billDue(options, () => stopped)
      }
    } catch (error) {
      log.error({ why: String(error) }, 'billing is tried again')
      if (!stopped) retry = clock.after('billing retry', RETRY_MS, wake)
    }
    running = null
    // Woken between the last look at `wanted` and here.
    if (wanted && !stopped && retry === null) wake()
  }
  function wake() {
    if (stopped) return
    wanted = true
    retry?.cancel()
    retry = null
    running ??= run()
  }
  return {
    wake,
    stop: async () => {
      stopped = true
      retry?.cancel()
      await running
    },
  }
}

/** Bills all that is due now. Exported for the command that bills everything anew. */
export async function billDue(
  { store, tariff, onBilled, log }: Pick<BillerOptions, 'store' | 'tariff' | 'onBilled' | 'log'>,
  isStopped: () => boolean,
): Promise<void> {
  for (;;) {
    const due = await dueForBilling(store, 100)
    let stored = 0
    for (const key of due) {
      if (isStopped()) return
      // Each look into the store is a turn of the event loop: the sockets of everybody are served between two bills.
      const events = await eventsOf(store, key)
      const bill = billOrReason(events, tariff, (why) => log.error({ ...key, why }, 'a bill failed'))
      // Due and not ended contradict each other; the transaction is left for the next look.
      if (bill.kind === 'running') continue
      if (!(await storeBill(store, key, bill, events.length))) continue
      stored++
      onBilled(key)
    }
    if (stored === 0) return
  }
}

/** A mistake of ours in one transaction is a reason on its bill, and never stops the bills of others. */
function billOrReason(
  events: readonly TransactionFact[],
  tariff: Tariff | null,
  onFailure: (why: string) => void,
): Bill {
  try {
    return billTransaction(transactionReadings(events.map(meteredEvent)), tariff)
  } catch (error) {
    onFailure(String(error))
    return { kind: 'notBilled', reason: message('bill.failed') }
  }
}

/** What billing needs of a stored event. */
export const meteredEvent = (fact: TransactionFact): MeteredEvent => ({
  seqNo: fact.seqNo,
  event: fact.event,
  timeEstimated: fact.timeEstimated,
  timeImplausible: fact.timeImplausible,
  meterSerial: fact.meterSerial,
  readings: fact.samples.flatMap(({ sample, context }) =>
    sample.registerWh === null
      ? []
      : [{ at: instant(sample.at), registerWh: wattHours(sample.registerWh), context }],
  ),
})

const instant = (at: number): EpochMs => epochMs(at)
