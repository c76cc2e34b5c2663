// A lower limit is passed on only every 5 s, as if decreases were not exempt from the spacing of the PWM.
import { decide as real } from '../../../../agent/control/decide.ts'

const SPACING_MS = 5000
let offeredAt = 0
export function decide(...[state, input, now]: Parameters<typeof real>): ReturnType<typeof real> {
  const decided = real(state, input, now)
  const { written } = input
  const isOffer = decided.commands.some(({ kind }) => kind === 'offer')
  if (isOffer && written.kind === 'offered' && now - offeredAt < SPACING_MS)
    return { ...decided, commands: decided.commands.filter(({ kind }) => kind !== 'offer') }
  if (isOffer) offeredAt = now
  return decided
}
