// Read, decide, act, tell. No rule lives here: rules are in safety/ and limits/, the devices' pulses in hardware.ts and
// meter-reader.ts. What goes first: commands to the hardware, then the mirror, then what keeper is told.
import type { Logger } from 'pino'
import { invariant } from '../../shared/invariant.ts'
import type { BindingLimit, PlanSet } from '../../shared/limits/plan.ts'
import type { Clock, Timer } from '../../shared/time/clock.ts'
import type { MonotonicMs } from '../../shared/units.ts'
import type {
  ControlToKeeper,
  Fact,
  KeeperToControl,
  Permission,
  RememberedFault,
} from '../control-link/messages.ts'
import { LINK_VERSION } from '../control-link/messages.ts'
import type { ControlConfig } from './config.ts'
import { type DecisionState, decide, initialDecision } from './decide.ts'
import { type FactBook, factsStored, newFactBook, plugWaiting, stepFacts } from './fact-book.ts'
import { openHardware } from './hardware.ts'
import type { InstallationCopy } from './installation-copy.ts'
import { lowerOf, ofThisBoot, withoutLeases } from './limits/own-plans.ts'
import { openMeterReader } from './meter-reader.ts'
import type { Found, Mirror, MirrorFile } from './mirror.ts'
import type { Board, Deadman } from './ports/board.ts'
import type { Bus, BusState } from './ports/bus.ts'
import type { Meter } from './ports/meter.ts'
import { initialMeter, type MeterInput, stepMeter, viewMeter } from './safety/meter-judge.ts'
import { type Command, initialSafety, toldNow } from './safety/state.ts'
import { deviceStatuses, type StatusParts, statusKey, statusOf } from './status.ts'

/** After a longer standstill of control (or of the whole box) leases count as over. */
const GAP_MS = 2000
/** A permission outlives a longer absence of control only by keeper's word. */
const ADOPT_MS = 10_000
const MIRROR_AT_LEAST_EACH_MS = 60_000

export interface LoopOptions {
  readonly config: ControlConfig
  readonly bootId: string
  readonly clock: Clock
  readonly log: Logger
  readonly board: Board
  /** null where the board has a watchdog of its own. */
  readonly deadman: Deadman | null
  readonly meter: Meter
  readonly buses: readonly Bus[]
  readonly found: Found
  readonly mirror: MirrorFile
  readonly installation: InstallationCopy | null
  /** Time since the kernel's boot with suspends, less CLOCK_MONOTONIC, ms; null where it cannot be told. */
  readonly suspendedMs: () => number | null
  readonly send: (message: ControlToKeeper) => boolean
}

export interface Loop {
  start(): void
  onKeeper(message: KeeperToControl): void
  /** Writes the mirror and stops; the offer and the hardware are left as they are. */
  stop(): void
}

