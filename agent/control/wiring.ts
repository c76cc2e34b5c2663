// The hands for what is wired beside board and meter: inputs are read some times a second, the lock's motor is pulsed, the
// release contactor is refreshed. What an input means is its purpose in the configuration; what follows from it is decided
// in safety/. What must hold: a relay of ours never stays on by itself.
import { invariant } from '../../shared/invariant.ts'
import type { Clock, Timer } from '../../shared/time/clock.ts'
import { type MonotonicMs, monotonicMs } from '../../shared/units.ts'
import type { ControlConfig, InputPoint, IoConfig, Point } from './config.ts'
import type { GridRelayInput } from './limits/grid-relay.ts'
import type { Board, LockSight } from './ports/board.ts'
import type { InputModule, InputReading, RelayModule, Sighted } from './ports/io.ts'
import { PLAIN_SITE, type Site, type Wired } from './safety/site.ts'

const INPUT_PERIOD_MS = 100
/** One order to the release contactor; it opens by itself when it is not refreshed. */
const RELEASE_HOLD_MS = 2000
const RELEASE_PERIOD_MS = 500
/** From the end of a motor's pulse to a feedback contact that can be believed. */
const LOCK_SETTLE_MS = 200

export interface Modules {
  readonly relays: ReadonlyMap<string, RelayModule>
  readonly inputs: ReadonlyMap<string, InputModule>
}

export const NO_MODULES: Modules = { relays: new Map(), inputs: new Map() }

export interface Wiring {
  start(): void
  site(): Site
  wired(): Wired
  gridRelay(): GridRelayInput | undefined
  /** One move of the plug's lock, by the motor of the configuration or by the board. */
  lock(): void
  unlock(): void
  openRelease(): void
  closeRelease(): void
  stop(): void
}

export function openWiring(options: {
  readonly clock: Clock
  readonly config: Pick<
    ControlConfig,
    'io' | 'cable' | 'billedOrRestricted' | 'silenceProvedMs' | 'metersOutlet'
  >
  readonly modules: Modules
  readonly board: Board
  /** An input has changed: decide now. */
  readonly onChange: () => void
}): Wiring {
  const { clock, config, board } = options
  const { io } = config
  const inputs = openInputs(options, inputPoints(io))
  const motor = io.lock === null ? null : openMotor(clock, io.lock, options.modules)
  const release = io.release === null ? null : openRelease(clock, io.release.relay, options.modules)

  function lockSight(): Sighted<LockSight> | null {
    const feedback = io.lock?.feedback ?? null
    const seen = feedback === null ? null : inputs.sight(feedback)
    if (seen === null || motor === null) return null
    const value = seen.takenAtMonotonicMs < motor.settlesAt() ? 'moving' : seen.value ? 'locked' : 'unlocked'
    return { ...seen, value }
  }
  const sightOf = (point: InputPoint | null) => (point === null ? null : inputs.sight(point))

  return {
    start: inputs.start,
    site: () => siteOf(config, board),
    wired: () => ({
      lock: lockSight(),
      releaseClosed: sightOf(io.release?.mirror ?? null),
      residualTripped: sightOf(io.residualCurrent),
      stopPressed: sightOf(io.stopButton),
      releaseWritten: release?.written() ?? { kind: 'unknown' },
    }),
    gridRelay: () =>
      io.gridLimit === null
        ? undefined
        : { limitWatts: io.gridLimit.limitWatts, limits: inputs.sight(io.gridLimit) },
    lock: () => (motor === null ? void board.lock?.() : motor.move('close')),
    unlock: () => (motor === null ? void board.unlock?.() : motor.move('open')),
    openRelease: () => release?.open(),
    closeRelease: () => release?.close(),
    stop() {
      inputs.stop()
      motor?.stop()
      release?.stop()
    },
  }
}

function siteOf(
  {
    io,
    cable,
    billedOrRestricted,
    silenceProvedMs,
    metersOutlet,
  }: Parameters<typeof openWiring>[0]['config'],
  board: Board,
): Site {
  const byBoard = board.facts.lock === 'confirmed' ? 'board' : 'none'
  return {
    ...PLAIN_SITE,
    connector:
      cable.kind === 'tethered'
        ? { kind: 'tethered' }
        : {
            kind: 'socket',
            feedback: io.lock?.feedback ? 'module' : byBoard,
            permanentLock: cable.permanentLock,
            atPowerLoss: cable.atPowerLoss,
          },
    billedOrRestricted,
    silenceProved: silenceProvedMs === null ? null : { timeoutMs: silenceProvedMs },
    // A configuration that does not say so is refused before control starts.
    release: io.release === null ? null : { inSeries: 'proved', hasMirror: io.release.mirror !== null },
    hasResidualInput: io.residualCurrent !== null,
    hasStopButton: io.stopButton !== null,
    metersOutlet,
  }
}

