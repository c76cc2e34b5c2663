// The reaction bound of a configuration: which devices share the board's bus, and what each of them may ask there. The
// same for the configuration's check, for `voltkeep modbus plan`, and for control's log.
import type { ControlConfig, DeviceConfig } from './config.ts'
import {
  lostReplyMs,
  type Party,
  type ReactionBound,
  type ReactionConfig,
  reactionBound,
} from './drivers/bus/reaction-bound.ts'
import type { BoardDriver, Turn } from './drivers/driver.ts'
import { BOARD_PERIOD_MS, boardGapMs } from './hardware.ts'
import type { Priority, UnitLine } from './ports/bus.ts'
import { registry } from './registry.ts'

/** A configuration whose board cannot be answered sooner is refused. */
export const REACTION_MAX_MS = 1000
/** The dead-man's refresh and the feeding of a board's own watchdog (hardware.ts). */
const HOLD_PERIOD_MS = 500
/** From the board's reply to the pause in the queue: one turn of the loop. */
const DECISION_MS = 2

export interface ReactionPlan extends ReactionBound {
  readonly bus: string
  /** Names of the devices that share the board's bus. */
  readonly shares: readonly string[]
  /** What a lost reply of the board costs beyond the bound, ms. */
  readonly lostReplyMs: number
}

/** What of control's configuration decides it. */
export type Wired = Pick<ControlConfig, 'buses' | 'board' | 'deadman' | 'meter'> & {
  readonly io: Pick<ControlConfig['io'], 'modules'>
}

/** null where a driver or a bus is not known. */
export function reactionPlan(config: Wired): ReactionPlan | null {
  const bus = config.buses.find(({ name }) => name === config.board.bus)
  const board = registry.boards[config.board.driver]
  if (bus === undefined || board === undefined) return null
  const others = partiesOf(config, board).filter(({ device }) => device.bus === bus.name)
  const reaction: ReactionConfig = {
    line: bus,
    boardPeriodMs: BOARD_PERIOD_MS,
    boardGapMs: boardGapMs(board.line.silenceMs),
    holdPeriodMs: HOLD_PERIOD_MS,
    decisionMs: DECISION_MS,
    board: { line: board.line, ...board.turns, readsPerErrorReading: board.readsPerErrorReading },
    others,
  }
  return {
    ...reactionBound(reaction),
    bus: bus.name,
    shares: others.filter(({ device }) => device !== config.board).map(({ device }) => device.name),
    lostReplyMs: lostReplyMs(reaction),
  }
}

type Placed = Party & { readonly device: DeviceConfig }

function partiesOf(config: Wired, board: BoardDriver): readonly Placed[] {
  const { deadman, meter, io } = config
  const relay = deadman && registry.io[deadman.driver]
  const meterDriver = registry.meters[meter.driver]
  const feed: readonly Placed[] = board.turns.feed
    ? [{ ...party(config.board, board.line, [board.turns.feed], 'hold'), isBoard: true }]
    : []
  return [
    ...feed,
    ...(deadman && relay ? [party(deadman, relay.line, [relay.turns.hold], 'hold')] : []),
    ...io.modules.flatMap((module) => {
      const relays = registry.io[module.driver]
      const inputs = registry.inputs[module.driver]
      return [
        ...(relays ? [party(module, relays.line, [relays.turns.hold], 'offer')] : []),
        ...(inputs ? [party(module, inputs.line, [inputs.turns.read], 'offer')] : []),
      ]
    }),
    ...(meterDriver ? [party(meter, meterDriver.line, meterDriver.turns, 'meter')] : []),
  ]
}

const party = (device: DeviceConfig, line: UnitLine, turns: readonly Turn[], priority: Priority): Placed => ({
  device,
  name: `${device.name} (${device.driver})`,
  line,
  turns: turns.map((turn) => ({ ...turn, priority })),
})

/** For a log line: the figures, and the arithmetic without its alignment. */
export const reactionInLog = ({ bus, shares, pilotMs, errorMs, lostReplyMs, lines }: ReactionPlan) => ({
  bus,
  shares,
  pilotMs,
  errorMs,
  lostReplyMs,
  arithmetic: lines.map((line) => line.trim()),
})

/** What would make the bound smaller, the greatest gain first. */
export function reactionAdvice(config: Wired): string {
  const plan = reactionPlan(config)
  const bus = config.buses.find(({ name }) => name === config.board.bus)
  const advice: string[] = []
  const alone = plan && plan.shares.length > 0 ? reactionPlan(onBusOfItsOwn(config)) : null
  if (plan && alone && alone.errorMs < plan.errorMs) {
    advice.push(`give the board a bus of its own, without ${plan.shares.join(' and ')}: ${alone.errorMs} ms`)
  }
  if (bus && bus.kind !== 'tcp' && bus.baud < 19_200) {
    const faster = config.buses.map((one) => (one === bus ? { ...bus, baud: 19_200 } : one))
    const at = reactionPlan({ ...config, buses: faster })
    if (at) advice.push(`set bus ${bus.name} and all its devices to 19200 baud: ${at.errorMs} ms`)
  }
  return advice.length > 0 ? advice.join('; or ') : 'take a board that answers sooner'
}

const onBusOfItsOwn = (config: Wired): Wired => {
  const elsewhere = <D extends DeviceConfig>(device: D): D =>
    device.bus === config.board.bus ? { ...device, bus: `not ${device.bus}` } : device
  return {
    ...config,
    deadman: config.deadman && elsewhere(config.deadman),
    meter: elsewhere(config.meter),
    io: { ...config.io, modules: config.io.modules.map(elsewhere) },
  }
}
