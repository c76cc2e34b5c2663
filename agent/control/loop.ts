// Read, decide, act, tell. No rule lives here: rules are in safety/ and limits/, the devices' pulses in hardware.ts and
// meter-reader.ts, keeper's words in keepers-words.ts. What goes first: commands to the hardware, then the mirror, then
// what keeper is told.
import type { Logger } from 'pino'
import { invariant } from '../../shared/invariant.ts'
import type { Clock, Timer } from '../../shared/time/clock.ts'
import type { MonotonicMs } from '../../shared/units.ts'
import type { ControlToKeeper, KeeperToControl } from '../control-link/messages.ts'
import type { ControlConfig } from './config.ts'
import { type DecisionInput, decide } from './decide.ts'
import { openHardware } from './hardware.ts'
import { GAP_MS, heldFrom, meterView } from './held.ts'
import type { InstallationCopy } from './installation-copy.ts'
import { openKeepersWords } from './keepers-words.ts'
import { lowerOf, withoutLeases } from './limits/own-plans.ts'
import { openMeterReader } from './meter-reader.ts'
import type { Found, MirrorFile } from './mirror.ts'
import { openMirroring } from './mirroring.ts'
import type { Board, Deadman } from './ports/board.ts'
import type { Bus, BusState } from './ports/bus.ts'
import type { Meter } from './ports/meter.ts'
import { type MeterInput, stepMeter } from './safety/meter-judge.ts'
import type { Command } from './safety/state.ts'
import { openTelling } from './telling.ts'
import { type Modules, openWiring } from './wiring.ts'

export interface LoopOptions {
  readonly config: ControlConfig
  readonly bootId: string
  readonly clock: Clock
  readonly log: Logger
  readonly board: Board
  /** What the board asks for after its own last reply. */
  readonly boardSilenceMs: number
  /** null where the board has a watchdog of its own. */
  readonly deadman: Deadman | null
  readonly meter: Meter
  readonly modules: Modules
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
  const { held, how } = heldFrom(found, { bootId, config, installation: options.installation }, begun)
  const mirrorAgeMs = found.kind === 'found' ? found.ageMs : null
  const adoptedUuid = held.permission?.uuid ?? null
  let lastTurnAt = begun
  let lastSuspendedMs = options.suspendedMs()
  const timers: Timer[] = []
  const endings: (() => void)[] = []

  const hardware = openHardware({
    clock,
    log,
    board,
    boardSilenceMs: options.boardSilenceMs,
    boardBus: busNamed(config.board.bus),
    deadman:
      options.deadman === null || config.deadman === null
        ? null
        : { relay: options.deadman, bus: busNamed(config.deadman.bus) },
    onTurn: turn,
    mayHold,
  })
  const wiring = openWiring({ clock, config, modules: options.modules, board, onChange: turn })
  const meterBus = busNamed(config.meter.bus)
  const reader = openMeterReader({
    clock,
    meter: options.meter,
    onInput: onMeter,
    asksForSerial: () => meterView(held, clock.monotonic()).asksForSerial,
  })
  const { mirror, send } = options
  const mirroring = openMirroring({ held, clock, log, mirror, runDir: config.runDir, onSetMirrored: turn })
  const telling = openTelling({
    held,
    log,
    config,
    buses: options.buses,
    mirrorAgeMs,
    sight: hardware.sight,
    mirrored: mirroring.write,
    onUnplugged: reader.readSoon,
    now: () => clock.monotonic(),
    send,
  })
  const onKeeper = openKeepersWords({
    held,
    clock,
    log,
    turn,
    onMeter,
    mirrored: mirroring.write,
    sayHello: () => telling.hello(clock.monotonic()),
    send,
  })

  function busNamed(name: string): Bus {
    const bus = options.buses.find((one) => one.name === name)
    invariant(bus !== undefined, `no bus is named ${name}`)
    return bus
  }

  function mayHold(): boolean {
    const { deadman, withdrawnSinceMonotonicMs } = held.decision.safety
    const { deadman: facts } = board.facts
    const suppliedByHold = facts.kind === 'external' && facts.cuts === 'supply'
    const isPaused = withdrawnSinceMonotonicMs === null || hardware.sight().written.kind === 'paused'
    // A board without supply takes no pause: it gets its supply, and the pause with its first breath.
    return deadman.kind === 'held' && (isPaused || suppliedByHold)
  }

