// The safety step in virtual time, with the simplest board, relay, car and meter around it: each 50 ms one reading, one
// step, its commands done at once. What a test does not set follows the commands.

import type { BoardError, BoardFacts, BoardReading } from '../../../../agent/control/ports/board.ts'
import {
  initialMeter,
  type MeterInput,
  stepMeter,
  viewMeter,
} from '../../../../agent/control/safety/meter-judge.ts'
import { PLAIN_SITE, type Site } from '../../../../agent/control/safety/site.ts'
import {
  type Command,
  initialSafety,
  type SafetyInput,
  type SafetyState,
  type Written,
} from '../../../../agent/control/safety/state.ts'
import { stepSafety } from '../../../../agent/control/safety/step.ts'
import type { Fact, Pilot } from '../../../../agent/control-link/messages.ts'
import type { FaultCode } from '../../../../shared/faults.ts'
import { milliAmps, milliVolts, monotonicMs, wattHours, watts } from '../../../../shared/units.ts'
import { doExtra, type Extras, extras, readExtras, wiredNow } from './extras.ts'

export interface World {
  /** What the car makes of the pilot; null follows `pilot` E, F or A as set. */
  pilot: Pilot
  errors: readonly BoardError[]
  proximity: BoardReading['proximity']
  boardAnswers: boolean
  lineLost: string | null
  boardConfiguration: string | null
  /** It restarted and lost what it was told, until it is told again. */
  boardForgot: boolean
  /** Writes to the board are carried out and not confirmed. */
  confirmationsLost: boolean
  relayAnswers: boolean
  /** The board does not care for its release input. */
  relayBridged: boolean
  deadmanMilliamps: number
  lowestFixedMilliamps: number
  limitMilliamps: number
  permission: { uuid: string; plugId: string } | null
  /** Draws this instead of the offer; null: the offer in C2, else nothing. */
  drawsMilliamps: number | null
  meterAnswers: boolean
  meterSerial: string
  registerMilliwattHours: number
  registerFrozen: boolean
  meterImplausible: string | null
  keeperSilentMs: number
  cleared: FaultCode[]
  facts: BoardFacts
  site: Site
  tooHot: string | null
  temperatureUnknown: string | null
  gridInputLost: string | null
  deadmanUnproved: boolean
  vendorError: string | null
  extras: Extras
}

/** A board as the Phoenix EV-CC declares itself. */
export const PLAIN_BOARD: BoardFacts = {
  stepMilliamps: milliAmps(1000),
  currentMaxMilliamps: milliAmps(63_000),
  deadman: { kind: 'external', cuts: 'release' },
  hasRelayFeedback: false,
  tellsOscillator: true,
  lock: 'none',
  hasSelfTest: false,
}

const HOLD_MS = 2000