export function createLoop(options: LoopOptions): Loop {
  const { config, bootId, clock, log, board, found } = options
  const begun = clock.monotonic()
  const kept = found.kind === 'found' ? found.mirror : null
  const adopted = found.kind === 'found' && found.ageMs <= ADOPT_MS ? found.mirror : null
  const tooOldForLeases = found.kind === 'found' && found.ageMs > GAP_MS
  const mirrorAgeMs = found.kind === 'found' ? found.ageMs : null

  let set: PlanSet | null = ofThisBoot(kept?.planSet ?? null, bootId)
  if (set !== null && tooOldForLeases) set = withoutLeases(set)
  let permission: Permission | null = adopted?.permission ?? null
  /** Is being mirrored: in each mirror, but nothing is offered for it yet. */
  let pending: Permission | null = null
  /** The set that the mirror holds: until it holds the newest, the lower of both counts. */
  let mirroredSet = set
  let decision: DecisionState = initialDecision(
    initialSafety(begun, {
      plugId: adopted?.plugId ?? null,
      chargingState: adopted?.chargingState ?? 'idle',
      faults: kept?.faults ?? [],
    }),
  )
  let meterState = initialMeter(
    begun,
    kept?.meter ?? null,
    (config.wireRatingMilliamps * (options.installation?.phasesWired ?? config.phasesWired) * 250) / 1000,
  )
  if (decision.safety.plugId !== null) meterState = stepMeter(meterState, { kind: 'plugIn' }, begun).state
  let resolutionWh = 1
  let book: FactBook =
    kept === null
      ? newFactBook(bootId, begun)
      : { bootId, lastNumber: kept.lastFactNumber, kept: kept.facts, waiting: [] }
  let binding: BindingLimit | null = null
  let keeperHeardAt = begun
  let mirroredNumber = book.lastNumber
  let mirroredAt = begun
  let mirrorTold: string | null = null
  let lastTurnAt = begun
  let lastSuspendedMs = options.suspendedMs()
  let lastKey = ''
  let cleared: (typeof decision.safety.faults)[number]['code'][] = []
  const adoptedUuid = permission?.uuid ?? null
  const timers: Timer[] = []
  const endings: (() => void)[] = []

  const busNamed = (name: string) => {
    const bus = options.buses.find((one) => one.name === name)
    invariant(bus !== undefined, `no bus is named ${name}`)
    return bus
  }
  const hardware = openHardware({
    clock,
    log,
    board,
    boardBus: busNamed(config.board.bus),
    deadman:
      options.deadman === null || config.deadman === null
        ? null
        : { relay: options.deadman, bus: busNamed(config.deadman.bus) },
    onTurn: turn,
    mayHold: () => {
      const { deadman, withdrawnSinceMonotonicMs } = decision.safety
      const { deadman: facts } = board.facts
      const suppliedByHold = facts.kind === 'external' && facts.cuts === 'supply'
      const isPaused = withdrawnSinceMonotonicMs === null || hardware.sight().written.kind === 'paused'
      // A board without supply takes no pause: it gets its supply, and the pause with its first breath.
      return deadman.kind === 'held' && (isPaused || suppliedByHold)
    },
  })
  const meterBus = busNamed(config.meter.bus)
  const reader = openMeterReader({
    clock,
    meter: options.meter,
    onInput: onMeter,
    asksForSerial: () => meterView(clock.monotonic()).asksForSerial,
  })

  const meterView = (now: MonotonicMs) => viewMeter(meterState, resolutionWh, now)

  /** Decides and acts; called after each reading of the board and whenever keeper has changed something. */
  function turn() {
    const now = clock.monotonic()
    if (now - lastTurnAt > GAP_MS) afterGap(now, `control stood still for ${now - lastTurnAt} ms`)
    lastTurnAt = now
    const before = decision.safety
    const mayOffer = permission !== null && (hardware.prepared() || permission.uuid === adoptedUuid)
    const decided = decide(
      decision,
      {
        ...hardware.sight(),
        bootId,
        set: lowerOf(set, mirroredSet),
        own: {
          boardMaxMilliamps: board.facts.currentMaxMilliamps,
          cableMilliamps: config.cable.ratingMilliamps,
          wireRatingMilliamps: config.wireRatingMilliamps,
          installationMilliamps: options.installation?.limitMilliamps ?? null,
        },
        phasesWired: options.installation?.phasesWired ?? config.phasesWired,
        facts: board.facts,
        permission: mayOffer ? permission : null,
        meter: meterView(now),
        keeperSilentMs: now - keeperHeardAt,
        cleared,
      },
      now,
    )
    cleared = []
    decision = decided.state
    binding = decided.binding
    for (const command of decided.commands) perform(command)
    const plugged = decision.safety.plugId
    if (permission !== null && decision.safety.pilot !== null && permission.plugId !== plugged)
      permission = null
    if (pending !== null && decision.safety.pilot !== null && pending.plugId !== plugged) pending = null
    logChanges(before)
    const { plugId: was } = before
    tellFacts(decided.facts, now, was !== null && plugged !== null && was !== plugged)
    tellStatus(now, false)
  }

  function perform(command: Command) {
    switch (command.kind) {
      case 'pause':
        return hardware.pause()
      case 'offer':
        return hardware.offer(command.currentMilliamps)
      case 'releaseDeadman':
        return hardware.releaseDeadman()
      case 'dropPermission':
        permission = null
        return
      case 'lock':
      case 'unlock':
      case 'startSelfTest':
      case 'openRelease':
      case 'closeRelease':
        // Commands of a box with more wired than its configuration can name.
        return log.warn({ command: command.kind }, 'nothing is wired that could do this')
    }
  }

  function onMeter(input: MeterInput) {
    const now = clock.monotonic()
    if (input.kind === 'reading') resolutionWh = input.resolutionWh
    const stepped = stepMeter(meterState, input, now)
    meterState = stepped.state
    tellFacts(stepped.facts, now)
  }

  function afterGap(now: MonotonicMs, why: string) {
    log.warn({ why }, 'a gap in time: leases count as over')
    if (set !== null) set = withoutLeases(set)
    if (mirroredSet !== null) mirroredSet = withoutLeases(mirroredSet)
    void mirrored()
    meterState = stepMeter(meterState, { kind: 'silenceExcused' }, now).state
  }

  function meterLineChanged(state: BusState) {
    if (state.kind !== 'open') return
    // The silence until now was the port's, not the meter's.
    onMeter({ kind: 'silenceExcused' })
    reader.readSoon()
  }

  // Telling.

  /** @param lostSight the plug-in may be another one, and its permission was dropped: keeper is told all anew to decide. */
  function tellFacts(facts: readonly Fact[], now: MonotonicMs, lostSight = false) {
    const view = meterView(now)
    const context = {
      newest: view.newest?.reading ?? null,
      fresh: view.fresh,
      relayOpen: decision.safety.relay.view === 'open',
    }
    const stepped = stepFacts(book, facts, context, now)
    book = stepped.book
    if (facts.some((fact) => fact.kind === 'unplugged')) reader.readSoon()
    // In the order of the book: until an unplugging is written down, the readings are of the car that was there.
    for (const { fact } of stepped.told) {
      if (fact.kind === 'plugged') meterState = stepMeter(meterState, { kind: 'plugIn' }, now).state
      if (fact.kind === 'unplugged') meterState = stepMeter(meterState, { kind: 'plugOut' }, now).state
    }
    if (facts.length > 0 || stepped.told.length > 0)
      void mirrored().then(() => {
        // Told only when mirrored: a number that keeper has seen is never given again.
        if (lostSight) return sayHello()
        for (const fact of stepped.told) options.send({ kind: 'fact', fact })
      })
  }

  function tellStatus(now: MonotonicMs, always: boolean) {
    const parts = statusParts(now)
    if (parts === null) return
    const key = statusKey(parts)
    if (!always && key === lastKey) return
    lastKey = key
    options.send({ kind: 'status', status: wholeStatus(parts, now) })
  }

  function statusParts(now: MonotonicMs) {
    if (binding === null) return null
    const planVersion = set?.version ?? null
    return {
      safety: decision.safety,
      input: hardware.sight(),
      binding,
      permission,
      planVersion,
      meter: meterView(now),
    }
  }

  function wholeStatus(parts: Omit<StatusParts, 'devices'>, now: MonotonicMs) {
    const buses = options.buses.map((bus) => bus.status())
    return statusOf({ ...parts, devices: deviceStatuses(config, buses, now) }, now)
  }

  function logChanges(before: typeof decision.safety) {
    const after = decision.safety
    for (const fault of after.faults)
      if (!before.faults.some((one) => one.code === fault.code)) log.warn({ ...fault }, 'fault raised')
    for (const fault of before.faults)
      if (!after.faults.some((one) => one.code === fault.code))
        log.info({ code: fault.code }, 'fault cleared')
    if (before.chargingState !== after.chargingState)
      log.info(
        {
          from: before.chargingState,
          to: after.chargingState,
          pilot: after.pilot,
          offered: toldNow(hardware.sight()),
          because: binding?.source,
        },
        'charging state',
      )
    if (before.deadman.kind !== after.deadman.kind) log.info({ ...after.deadman }, 'dead-man')
  }

  // The mirror.

  function snapshot(now: MonotonicMs): Mirror {
    return {
      bootId,
      writtenAtMonotonicMs: now,
      planSet: set,
      permission: permission ?? pending,
      plugId: decision.safety.plugId ?? plugWaiting(book),
      chargingState: decision.safety.chargingState,
      faults: decision.safety.faults,
      facts: book.kept,
      lastFactNumber: book.lastNumber,
      meter: meterView(now).newest?.reading ?? null,
    }
  }

  async function mirrored(): Promise<boolean> {
    const now = clock.monotonic()
    const content = snapshot(now)
    const result = await options.mirror.write(content)
    if (result.ok) {
      mirroredNumber = Math.max(mirroredNumber, content.lastFactNumber)
      mirroredAt = now
      if (mirroredSet !== set && content.planSet === set) {
        mirroredSet = set
        turn()
      }
    }
    const told = result.ok ? null : result.error
    if (told !== null && told !== mirrorTold)
      log.warn({ runDir: config.runDir, why: told }, 'the mirror cannot be written')
    mirrorTold = told
    return result.ok
  }

  function everySecond() {
    const now = clock.monotonic()
    options.mirror.stamp(bootId, now)
    if (now - mirroredAt >= MIRROR_AT_LEAST_EACH_MS) void mirrored()
    const suspendedMs = options.suspendedMs()
    const slept = suspendedMs !== null && lastSuspendedMs !== null ? suspendedMs - lastSuspendedMs : 0
    lastSuspendedMs = suspendedMs
    if (slept > GAP_MS) afterGap(now, `the box was suspended for ${slept} ms`)
    tellStatus(now, true)
  }

  // Keeper's words.

  function onKeeper(message: KeeperToControl) {
    keeperHeardAt = clock.monotonic()
    switch (message.kind) {
      case 'alive':
        return
      case 'hello':
        return hello(message.bootId)
      case 'plans':
        return void takePlans(message.set)
      case 'permission':
        return void takePermission(message.permission)
      case 'revoke':
        return void revoke(message.uuid, message.reason)
      case 'factsStored':
        book = factsStored(book, message.number)
        if (!book.kept.some(({ fact }) => fact.kind === 'meterReplaced'))
          onMeter({ kind: 'replacementStored' })
        return
      case 'standingFaults':
        return takeStanding(message.faults)
      case 'clearFault':
        log.info({ code: message.code }, 'a technician clears a fault')
        cleared.push(message.code)
        if (message.code === 'METER_WENT_BACK') onMeter({ kind: 'wentBackCleared' })
        if (message.code === 'METER_REPLACED') onMeter({ kind: 'replacementStored' })
        return turn()
    }
  }

  function hello(keeperBootId: string) {
    if (keeperBootId !== bootId)
      log.warn(
        { keeper: keeperBootId, control: bootId },
        'keeper speaks of another boot: its plans are not used',
      )
    if (binding === null) turn()
    sayHello()
  }

  function sayHello() {
    const now = clock.monotonic()
    const parts = statusParts(now)
    if (parts === null) return
    options.send({
      kind: 'hello',
      version: LINK_VERSION,
      bootId,
      permission,
      planVersion: set?.version ?? null,
      facts: book.kept.filter((fact) => fact.number <= mirroredNumber),
      status: wholeStatus(parts, now),
      mirrorAgeMs,
    })
  }

  /** The power took the mirror, not the fault: it stands until it clears as its row says. */
  function takeStanding(told: readonly RememberedFault[]) {
    const { safety } = decision
    const back = told.filter(({ code }) => !safety.faults.some((fault) => fault.code === code))
    if (back.length === 0) return
    log.warn({ faults: back }, 'faults of before the power cut stand')
    decision = { ...decision, safety: { ...safety, faults: [...safety.faults, ...back] } }
    turn()
    void mirrored()
  }

  async function takePlans(next: PlanSet) {
    if (ofThisBoot(next, bootId) === null) return
    set = next
    turn()
    if (await mirrored()) options.send({ kind: 'ack', of: 'plans', version: next.version })
  }

  async function takePermission(next: Permission) {
    const { uuid, plugId } = next
    const refuse = (why: string) => {
      log.warn({ uuid, plugId, why }, 'permission refused')
      options.send({ kind: 'refused', uuid, why })
    }
    if (plugId !== decision.safety.plugId) return refuse('it is for another plug-in, or nothing is plugged')
    const other = [permission, pending].find((one) => one !== null && one.uuid !== uuid)
    if (other) return refuse(`${other.uuid} is still permitted`)
    // Mirrored before anything is offered for it, so that the next control adopts what this one began.
    pending = next
    const isMirrored = await mirrored()
    if (pending !== next) {
      // Revoked, told anew, or the plug was pulled: whoever took it away mirrors what holds now.
      if (plugId !== decision.safety.plugId) refuse('the plug was pulled meanwhile')
      return
    }
    pending = null
    if (!isMirrored) {
      void mirrored()
      return refuse('the mirror cannot be written')
    }
    permission = next
    log.info({ uuid, plugId }, 'permission')
    options.send({ kind: 'ack', of: 'permission', uuid })
    turn()
  }

  async function revoke(uuid: string, reason: string) {
    if (permission?.uuid === uuid || pending?.uuid === uuid) {
      permission = null
      pending = null
      log.info({ uuid, reason }, 'permission revoked')
      turn()
    }
    if (await mirrored()) options.send({ kind: 'ack', of: 'revoke', uuid })
  }

  return {
    start() {
      const how = found.kind === 'found' ? (adopted === null ? 'tooOld' : 'adopted') : found.kind
      log.info(
        {
          mirror: how,
          ageMs: mirrorAgeMs,
          permission: permission?.uuid ?? null,
          plans: set?.version ?? null,
        },
        'start',
      )
      // Once before the first reading: what must be written to the board before the relay is held follows from it.
      turn()
      hardware.start()
      endings.push(meterBus.onState(meterLineChanged))
      tellFacts([{ kind: 'restarted', mirror: how }], begun)
      timers.push(clock.every('control: second', 1000, everySecond))
    },
    onKeeper,
    stop() {
      for (const timer of timers) timer.cancel()
      for (const end of endings) end()
      hardware.stop()
      reader.stop()
      const written = options.mirror.writeNow(snapshot(clock.monotonic()))
      if (!written.ok) log.warn({ why: written.error }, 'the mirror could not be written')
    },
  }
}
