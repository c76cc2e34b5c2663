// The simulated site under the trial: hw-sim's own world, stepped in virtual time, its devices' answers, and what is
// true of it at a moment. Nothing here knows the agent.
import type { SimFault } from '../../../hw-sim/api.ts'
import { askDevice } from '../../../hw-sim/ask-device.ts'
import { boardKindOf } from '../../../hw-sim/devices/boards.ts'
import { registerWh } from '../../../hw-sim/devices/eastron-sdm630.ts'
import { withCar } from '../../../hw-sim/hands.ts'
import { type Happening, happened } from '../../../hw-sim/happenings.ts'
import { newWorld, worldFacts } from '../../../hw-sim/new-world.ts'
import { DEFAULT_SITE, type Site, siteFile } from '../../../hw-sim/site-shape.ts'
import { meterWiring, stepWorld, type World, withFaults } from '../../../hw-sim/world.ts'
import type { TrialBoard } from './boards.ts'

/** What is true now, whatever anybody believes. */
export interface Truth {
  readonly atMicros: number
  readonly supplied: boolean
  /** Highest line current. */
  readonly milliamps: number
  readonly plugged: boolean
  /** Counts plug-ins, by whichever car. */
  readonly plugNumber: number
  readonly carWants: boolean
  /** What the pilot tells the car; 0: no PWM. */
  readonly offeredMilliamps: number
  /** Letter and digit; `--` without supply. */
  readonly boardState: string
  readonly contactorClosed: boolean
  readonly energyMilliwattHours: number
  /** As the meter would tell it now. */
  readonly registerWh: () => number
  readonly faults: readonly SimFault[]
}

export interface TrialSite {
  readonly site: Site
  /** Moves the world on to this moment. */
  stepTo(atMicros: number): void
  truth(): Truth
  /** A request that has arrived at a unit now. */
  answer(unitId: number, pdu: Uint8Array, atMicros: number): Uint8Array | null
  setCar(change: Partial<World['car']>): void
  setSupply(supplied: boolean): void
  setFaults(faults: readonly SimFault[]): void
}

export const BOARD_UNIT = 1
export const METER_UNIT = 2
export const RELAY_UNIT = 3
/** The world moves in steps of at most this. */
export const STEP_MICROS = 10_000

export interface SiteOptions {
  readonly board: TrialBoard
  readonly tethered: boolean
  readonly cableMilliamps: Site['cable']['ratingMilliamps']
  readonly onHappening: (happening: Happening) => void
  /** Called behind each step, with the world as it is then. */
  readonly onStep: () => void
}

export function trialSite(options: SiteOptions): TrialSite {
  const site = siteOf(options)
  const facts = worldFacts(site)
  let world = newWorld(site, 0)
  let plugNumber = 0

  function become(next: World) {
    if (next.car.plugged && !world.car.plugged) plugNumber++
    const list = happened(world, next)
    world = next
    for (const one of list) options.onHappening(one)
  }

  function stepTo(atMicros: number) {
    while (world.atMicros < atMicros) {
      become(stepWorld(world, facts, Math.min(atMicros, world.atMicros + STEP_MICROS)))
      options.onStep()
    }
  }

  function truth(): Truth {
    const wiring = meterWiring(world, facts)
    return {
      atMicros: world.atMicros,
      supplied: world.supplied,
      milliamps: Math.max(...wiring.currentsMilliamps),
      plugged: world.car.plugged,
      plugNumber,
      carWants: world.car.plugged && world.car.wantsEnergy,
      offeredMilliamps: world.board.view.offeredMilliamps,
      boardState: world.board.view.state,
      contactorClosed: world.contactor.closed,
      energyMilliwattHours: world.energy.total.milliwattHours,
      registerWh: () => registerWh(world.meter, wiring),
      faults: world.faults,
    }
  }

  return {
    site,
    stepTo,
    truth,
    answer(unitId, pdu, atMicros) {
      stepTo(atMicros)
      const device = site.devices.find((one) => one.unitId === unitId)
      const asked = device === undefined ? null : askDevice(world, facts, device, pdu)
      if (asked !== null) become(asked.world)
      return asked?.pdu ?? null
    },
    setCar: (change) => become(withCar(world, change)),
    setSupply: (supplied) => become({ ...world, supplied }),
    setFaults: (faults) => become(withFaults(world, facts, faults)),
  }
}

function siteOf({ board, tethered, cableMilliamps }: SiteOptions): Site {
  const [, meter, relay] = DEFAULT_SITE.devices
  const bus = board.bus.kind === 'main' ? 'main' : 'board'
  const wires = { release: { xr: CONTACT }, supply: { supply: CONTACT }, own: {} }
  return siteFile.parse({
    ...structuredClone(DEFAULT_SITE),
    cable: { kind: tethered ? 'tethered' : 'socket', ratingMilliamps: cableMilliamps },
    buses: [...DEFAULT_SITE.buses, ...(bus === 'board' ? [{ name: bus, ...board.bus }] : [])],
    devices: [
      {
        name: 'board',
        device: board.id,
        bus,
        unitId: BOARD_UNIT,
        ...wires[boardKindOf(board.id).deadman],
      },
      { ...meter, unitId: METER_UNIT },
      { ...relay, unitId: RELAY_UNIT },
    ],
  })
}

const CONTACT = { relay: 'relay', channel: 1 }
