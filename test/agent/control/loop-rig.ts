// The loop in virtual time with devices that answer at once, for its tests.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterEach, beforeEach, expect } from 'vitest'
import { type ControlConfig, NO_IO } from '../../../agent/control/config.ts'
import { createLoop } from '../../../agent/control/loop.ts'
import { openMirror, readMirror } from '../../../agent/control/mirror.ts'
import type { Board, BoardFacts, BoardReading, Deadman } from '../../../agent/control/ports/board.ts'
import type { Bus, BusState } from '../../../agent/control/ports/bus.ts'
import type { Meter } from '../../../agent/control/ports/meter.ts'
import { NO_MODULES } from '../../../agent/control/wiring.ts'
import {
  type ControlStatus,
  type ControlToKeeper,
  type KeeperToControl,
  LINK_VERSION,
  type NumberedFact,
  type Pilot,
} from '../../../agent/control-link/messages.ts'
import type { LimitPlan } from '../../../shared/limits/plan.ts'
import { message } from '../../../shared/message.ts'
import { err, ok } from '../../../shared/result.ts'
import { amps, milliAmps, milliVolts, monotonicMs, wattHours, watts } from '../../../shared/units.ts'
import type { VirtualClock } from './drivers/virtual-clock.ts'

let runDir = ''
/** Writes of the mirror under way: time stands still until they are done. */
const writing = new Set<Promise<unknown>>()
const loops: { stop(): void }[] = []
/** To be called once by a test file: each test gets a run directory of its own, and its loops end with it. */
export function withLoops() {
  beforeEach(() => {
    runDir = mkdtempSync(join(tmpdir(), 'vk-loop-'))
  })
  afterEach(async () => {
    endLoops()
    await Promise.allSettled(writing)
    rmSync(runDir, { recursive: true, force: true })
  })
}
export const runFolder = () => runDir
export function endLoops() {
  for (const loop of loops.splice(0)) loop.stop()
}

/** What the board is stopped by when nobody talks to it. */
export interface SiteKind {
  readonly deadman: BoardFacts['deadman']
  /** Of an own watchdog: T_deadman; and I_deadman, or what a board offers by itself with its supply back. */
  readonly timeoutMs: number
  readonly fallbackMilliamps: number
  /** It can be told to leave service. */
  readonly hasService: boolean
}

const HELD_BY_XR: SiteKind = {
  deadman: { kind: 'external', cuts: 'release' },
  timeoutMs: 0,
  fallbackMilliamps: 0,
  hasService: false,
}
const SUPPLY_BOOT_MS = 800

