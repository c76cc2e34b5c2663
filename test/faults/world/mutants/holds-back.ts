// A pause by a computed limit never ends: the car waits for ever.
import { stepResume as real } from '../../../../agent/control/limits/resume.ts'

export function stepResume(...[state, input, now]: Parameters<typeof real>): ReturnType<typeof real> {
  const stepped = real(state, input, now)
  return state.kind === 'held' && input.permitted
    ? real({ ...state, sinceMonotonicMs: now }, input, now)
    : stepped
}