export function rig(change: Partial<World> = {}, options: { start?: number; state?: SafetyState } = {}) {
  const world: World = {
    pilot: 'A',
    errors: [],
    proximity: { kind: 'open' },
    boardAnswers: true,
    lineLost: null,
    boardConfiguration: null,
    boardForgot: false,
    confirmationsLost: false,
    relayAnswers: true,
    relayBridged: false,
    deadmanMilliamps: 0,
    lowestFixedMilliamps: 16_000,
    limitMilliamps: 16_000,
    permission: null,
    drawsMilliamps: null,
    meterAnswers: true,
    meterSerial: 'M1',
    registerMilliwattHours: 1_000_000,
    registerFrozen: false,
    meterImplausible: null,
    keeperSilentMs: 0,
    cleared: [],
    facts: PLAIN_BOARD,
    site: PLAIN_SITE,
    tooHot: null,
    temperatureUnknown: null,
    gridInputLost: null,
    deadmanUnproved: false,
    vendorError: null,
    extras: extras(),
    ...change,
  }
  const start = options.start ?? 100_000
  let now = start
  let state = options.state ?? initialSafety(monotonicMs(now), null)
  let meter = initialMeter(monotonicMs(now), null)
  let written: Written = { kind: 'unknown' }
  let confirmed: Written = { kind: 'unknown' }
  let heldAt: number | null = null
  let heldSince: number | null = null
  let askedSince: number | null = null
  let reading: BoardReading | null = null
  let silentSince: number | null = now
  let openSince = now
  const log: { at: number; command: Command }[] = []
  const facts: { at: number; fact: Fact }[] = []

  const relayOn = () => heldAt !== null && now - heldAt < HOLD_MS
  const isExternal = () => world.facts.deadman.kind === 'external'
  const isSupply = () => world.facts.deadman.kind === 'external' && world.facts.deadman.cuts === 'supply'
  /** A board's own watchdog holds no contact: it is always in service. */
  const inService = () => !isExternal() || isSupply() || relayOn() || world.relayBridged
  const hasSupply = () => !isSupply() || relayOn() || world.relayBridged

  /** As the shell tells it: a board without supply, or one that starts, is not silent by itself. */
  function silentSinceThen() {
    if (silentSince === null) return null
    if (!isSupply()) return monotonicMs(silentSince)
    const from = hasSupply() && heldSince !== null ? heldSince + 3000 : now + 1
    return from > now ? null : monotonicMs(Math.max(silentSince, from))
  }

  function boardReading(): BoardReading {
    const pilot = inService() ? world.pilot : 'F'
    const plugged = pilot === 'B' || pilot === 'C' || pilot === 'D'
    const offered = written.kind === 'offered' ? written.currentMilliamps : milliAmps(0)
    const oscillatorOn = plugged && offered > 0 && !world.boardForgot
    return {
      takenAtMonotonicMs: monotonicMs(now),
      pilot,
      oscillatorOn,
      offeredMilliamps: oscillatorOn ? offered : milliAmps(0),
      proximity: world.proximity,
      errors: world.errors,
      ...(world.facts.deadman.kind === 'external' && world.facts.deadman.cuts === 'release'
        ? { releaseInputOn: relayOn() }
        : {}),
      ...(world.vendorError === null ? {} : { vendorError: world.vendorError }),
      ...readExtras(world.extras, world, pilot === 'C' && oscillatorOn, now),
    }
  }

  function draws(): number {
    if (world.drawsMilliamps !== null) return world.drawsMilliamps
    const board = boardReading()
    const released = world.site.release === null || world.extras.release.closed
    return board.pilot === 'C' && board.oscillatorOn && released && hasSupply() ? board.offeredMilliamps : 0
  }

  function readMeter() {
    if (!world.meterAnswers || world.lineLost !== null) return
    const feed = (input: MeterInput) => {
      const stepped = stepMeter(meter, input, monotonicMs(now))
      meter = stepped.state
      for (const fact of stepped.facts) facts.push({ at: now - start, fact })
    }
    if (meter.serial !== world.meterSerial || viewMeter(meter, 1, monotonicMs(now)).asksForSerial)
      feed({ kind: 'serial', serial: world.meterSerial })
    if (world.meterImplausible !== null) return feed({ kind: 'implausible', detail: world.meterImplausible })
    const current = milliAmps(draws())
    const power = (current * 3 * 230) / 1000
    const volts = milliVolts(world.extras.outletMillivolts)
    if (!world.registerFrozen) world.registerMilliwattHours += (power * 1000) / 3600
    feed({
      kind: 'reading',
      begunAtMonotonicMs: monotonicMs(now),
      resolutionWh: 1,
      raw: {
        takenAtMonotonicMs: monotonicMs(now),
        registerWh: wattHours(Math.floor(world.registerMilliwattHours / 1000)),
        powerWatts: watts(Math.round(power)),
        currentsMilliamps: [current, current, current],
        voltagesMillivolts: [volts, volts, volts],
      },
    })
  }

  function input(): SafetyInput {
    return {
      bootId: 'boot',
      line:
        world.lineLost === null
          ? { kind: 'open', sinceMonotonicMs: monotonicMs(openSince) }
          : { kind: 'lost', detail: world.lineLost },
      board: reading,
      boardSilentSinceMonotonicMs: silentSinceThen(),
      boardConfiguration: world.boardConfiguration,
      deadman: {
        heldAtMonotonicMs: heldAt === null ? null : monotonicMs(heldAt),
        heldSinceMonotonicMs: heldSince === null ? null : monotonicMs(heldSince),
        askedSinceMonotonicMs: askedSince === null ? null : monotonicMs(askedSince),
        holdMs: HOLD_MS,
        currentMilliamps: milliAmps(world.deadmanMilliamps),
        isUnproved: world.deadmanUnproved,
        lowestFixedMilliamps: milliAmps(world.lowestFixedMilliamps),
        arithmetic: `installation ${world.lowestFixedMilliamps} mA`,
      },
      facts: world.facts,
      site: world.site,
      wired: wiredNow(world.extras, world.site, now),
      tooHot: world.tooHot,
      temperatureUnknown: world.temperatureUnknown,
      gridInputLost: world.gridInputLost,
      written: confirmed,
      limitMilliamps: milliAmps(world.limitMilliamps),
      permission: world.permission,
      meter: viewMeter(meter, 1, monotonicMs(now)),
      keeperSilentMs: world.keeperSilentMs,
      cleared: world.cleared,
    }
  }

  function perform(command: Command) {
    log.push({ at: now - start, command })
    if (command.kind === 'dropPermission') world.permission = null
    if (world.lineLost !== null) return
    if (command.kind === 'releaseDeadman' && world.relayAnswers) {
      heldAt = null
      heldSince = null
    }
    doExtra(world.extras, command, now)
    if (!world.boardAnswers || !hasSupply()) return
    const atMonotonicMs = monotonicMs(now)
    if (command.kind === 'pause' || command.kind === 'offer') world.boardForgot = false
    if (command.kind === 'pause') written = { kind: 'paused', atMonotonicMs }
    if (command.kind === 'offer')
      written = { kind: 'offered', currentMilliamps: command.currentMilliamps, atMonotonicMs }
    if (command.kind === 'pause' || command.kind === 'offer')
      confirmed = world.confirmationsLost ? { kind: 'unknown' } : written
  }

  function hold() {
    const wanted = state.deadman.kind === 'held'
    askedSince = wanted ? (askedSince ?? now) : null
    if (!wanted || !world.relayAnswers || world.lineLost !== null) return
    heldSince = relayOn() ? heldSince : now
    heldAt = now
  }

  function tick() {
    if ((now - start) % 500 === 0) hold()
    if ((now - start) % 1000 === 0) readMeter()
    if (world.lineLost === null && world.boardAnswers && hasSupply()) {
      reading = boardReading()
      silentSince = null
    } else {
      silentSince ??= now
      if (world.lineLost !== null) {
        confirmed = { kind: 'unknown' }
        openSince = now + 50
      }
    }
    const step = stepSafety(state, input(), monotonicMs(now))
    state = step.state
    for (const command of step.commands) perform(command)
    for (const fact of step.facts) facts.push({ at: now - start, fact })
    if (step.facts.some((fact) => fact.kind === 'unplugged'))
      meter = stepMeter(meter, { kind: 'plugOut' }, monotonicMs(now)).state
    world.cleared = []
    now += 50
  }

  return {
    world,
    state: () => state,
    /** ms since the start of the rig. */
    at: () => now - start,
    commands: () => log,
    facts: () => facts,
    faults: () => state.faults.map((fault) => fault.code),
    raised: (code: FaultCode) =>
      facts.filter(({ fact }) => fact.kind === 'faultRaised' && fact.code === code).length,
    offered: () => (written.kind === 'offered' ? written.currentMilliamps : 0),
    draws,
    relayOn,
    /** What a control before this one has offered stands at the board, and the relay has held for long. */
    adopt(currentMilliamps: number) {
      written = {
        kind: 'offered',
        currentMilliamps: milliAmps(currentMilliamps),
        atMonotonicMs: monotonicMs(now),
      }
      heldAt = now
      heldSince = now - 60_000
    },
    run(ms: number) {
      for (let passed = 0; passed < ms; passed += 50) tick()
    },
    /** Plugs in, gives the permission and lets the car charge for 10 s. */
    charge() {
      this.run(1500)
      world.pilot = 'B'
      this.run(100)
      if (state.plugId === null) throw new Error('not plugged')
      world.permission = { uuid: 's1', plugId: state.plugId }
      this.run(200)
      world.pilot = 'C'
      this.run(10_000)
    },
  }
}
