// A permission that was taken away still counts: a stop, an ended session and a revoke have no effect.
import { decide as real } from '../../../../agent/control/decide.ts'

let last: Parameters<typeof real>[1]['permission'] = null
export function decide(...[state, input, now]: Parameters<typeof real>): ReturnType<typeof real> {
  last = input.permission ?? last
  return real(state, { ...input, permission: last }, now)
}
