// The loop in virtual time with devices that answer at once: what is adopted after a restart, what is told, in what order.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ControlConfig } from '../../../agent/control/config.ts'
import { createLoop } from '../../../agent/control/loop.ts'
import { openMirror, readMirror } from '../../../agent/control/mirror.ts'
import type { Board, Deadman } from '../../../agent/control/ports/board.ts'
import type { Bus, BusState } from '../../../agent/control/ports/bus.ts'
import type { Meter } from '../../../agent/control/ports/meter.ts'
import {
  type ControlStatus,
  type ControlToKeeper,
  type KeeperToControl,
  LINK_VERSION,
  type NumberedFact,
  type Pilot,
} from '../../../agent/control-link/messages.ts'
import type { FaultCode } from '../../../shared/faults.ts'
import type { LimitPlan } from '../../../shared/limits/plan.ts'
import { message } from '../../../shared/message.ts'
import { err, ok } from '../../../shared/result.ts'
import { amps, milliAmps, milliVolts, monotonicMs, wattHours, watts } from '../../../shared/units.ts'
import { type VirtualClock, virtualClock } from './drivers/virtual-clock.ts'

let runDir = ''
/** Writes of the mirror under way: time stands still until they are done. */
const writing = new Set<Promise<unknown>>()
const loops: { stop(): void }[] = []
beforeEach(() => {
  runDir = mkdtempSync(join(tmpdir(), 'vk-loop-'))
})
afterEach(async () => {
  for (const loop of loops.splice(0)) loop.stop()
  await Promise.allSettled(writing)
  rmSync(runDir, { recursive: true, force: true })
})

