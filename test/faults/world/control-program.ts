// The control process in virtual time: the real loop, hardware, meter reader, drivers and judges. Only what main.ts joins
// them with is played: the serial line, the mirror's folder, the socket.
import { pino } from 'pino'
import type { ControlConfig } from '../../../agent/control/config.ts'
import type { InstallationCopy } from '../../../agent/control/installation-copy.ts'
import { createLoop } from '../../../agent/control/loop.ts'
import {
  decodeMirror,
  encodeMirror,
  type Found,
  type Mirror,
  type MirrorFile,
} from '../../../agent/control/mirror.ts'
import { registry } from '../../../agent/control/registry.ts'
import { NO_MODULES } from '../../../agent/control/wiring.ts'
import type { ControlToKeeper, KeeperToControl } from '../../../agent/control-link/messages.ts'
import type { Prng } from '../../../shared/prng.ts'
import { err, ok, type Result } from '../../../shared/result.ts'
import type { MonotonicMs } from '../../../shared/units.ts'
import type { VirtualLine } from './virtual-bus.ts'
import type { Program } from './virtual-time.ts'

/** The folder in memory that outlives a control, and not a boot. */
export interface RunDir {
  mirror: string | null
  stamp: { readonly bootId: string; readonly at: MonotonicMs } | null
  /** Nothing can be written to it now. */
  isFull: boolean
}

export interface ControlProgram {
  readonly program: Program
  readonly found: Found['kind']
  onKeeper(message: KeeperToControl): void
  /** An orderly end: the mirror is written, the offer is left as it is. */
  stop(): void
}

export interface ControlParts {
  readonly config: ControlConfig
  readonly program: Program
  readonly bootId: string
  readonly random: Prng
  readonly lines: readonly VirtualLine[]
  readonly runDir: RunDir
  readonly installation: InstallationCopy | null
  readonly send: (message: ControlToKeeper) => boolean
  /** The board is read: behind it the loop decides. */
  readonly onTick: () => void
  readonly say: (line: string) => void
}

export function startControl(parts: ControlParts): ControlProgram {
  const { config, program, bootId, runDir } = parts
  const { clock } = program
  const boardDriver = registry.boards[config.board.driver]
  const meterDriver = registry.meters[config.meter.driver]
  if (!boardDriver || !meterDriver) throw new Error('a driver of the trial is not there')
  const buses = parts.lines.map((line) => line.open(program))
  const busOf = (name: string) => {
    const found = buses.find((bus) => bus.name === name)
    if (found === undefined) throw new Error(`the trial has no bus ${name}`)
    return found
  }
  const { deadman } = config
  const relay = deadman && registry.io[deadman.driver]?.createModule({ ...deadman, bus: busOf(deadman.bus) })
  const board = boardDriver.create({ ...config.board, bus: busOf(config.board.bus) })
  const found = foundIn(runDir, bootId, clock.monotonic())
  const loop = createLoop({
    config,
    bootId,
    clock,
    log: pino({ level: 'info', base: null, timestamp: false }, { write: parts.say }),
    board: {
      ...board,
      read: () => {
        parts.onTick()
        return board.read()
      },
    },
    boardSilenceMs: boardDriver.line.silenceMs,
    deadman: (deadman && relay?.deadman(deadman.channel)) ?? null,
    modules: NO_MODULES,
    meter: meterDriver.create({
      ...config.meter,
      bus: busOf(config.meter.bus),
      sharesBusWithBoard: config.meter.bus === config.board.bus,
    }),
    buses,
    found,
    mirror: mirrorIn(parts),
    installation: parts.installation,
    suspendedMs: () => 0,
    send: parts.send,
  })
  loop.start()
  return { program, found: found.kind, onKeeper: loop.onKeeper, stop: loop.stop }
}

/** As `readMirror` reads the two files. */
function foundIn(runDir: RunDir, bootId: string, now: MonotonicMs): Found {
  if (runDir.mirror === null) return { kind: 'missing', why: 'no such file' }
  const decoded = decodeMirror(runDir.mirror)
  if (!decoded.ok) return { kind: 'missing', why: decoded.error }
  const mirror = decoded.value
  if (mirror.bootId !== bootId) return { kind: 'otherBoot' }
  const stampedAt = runDir.stamp?.bootId === bootId ? runDir.stamp.at : 0
  const ageMs = now - Math.max(mirror.writtenAtMonotonicMs, stampedAt)
  return ageMs < 0 ? { kind: 'missing', why: 'it is from the future' } : { kind: 'found', mirror, ageMs }
}

/** As `openMirror` writes them: one at a time, and contents that were overtaken while waiting are never written. */
function mirrorIn({ program, runDir, random }: ControlParts): MirrorFile {
  type Waiting = (result: Result<null, string>) => void
  let newest: Mirror | null = null
  let waiting: Waiting[] = []
  let writing = false
  const put = (text: string): Result<null, string> => {
    if (runDir.isFull) return err('no space left on device')
    runDir.mirror = text
    return ok(null)
  }
  async function run() {
    writing = true
    while (newest !== null) {
      const content = encodeMirror(newest)
      const served = waiting
      newest = null
      waiting = []
      await program.clock.sleep('mirror', random.integer(0, 4))
      const result = put(content)
      await program.clock.sleep('mirror is written', random.integer(0, 2))
      for (const done of served) done(result)
    }
    writing = false
  }
  return {
    write: (mirror) =>
      new Promise((resolve) => {
        newest = mirror
        waiting.push(resolve)
        if (!writing) void run()
      }),
    stamp: (bootId, at) => {
      if (!runDir.isFull) runDir.stamp = { bootId, at }
    },
    writeNow: (mirror) => put(encodeMirror(mirror)),
  }
}
