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
import { startTokenReader } from './bus/token-reader.ts'
import type { LineQuirks } from './devices/board-kind.ts'
import { boardKindOf } from './devices/boards.ts'
import { withCable, withCar, withGridLimit, withStopPressed } from './hands.ts'
import { happened } from './happenings.ts'
import { newWorld, worldFacts } from './new-world.ts'
import { simState } from './sim-state.ts'
import { isBoard, isMeter, isRelay } from './site-fit.ts'
import type { Site, SiteDevice } from './site-shape.ts'
import { askStandIn, standInOf } from './stand-in.ts'
import { untold } from './world/hurt.ts'
import { stepWorld, type World, type WorldFacts, withFaults } from './world.ts'

export interface RunningSite {
  /** All buses can be reached; rejects where a TCP port is taken. A site of serial buses can be from the start. */
  readonly opened: Promise<void>
  state(): SimState
  readonly events: Pick<NumberedLog<SimEvent>, 'after'>
  readonly frames: Pick<NumberedLog<SimFrame>, 'after'>
  /** Path of each bus for its master, `host:port` with TCP; null while the port is gone. */
  ports(): Readonly<Record<string, string | null>>
  setCar(change: Partial<CarState>): void
  setCable(change: { readonly inSocket: boolean; readonly amps?: number | 'shorted' }): void
  setGridLimit(limited: boolean): void
  pressStop(ms: number): void
  /** Holds a token of ten hex digits to a reader, null: the first; false where the site has no such reader. */
  touch(token: string, how: { readonly reader: string | null; readonly times: number }): boolean
  /** Supply of board, relay and meter. */
  setSupply(supplied: boolean): void
  /** Replaces the fault of the same kind at the same place. */
  addFault(fault: SimFault): void
  /** Why nothing would come of a fault at this site; null: something would. */
  nothingOf(fault: SimFault): string | null
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
    note(stepWorld(world, facts, atMicros))
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
    const other = standInOf(world.faults, device)
    if (other !== null) return askStandIn(site, other, { device, pdu, nowMicros: world.atMicros })
    const asked = askDevice(world, facts, device, pdu)
    if (asked) note(asked.world)
    return asked?.pdu ?? null
  }

  const linkPathOf = (name: string) => (options.linkDir === null ? null : join(options.linkDir, name))
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
    return startBus({ ...bus, ...common, linkPath: linkPathOf(bus.name) })
  })
  const readers = site.readers.map(({ name }) =>
    startTokenReader({ name, clock, linkPath: linkPathOf(name), onTrouble: options.onTrouble }),
  )

  const setFaults = (faults: readonly SimFault[]) => {
    change((now) => withFaults(now, facts, faults))
    for (const port of [...buses, ...readers]) {
      const here = faults.filter((fault) => !('bus' in fault) || (fault.bus ?? port.name) === port.name)
      port.setFaults(here)
      port.renamePort(here.some((fault) => fault.kind === 'portRenamed'))
      if (here.some((fault) => fault.kind === 'portGone')) port.loosePort()
      else port.restorePort()
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
    ports: () => Object.fromEntries([...buses, ...readers].map((port) => [port.name, port.path()])),
    setCar: (part) => change((now) => withCar(now, part)),
    setCable: (cable) => change((now) => withCable(now, cable)),
    setGridLimit: (limited) => change((now) => withGridLimit(now, limited)),
    pressStop: (ms) => change((now) => withStopPressed(now, ms)),
    touch: (token, { reader: name, times }) => {
      const reader = name === null ? readers[0] : readers.find((candidate) => candidate.name === name)
      if (!reader) return false
      step()
      events.add({ atMicros: world.atMicros, kind: 'token', detail: token })
      // Without supply nobody reads it.
      if (world.supplied) reader.touch(token, times)
      return true
    },
    setSupply: (supplied) => change((now) => ({ ...now, supplied })),
    addFault: (fault) => setFaults([...world.faults.filter((other) => place(other) !== place(fault)), fault]),
    clearFaults: () => setFaults([]),
    nothingOf: (fault) => nothingOf(fault, site, facts),
    advanceMeter: (milliwattHours) =>
      change((now) => {
        const otherMilliwattHours = now.meter.otherMilliwattHours + milliwattHours
        return { ...now, meter: { ...now.meter, otherMilliwattHours } }
      }),
    close: () => {
      stepping.cancel()
      for (const port of [...buses, ...readers]) port.close()
    },
  }
}

function nothingOf(fault: SimFault, site: Site, facts: WorldFacts): string | null {
  const trouble = untold(fault, boardKindOf(facts.boardDevice), {
    residualMonitor: facts.wiring.residual !== null,
  })
  if (trouble !== null) return `a trouble that ${facts.boardDevice} tells; it does not tell ${trouble}`
  const ports = [...site.buses, ...site.readers].map((port) => port.name)
  if ('bus' in fault && fault.bus !== undefined && !ports.includes(fault.bus)) {
    return `a bus or reader of this site: ${ports.join(', ')}`
  }
  if ('unitId' in fault && !site.devices.some((device) => device.unitId === fault.unitId)) {
    return `a unit id of this site: ${site.devices.map((device) => device.unitId).join(', ')}`
  }
  if (fault.kind === 'inputStuck' && !facts.inputModules.includes(fault.inputs)) {
    return `an input module of this site: ${facts.inputModules.join(', ') || 'none'}`
  }
  const relays = site.devices.filter(isRelay).map((relay) => relay.name)
  if (fault.kind === 'relayStuck' && !relays.includes(fault.relay)) {
    return `a relay module of this site: ${relays.join(', ') || 'none'}`
  }
  if (fault.kind === 'lock' && facts.wiring.lock === null) return 'a site with a lock'
  return fault.kind === 'releaseWelded' && facts.wiring.release === null
    ? 'a site with a release contactor'
    : null
}

/** Two faults with the same place replace each other. */
function place(fault: SimFault): string {
  const bus = 'bus' in fault ? ` ${fault.bus}` : ''
  if ('unitId' in fault) return `${fault.kind} ${fault.unitId}${bus}`
  switch (fault.kind) {
    case 'boardError':
      return `${fault.kind} ${fault.bit}`
    case 'meter':
    case 'lock':
      return `${fault.kind} ${fault.how}`
    case 'phaseLost':
      return `${fault.kind} ${fault.phase}`
    case 'relayStuck':
      return `${fault.kind} ${fault.relay} ${fault.channel}`
    case 'inputStuck':
      return `${fault.kind} ${fault.inputs} ${fault.channel}`
    default:
      return `${fault.kind}${bus}`
  }
}

const unitOf = (device: SiteDevice, answer: BusUnit['answer']): BusUnit => ({
  unitId: device.unitId,
  ...quirksOf(device),
  answer,
})

function quirksOf(device: SiteDevice): LineQuirks {
  if (isBoard(device)) return boardKindOf(device.device).quirks
  if (isMeter(device)) return { silenceMs: device.silenceMs, hearsBroadcast: false }
  return { silenceMs: 0, hearsBroadcast: isRelay(device) }
}