/** Board, relay, meter and car, which outlive controls. */
function site(clock: VirtualClock) {
  const world = {
    pilot: 'A' as Pilot,
    offered: 0,
    heldUntil: 0,
    registerWh: 1000,
    serial: 'M1',
    suspendedMs: 0,
    boardDead: false,
    prepareFails: false,
  }
  const writes: string[] = []
  const inService = () => clock.monotonic() < world.heldUntil
  const on = () => inService() && world.offered > 0 && world.pilot !== 'A'
  const draws = () => milliAmps(on() && world.pilot === 'C' ? world.offered : 0)
  const board: Board = {
    name: 'board',
    facts: {
      stepMilliamps: amps(1),
      currentMaxMilliamps: amps(32),
      deadman: { kind: 'external', cuts: 'release' },
      hasRelayFeedback: false,
      tellsOscillator: true,
      lock: 'none',
      hasSelfTest: false,
    },
    prepare: async () =>
      world.boardDead || world.prepareFails
        ? err({ kind: 'timedOut' })
        : ok({
            serial: 'B',
            retentiveWrites: 0,
            fallback: { timeoutMs: null, currentMilliamps: milliAmps(0) },
          }),
    read: async () => {
      if (world.boardDead) return err({ kind: 'timedOut' })
      return ok({
        takenAtMonotonicMs: clock.monotonic(),
        pilot: inService() ? world.pilot : 'F',
        oscillatorOn: on(),
        offeredMilliamps: milliAmps(on() ? world.offered : 0),
        proximity: { kind: 'open' },
        errors: [],
        releaseInputOn: inService(),
      })
    },
    async offer(currentMilliamps) {
      writes.push(`offer ${currentMilliamps}`)
      world.offered = currentMilliamps
      return ok(null)
    },
    async pause() {
      writes.push('pause')
      world.offered = 0
      return ok(null)
    },
  }
  const deadman: Deadman = {
    name: 'relay',
    holdMs: 2000,
    async hold() {
      if (!inService()) writes.push('hold')
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
  return { world, writes, board, deadman, meter }
}

function control(clock: VirtualClock, at: ReturnType<typeof site>, bootId = 'boot') {
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
    deadman: { ...device('relay', 3), channel: 1 },
    meter: device('meter', 2),
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
    deadman: at.deadman,
    meter: at.meter,
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
async function pass(clock: VirtualClock, ms: number) {
  for (let done = 0; done < ms; done += 250) {
    await clock.advance(Math.min(250, ms - done))
    while (writing.size > 0) await Promise.allSettled(writing)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

const installation: LimitPlan = {
  source: 'installation',
  reason: message('limit.installation'),
  steps: [],
  afterwards: { kind: 'perPhase', currentMilliamps: amps(16) },
}

const plans = (version: number, given: readonly LimitPlan[]): KeeperToControl => ({
  kind: 'plans',
  set: { version, bootId: 'boot', phasesWired: 3, mandatory: [], plans: given },
})

const permissionFor = (plugId: string): KeeperToControl => ({
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

async function plugged(clock: VirtualClock, at: ReturnType<typeof site>, extra: readonly LimitPlan[] = []) {
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

async function charge(clock: VirtualClock, at: ReturnType<typeof site>, extra: readonly LimitPlan[] = []) {
  const { one, plugId } = await plugged(clock, at, extra)
  one.loop.onKeeper(permissionFor(plugId))
  await pass(clock, 500)
  at.world.pilot = 'C'
  await pass(clock, 1500)
  expect(one.status()?.chargingState).toBe('charging')
  return one
}

/** As SIGKILL leaves it: timers gone, mirror as last written. */
function kill(clock: VirtualClock, one: ReturnType<typeof control>) {
  const mirrored = readMirror(runDir, 'boot', clock.monotonic())
  one.loop.stop()
  loops.splice(0)
  if (mirrored.kind !== 'found') throw new Error('no mirror')
  const file = openMirror(runDir)
  if (file.ok) file.value.writeNow({ ...mirrored.mirror, writtenAtMonotonicMs: clock.monotonic() })
}

describe('the loop', () => {
  test('pauses before it holds the relay when it knows of no permission', async () => {
    const clock = virtualClock()
    const at = site(clock)
    control(clock, at)
    await pass(clock, 500)
    expect(at.writes).toEqual(['pause', 'hold'])
  })

  test('acknowledges plans and permission, and each is in the mirror by then', async () => {
    const clock = virtualClock()
    const one = await charge(clock, site(clock))
    expect(one.told.filter((told) => told.kind === 'ack')).toEqual([
      { kind: 'ack', of: 'plans', version: 1 },
      { kind: 'ack', of: 'permission', uuid: 's1' },
    ])
    expect(readMirror(runDir, 'boot', clock.monotonic())).toMatchObject({
      mirror: { planSet: { version: 1 }, permission: { uuid: 's1' }, chargingState: 'charging' },
    })
  })

  test('a restart within 10 s adopts the charge: the relay is held, nothing is written to the board', async () => {
    const clock = virtualClock()
    const at = site(clock)
    kill(clock, await charge(clock, at))
    await clock.advance(1000)
    at.writes.splice(0)
    const next = control(clock, at)
    await pass(clock, 8000)
    expect(at.writes).toEqual([])
    expect(next.status()).toMatchObject({ chargingState: 'charging', permissionUuid: 's1' })
    expect(next.kinds()).toEqual(['restarted'])
  })

  test('after 5 s down the dead-man has opened; the next control holds it and the charge goes on', async () => {
    const clock = virtualClock()
    const at = site(clock)
    kill(clock, await charge(clock, at))
    await clock.advance(5000)
    at.writes.splice(0)
    const next = control(clock, at)
    await pass(clock, 3000)
    expect(at.writes).toEqual(['hold'])
    expect(next.status()).toMatchObject({ chargingState: 'charging', permissionUuid: 's1', faults: [] })
  })

  test('after more than 10 s the permission is not adopted, and the car needs one again', async () => {
    const clock = virtualClock()
    const at = site(clock)
    kill(clock, await charge(clock, at))
    await clock.advance(11_000)
    at.writes.splice(0)
    const next = control(clock, at)
    await pass(clock, 3000)
    expect(at.writes).toEqual(['pause', 'hold'])
    expect(next.facts().map(({ fact }) => fact)).toMatchObject([
      { kind: 'restarted', mirror: 'tooOld' },
      { kind: 'plugged' },
      { kind: 'chargingState', state: 'occupied' },
    ])
    next.loop.onKeeper({ kind: 'hello', version: LINK_VERSION, bootId: 'boot' })
    expect(next.told.at(-1)).toMatchObject({ kind: 'hello', permission: null, planVersion: 1 })
  })

  test('a mirror of another boot gives nothing', async () => {
    const clock = virtualClock()
    const at = site(clock)
    kill(clock, await charge(clock, at))
    at.writes.splice(0)
    const next = control(clock, at, 'next boot')
    await pass(clock, 1000)
    expect(at.writes[0]).toBe('pause')
    expect(next.facts()[0]?.fact).toEqual({ kind: 'restarted', mirror: 'otherBoot' })
    expect(next.status()).toMatchObject({
      permissionUuid: null,
      planVersion: null,
      binding: { source: 'installation', currentMilliamps: 0 },
    })
  })

  test('facts keep their numbers over a restart until keeper has committed them', async () => {
    const clock = virtualClock()
    const at = site(clock)
    const one = await charge(clock, at)
    const numbers = one.facts().map(({ number }) => number)
    one.loop.onKeeper({ kind: 'factsStored', number: numbers[1] ?? 0 })
    at.world.pilot = 'B'
    await pass(clock, 500)
    kill(clock, one)
    const next = control(clock, at)
    await pass(clock, 500)
    next.loop.onKeeper({ kind: 'hello', version: LINK_VERSION, bootId: 'boot' })
    const hello = next.told.findLast((told) => told.kind === 'hello')
    const kept = hello?.kind === 'hello' ? hello.facts.map(({ number }) => number) : []
    expect(kept[0]).toBe(numbers[2])
    expect(kept).toEqual(kept.map((_, index) => (kept[0] ?? 0) + index))
    expect(kept.at(-1)).toBe((numbers.at(-1) ?? 0) + 2)
  })

  test('a revoke withdraws at once and is acknowledged; one for another uuid changes nothing', async () => {
    const clock = virtualClock()
    const at = site(clock)
    const one = await charge(clock, at)
    at.writes.splice(0)
    one.loop.onKeeper({ kind: 'revoke', uuid: 'other', reason: 'remoteStop' })
    expect(at.writes).toEqual([])
    one.loop.onKeeper({ kind: 'revoke', uuid: 's1', reason: 'remoteStop' })
    expect(at.writes).toEqual(['pause'])
    await pass(clock, 500)
    expect(one.told.filter((told) => told.kind === 'ack' && told.of === 'revoke')).toHaveLength(2)
    expect(readMirror(runDir, 'boot', clock.monotonic())).toMatchObject({ mirror: { permission: null } })
  })

  test('a revoke that arrives while its permission is being mirrored cancels it', async () => {
    const clock = virtualClock()
    const at = site(clock)
    const { one, plugId } = await plugged(clock, at)
    one.loop.onKeeper(permissionFor(plugId))
    one.loop.onKeeper({ kind: 'revoke', uuid: 's1', reason: 'localStop' })
    await pass(clock, 1000)
    at.world.pilot = 'C'
    await pass(clock, 2000)
    expect(at.world.offered).toBe(0)
    expect(one.status()?.permissionUuid).toBeNull()
    expect(one.told.filter((told) => told.kind === 'ack').at(-1)).toEqual({
      kind: 'ack',
      of: 'revoke',
      uuid: 's1',
    })
    expect(readMirror(runDir, 'boot', clock.monotonic())).toMatchObject({ mirror: { permission: null } })
  })

  test('an acknowledged permission is in the mirror, also when other news was mirrored right behind it', async () => {
    const clock = virtualClock()
    const { one, plugId } = await plugged(clock, site(clock))
    one.loop.onKeeper(plans(2, [installation]))
    one.loop.onKeeper(permissionFor(plugId))
    one.loop.onKeeper(plans(3, [installation]))
    await pass(clock, 250)
    expect(one.told).toContainEqual({ kind: 'ack', of: 'permission', uuid: 's1' })
    const files = readMirror(runDir, 'boot', clock.monotonic())
    expect(files).toMatchObject({ mirror: { permission: { uuid: 's1' }, planSet: { version: 3 } } })
  })

  test('a plan that lowers acts before the mirror is written, one that raises only after it', async () => {
    const clock = virtualClock()
    const at = site(clock)
    const upTo = (current: number): LimitPlan => ({
      ...installation,
      afterwards: { kind: 'perPhase', currentMilliamps: amps(current) },
    })
    const one = await charge(clock, at)
    await pass(clock, 6000)
    at.writes.splice(0)
    one.loop.onKeeper(plans(2, [upTo(8)]))
    expect(at.writes).toEqual(['offer 8000'])
    await pass(clock, 6000)
    at.writes.splice(0)
    rmSync(runDir, { recursive: true })
    one.loop.onKeeper(plans(3, [upTo(12)]))
    await pass(clock, 6000)
    expect(at.writes).toEqual([])
    mkdirSync(runDir)
    one.loop.onKeeper(plans(4, [upTo(12)]))
    await pass(clock, 500)
    expect(at.writes).toEqual(['offer 12000'])
  })

  test('a board that is silent for less than 2 s stops no car, however long its settings cannot be read again', async () => {
    const clock = virtualClock()
    const at = site(clock)
    const one = await charge(clock, at)
    at.writes.splice(0)
    at.world.prepareFails = true
    for (const silentMs of [1100, 1700]) {
      at.world.boardDead = true
      await pass(clock, silentMs)
      at.world.boardDead = false
      await pass(clock, 3000)
    }
    expect(at.writes).toEqual([])
    expect(one.status()).toMatchObject({ chargingState: 'charging', faults: [] })
  })

  test('after a board was lost nothing is offered before its settings were found right', async () => {
    const clock = virtualClock()
    const at = site(clock)
    await charge(clock, at)
    at.world.prepareFails = true
    at.world.boardDead = true
    await pass(clock, 2200)
    at.world.boardDead = false
    at.writes.splice(0)
    await pass(clock, 6000)
    expect(at.writes.filter((write) => write.startsWith('offer'))).toEqual([])
    at.world.prepareFails = false
    await pass(clock, 6000)
    expect(at.writes.at(-1)).toBe('offer 16000')
  })

  test.each(['control stands still', 'the board is silent'])(
    '%s for longer than the dead-man holds: the car may be another one, so it needs a permission anew',
    async (how) => {
      const clock = virtualClock()
      const at = site(clock)
      const one = await charge(clock, at)
      const before = one.status()?.plugId
      one.told.splice(0)
      at.writes.splice(0)
      at.world.boardDead = how === 'the board is silent'
      if (at.world.boardDead) await pass(clock, 3000)
      else clock.holdUp(32_000)
      at.world.boardDead = false
      at.world.pilot = 'B'
      await pass(clock, 3000)
      at.world.pilot = 'C'
      await pass(clock, 9000)
      expect(at.writes).toContain('pause')
      expect(at.writes.filter((write) => write.startsWith('offer'))).toEqual([])
      const plugId = one.status()?.plugId
      expect(plugId).not.toBe(before)
      const hello = one.told.find((told) => told.kind === 'hello')
      expect(hello).toMatchObject({ permission: null, status: { plugId, permissionUuid: null } })
      expect(hello?.facts.map(({ fact }) => fact)).toContainEqual({ kind: 'plugged', plugId })
      expect(one.told.some((told) => told.kind === 'fact' && told.fact.fact.kind === 'unplugged')).toBe(false)
      one.loop.onKeeper(permissionFor(plugId ?? ''))
      await pass(clock, 6000)
      expect(one.status()?.chargingState).toBe('charging')
    },
  )

  test('a standstill of control, or of the whole box, ends a group’s lease', async () => {
    const lease: LimitPlan = {
      source: 'group',
      reason: message('limit.profile'),
      steps: [
        {
          untilMonotonicMs: monotonicMs(100_000_000),
          limit: { kind: 'perPhase', currentMilliamps: amps(16) },
        },
      ],
      afterwards: { kind: 'perPhase', currentMilliamps: amps(8) },
    }
    for (const gap of ['held up', 'suspended']) {
      const clock = virtualClock()
      const at = site(clock)
      const one = await charge(clock, at, [lease])
      expect(at.world.offered).toBe(16_000)
      if (gap === 'held up') clock.holdUp(2200)
      else at.world.suspendedMs = 2500
      await pass(clock, 2000)
      expect(at.world.offered, gap).toBe(8000)
      one.loop.stop()
      loops.splice(0)
      rmSync(join(runDir, 'mirror'), { force: true })
    }
  })

  test('plans of another boot are not used and not acknowledged', async () => {
    const clock = virtualClock()
    const one = await charge(clock, site(clock))
    one.loop.onKeeper({
      kind: 'plans',
      set: { version: 9, bootId: 'elsewhere', phasesWired: 3, mandatory: [], plans: [installation] },
    })
    await pass(clock, 500)
    expect(one.status()?.planVersion).toBe(1)
  })

  test('a mirror that cannot be written: a permission is refused, nothing is offered', async () => {
    const clock = virtualClock()
    const at = site(clock)
    const one = control(clock, at)
    await pass(clock, 1500)
    at.world.pilot = 'B'
    await pass(clock, 500)
    const plugId = one.status()?.plugId ?? ''
    rmSync(runDir, { recursive: true })
    one.loop.onKeeper(permissionFor(plugId))
    await pass(clock, 500)
    expect(one.told).toContainEqual({ kind: 'refused', uuid: 's1', why: 'the mirror cannot be written' })
    expect(at.world.offered).toBe(0)
  })
})

describe('faults that keeper remembers from before a power cut', () => {
  const remembered = (code: FaultCode): KeeperToControl => ({
    kind: 'standingFaults',
    faults: [{ code, detail: 'before the cut' }],
  })

  test('a latched one stands: a permission offers nothing until a technician has cleared it', async () => {
    const clock = virtualClock()
    const at = site(clock)
    const { one, plugId } = await plugged(clock, at)
    one.loop.onKeeper(remembered('METER_WENT_BACK'))
    one.loop.onKeeper(permissionFor(plugId))
    at.world.pilot = 'C'
    await pass(clock, 3000)
    expect(one.status()?.faults).toEqual(['METER_WENT_BACK'])
    expect(at.writes.filter((write) => write.startsWith('offer'))).toEqual([])
    one.loop.onKeeper({ kind: 'clearFault', code: 'METER_WENT_BACK' })
    await pass(clock, 3000)
    expect(one.status()?.faults).toEqual([])
    expect(at.writes.filter((write) => write.startsWith('offer'))).not.toEqual([])
    expect(one.facts().map(({ fact }) => fact.kind)).not.toContain('faultRaised')
  })

  test('one that stands until the plug is out is mirrored, and clears then', async () => {
    const clock = virtualClock()
    const at = site(clock)
    const { one } = await plugged(clock, at)
    one.loop.onKeeper(remembered('RESIDUAL_CURRENT'))
    await pass(clock, 3000)
    expect(one.status()?.faults).toEqual(['RESIDUAL_CURRENT'])
    const found = readMirror(runDir, 'boot', clock.monotonic())
    expect(found).toMatchObject({ mirror: { faults: [{ code: 'RESIDUAL_CURRENT' }] } })
    at.world.pilot = 'A'
    await pass(clock, 3000)
    expect(one.status()?.faults).toEqual([])
    expect(one.facts().map(({ fact }) => fact)).toContainEqual({
      kind: 'faultCleared',
      code: 'RESIDUAL_CURRENT',
    })
  })
})
