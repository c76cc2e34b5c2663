// Whose turn it is on the bus. Pure: the queue and the units' clocks in, the next step out.
import { PRIORITIES, type Priority } from '../../ports/bus.ts'

export interface Waiting {
  readonly priority: Priority
  readonly unitId: number
}

export interface Barred extends Waiting {
  /** No late reply of another request can be taken for its own: its reply repeats it, or none that looks alike is out. */
  readonly isUnmistakable: boolean
}

export type Turn<W extends Waiting> =
  | { readonly kind: 'send'; readonly waiting: W }
  /** Nothing can be sent before then. */
  | { readonly kind: 'wait'; readonly untilMicros: number }
  | { readonly kind: 'idle' }

const rank = (waiting: Waiting): number => PRIORITIES.indexOf(waiting.priority)

/** A pause goes out even to a unit in quarantine: withdrawing current waits for nobody. */
export const barredByQuarantine = (waiting: Barred, untilMicros: number, nowMicros: number): boolean =>
  nowMicros < untilMicros && !(waiting.priority === 'withdraw' && waiting.isUnmistakable)

/** The offers that a pause for the same unit drops: sent after it they would undo it. */
export const overtakenBy = (pause: Waiting, waiting: Waiting): boolean =>
  pause.priority === 'withdraw' && waiting.priority === 'offer' && waiting.unitId === pause.unitId

export interface Times<W extends Waiting> {
  /** When a request may be sent, as far as its unit's own silence goes. */
  readonly readyAtMicros: (waiting: W) => number
  /** How long it holds the bus at worst. */
  readonly lastsMicros: (waiting: W) => number
}

/**
 * The most urgent request whose unit is ready; the oldest of equals. A less urgent one goes first when the urgent one's
 * unit still needs its silence: the bus is never idle while something can be sent. But a pause finds the bus free when
 * its unit is ready: what might last longer is not begun.
 */
export function nextTurn<W extends Waiting>(
  queue: readonly W[],
  { readyAtMicros, lastsMicros }: Times<W>,
  nowMicros: number,
): Turn<W> {
  const pauseAtMicros = Math.min(
    ...queue.filter(({ priority }) => priority === 'withdraw').map(readyAtMicros),
  )
  const mayBegin = (waiting: W): boolean =>
    waiting.priority === 'withdraw' ||
    pauseAtMicros <= nowMicros ||
    nowMicros + lastsMicros(waiting) <= pauseAtMicros
  const [first, ...others] = queue.filter(
    (waiting) => readyAtMicros(waiting) <= nowMicros && mayBegin(waiting),
  )
  if (first !== undefined) {
    return {
      kind: 'send',
      waiting: others.reduce((best, next) => (rank(next) < rank(best) ? next : best), first),
    }
  }
  if (queue.length === 0) return { kind: 'idle' }
  const laterMicros = queue.map(readyAtMicros).filter((atMicros) => atMicros > nowMicros)
  return { kind: 'wait', untilMicros: Math.min(...laterMicros) }
}
