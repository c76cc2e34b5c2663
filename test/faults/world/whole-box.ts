// Control and keeper beside each other as on a box: started, killed, frozen, cut from power, and linked by a socket whose
// messages come in order and end with either end.
import type { ControlConfig } from '../../../agent/control/config.ts'
import type { ConnectOptions, ControlLink } from '../../../agent/control-link/client.ts'
import type { ControlToKeeper, KeeperToControl } from '../../../agent/control-link/messages.ts'
import type { KeeperConfig } from '../../../agent/keeper/config.ts'
import type { Session } from '../../../agent/keeper/memory.ts'
import type { Box } from '../../../agent/keeper/ports.ts'
import type { LimitPlan, PlanSet } from '../../../shared/limits/plan.ts'
import type { Prng } from '../../../shared/prng.ts'
import { type MonotonicMs, monotonicMs } from '../../../shared/units.ts'
import { type ControlProgram, type RunDir, startControl } from './control-program.ts'
import { type Disk, type KeeperProgram, startKeeper } from './keeper-program.ts'
import type { VirtualLine } from './virtual-bus.ts'
import type { Program, VirtualTime } from './virtual-time.ts'

export interface BoxParts {
  readonly time: VirtualTime
  readonly random: Prng
  readonly lines: readonly VirtualLine[]
  readonly disk: Disk
  readonly controlConfig: ControlConfig
  readonly keeperConfig: KeeperConfig
  readonly onTick: () => void
  /** Everything that control tells, also when nobody hears it. */
  readonly onTold: (message: ControlToKeeper) => void
  /** What has arrived at control. */
  readonly onHeard: (message: KeeperToControl) => void
  readonly onCommit: (sessions: readonly Session[]) => void
  readonly onFailure: (cause: unknown) => void
  readonly say: (who: string, line: string) => void
}

export interface WholeBox {
  readonly runDir: RunDir
  startControl(): void
  /** @param orderly ends as on SIGTERM: the mirror is written */
  endControl(orderly: boolean): void
  freezeControl(ms: number): void
  startKeeper(): void
  killKeeper(): void
  freezeKeeper(ms: number): void
  /** Both are gone and so is the folder in memory; the next start is another boot. */
  losePower(): void
  controlRuns(): boolean
  keeperRuns(): boolean
  linked(): boolean
  /** CLOCK_MONOTONIC of this boot. */
  now(): MonotonicMs
  bootId(): string
  /** What people and servers ask; null while keeper is down or starting. */
  people(): Box | null
  /** Plans of sources that this keeper does not make itself: they go along with its next set, or at once. */
  setExtraPlans(plans: readonly LimitPlan[]): void
}

const MESSAGE_MICROS = 300
/** A machine boots for so long before its first program runs. */
const BOOT_MICROS = 5_000_000

export function wholeBox(parts: BoxParts): WholeBox {
  const { time, random, disk } = parts
  let boots = 0
  let bootMicros = -BOOT_MICROS
  let runDir: RunDir = { mirror: null, stamp: null, isFull: false }
  let control: ControlProgram | null = null
  let keeper: KeeperProgram | null = null
  /** The open connection; both ends hold the same object. */
  let link: { readonly keeper: Program; readonly options: ConnectOptions } | null = null
  let extra: readonly LimitPlan[] = []
  let lastSet: PlanSet | null = null
  const bootId = () => `boot${boots}`

  function tellControl(message: KeeperToControl): boolean {
    const to = control
    const through = link
    if (to === null || through === null) return false
    if (message.kind === 'plans') lastSet = message.set
    to.program.later(MESSAGE_MICROS, () => {
      if (link !== through) return
      const whole: KeeperToControl =
        message.kind === 'plans'
          ? { kind: 'plans', set: { ...message.set, plans: [...message.set.plans, ...extra] } }
          : message
      parts.onHeard(whole)
      to.onKeeper(whole)
    })
    return true
  }

  function tellKeeper(message: ControlToKeeper): boolean {
    parts.onTold(message)
    const through = link
    if (through === null) return false
    through.keeper.later(MESSAGE_MICROS, () => {
      if (link === through) through.options.onMessage(message)
    })
    return true
  }

  /** Either end died: the other is told by its kernel. */
  function dropLink() {
    const through = link
    link = null
    if (through?.keeper.alive()) through.keeper.later(1000, through.options.onDisconnected)
  }

  function connect(program: Program, options: ConnectOptions): ControlLink {
    let closed = false
    const tryAgain = () => {
      if (closed) return
      if (link === null && control !== null) {
        link = { keeper: program, options }
        options.onConnected()
      }
      program.later(random.integer(50, 500) * 1000, tryAgain)
    }
    program.later(random.integer(1, 50) * 1000, tryAgain)
    return {
      send: tellControl,
      close: () => {
        closed = true
      },
    }
  }

  const endControl = (orderly: boolean) => {
    if (control === null) return
    if (orderly) control.stop()
    control.program.kill()
    control = null
    dropLink()
  }
  const killKeeper = () => {
    keeper?.program.kill()
    keeper = null
    dropLink()
  }

  return {
    get runDir() {
      return runDir
    },
    startControl() {
      if (control !== null) return
      const { limitMilliamps, phasesWired, version } = disk.installation
      control = startControl({
        config: parts.controlConfig,
        program: time.program(bootMicros),
        bootId: bootId(),
        random,
        lines: parts.lines,
        runDir,
        installation: { limitMilliamps, phasesWired, version },
        send: tellKeeper,
        onTick: parts.onTick,
        say: (line) => parts.say('control', line.trim()),
      })
    },
    endControl,
    freezeControl: (ms) => control?.program.freeze(ms),
    startKeeper() {
      if (keeper !== null) return
      const program = time.program(bootMicros)
      keeper = startKeeper({
        config: parts.keeperConfig,
        program,
        bootId: bootId(),
        random,
        disk,
        connect: (options) => connect(program, options),
        onCommit: parts.onCommit,
        onFailure: parts.onFailure,
        say: (line) => parts.say('keeper', line),
      })
    },
    killKeeper,
    freezeKeeper: (ms) => keeper?.program.freeze(ms),
    losePower() {
      endControl(false)
      killKeeper()
      runDir = { mirror: null, stamp: null, isFull: false }
      extra = []
      lastSet = null
      boots++
      bootMicros = time.nowMicros() + random.integer(0, 1_000_000)
    },
    controlRuns: () => control !== null && !control.program.frozen(),
    keeperRuns: () => keeper !== null && !keeper.program.frozen(),
    linked: () => link !== null,
    now: () => monotonicMs(Math.max(0, Math.floor((time.nowMicros() - bootMicros) / 1000))),
    bootId,
    people: () => keeper?.box() ?? null,
    setExtraPlans(plans) {
      extra = plans
      if (lastSet !== null && keeper !== null) tellControl({ kind: 'plans', set: lastSet })
    },
  }
}
