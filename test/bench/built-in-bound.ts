// The computed reaction bound of the built-in site: its three drivers on one bus at 19200 baud.
import type { ReactionBound } from '../../agent/control/drivers/bus/reaction-bound.ts'
import { reactionPlan } from '../../agent/control/reaction-plan.ts'

export function builtInBound(): ReactionBound {
  const at = (driver: string, unitId: number) => ({ name: driver, driver, bus: 'main', unitId })
  const plan = reactionPlan({
    buses: [
      {
        kind: 'rtu',
        name: 'main',
        port: '/dev/null',
        baud: 19_200,
        dataBits: 8,
        parity: 'none',
        stopBits: 1,
      },
    ],
    board: at('phoenix-ev-cc-ac1-m3-rtu', 1),
    meter: at('eastron-sdm630-v2', 2),
    deadman: { ...at('waveshare-modbus-rtu-relay-8ch', 3), channel: 1 },
    io: { modules: [] },
  })
  if (plan === null) throw new Error('the registry lacks a driver of the built-in site')
  return plan
}
