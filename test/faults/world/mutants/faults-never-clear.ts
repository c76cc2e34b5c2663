// What was once a fault stays one, although its row says that it clears by itself.
import { decide as real } from '../../../../agent/control/decide.ts'

export function decide(...[state, input, now]: Parameters<typeof real>): ReturnType<typeof real> {
  const decided = real(state, input, now)
  const { safety } = decided.state
  const gone = state.safety.faults.filter(({ code }) => !safety.faults.some((fault) => fault.code === code))
  return {
    ...decided,
    state: { ...decided.state, safety: { ...safety, faults: [...safety.faults, ...gone] } },
  }
}
