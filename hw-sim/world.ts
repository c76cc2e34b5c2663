// The simulated site as one pure step: grid, car, cable, board, contactors, lock, modules and meter after a moment has passed.
// Holds always: current flows only through closed contactors with S2 closed (or what a fault of the trial says), and
// energy is the integral of that current and nothing else. Microseconds are those of CLOCK_MONOTONIC.
import type { SimFault } from './api.ts'
import type { BoardInputs, SimBoard, Vehicle } from './devices/board.ts'
import { type BoardId, boardKindOf } from './devices/boards.ts'
import { type MeterState, type MeterWiring, withMeterFaults } from './devices/eastron-sdm630.ts'
import { stepRelay } from './devices/waveshare-relay.ts'
import { type Car, lineCurrents, stepCar, vehicleLetter } from './world/car.ts'
import { type Contactor, type ContactorFacts, openContactor, stepContactor } from './world/contactor.ts'
import { type Energy, integrate } from './world/energy.ts'
import { carHurt, heldErrors, temperature } from './world/hurt.ts'
import { type LockFacts, type LockOrder, openLock, type PlugLock, stepLock } from './world/plug-lock.ts'
import { soundMonitor, stepResidual } from './world/residual.ts'
import { holds, lockOrder, type Wire, type Wired, type WiringFacts } from './world/wiring.ts'

/** What does not change while hw-sim runs. */
export interface WorldFacts {
  readonly voltagesMillivolts: Three
  readonly frequencyMillihertz: number
  readonly boardDevice: BoardId
  readonly contactor: ContactorFacts
  /** What holds the board's release input. */
  readonly release: Wire
  /** What holds the board's supply. */
  readonly supply: Wire
  readonly wiring: WiringFacts
  /** Names of the input modules. */
  readonly inputModules: readonly string[]
  /** The meter's voltage terminals are behind the contactors: an open one takes its voltages away. */
  readonly metersOutlet: boolean
}

type Three = readonly [number, number, number]

export interface World extends Wired {
  readonly atMicros: number
  readonly car: Car
  readonly cable: {
    readonly kind: 'tethered' | 'socket'
    /** Always with a fixed cable. */
    readonly inSocket: boolean
    /** Rating that its resistor tells, A. */
    readonly amps: number | 'shorted'
  }
  readonly board: SimBoard
  readonly contactor: Contactor
  readonly meter: MeterState
  readonly energy: Energy
  /** How often a plug was held by the lock when somebody pulled or pushed it. */
  readonly plugsHeld: number
}

/** Moves the world to `nowMicros`, which is not before its last step. */
export function stepWorld(world: World, facts: WorldFacts, nowMicros: number): World {
  const flow = { millivolts: voltages(world, facts), milliamps: currents(world) }
  const energy = integrate(world.energy, flow, nowMicros - world.atMicros)
  const relays = stepRelays(world, nowMicros)
  const board = world.board.step(boardInputs({ ...world, relays }, facts), nowMicros)
  const { coil, signal, lockWanted } = board.view
  const welded = hasFault(world, 'contactorWelded')
  const contactor = stepContactor(world.contactor, facts.contactor, { coil, welded }, nowMicros)
  const wired = stepWired({ ...world, relays }, facts, lockWanted, nowMicros)
  const car = stepCar(
    charged(world.car, energy.total.milliwattHours - world.energy.total.milliwattHours),
    { signal, energised: isEnergised({ ...wired, contactor }), hurt: carHurt(world.faults) },
    nowMicros,
  )
  return { ...world, ...wired, atMicros: nowMicros, board, contactor, car, energy }
}

/** Both contactors closed and the grid there: the outlet has its voltage. */
const isEnergised = (world: Pick<World, 'supplied' | 'contactor' | 'release'>): boolean =>
  world.supplied && world.contactor.closed && (world.release?.closed ?? true)

function stepRelays({ relays, supplied }: World, nowMicros: number): World['relays'] {
  const stepped = Object.entries(relays).map(
    ([name, relay]) => [name, stepRelay(relay, supplied, nowMicros)] as const,
  )
  return stepped.some(([name, relay]) => relay !== relays[name]) ? Object.fromEntries(stepped) : relays
}