  /** What the next decision is made from. */
  function input(now: MonotonicMs): DecisionInput {
    const mayOffer = held.permission !== null && (hardware.prepared() || held.permission.uuid === adoptedUuid)
    const gridRelay = wiring.gridRelay()
    return {
      ...hardware.sight(),
      bootId,
      set: lowerOf(held.set, held.mirroredSet),
      own: {
        boardMaxMilliamps: board.facts.currentMaxMilliamps,
        cableMilliamps: config.cable.ratingMilliamps,
        wireRatingMilliamps: config.wireRatingMilliamps,
        installationMilliamps: options.installation?.limitMilliamps ?? null,
      },
      phasesWired: options.installation?.phasesWired ?? config.phasesWired,
      facts: board.facts,
      site: wiring.site(),
      wired: wiring.wired(),
      ...(gridRelay === undefined ? {} : { gridRelay }),
      permission: mayOffer ? held.permission : null,
      meter: meterView(held, now),
      keeperSilentMs: now - held.keeperHeardAt,
      cleared: held.cleared,
    }
  }

  /** Decides and acts; called after each reading of the board and whenever keeper has changed something. */
  function turn() {
    const now = clock.monotonic()
    if (now - lastTurnAt > GAP_MS) afterGap(now, `control stood still for ${now - lastTurnAt} ms`)
    lastTurnAt = now
    const before = held.decision.safety
    const decided = decide(held.decision, input(now), now)
    held.cleared = []
    held.decision = decided.state
    held.binding = decided.binding
    for (const command of decided.commands) perform(command)
    const { plugId: plugged, pilot } = held.decision.safety
    if (pilot !== null && held.permission?.plugId !== plugged) held.permission = null
    if (pilot !== null && held.pending?.plugId !== plugged) held.pending = null
    telling.changes(before)
    const { plugId: was } = before
    telling.facts(decided.facts, now, was !== null && plugged !== null && was !== plugged)
    telling.status(now, false)
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
        held.permission = null
        return
      case 'lock':
        return wiring.lock()
      case 'unlock':
        return wiring.unlock()
      case 'startSelfTest':
        return void board.startSelfTest?.()
      case 'openRelease':
        return wiring.openRelease()
      case 'closeRelease':
        return wiring.closeRelease()
    }
  }

  function onMeter(input: MeterInput) {
    const now = clock.monotonic()
    if (input.kind === 'reading') held.resolutionWh = input.resolutionWh
    const stepped = stepMeter(held.meter, input, now)
    held.meter = stepped.state
    telling.facts(stepped.facts, now)
  }

  function afterGap(now: MonotonicMs, why: string) {
    log.warn({ why }, 'a gap in time: leases count as over')
    if (held.set !== null) held.set = withoutLeases(held.set)
    if (held.mirroredSet !== null) held.mirroredSet = withoutLeases(held.mirroredSet)
    void mirroring.write()
    held.meter = stepMeter(held.meter, { kind: 'silenceExcused' }, now).state
  }

  function meterLineChanged(state: BusState) {
    if (state.kind !== 'open') return
    // The silence until now was the port's, not the meter's.
    onMeter({ kind: 'silenceExcused' })
    reader.readSoon()
  }

  function everySecond() {
    const now = clock.monotonic()
    mirroring.everySecond(now)
    const suspendedMs = options.suspendedMs()
    const slept = suspendedMs !== null && lastSuspendedMs !== null ? suspendedMs - lastSuspendedMs : 0
    lastSuspendedMs = suspendedMs
    if (slept > GAP_MS) afterGap(now, `the box was suspended for ${slept} ms`)
    telling.status(now, true)
  }

  return {
    start() {
      const [permitted, plans] = [held.permission?.uuid ?? null, held.set?.version ?? null]
      log.info({ mirror: how, ageMs: mirrorAgeMs, permission: permitted, plans }, 'start')
      // Once before the first reading: what must be written to the board before the relay is held follows from it.
      turn()
      hardware.start()
      wiring.start()
      endings.push(meterBus.onState(meterLineChanged))
      telling.facts([{ kind: 'restarted', mirror: how }], begun)
      timers.push(clock.every('control: second', 1000, everySecond))
    },
    onKeeper,
    stop() {
      for (const timer of timers) timer.cancel()
      for (const end of endings) end()
      hardware.stop()
      wiring.stop()
      reader.stop()
      mirroring.writeNow()
    },
  }
}
