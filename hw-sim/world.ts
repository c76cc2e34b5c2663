// The simulated site as one pure step: grid, car, cable, board, contactor, relay and meter after a moment has passed.
// Holds always: current flows only through a closed contactor with S2 closed (or what a fault of the trial says), and
// energy is the integral of that current and nothing else. Microseconds are those of CLOCK_MONOTONIC.
import type { SimEvent, SimFault } from './api.ts'
import { type MeterState, type MeterWiring, withMeterFaults } from './devices/eastron-sdm630.ts'
import {
  type PhoenixInputs,
  pilotSignal,
  stateText,
  stepPhoenix,
  type Vehicle,
} from './devices/phoenix-firmware.ts'
import type { PhoenixFacts, PhoenixState } from './devices/phoenix-state.ts'
import { type RelayState, stepRelay } from './devices/waveshare-relay.ts'
import { type Car, lineCurrents, stepCar, vehicleLetter } from './world/car.ts'
import { type Contactor, type ContactorFacts, stepContactor } from './world/contactor.ts'
import { type Energy, integrate } from './world/energy.ts'

/** What does not change while hw-sim runs. */
export interface WorldFacts {
  readonly voltagesMillivolts: readonly [number, number, number]
  readonly frequencyMillihertz: number
  readonly board: PhoenixFacts
  readonly contactor: ContactorFacts
  /** What holds the board's input XR: a channel of the relay (from 0), or a bridge. */
  readonly xr: { readonly kind: 'relay'; readonly channel: number } | { readonly kind: 'bridged' }
  /** Rating of the cable that the car brings, A; tethered boxes do not look at it. */
  readonly cableAmps: number
}

export interface World {
  readonly atMicros: number
  readonly supplied: boolean
  readonly car: Car
  readonly board: PhoenixState
  readonly contactor: Contactor
  readonly relay: RelayState
  readonly meter: MeterState
  readonly energy: Energy
  readonly faults: readonly SimFault[]
}

/** An event without its place in the log. */
export interface Happening {
  readonly kind: SimEvent['kind']
  readonly detail: string
}

export interface WorldStep {
  readonly world: World
  readonly happenings: readonly Happening[]
}

/** Moves the world to `nowMicros`, which is not before its last step. */
export function stepWorld(world: World, facts: WorldFacts, nowMicros: number): WorldStep {
  const energy = integrate(
    world.energy,
    { millivolts: facts.voltagesMillivolts, milliamps: currents(world) },
    nowMicros - world.atMicros,
  )
  const relay = stepRelay(world.relay, world.supplied, nowMicros)
  const inputs = boardInputs({ ...world, relay }, facts)
  const board = stepPhoenix(world.board, facts.board, inputs, nowMicros)
  const welded = hasFault(world, 'contactorWelded')
  const contactor = stepContactor(world.contactor, facts.contactor, { coil: board.coil, welded }, nowMicros)
  const greedy = world.faults.find((fault) => fault.kind === 'greedy')
  const energised = contactor.closed && world.supplied
  const car = stepCar(
    charged(world.car, energy.total.milliwattHours - world.energy.total.milliwattHours),
    { signal: pilotSignal(board), energised, greedyMilliamps: greedy?.milliamps ?? null },
    nowMicros,
  )
  const next: World = { ...world, atMicros: nowMicros, relay, board, contactor, car, energy }
  return { world: next, happenings: happened(world, next) }
}

/** Line currents now, mA. */
export const currents = (world: World): readonly [number, number, number] =>
  world.contactor.closed && world.supplied ? lineCurrents(world.car) : [0, 0, 0]

/** What the meter is wired to now. */
export function meterWiring(world: World, facts: WorldFacts): MeterWiring {
  const [a, b, c] = world.energy.phases
  return {
    voltagesMillivolts: facts.voltagesMillivolts,
    currentsMilliamps: currents(world),
    frequencyMillihertz: facts.frequencyMillihertz,
    phaseMilliwattHours: [a.milliwattHours, b.milliwattHours, c.milliwattHours],
    totalMilliwattHours: world.energy.total.milliwattHours,
  }
}

/** What the board's terminals carry now. */
export function boardInputs(world: World, facts: WorldFacts): PhoenixInputs {
  const held = world.faults.find((fault) => fault.kind === 'pilot')
  const xr = facts.xr.kind === 'bridged' ? world.supplied : world.relay.closed[facts.xr.channel] === true
  return {
    supplied: world.supplied,
    vehicle: heldVehicle(held?.state) ?? vehicleLetter(world.car),
    xr,
    en: false,
    proximityAmps: world.car.plugged ? facts.cableAmps : 0,
    contactorClosed: world.contactor.closed,
    heldErrors: world.faults.flatMap((fault) => (fault.kind === 'boardError' ? [fault.bit] : [])),
    heldUnavailable: held?.state === 'F',
  }
}

/** The world with other faults; what a fault holds begins or ends with the next step. */
export function withFaults(world: World, facts: WorldFacts, faults: readonly SimFault[]): World {
  const meterFaults = faults.flatMap((fault) => (fault.kind === 'meter' ? [fault.how] : []))
  const meter = withMeterFaults(world.meter, meterFaults, meterWiring(world, facts))
  return { ...world, faults, meter }
}

const heldVehicle = (state: 'D' | 'E' | 'F' | undefined): Vehicle | null =>
  state === 'D' || state === 'E' ? state : null

const hasFault = (world: World, kind: SimFault['kind']) => world.faults.some((fault) => fault.kind === kind)

function charged(car: Car, milliwattHours: number): Car {
  if (car.battery === null || milliwattHours === 0) return car
  const storedMilliwattHours = car.battery.storedMilliwattHours + milliwattHours
  return { ...car, battery: { ...car.battery, storedMilliwattHours } }
}

/** The register-24000 text, or `--` while the board has no supply or is starting. */
export const boardText = (board: PhoenixState): string =>
  board.power.kind === 'on' ? stateText(board) : '--'

/** What an onlooker sees change between two worlds, after a step or after a command. */
export function happened(before: World, after: World): readonly Happening[] {
  const list: Happening[] = []
  const say = (kind: Happening['kind'], detail: string) => list.push({ kind, detail })
  if (before.car.plugged !== after.car.plugged) say(after.car.plugged ? 'plugged' : 'unplugged', '')
  for (let write = before.board.retentiveWrites; write < after.board.retentiveWrites; write++) {
    say('retentiveWrite', `${write + 1}`)
  }
  if (before.relay !== after.relay) {
    const closed = after.relay.closed.map((is) => (is ? '1' : '0')).join('')
    if (before.relay.closed.some((was, channel) => was !== after.relay.closed[channel])) say('relay', closed)
  }
  if (before.board.power.kind !== after.board.power.kind) say('boardPower', after.board.power.kind)
  if (boardText(before.board) !== boardText(after.board)) say('pilot', boardText(after.board))
  if (before.board.errors !== after.board.errors) say('boardError', after.board.errors.toString(2))
  if (before.board.offeredAmps !== after.board.offeredAmps) say('offer', `${after.board.offeredAmps * 1000}`)
  if (before.contactor.closed !== after.contactor.closed) {
    say(after.contactor.closed ? 'contactorClosed' : 'contactorOpened', '')
  }
  const flowed = currents(before).some((current) => current > 0)
  const flows = currents(after).some((current) => current > 0)
  if (flowed !== flows) say(flows ? 'currentStarted' : 'currentStopped', '')
  return list
}
