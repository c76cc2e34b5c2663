// A car that no pause stops is never opened: the dead-man is held whatever happens.
import { decide as real } from '../../../../agent/control/decide.ts'

export function decide(...[state, input, now]: Parameters<typeof real>): ReturnType<typeof real> {
  const decided = real(state, input, now)
  const { safety } = decided.state
  return {
    ...decided,
    commands: decided.commands.filter(({ kind }) => kind !== 'releaseDeadman'),
    state: { ...decided.state, safety: { ...safety, deadman: { kind: 'held', sinceMonotonicMs: now } } },
  }
}
