// A site that runs: the world stepped every few milliseconds, its devices on their buses, and what the HTTP control may do to
// it. Thin: every rule is in world.ts and in devices/.
import { join } from 'node:path'
import type { Clock } from '../shared/time/clock.ts'
import type { CarState, SimEvent, SimFault, SimFrame, SimState } from './api.ts'
import { type NumberedLog, numberedLog } from './bus/numbered-log.ts'
import { type Bus, type BusUnit, frameLog, startBus } from './bus/start-bus.ts'
import { answerMeter, registerWh, serialNumber } from './devices/eastron-sdm630.ts'
import { answerPhoenix } from './devices/phoenix-ev-cc.ts'
import { isAvailable, isEnabled } from './devices/phoenix-firmware.ts'
import { answerRelay } from './devices/waveshare-relay.ts'
import { boardIdentity, newWorld, worldFacts } from './new-world.ts'
import type { DeviceKind, Site, SiteDevice } from './site.ts'
import {
  boardInputs,
  boardText,
  currents,
  happened,
  meterWiring,
  stepWorld,
  type World,
  type WorldFacts,
  withFaults,
} from './world.ts'

export interface RunningSite {
  state(): SimState
  readonly events: Pick<NumberedLog<SimEvent>, 'after'>
  readonly frames: Pick<NumberedLog<SimFrame>, 'after'>
  /** Path of each bus for its master; null while the port is gone. */
  ports(): Readonly<Record<string, string | null>>
  setCar(change: Partial<CarState>): void
  /** Supply of board, relay and meter. */
  setSupply(supplied: boolean): void
  /** Replaces the fault of the same kind at the same place. */
  addFault(fault: SimFault): void
  clearFaults(): void
  advanceMeter(milliwattHours: number): void
  close(): void
}

export interface RunningSiteOptions {
  readonly site: Site
  readonly clock: Clock
  readonly wallOffsetMs: number
  /** Folder for the links DIR/<bus>, or null. It exists. */
  readonly linkDir: string | null
  onTrouble(detail: string): void
}

/** The world moves this often, and before each answer. */
const STEP_MS = 5
/** A longer absence (a suspended machine) is passed over in one step. */
const CATCH_UP_MICROS_MAX = 10_000_000
const EVENTS_KEPT = 20_000

