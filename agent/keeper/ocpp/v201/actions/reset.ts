// OCPP 2.0.1 B11, B12 Reset. A running charge is never ended for it: at once is refused, on idle waits for its end.
import { action, type Ports } from '../action.ts'

export const reset = action('Reset', async ({ type, evseId }, ports: Pick<Ports, 'box' | 'reset'>) => {
  if (evseId !== undefined) return { status: 'Rejected', statusInfo: { reasonCode: 'NoEvseReset' } }
  if (!ports.reset) return { status: 'Rejected', statusInfo: { reasonCode: 'NoSupervisor' } }
  if (ports.box.snapshot().session === null) {
    ports.reset('now')
    return { status: 'Accepted' }
  }
  if (type === 'Immediate') return { status: 'Rejected', statusInfo: { reasonCode: 'Charging' } }
  ports.reset('whenIdle')
  return { status: 'Scheduled' }
})
