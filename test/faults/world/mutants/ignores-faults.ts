// A fault stands and is told, and nothing is withdrawn for it.
import { decide as real } from '../../../../agent/control/decide.ts'

export function decide(...[state, input, now]: Parameters<typeof real>): ReturnType<typeof real> {
  const decided = real(state, input, now)
  if (decided.state.safety.faults.length === 0) return decided
  const commands = decided.commands.filter(({ kind }) => kind !== 'pause' && kind !== 'releaseDeadman')
  return { ...decided, commands }
}