/** Board, relay, meter and car, which outlive controls. */
export function site(clock: VirtualClock, kind: SiteKind = HELD_BY_XR) {
  const world = {
    pilot: 'A' as Pilot,
    offered: 0,
    heldUntil: 0,
    /** Since when the relay holds without a gap. */
    heldSince: 0,
    fedAt: Number.NEGATIVE_INFINITY,
    inService: true,
    /** The car goes on in C1. */
    ignoresPause: false,
    registerWh: 1000,
    serial: 'M1',
    suspendedMs: 0,
    boardDead: false,
    prepareFails: false,
  }
  const writes: string[] = []
  const { deadman: facts } = kind
  const own = facts.kind === 'own'
  const held = () => clock.monotonic() < world.heldUntil
  const powered = () => own || facts.cuts === 'release' || held()
  const answers = () =>
    !world.boardDead &&
    powered() &&
    (own || facts.cuts === 'release' || clock.monotonic() - world.heldSince >= SUPPLY_BOOT_MS)
  const tripped = () => own && clock.monotonic() - world.fedAt >= kind.timeoutMs
  const released = () => (own ? world.inService : held())
  const offered = () => (tripped() ? kind.fallbackMilliamps : world.offered)
  const on = () => released() && offered() > 0 && world.pilot !== 'A'
  const draws = () => {
    if (world.pilot !== 'C' || !powered() || !released()) return milliAmps(0)
    if (!tripped() && world.offered === 0 && world.ignoresPause) return amps(6)
    return milliAmps(offered())
  }
  const heard = () => {
    if (own && facts.fedBy === 'anyRequest') world.fedAt = clock.monotonic()
  }
  const silent = err({ kind: 'timedOut' } as const)
  const reading = (): BoardReading => ({
    takenAtMonotonicMs: clock.monotonic(),
    pilot: released() || (!own && facts.cuts === 'supply') ? world.pilot : 'F',
    oscillatorOn: on(),
    offeredMilliamps: milliAmps(on() ? offered() : 0),
    proximity: { kind: 'open' },
    errors: [],
    ...(own || facts.cuts === 'supply' ? {} : { releaseInputOn: held() }),
  })
  const board: Board = {
    name: 'board',
    facts: {
      stepMilliamps: amps(1),
      currentMaxMilliamps: amps(32),
      deadman: facts,
      hasRelayFeedback: false,
      tellsOscillator: true,
      lock: 'none',
      hasSelfTest: false,
    },
    async prepare() {
      if (!answers() || world.prepareFails) return silent
      heard()
      return ok({
        serial: 'B',
        retentiveWrites: 0,
        fallback: {
          timeoutMs: own ? kind.timeoutMs : null,
          currentMilliamps: milliAmps(kind.fallbackMilliamps),
        },
      })
    },
    async read() {
      if (!answers()) return silent
      heard()
      return ok(reading())
    },
    async offer(currentMilliamps) {
      writes.push(`offer ${currentMilliamps}`)
      if (!answers()) return silent
      heard()
      world.offered = currentMilliamps
      return ok(null)
    },
    async pause() {
      writes.push('pause')
      if (!answers()) return silent
      heard()
      world.offered = 0
      return ok(null)
    },
    ...(own && facts.fedBy === 'feed'
      ? {
          async feed() {
            if (!answers()) return silent
            world.fedAt = clock.monotonic()
            return ok(null)
          },
        }
      : {}),
    ...(kind.hasService
      ? {
          async setService(inService: boolean) {
            if (!answers()) return silent
            heard()
            if (world.inService !== inService) writes.push(inService ? 'into service' : 'out of service')
            world.inService = inService
            return ok(null)
          },
        }
      : {}),
  }
  const deadman: Deadman = {
    name: 'relay',
    holdMs: 2000,
    async hold() {
      if (!held()) {
        writes.push('hold')
        world.heldSince = clock.monotonic()
        if (!own && facts.cuts === 'supply') world.offered = kind.fallbackMilliamps
      }
      world.heldUntil = clock.monotonic() + 2000
      return ok(null)
    },
    async release() {
      writes.push('release')
      world.heldUntil = 0
      return ok(null)
    },
  }
  const meter: Meter = {
    name: 'meter',
    resolutionWh: () => 1,
    readSerial: async () => ok(world.serial),
    blocks: 1,
    readNext: async () =>
      ok({
        takenAtMonotonicMs: clock.monotonic(),
        registerWh: wattHours(world.registerWh),
        powerWatts: watts(0),
        currentsMilliamps: [draws(), draws(), draws()],
        voltagesMillivolts: [milliVolts(230_000), milliVolts(230_000), milliVolts(230_000)],
      }),
  }
  return { world, writes, board, deadman: own ? null : deadman, meter }
}

