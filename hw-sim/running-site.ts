// A site that runs: the world stepped every few milliseconds, its devices on their buses, and what the HTTP control may do to
// it. Thin: every rule is in world.ts and in devices/.
import { join } from 'node:path'
import type { Clock } from '../shared/time/clock.ts'
import type { CarState, SimEvent, SimFault, SimFrame, SimState } from './api.ts'
import { askDevice } from './ask-device.ts'
import type { BusUnit } from './bus/hearing.ts'
import { type NumberedLog, numberedLog } from './bus/numbered-log.ts'
import { type Bus, frameLog, startBus } from './bus/start-bus.ts'
import { startTcpBus } from './bus/tcp-bus.ts'
import type { LineQuirks } from './devices/board-kind.ts'
import { boardKindOf } from './devices/boards.ts'
import { registerWh, serialNumber } from './devices/eastron-sdm630.ts'
import { newWorld, worldFacts } from './new-world.ts'
import { isBoard, isMeter } from './site-fit.ts'
import type { Site, SiteDevice } from './site-shape.ts'
import {
  currents,
  happened,
  meterWiring,
  stepWorld,
  type World,
  type WorldFacts,
  withFaults,
} from './world.ts'

export interface RunningSite {
  /** All buses can be reached; rejects where a TCP port is taken. A site of serial buses can be from the start. */
  readonly opened: Promise<void>
  state(): SimState
  readonly events: Pick<NumberedLog<SimEvent>, 'after'>
  readonly frames: Pick<NumberedLog<SimFrame>, 'after'>
  /** Path of each bus for its master, `host:port` with TCP; null while the port is gone. */
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
  const events = numberedLog<SimEvent>(EVENTS_KEPT, (number, entry) => ({ number, ...entry }))
  const frames = frameLog()
  let world = newWorld(site, clock.monotonicMicros())

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

  const answer = (device: SiteDevice, pdu: Uint8Array): Uint8Array | null => {
    step()
    const asked = askDevice(world, facts, device, pdu)
    if (asked) note(asked.world)
    return asked?.pdu ?? null
  }

  const buses: readonly Bus[] = site.buses.map((bus, index) => {
    const common = {
      clock,
      frames,
      seed: site.seed + index,
      onTrouble: options.onTrouble,
      units: site.devices
        .filter((device) => device.bus === bus.name)
        .map((device) => unitOf(device, (pdu) => answer(device, pdu))),
    }
    if (bus.kind === 'tcp') return startTcpBus({ ...bus, ...common })
    const linkPath = options.linkDir === null ? null : join(options.linkDir, bus.name)
    return startBus({ ...bus, ...common, linkPath })
  })

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
    opened: Promise.all(buses.map((bus) => bus.opened)).then(() => undefined),
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
  const { car, meter } = world
  const { view } = world.board
  const [relay] = Object.values(world.relays)
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
      kind: facts.boardDevice,
      powered: view.powered,
      state: view.state,
      enabled: view.enabled,
      available: view.available,
      offeredMilliamps: view.offeredMilliamps,
      contactorClosed: world.contactor.closed,
      retentiveWrites: view.retentiveWrites,
      errors: view.errors,
      watchdog: view.watchdog ?? null,
    },
    relay: { powered: relay?.supplied ?? false, channels: relay?.closed ?? [] },
    relays: Object.fromEntries(
      Object.entries(world.relays).map(([name, { supplied, closed }]) => [
        name,
        { powered: supplied, channels: closed },
      ]),
    ),
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
  ...quirksOf(device),
  answer,
})

function quirksOf(device: SiteDevice): LineQuirks {
  if (isBoard(device)) return boardKindOf(device.device).quirks
  return isMeter(device)
    ? { silenceMs: device.silenceMs, hearsBroadcast: false }
    : { silenceMs: 0, hearsBroadcast: true }
}
