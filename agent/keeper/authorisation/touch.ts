// What a token that is held to the reader orders. Pure. A known token begins a session; the session's own token ends it
// 2 s later, and a second touch within those 2 s lifts what may be overridden instead. No other token stops or overrides.
import { type Message, message } from '../../../shared/message.ts'
import { type MonotonicMs, monotonicMs } from '../../../shared/units.ts'

/** A second touch within this time means override; without one the session stops when it is over. */
export const TWICE_MS = 2000
/** How long a token that was shown waits for its car, as a remote start does. */
export const TOUCH_WAITS_MS = 60_000
/** How long the page tells why a touch did nothing. */
const REFUSED_SHOWN_MS = 10_000

export interface TouchState {
  /** A known token that waits for its car. */
  readonly order: { readonly idToken: string; readonly untilMonotonicMs: MonotonicMs } | null
  /** The session's own token was touched once: it stops then. */
  readonly stopAt: { readonly uuid: string; readonly atMonotonicMs: MonotonicMs } | null
  readonly refused: { readonly reason: Message; readonly untilMonotonicMs: MonotonicMs } | null
}

export const UNTOUCHED: TouchState = { order: null, stopAt: null, refused: null }

export interface TouchContext {
  /** The tokens of the configuration. */
  readonly tokens: readonly string[]
  readonly session: { readonly uuid: string; readonly idToken: string; readonly isStopped: boolean } | null
  readonly mayOverride: boolean
}

export interface TouchStep {
  readonly state: TouchState
  readonly orders: 'stop' | 'override' | null
}

/** A token was held to the reader. */
export function stepTouch(
  state: TouchState,
  token: string,
  { tokens, session, mayOverride }: TouchContext,
  now: MonotonicMs,
): TouchStep {
  const refuse = (reason: Message): TouchStep => ({
    state: { ...state, refused: { reason, untilMonotonicMs: monotonicMs(now + REFUSED_SHOWN_MS) } },
    orders: null,
  })
  if (session === null) {
    if (!tokens.includes(token)) return refuse(message('touch.unknown'))
    const order = { idToken: token, untilMonotonicMs: monotonicMs(now + TOUCH_WAITS_MS) }
    return { state: { ...UNTOUCHED, order }, orders: null }
  }
  if (token !== session.idToken)
    return refuse(message(tokens.includes(token) ? 'touch.otherSession' : 'touch.unknown'))
  if (session.isStopped) return refuse(message('wait.stopped'))
  const stopAt = state.stopAt?.uuid === session.uuid ? state.stopAt : null
  if (stopAt !== null && now >= stopAt.atMonotonicMs) return { state: UNTOUCHED, orders: 'stop' }
  const isSecond = stopAt !== null
  if (isSecond && mayOverride) return { state: UNTOUCHED, orders: 'override' }
  if (isSecond) return { state, orders: null }
  const atMonotonicMs = monotonicMs(now + TWICE_MS)
  return { state: { ...UNTOUCHED, stopAt: { uuid: session.uuid, atMonotonicMs } }, orders: null }
}

/** What time does to it: a stop falls due, an order or a reason ends. */
export function touchesOver(
  state: TouchState,
  session: { readonly uuid: string } | null,
  now: MonotonicMs,
): TouchStep {
  const isDue = state.stopAt !== null && now >= state.stopAt.atMonotonicMs
  const isOfSession = state.stopAt?.uuid === session?.uuid
  const lasting = <T extends { readonly untilMonotonicMs: MonotonicMs }>(one: T | null) =>
    one !== null && now < one.untilMonotonicMs ? one : null
  const next: TouchState = {
    order: lasting(state.order),
    stopAt: isDue || !isOfSession ? null : state.stopAt,
    refused: lasting(state.refused),
  }
  const isSame = (Object.keys(next) as (keyof TouchState)[]).every((key) => next[key] === state[key]) // its own keys
  return { state: isSame ? state : next, orders: isDue && isOfSession ? 'stop' : null }
}
