// voltkeep modbus plan: what is read when, and how soon a pause answers the board, with the arithmetic.

import type { ControlConfig } from '../control/config.ts'
import { placeOf } from '../control/drivers/bus/line-time.ts'
import { REACTION_MAX_MS, type ReactionPlan, reactionAdvice, reactionPlan } from '../control/reaction-plan.ts'
import { registry } from '../control/registry.ts'
import type { Outcome } from './agent-command.ts'
import { type PrepareOptions, readConfig } from './prepare.ts'

export async function showPlan(options: PrepareOptions, json: boolean): Promise<Outcome> {
  const config = await readConfig(options, 'name it after modbus plan')
  if (!config.ok) return { exitCode: 2, error: config.error }
  const { control } = config.value
  const plan = reactionPlan(control)
  if (plan === null) return { exitCode: 1, error: `${options.configFile}: no driver or bus of the board` }
  return { exitCode: 0, out: json ? JSON.stringify(plan, null, 2) : planInWords(control, plan) }
}

function planInWords(control: ControlConfig, plan: ReactionPlan): string {
  const devices = [
    control.board,
    ...(control.deadman ? [control.deadman] : []),
    control.meter,
    ...control.io.modules,
  ]
  const lines: string[] = []
  for (const bus of control.buses) {
    const settings =
      bus.kind === 'tcp'
        ? ''
        : `, ${bus.baud} baud ${bus.dataBits}${bus.parity.slice(0, 1).toUpperCase()}${bus.stopBits}`
    lines.push(`bus ${bus.name}: ${bus.kind}, ${placeOf(bus)}${settings}`)
    for (const device of devices.filter((one) => one.bus === bus.name)) {
      lines.push(`  unit ${String(device.unitId).padStart(3)}  ${device.name}, ${device.driver}`)
      for (const turn of turnsOf(device.driver)) lines.push(`            ${turn}`)
    }
  }
  lines.push('', `from a change at the board to the pause on bus ${plan.bus}, at worst:`, ...plan.lines)
  lines.push(
    '',
    `A reply of the board that is lost costs up to ${plan.lostReplyMs} ms more: it is asked again when none can come late.`,
    'A dead device on the bus is in the sum: each of its exchanges is counted to its deadline.',
    `A configuration above ${REACTION_MAX_MS} ms is refused. Sooner: ${reactionAdvice(control)}.`,
  )
  return lines.join('\n')
}

const times = (count: number | undefined) => (count === undefined ? '' : `${count} × `)

function turnsOf(driver: string): readonly string[] {
  const board = registry.boards[driver]
  const turns = [
    ...(board
      ? [board.turns.read, board.turns.readErrors, board.turns.readMore, board.turns.offer, board.turns.pause]
      : []),
    ...(board?.turns.feed ? [board.turns.feed] : []),
    ...(registry.meters[driver]?.turns ?? []),
    ...(registry.inputs[driver] ? [registry.inputs[driver].turns.read] : []),
    ...(registry.io[driver] ? [registry.io[driver].turns.hold] : []),
  ]
  return turns.flatMap((turn) =>
    turn
      ? [`${turn.name}: ${times(turn.exchanges)}${turn.requestBytes} bytes out, ${turn.replyBytes} in`]
      : [],
  )
}
