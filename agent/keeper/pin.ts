// The PIN of the box, checked alike at every door that takes orders: in constant time, and never more often than somebody
// may mistype it. Who guesses rests, each by its own address, so that a stranger never locks the owner out; guesses of
// many addresses are slowed down together, and who gave the right PIN before is not slowed with them.
import { createHash, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../../shared/time/clock.ts'
import type { MonotonicMs } from '../../shared/units.ts'
import type { KeeperConfig } from './config.ts'

/** Wrong PINs in a row from one address before its orders rest, and for how long. */
const WRONG_MAX = 5
const REST_MS = 60_000
/** Wrong PINs of all addresses within `REST_MS` before the PIN is checked only once in `SLOW_MS`. */
const WRONG_OF_ALL_MAX = 20
const SLOW_MS = 2000
/** Checks that may wait meanwhile; an address has one at a time. */
const WAITING_MAX = 30
/** Addresses that are remembered. */
const ADDRESSES_MAX = 256

export type PinVerdict =
  | { readonly kind: 'right' | 'notSet' | 'missing' | 'wrong' }
  | { readonly kind: 'resting'; readonly leftMs: number }

interface Guesser {
  readonly wrong: number
  readonly restUntil: MonotonicMs | null
  /** It gave the right PIN last: never slowed. */
  readonly isKnown: boolean
}

const STRANGER: Guesser = { wrong: 0, restUntil: null, isKnown: false }

/** Whether an order may pass; `from` is whoever can be told apart at that door, `shown` what came as the PIN. */
export type PinCheck = (from: string, shown: string | undefined) => Promise<PinVerdict>

export function pinCheck({ pin }: KeeperConfig['local'], clock: Clock): PinCheck {
  const guessers = new Map<string, Guesser>()
  let wrongOfAll: readonly MonotonicMs[] = []
  const waiting = new Set<string>()
  let turn: Promise<void> = Promise.resolve()

  const remember = (from: string, guesser: Guesser) => {
    guessers.delete(from)
    guessers.set(from, guesser)
    if (guessers.size <= ADDRESSES_MAX) return
    const [oldest] = [...guessers].find(([, { isKnown }]) => !isKnown) ?? [...guessers][0] ?? []
    if (oldest !== undefined) guessers.delete(oldest)
  }
  const restLeftMs = (from: string): number => {
    const until = guessers.get(from)?.restUntil ?? null
    return until === null ? 0 : Math.max(0, until - clock.monotonic())
  }
  const isSlow = () => {
    const now = clock.monotonic()
    wrongOfAll = wrongOfAll.filter((at) => now - at < REST_MS)
    return wrongOfAll.length >= WRONG_OF_ALL_MAX
  }
  const judge = (from: string, shown: string, right: string): PinVerdict => {
    const leftMs = restLeftMs(from)
    if (leftMs > 0) return { kind: 'resting', leftMs }
    if (sameText(shown, right)) {
      remember(from, { ...STRANGER, isKnown: true })
      return { kind: 'right' }
    }
    const before = guessers.get(from) ?? STRANGER
    const wrong = (before.restUntil === null ? before.wrong : 0) + 1
    // A whole number of milliseconds from now on the same clock.
    const restUntil = wrong >= WRONG_MAX ? ((clock.monotonic() + REST_MS) as MonotonicMs) : null
    remember(from, { wrong, restUntil, isKnown: false })
    wrongOfAll = [...wrongOfAll, clock.monotonic()].slice(-WRONG_OF_ALL_MAX)
    return { kind: 'wrong' }
  }

  return async (from, shown) => {
    if (pin === null) return { kind: 'notSet' }
    // A page that asks for the PIN only when it is needed has shown none yet; that is no guess.
    if (shown === undefined) return { kind: 'missing' }
    const leftMs = restLeftMs(from)
    if (leftMs > 0) return { kind: 'resting', leftMs }
    if (isSlow() && !guessers.get(from)?.isKnown) {
      if (waiting.has(from) || waiting.size >= WAITING_MAX) return { kind: 'resting', leftMs: SLOW_MS }
      waiting.add(from)
      turn = turn.then(() => clock.sleep('pin', SLOW_MS))
      await turn
      waiting.delete(from)
    }
    return judge(from, shown, pin)
  }
}

/** In the same time whether or not, and wherever, they differ. */
const sameText = (one: string, other: string): boolean =>
  timingSafeEqual(createHash('sha256').update(one).digest(), createHash('sha256').update(other).digest())
