// The computed reaction bound of the built-in site: its three drivers on one bus at 19200 baud.
import {
  type ReactionBound,
  reactionBound,
  reactionConfig,
} from '../../agent/control/drivers/bus/reaction-bound.ts'
import { BOARD_PERIOD_MS } from '../../agent/control/hardware.ts'
import { registry } from '../../agent/control/registry.ts'

export function builtInBound(): ReactionBound {
  const board = registry.boards['phoenix-ev-cc-ac1-m3-rtu']
  const deadman = registry.io['waveshare-modbus-rtu-relay-8ch']
  const meter = registry.meters['eastron-sdm630-v2']
  if (!board || !deadman || !meter) throw new Error('the registry lacks a driver of the built-in site')
  const line = { kind: 'rtu', baud: 19_200, dataBits: 8, parity: 'none', stopBits: 1 } as const
  return reactionBound(reactionConfig({ line, boardPeriodMs: BOARD_PERIOD_MS, board, deadman, meter }))
}