/** What hangs on the modules, after the relays have moved. */
function stepWired(world: World, facts: WorldFacts, boardWants: LockOrder, nowMicros: number): Wired {
  const { lock, release, residual } = facts.wiring
  const { supplied, relays, faults, gridLimited } = world
  const pressed = world.stopPressedUntilMicros
  return {
    supplied,
    relays,
    faults,
    gridLimited,
    stopPressedUntilMicros: pressed !== null && pressed <= nowMicros ? null : pressed,
    lock: lock && stepLockOf(world, lock, lockOrder(world, facts.wiring, boardWants), nowMicros),
    release:
      release &&
      stepContactor(
        world.release ?? openContactor,
        release.contactor,
        { coil: supplied && holds(world, release.coil), welded: hasFault(world, 'releaseWelded') },
        nowMicros,
      ),
    residual:
      residual &&
      stepResidual(
        world.residual ?? soundMonitor,
        {
          supplied,
          leaks: hasFault(world, 'residualCurrent') && isEnergised(world),
          testing: residual.test !== null && holds(world, residual.test),
          testFails: hasFault(world, 'selfTestFailed'),
        },
        nowMicros,
      ),
  }
}

function stepLockOf(world: World, facts: LockFacts, order: LockOrder, nowMicros: number): PlugLock {
  const how = (what: 'jammed' | 'slow' | 'feedbackStuck') =>
    world.faults.some((fault) => fault.kind === 'lock' && fault.how === what)
  const hurt = { jammed: how('jammed'), slow: how('slow'), feedbackStuck: how('feedbackStuck') }
  return stepLock(world.lock ?? openLock, facts, { supplied: world.supplied, order, hurt }, nowMicros)
}

/** Line currents now, mA. */
export const currents = (world: World): Three =>
  isEnergised(world) ? onPhases(lineCurrents(world.car), world.faults) : [0, 0, 0]

/** Line voltages of the grid now, mV. */
const voltages = (world: World, facts: WorldFacts): Three => onPhases(facts.voltagesMillivolts, world.faults)

/** What is left of three phases when some are lost. */
function onPhases([a, b, c]: Three, faults: readonly SimFault[]): Three {
  const isLost = (phase: 1 | 2 | 3) => faults.some((it) => it.kind === 'phaseLost' && it.phase === phase)
  return [isLost(1) ? 0 : a, isLost(2) ? 0 : b, isLost(3) ? 0 : c]
}

/** What the meter is wired to now. */
export function meterWiring(world: World, facts: WorldFacts): MeterWiring {
  const [a, b, c] = world.energy.phases
  return {
    voltagesMillivolts: facts.metersOutlet && !isEnergised(world) ? [0, 0, 0] : voltages(world, facts),
    currentsMilliamps: currents(world),
    frequencyMillihertz: facts.frequencyMillihertz,
    phaseMilliwattHours: [a.milliwattHours, b.milliwattHours, c.milliwattHours],
    totalMilliwattHours: world.energy.total.milliwattHours,
  }
}

/** What the board's terminals carry now. */
export function boardInputs(world: World, facts: WorldFacts): BoardInputs {
  const held = world.faults.find((fault) => fault.kind === 'pilot')
  const supplied = world.supplied && holds(world, facts.supply)
  return {
    supplied,
    vehicle: heldVehicle(held?.state) ?? (world.cable.inSocket ? vehicleLetter(world.car) : 'A'),
    released: supplied && holds(world, facts.release),
    proximityAmps: proximity(world),
    contactorClosed: world.contactor.closed,
    locked: facts.wiring.lock?.boardSees === true ? world.lock?.feedback === 'locked' : null,
    currentsMilliamps: currents(world),
    voltagesMillivolts: voltages(world, facts),
    energyMilliwattHours: world.energy.total.milliwattHours,
    temperatureMilliCelsius: temperature(world.faults),
    heldErrors: heldErrors(world.faults, boardKindOf(facts.boardDevice), {
      residualMonitor: facts.wiring.residual !== null,
    }),
    heldUnavailable: held?.state === 'F',
  }
}

/** A fixed cable tells its rating while a car is plugged in; a socket while a cable is in it. */
function proximity({ cable, car }: World): number | 'shorted' {
  const there = cable.kind === 'tethered' ? car.plugged : cable.inSocket
  return there ? cable.amps : 0
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
