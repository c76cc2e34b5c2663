// The simulated site as one pure step: grid, car, cable, board, contactor, relay and meter after a moment has passed.
// Holds always: current flows only through a closed contactor with S2 closed (or what a fault of the trial says), and
// energy is the integral of that current and nothing else. Microseconds are those of CLOCK_MONOTONIC.
import type { SimEvent, SimFault } from './api.ts'
import type { BoardInputs, BoardView, SimBoard, Vehicle } from './devices/board.ts'
import type { BoardId } from './devices/boards.ts'
import { type MeterState, type MeterWiring, withMeterFaults } from './devices/eastron-sdm630.ts'
import { type RelayState, stepRelay } from './devices/waveshare-relay.ts'
import { type Car, lineCurrents, stepCar, vehicleLetter } from './world/car.ts'
import { type Contactor, type ContactorFacts, stepContactor } from './world/contactor.ts'
import { type Energy, integrate } from './world/energy.ts'

/** What does not change while hw-sim runs. */
export interface WorldFacts {
  readonly voltagesMillivolts: readonly [number, number, number]
  readonly frequencyMillihertz: number
  readonly boardDevice: BoardId
  readonly contactor: ContactorFacts
  /** What holds the board's release input. */
  readonly release: Wire
  /** What holds the board's supply. */
  readonly supply: Wire
  /** Rating of the cable that the car brings, A; tethered boxes do not look at it. */
  readonly cableAmps: number
}

/** A circuit closed by a channel of a relay module (from 0), or always. */
export type Wire =
  | { readonly kind: 'relay'; readonly relay: string; readonly channel: number }
  | { readonly kind: 'bridged' }

export interface World {
  readonly atMicros: number
  readonly supplied: boolean
  readonly car: Car
  readonly board: SimBoard
  readonly contactor: Contactor
  /** By the device's name. */
  readonly relays: Readonly<Record<string, RelayState>>
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
  const relays = stepRelays(world, nowMicros)
  const board = world.board.step(boardInputs({ ...world, relays }, facts), nowMicros)
  const { coil, signal } = board.view
  const welded = hasFault(world, 'contactorWelded')
  const contactor = stepContactor(world.contactor, facts.contactor, { coil, welded }, nowMicros)
  const greedy = world.faults.find((fault) => fault.kind === 'greedy')
  const energised = contactor.closed && world.supplied
  const car = stepCar(
    charged(world.car, energy.total.milliwattHours - world.energy.total.milliwattHours),
    { signal, energised, greedyMilliamps: greedy?.milliamps ?? null },
    nowMicros,
  )
  const next: World = { ...world, atMicros: nowMicros, relays, board, contactor, car, energy }
  return { world: next, happenings: happened(world, next) }
}

function stepRelays({ relays, supplied }: World, nowMicros: number): World['relays'] {
  const stepped = Object.entries(relays).map(
    ([name, relay]) => [name, stepRelay(relay, supplied, nowMicros)] as const,
  )
  return stepped.some(([name, relay]) => relay !== relays[name]) ? Object.fromEntries(stepped) : relays
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

/** Whether the wire's circuit is closed. */
const holds = ({ relays }: World, wire: Wire): boolean =>
  wire.kind === 'bridged' || relays[wire.relay]?.closed[wire.channel] === true

/** What the board's terminals carry now. */
export function boardInputs(world: World, facts: WorldFacts): BoardInputs {
  const held = world.faults.find((fault) => fault.kind === 'pilot')
  const supplied = world.supplied && holds(world, facts.supply)
  return {
    supplied,
    vehicle: heldVehicle(held?.state) ?? vehicleLetter(world.car),
    released: supplied && holds(world, facts.release),
    proximityAmps: world.car.plugged ? facts.cableAmps : 0,
    contactorClosed: world.contactor.closed,
    locked: null,
    currentsMilliamps: currents(world),
    voltagesMillivolts: facts.voltagesMillivolts,
    energyMilliwattHours: world.energy.total.milliwattHours,
    temperatureMilliCelsius: ROOM_MILLICELSIUS,
    heldErrors: world.faults.flatMap((fault) => (fault.kind === 'boardError' ? [fault.bit] : [])),
    heldUnavailable: held?.state === 'F',
  }
}

const ROOM_MILLICELSIUS = 25_000

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

const powerText = ({ powered, state }: BoardView): string => {
  if (!powered) return 'off'
  return state === '--' ? 'booting' : 'on'
}

/** What an onlooker sees change between two worlds, after a step or after a command. */
export function happened(before: World, after: World): readonly Happening[] {
  const list: Happening[] = []
  const say = (kind: Happening['kind'], detail: string) => list.push({ kind, detail })
  if (before.car.plugged !== after.car.plugged) say(after.car.plugged ? 'plugged' : 'unplugged', '')
  const [was, is] = [before.board.view, after.board.view]
  for (let write = was.retentiveWrites; write < is.retentiveWrites; write++)
    say('retentiveWrite', `${write + 1}`)
  for (const [name, relay] of Object.entries(after.relays)) {
    const old = before.relays[name]
    if (old === relay) continue
    if (relay.closed.some((closed, channel) => closed !== old?.closed[channel])) {
      say('relay', relay.closed.map((closed) => (closed ? '1' : '0')).join(''))
    }
  }
  if (powerText(was) !== powerText(is)) say('boardPower', powerText(is))
  if (was.state !== is.state) say('pilot', is.state)
  if (was.errors !== is.errors) say('boardError', is.errors.toString(2))
  if (was.offeredMilliamps !== is.offeredMilliamps) say('offer', `${is.offeredMilliamps}`)
  if (before.contactor.closed !== after.contactor.closed) {
    say(after.contactor.closed ? 'contactorClosed' : 'contactorOpened', '')
  }
  const flowed = currents(before).some((current) => current > 0)
  const flows = currents(after).some((current) => current > 0)
  if (flowed !== flows) say(flows ? 'currentStarted' : 'currentStopped', '')
  return list
}