export function control(clock: VirtualClock, at: ReturnType<typeof site>, bootId = 'boot') {
  const told: ControlToKeeper[] = []
  const statistics = {
    requests: 0,
    timeOuts: 0,
    badCrc: 0,
    discardedBytes: 0,
    exceptions: 0,
    roundTripMs: null,
    lastReplyAtMonotonicMs: null,
  }
  const open: BusState = { kind: 'open' }
  const bus: Bus = {
    name: 'main',
    unit: () => {
      throw new Error('devices of this test need no units')
    },
    status: () => ({ name: 'main', state: open, total: statistics, loadPercent: 0, reopened: 0, units: [] }),
    onState: (listener) => {
      listener(open)
      return () => undefined
    },
    close: async () => undefined,
  }
  const device = (name: string, unitId: number) => ({ name, driver: 'none', bus: 'main', unitId })
  const config: ControlConfig = {
    stationId: 'S',
    buses: [],
    board: device('board', 1),
    deadman: at.deadman === null ? null : { ...device('relay', 3), channel: 1 },
    meter: device('meter', 2),
    metersOutlet: false,
    io: NO_IO,
    rfid: null,
    billedOrRestricted: false,
    silenceProvedMs: null,
    cable: { kind: 'tethered', ratingMilliamps: amps(32) },
    phasesWired: 3,
    wireRatingMilliamps: amps(32),
    socketPath: '',
    runDir,
    installationCopyPath: '',
    bootId,
    wallOffsetMs: 0,
  }
  const mirror = openMirror(runDir)
  if (!mirror.ok) throw new Error(mirror.error)
  const loop = createLoop({
    config,
    bootId,
    clock,
    log: pino({ level: 'silent' }),
    board: at.board,
    boardSilenceMs: 0,
    deadman: at.deadman,
    meter: at.meter,
    modules: NO_MODULES,
    buses: [bus],
    found: readMirror(runDir, bootId, clock.monotonic()),
    mirror: {
      ...mirror.value,
      write: (content) => {
        const written = mirror.value.write(content)
        writing.add(written)
        return written.finally(() => writing.delete(written))
      },
    },
    installation: null,
    suspendedMs: () => at.world.suspendedMs,
    send: (one) => {
      told.push(one)
      return true
    },
  })
  loops.push(loop)
  loop.start()
  const status = () =>
    told.reduce<ControlStatus | null>((newest, one) => ('status' in one ? one.status : newest), null)
  const facts = () => told.flatMap((one): NumberedFact[] => (one.kind === 'fact' ? [one.fact] : []))
  return { loop, told, status, facts, kinds: () => facts().map(({ fact }) => fact.kind) }
}

/** Moves time, with the mirror's files written between. */
export async function pass(clock: VirtualClock, ms: number) {
  for (let done = 0; done < ms; done += 250) {
    await clock.advance(Math.min(250, ms - done))
    while (writing.size > 0) await Promise.allSettled(writing)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

export const installation: LimitPlan = {
  source: 'installation',
  reason: message('limit.installation'),
  steps: [],
  afterwards: { kind: 'perPhase', currentMilliamps: amps(16) },
}

export const plans = (version: number, given: readonly LimitPlan[]): KeeperToControl => ({
  kind: 'plans',
  set: { version, bootId: 'boot', phasesWired: 3, mandatory: [], plans: given },
})

export const permissionFor = (plugId: string): KeeperToControl => ({
  kind: 'permission',
  permission: {
    uuid: 's1',
    evseId: 1,
    idToken: 't',
    plugId,
    meterSerial: 'M1',
    startRegisterWh: wattHours(1000),
    bootId: 'boot',
    startedAtMonotonicMs: monotonicMs(1),
  },
})

export async function plugged(
  clock: VirtualClock,
  at: ReturnType<typeof site>,
  extra: readonly LimitPlan[] = [],
) {
  const one = control(clock, at)
  one.loop.onKeeper({ kind: 'hello', version: LINK_VERSION, bootId: 'boot' })
  one.loop.onKeeper(plans(1, [installation, ...extra]))
  await pass(clock, 1500)
  at.world.pilot = 'B'
  await pass(clock, 500)
  const plugId = one.status()?.plugId
  if (!plugId) throw new Error('not plugged')
  return { one, plugId }
}

export async function charge(
  clock: VirtualClock,
  at: ReturnType<typeof site>,
  extra: readonly LimitPlan[] = [],
) {
  const { one, plugId } = await plugged(clock, at, extra)
  one.loop.onKeeper(permissionFor(plugId))
  await pass(clock, 500)
  at.world.pilot = 'C'
  await pass(clock, 1500)
  expect(one.status()?.chargingState).toBe('charging')
  return one
}

/** As SIGKILL leaves it: timers gone, mirror as last written. */
export function kill(clock: VirtualClock, one: ReturnType<typeof control>) {
  const mirrored = readMirror(runDir, 'boot', clock.monotonic())
  one.loop.stop()
  loops.splice(0)
  if (mirrored.kind !== 'found') throw new Error('no mirror')
  const file = openMirror(runDir)
  if (file.ok) file.value.writeNow({ ...mirrored.mirror, writtenAtMonotonicMs: clock.monotonic() })
}
