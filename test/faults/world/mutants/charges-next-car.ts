// The permission is taken for whichever car is plugged in: the next one begins without a session of its own.
import { decide as real } from '../../../../agent/control/decide.ts'

let uuid: string | null = null
export function decide(...[state, input, now]: Parameters<typeof real>): ReturnType<typeof real> {
  uuid = input.permission?.uuid ?? uuid
  const { plugId } = state.safety
  return real(
    state,
    { ...input, permission: uuid === null || plugId === null ? null : { uuid, plugId } },
    now,
  )
}
