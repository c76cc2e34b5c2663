// Facts get their number here, once, and are kept until keeper has committed them. Their order is the order in which
// they happened: one that waits for its meter reading holds those behind it back for at most 3 s.
import type { MonotonicMs } from '../../shared/units.ts'
import type { Fact, MeterReading, NumberedFact } from '../control-link/messages.ts'
import type { GoodReading } from './safety/meter-judge.ts'

/** How long an `unplugged` waits for the first reading after the contactor opened. */
const WAITS_MS = 3000
/** More are kept for no keeper: then intermediate charging states go first, never what a session begins or ends with. */
const KEPT_MAX = 1000

export interface FactBook {
  readonly bootId: string
  readonly lastNumber: number
  readonly kept: readonly NumberedFact[]
  readonly waiting: readonly { readonly fact: Fact; readonly atMonotonicMs: MonotonicMs }[]
}

export interface FactContext {
  readonly newest: MeterReading | null
  readonly fresh: GoodReading | null
  readonly relayOpen: boolean
}

/** Without a mirror of this boot the numbers go on from the boot's clock: above all that an earlier control gave. */
export const newFactBook = (bootId: string, now: MonotonicMs): FactBook => ({
  bootId,
  lastNumber: now,
  kept: [],
  waiting: [],
})

/** Adds facts and numbers those that need not wait any more; `told` are the newly numbered, oldest first. */
export function stepFacts(
  book: FactBook,
  facts: readonly Fact[],
  context: FactContext,
  now: MonotonicMs,
): { readonly book: FactBook; readonly told: readonly NumberedFact[] } {
  let waiting = [...book.waiting, ...facts.map((fact) => ({ fact, atMonotonicMs: now }))]
  const told: NumberedFact[] = []
  for (;;) {
    const [head, ...behind] = waiting
    if (head === undefined || !ready(head, context, now)) break
    waiting = behind
    told.push({
      number: book.lastNumber + told.length + 1,
      bootId: book.bootId,
      atMonotonicMs: head.atMonotonicMs,
      meter: context.newest,
      fact: head.fact,
    })
  }
  return {
    book: {
      ...book,
      lastNumber: book.lastNumber + told.length,
      kept: bounded([...book.kept, ...told]),
      waiting,
    },
    told,
  }
}

function ready(head: FactBook['waiting'][number], context: FactContext, now: MonotonicMs): boolean {
  if (head.fact.kind !== 'unplugged' || now - head.atMonotonicMs >= WAITS_MS) return true
  return context.relayOpen && context.fresh !== null && context.fresh.begunAtMonotonicMs >= head.atMonotonicMs
}

function bounded(kept: readonly NumberedFact[]): readonly NumberedFact[] {
  if (kept.length <= KEPT_MAX) return kept
  const dispensable = kept.findIndex(({ fact }) => fact.kind === 'chargingState')
  return kept.toSpliced(Math.max(0, dispensable), 1)
}

/** Keeper has committed all up to this number. */
export const factsStored = (book: FactBook, number: number): FactBook => ({
  ...book,
  kept: book.kept.filter((fact) => fact.number > number),
})

/** The plug-in that a waiting `unplugged` is about: until it is numbered, the mirror keeps it as plugged. */
export const plugWaiting = (book: FactBook): string | null => {
  const found = book.waiting.find(({ fact }) => fact.kind === 'unplugged')
  return found?.fact.kind === 'unplugged' ? found.fact.plugId : null
}