const inputPoints = (io: IoConfig): readonly InputPoint[] =>
  [io.lock?.feedback, io.release?.mirror, io.residualCurrent, io.stopButton, io.gridLimit].filter(
    (point) => point !== null && point !== undefined,
  )

function moduleOf<T>(modules: ReadonlyMap<string, T>, { module }: Point): T {
  const found = modules.get(module)
  invariant(found !== undefined, `no module is named ${module}`)
  return found
}

/** Reads each module that something is wired to; modules that nobody asks for are left alone. */
function openInputs(
  {
    clock,
    modules,
    onChange,
  }: { readonly clock: Clock; readonly modules: Modules; readonly onChange: () => void },
  points: readonly InputPoint[],
) {
  const used = [...new Set(points.map((point) => moduleOf(modules.inputs, point)))]
  const readings = new Map<string, InputReading>()
  const timers: Timer[] = []
  const busy = new Set<InputModule>()
  let stopped = false

  async function read(module: InputModule) {
    if (busy.has(module) || stopped) return
    busy.add(module)
    const result = await module.read()
    busy.delete(module)
    if (!result.ok || stopped) return
    const before = readings.get(module.name)
    readings.set(module.name, result.value)
    if (before?.closed.join() !== result.value.closed.join()) onChange()
  }

  return {
    start() {
      for (const module of used) {
        timers.push(clock.every(`inputs ${module.name}`, INPUT_PERIOD_MS, () => void read(module)))
        void read(module)
      }
    },
    sight({ module, channel, activeWhen }: InputPoint): Sighted<boolean> | null {
      const reading = readings.get(module)
      const closed = reading?.closed[channel - 1]
      if (reading === undefined || closed === undefined) return null
      return { value: closed === (activeWhen === 'closed'), takenAtMonotonicMs: reading.takenAtMonotonicMs }
    },
    stop() {
      stopped = true
      for (const timer of timers) timer.cancel()
    },
  }
}

/** One direction at a time: an order that comes while the motor runs waits for its end, and the newest one counts. */
function openMotor(clock: Clock, lock: NonNullable<IoConfig['lock']>, modules: Modules) {
  let runsUntil = monotonicMs(0)
  let waiting: Timer | null = null

  function move(to: 'close' | 'open') {
    waiting?.cancel()
    waiting = null
    const now = clock.monotonic()
    if (now < runsUntil) {
      waiting = clock.after('lock motor', runsUntil - now, () => move(to))
      return
    }
    runsUntil = monotonicMs(now + lock.pulseMs)
    // Whether it has moved is told by its feedback; an order that failed is given again by who gave it.
    void moduleOf(modules.relays, lock[to]).pulse(lock[to].channel, lock.pulseMs)
  }

  return {
    move,
    settlesAt: () => runsUntil + LOCK_SETTLE_MS,
    stop: () => waiting?.cancel(),
  }
}

/** Closed as long as it is refreshed. */
function openRelease(clock: Clock, point: Point, modules: Modules) {
  const relays = moduleOf(modules.relays, point)
  let wanted: 'closed' | 'opened' | null = null
  let written: Wired['releaseWritten'] = { kind: 'unknown' }
  let heldAt: MonotonicMs | null = null
  let timer: Timer | null = null
  let busy = false

  async function refresh() {
    if (wanted !== 'closed') return
    timer?.cancel()
    timer = clock.after('release', RELEASE_PERIOD_MS, () => void refresh())
    const sentAt = clock.monotonic()
    const result = await relays.pulse(point.channel, RELEASE_HOLD_MS)
    if (wanted !== 'closed') return
    if (result.ok) {
      heldAt = sentAt
      if (written.kind !== 'closed') written = { kind: 'closed', atMonotonicMs: clock.monotonic() }
    } else if (heldAt === null || clock.monotonic() - heldAt >= RELEASE_HOLD_MS) written = { kind: 'unknown' }
  }

  async function open() {
    const isNew = wanted !== 'opened'
    wanted = 'opened'
    timer?.cancel()
    if (isNew) written = { kind: 'unknown' }
    if (busy) return
    busy = true
    const result = await relays.set(point.channel, false)
    busy = false
    if (wanted !== 'opened') return
    heldAt = null
    written = result.ok ? { kind: 'opened', atMonotonicMs: clock.monotonic() } : { kind: 'unknown' }
  }

  return {
    written: () => written,
    open: () => void open(),
    close() {
      if (wanted === 'closed') return
      wanted = 'closed'
      written = { kind: 'unknown' }
      void refresh()
    },
    stop() {
      wanted = null
      timer?.cancel()
    },
  }
}
