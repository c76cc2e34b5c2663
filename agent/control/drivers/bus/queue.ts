// Whose turn it is on the bus. Pure: the queue and the units' clocks in, the next step out.
import { PRIORITIES, type Priority } from '../../ports/bus.ts'

export interface Waiting {
  readonly priority: Priority
  readonly unitId: number
  /** A write whose reply repeats it: no late reply of another request can be taken for its own. */
  readonly repeatsItself: boolean
}

export type Turn<W extends Waiting> =
  | { readonly kind: 'send'; readonly waiting: W }
  /** Nothing can be sent before then. */
  | { readonly kind: 'wait'; readonly untilMicros: number }
  | { readonly kind: 'idle' }

const rank = (waiting: Waiting): number => PRIORITIES.indexOf(waiting.priority)

/** A pause goes out even to a unit in quarantine: withdrawing current waits for nobody. */
export const barredByQuarantine = (waiting: Waiting, untilMicros: number, nowMicros: number): boolean =>
  nowMicros < untilMicros && !(waiting.priority === 'withdraw' && waiting.repeatsItself)

/** The offers that a pause for the same unit drops: sent after it they would undo it. */
export const overtakenBy = (pause: Waiting, waiting: Waiting): boolean =>
  pause.priority === 'withdraw' && waiting.priority === 'offer' && waiting.unitId === pause.unitId

/**
 * The most urgent request whose unit is ready; the oldest of equals. A less urgent one goes first when the urgent one's
 * unit still needs its silence: the bus is never idle while something can be sent.
 * @param readyAtMicros when a request may be sent, as far as its unit's own silence goes
 */
export function nextTurn<W extends Waiting>(
  queue: readonly W[],
  readyAtMicros: (waiting: W) => number,
  nowMicros: number,
): Turn<W> {
  const [first, ...others] = queue.filter((waiting) => readyAtMicros(waiting) <= nowMicros)
  if (first !== undefined) {
    return {
      kind: 'send',
      waiting: others.reduce((best, next) => (rank(next) < rank(best) ? next : best), first),
    }
  }
  if (queue.length === 0) return { kind: 'idle' }
  return { kind: 'wait', untilMicros: Math.min(...queue.map(readyAtMicros)) }
}