export function startSite(options: RunningSiteOptions): RunningSite {
  const { site, clock } = options
  const facts = worldFacts(site)
  const identity = boardIdentity(site)
  const events = numberedLog<SimEvent>(EVENTS_KEPT, (number, entry) => ({ number, ...entry }))
  const frames = frameLog()
  let world = newWorld(site, facts, clock.monotonicMicros())

  const note = (next: World) => {
    for (const it of happened(world, next)) events.add({ atMicros: next.atMicros, ...it })
    world = next
  }
  const stepTo = (atMicros: number) => {
    const moved = stepWorld(world, facts, atMicros)
    for (const it of moved.happenings) events.add({ atMicros, ...it })
    world = moved.world
  }
  /** Up to now. The world keeps its own pace: what a held-up process has missed is stepped through as it would have been. */
  const step = () => {
    const nowMicros = clock.monotonicMicros()
    if (nowMicros - world.atMicros < CATCH_UP_MICROS_MAX) {
      while (nowMicros - world.atMicros > STEP_MS * 1000) stepTo(world.atMicros + STEP_MS * 1000)
    }
    stepTo(nowMicros)
  }
  /** A command acts on the world of now, and its consequences begin at once. */
  const change = (to: (now: World) => World) => {
    step()
    note(to(world))
    step()
  }

  const answerOf: Readonly<Record<DeviceKind, (pdu: Uint8Array) => Uint8Array | null>> = {
    'phoenix-ev-cc-ac1-m3-rtu': (pdu) => {
      step()
      const { board, atMicros: nowMicros } = world
      const at = { board, facts: facts.board, inputs: boardInputs(world, facts), identity, nowMicros }
      const answer = answerPhoenix(at, pdu)
      if (answer) note({ ...world, board: answer.state })
      return answer?.pdu ?? null
    },
    'eastron-sdm630-v2': (pdu) => {
      step()
      if (!world.supplied) return null
      const answer = answerMeter(world.meter, pdu, meterWiring(world, facts))
      note({ ...world, meter: answer.state })
      return answer.pdu
    },
    'waveshare-modbus-rtu-relay-8ch': (pdu) => {
      step()
      if (!world.supplied) return null
      const answer = answerRelay(world.relay, pdu, world.atMicros)
      note({ ...world, relay: answer.state })
      return answer.pdu
    },
  }

  const buses: readonly Bus[] = site.buses.map((bus, index) =>
    startBus({
      ...bus,
      clock,
      frames,
      seed: site.seed + index,
      linkPath: options.linkDir === null ? null : join(options.linkDir, bus.name),
      onTrouble: options.onTrouble,
      units: site.devices
        .filter((device) => device.bus === bus.name)
        .map((it) => unitOf(it, answerOf[it.device])),
    }),
  )

  const setFaults = (faults: readonly SimFault[]) => {
    change((now) => withFaults(now, facts, faults))
    const gone = faults.some((fault) => fault.kind === 'portGone')
    for (const bus of buses) {
      bus.setFaults(faults)
      if (gone) bus.loosePort()
      else bus.restorePort()
    }
  }
  const stepping = clock.every('world', STEP_MS, step)

  return {
    state: () => {
      step()
      return simState(world, facts, options.wallOffsetMs)
    },
    events,
    frames,
    ports: () => Object.fromEntries(buses.map((bus) => [bus.name, bus.path()])),
    setCar: (part) => change((now) => ({ ...now, car: { ...now.car, ...part } })),
    setSupply: (supplied) => change((now) => ({ ...now, supplied })),
    addFault: (fault) => setFaults([...world.faults.filter((other) => place(other) !== place(fault)), fault]),
    clearFaults: () => setFaults([]),
    advanceMeter: (milliwattHours) =>
      change((now) => {
        const otherMilliwattHours = now.meter.otherMilliwattHours + milliwattHours
        return { ...now, meter: { ...now.meter, otherMilliwattHours } }
      }),
    close: () => {
      stepping.cancel()
      for (const bus of buses) bus.close()
    },
  }
}

/** What SimState says of a world. */
function simState(world: World, facts: WorldFacts, wallOffsetMs: number): SimState {
  const { car, board, relay, meter } = world
  const inputs = boardInputs(world, facts)
  return {
    atMicros: world.atMicros,
    wallOffsetMs,
    car: {
      plugged: car.plugged,
      phases: car.phases,
      maxMilliamps: car.maxMilliamps,
      wantsEnergy: car.wantsEnergy,
      followMs: car.followMs,
    },
    currentsMilliamps: currents(world),
    energyMilliwattHours: world.energy.total.milliwattHours,
    board: {
      powered: board.power.kind !== 'off',
      state: boardText(board),
      enabled: isEnabled(board, inputs),
      available: isAvailable(board, inputs) && !inputs.heldUnavailable,
      offeredMilliamps: board.offeredAmps * 1000,
      contactorClosed: world.contactor.closed,
      retentiveWrites: board.retentiveWrites,
    },
    relay: { powered: relay.supplied, channels: relay.closed },
    meter: { serial: `${serialNumber(meter)}`, registerWh: registerWh(meter, meterWiring(world, facts)) },
    faults: world.faults,
  }
}

/** Two faults with the same place replace each other. */
const place = (fault: SimFault): string => {
  if ('unitId' in fault) return `${fault.kind} ${fault.unitId}`
  if (fault.kind === 'boardError') return `${fault.kind} ${fault.bit}`
  return fault.kind === 'meter' ? `${fault.kind} ${fault.how}` : fault.kind
}

const unitOf = (device: SiteDevice, answer: BusUnit['answer']): BusUnit => ({
  unitId: device.unitId,
  silenceMs: device.device === 'eastron-sdm630-v2' ? device.silenceMs : 0,
  hearsBroadcast: device.device === 'waveshare-modbus-rtu-relay-8ch',
  answer,
})
