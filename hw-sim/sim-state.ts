// What SimState says of a world. Pure.
import type { SimState } from './api.ts'
import { registerWh, serialNumber } from './devices/eastron-sdm630.ts'
import { inputsOf } from './world/wiring.ts'
import { currents, meterWiring, type World, type WorldFacts } from './world.ts'

export function simState(world: World, facts: WorldFacts, wallOffsetMs: number): SimState {
  const { car, meter, cable } = world
  const wiring = meterWiring(world, facts)
  return {
    atMicros: world.atMicros,
    wallOffsetMs,
    car: {
      plugged: car.plugged,
      phases: car.phases,
      maxMilliamps: car.maxMilliamps,
      wantsEnergy: car.wantsEnergy,
      followMs: car.followMs,
      simplified: car.simplified,
      sleeps: car.sleeps,
      ventilation: car.ventilation,
    },
    currentsMilliamps: currents(world),
    energyMilliwattHours: world.energy.total.milliwattHours,
    board: boardState(world, facts),
    ...relayStates(world),
    meter: { serial: `${serialNumber(meter, wiring)}`, registerWh: registerWh(meter, wiring) },
    cable,
    lock: world.lock && { ...world.lock, moving: world.lock.moving?.to ?? null },
    releaseClosed: world.release?.closed ?? null,
    residualTripped: world.residual?.tripped ?? null,
    gridLimited: world.gridLimited,
    stopPressed: world.stopPressedUntilMicros !== null,
    inputs: Object.fromEntries(facts.inputModules.map((name) => [name, inputsOf(world, facts.wiring, name)])),
    faults: world.faults,
  }
}

function boardState({ board: { view }, contactor }: World, facts: WorldFacts): SimState['board'] {
  return {
    kind: facts.boardDevice,
    powered: view.powered,
    state: view.state,
    enabled: view.enabled,
    available: view.available,
    offeredMilliamps: view.offeredMilliamps,
    contactorClosed: contactor.closed,
    retentiveWrites: view.retentiveWrites,
    errors: view.errors,
    watchdog: view.watchdog ?? null,
  }
}

function relayStates({ relays }: World): Pick<SimState, 'relay' | 'relays'> {
  const sights = Object.entries(relays).map(
    ([name, { supplied, closed }]) => [name, { powered: supplied, channels: closed }] as const,
  )
  return { relay: sights[0]?.[1] ?? { powered: false, channels: [] }, relays: Object.fromEntries(sights) }
}
