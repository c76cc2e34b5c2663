// The residual current self-test, where the board has one: when it is due, when it may run, and what its outcome is. It is
// due at the start, after each charge, and when a day has passed. It runs only without current, before an offer and never
// behind one; while it is due or running nothing new is offered. Source: registers.md §5 (IEC 62955: test before each
// session or periodically; EVSE-DIN: about 30 s).
import type { MonotonicMs } from '../../../shared/units.ts'

/** A test that has told no outcome after this has failed. */
export const SELF_TEST_MAX_MS = 60_000
/** A failed test is made again after this, so that a slip of the line does not hold a box for a day. */
export const SELF_TEST_AGAIN_MS = 10 * 60_000

export type SelfTestState =
  | { readonly kind: 'due' }
  | {
      readonly kind: 'running'
      readonly sinceMonotonicMs: MonotonicMs
      /** What the board told when the test was asked for: until it tells something else, that is of the test before. */
      readonly stale: SelfTestInput['told']
    }
  | { readonly kind: 'passed'; readonly atMonotonicMs: MonotonicMs }
  | { readonly kind: 'failed'; readonly atMonotonicMs: MonotonicMs; readonly detail: string }

export interface SelfTestInput {
  readonly hasSelfTest: boolean
  readonly eachMs: number
  /** What the board tells now; null while it does not answer or tells nothing. */
  readonly told: 'idle' | 'running' | 'passed' | 'failed' | null
  /** Pilot A or B seen, contactor confirmed open, the pause confirmed, and no current. */
  readonly mayRun: boolean
  readonly charging: boolean
}

export function stepSelfTest(
  state: SelfTestState,
  input: SelfTestInput,
  now: MonotonicMs,
): { readonly state: SelfTestState; readonly start: boolean } {
  if (!input.hasSelfTest) return { state, start: false }
  if (state.kind === 'running') return { state: outcome(state, input, now), start: false }
  if (!isDue(state, input, now) || !input.mayRun) {
    const worn = input.charging && state.kind === 'passed'
    return { state: worn ? { kind: 'due' } : state, start: false }
  }
  return { state: { kind: 'running', sinceMonotonicMs: now, stale: input.told }, start: true }
}

function isDue(state: SelfTestState, input: SelfTestInput, now: MonotonicMs): boolean {
  switch (state.kind) {
    case 'due':
      return true
    case 'running':
      return false
    case 'passed':
      return now - state.atMonotonicMs >= input.eachMs
    case 'failed':
      return now - state.atMonotonicMs >= SELF_TEST_AGAIN_MS
  }
}

function outcome(
  state: SelfTestState & { kind: 'running' },
  input: SelfTestInput,
  now: MonotonicMs,
): SelfTestState {
  const { told } = input
  const stale = told === null || told === state.stale ? state.stale : null
  if (stale === null && told === 'passed') return { kind: 'passed', atMonotonicMs: now }
  if (stale === null && told === 'failed')
    return { kind: 'failed', atMonotonicMs: now, detail: 'the board tells that its self-test failed' }
  if (now - state.sinceMonotonicMs < SELF_TEST_MAX_MS) return { ...state, stale }
  const what = stale === null ? 'did not end' : 'was never seen to run'
  return {
    kind: 'failed',
    atMonotonicMs: now,
    detail: `the self-test ${what} in ${SELF_TEST_MAX_MS / 1000} s`,
  }
}

/** Nothing new may be offered now. A charge that is offered already goes on: the test waits for its end. */
export function selfTestHolds(state: SelfTestState, input: SelfTestInput, now: MonotonicMs): boolean {
  return input.hasSelfTest && (state.kind === 'running' || isDue(state, input, now))
}
