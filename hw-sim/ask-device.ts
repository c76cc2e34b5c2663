// One request to one device of the world, and what becomes of the world by it. Pure.
import { answerMeter } from './devices/eastron-sdm630.ts'
import { answerInputs } from './devices/waveshare-inputs.ts'
import { answerRelay } from './devices/waveshare-relay.ts'
import { isBoard, isInputs, isMeter } from './site-fit.ts'
import type { SiteDevice } from './site-shape.ts'
import { inputsOf } from './world/wiring.ts'
import { boardInputs, meterWiring, type World, type WorldFacts } from './world.ts'

export interface Asked {
  readonly world: World
  readonly pdu: Uint8Array
}

/** Asks a device of this site with a PDU (function code and data) in the world of its last step; null: it says nothing. */
export function askDevice(
  world: World,
  facts: WorldFacts,
  device: SiteDevice,
  pdu: Uint8Array,
): Asked | null {
  if (isBoard(device)) {
    const answer = world.board.answer(pdu, boardInputs(world, facts), world.atMicros)
    return answer && { world: { ...world, board: answer.board }, pdu: answer.pdu }
  }
  if (!world.supplied) return null
  if (isMeter(device)) {
    const answer = answerMeter(world.meter, pdu, meterWiring(world, facts))
    return { world: { ...world, meter: answer.state }, pdu: answer.pdu }
  }
  if (isInputs(device)) {
    return { world, pdu: answerInputs(inputsOf(world, facts.wiring, device.name), pdu) }
  }
  const relay = world.relays[device.name]
  if (!relay) return null
  const answer = answerRelay(relay, pdu, world.atMicros)
  return {
    world: { ...world, relays: { ...world.relays, [device.name]: answer.state } },
    pdu: answer.pdu,
  }
}
