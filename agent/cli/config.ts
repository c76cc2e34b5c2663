// From agent.yaml to what the two processes are told. Everything is checked here, so that control and keeper get plain
// JSON that holds; when anything is wrong, every problem is told at once and nothing is started.
import { join } from 'node:path'
import { err, ok, type Result } from '../../shared/result.ts'
import type { ControlConfig, DeviceConfig } from '../control/config.ts'
import { REACTION_MAX_MS, reactionAdvice, reactionPlan } from '../control/reaction-plan.ts'
import type { KeeperConfig } from '../keeper/config.ts'
import { busConfig } from './config-buses.ts'
import { cableConfig, ioConfig } from './config-io.ts'
import { readDuration } from './config-leaves.ts'
import { checkRules } from './config-rules.ts'
import { type AgentFile, checkShape } from './config-shape.ts'
import { type ConfigProblem, type Finding, readConfigText } from './config-text.ts'

/** Everything that agent.yaml may leave out. */
const DEFAULTS = {
  access: 'private',
  stateDir: '/var/lib/voltkeep',
  localHost: '127.0.0.1',
  localPort: 8081,
  resumeWithin: { private: '24 h', public: '10 min' },
  hasRtc: false,
} as const

/** What the file does not say: the machine and the command line. */
export interface Surroundings {
  readonly firmwareVersion: string
  /** Takes the place of `runDir` in the file. */
  readonly runDir: string | null
  /** Where neither the file nor the command line names one. */
  readonly defaultRunDir: (stationId: string) => string
  readonly bootId: string | null
  readonly wallOffsetMs: number
}

export interface AgentConfig {
  readonly control: ControlConfig
  readonly keeper: KeeperConfig
}

/** `sun_path` of Linux holds 108 bytes, the last one zero. */
const SOCKET_PATH_BYTES_MAX = 107

/** Checks the text of a configuration file and makes both processes' configurations of it. */
export function parseConfig(
  file: string,
  text: string,
  surroundings: Surroundings,
): Result<AgentConfig, readonly ConfigProblem[]> {
  const read = readConfigText(file, text)
  if (!read.ok) return read
  const { value, locate } = read.value
  const shape = checkShape(value)
  const findings: Finding[] = [...shape.findings, ...checkRules(value)]
  const config = shape.file && findings.length === 0 ? makeConfig(shape.file, surroundings) : null
  if (config) {
    findings.push(...checkSocketPath(config), ...checkReaction(config.control))
    if (findings.length === 0) return ok(config)
  }
  const problems = findings.map(locate)
  return err(problems.toSorted((a, b) => a.line - b.line))
}

function checkSocketPath({ control }: AgentConfig): readonly Finding[] {
  const socketBytes = Buffer.byteLength(control.socketPath)
  if (socketBytes <= SOCKET_PATH_BYTES_MAX) return []
  return [
    {
      path: ['runDir'],
      expected: `a path so short that ${control.socketPath} has at most ${SOCKET_PATH_BYTES_MAX} bytes`,
      got: `${socketBytes} bytes`,
      do: 'name a shorter folder in memory (tmpfs)',
    },
  ]
}

/** How soon a pause answers the board's pilot and its error bits: by arithmetic, before anything is started. */
function checkReaction(control: ControlConfig): readonly Finding[] {
  const plan = reactionPlan(control)
  if (plan === null || plan.errorMs <= REACTION_MAX_MS) return []
  const arithmetic = plan.lines.map((line) => `            ${line}`).join('\n')
  return [
    {
      path: ['board', 'bus'],
      expected: `a pause within ${REACTION_MAX_MS} ms of any change that the board tells`,
      got: `${plan.errorMs} ms at worst on bus ${plan.bus}:\n${arithmetic}`,
      do: reactionAdvice(control),
    },
  ]
}

function makeConfig(file: AgentFile, surroundings: Surroundings): AgentConfig {
  const access = file.access ?? DEFAULTS.access
  const stateDir = file.stateDir ?? DEFAULTS.stateDir
  const runDir = surroundings.runDir ?? file.runDir ?? surroundings.defaultRunDir(file.station.id)
  const common = {
    socketPath: join(runDir, 'control.sock'),
    runDir,
    installationCopyPath: join(stateDir, 'installation.json'),
    phasesWired: file.installation.phases,
    wireRatingMilliamps: file.installation.wireRating,
    bootId: surroundings.bootId,
    wallOffsetMs: surroundings.wallOffsetMs,
  }
  return {
    control: {
      ...common,
      stationId: file.station.id,
      buses: file.buses.map(busConfig),
      board: deviceConfig('board', file.board),
      deadman: file.board.deadman
        ? { ...deviceConfig('deadman', file.board.deadman), channel: file.board.deadman.channel }
        : null,
      meter: deviceConfig('meter', file.meter),
      metersOutlet: file.meter.behindContactor ?? false,
      io: ioConfig(file.io),
      rfid: file.rfid ? { port: file.rfid.port } : null,
      cable: cableConfig(file),
      billedOrRestricted: access === 'public' || file.csms !== undefined || file.freeVend === undefined,
      silenceProvedMs: file.board.silenceProved ?? null,
    },
    keeper: {
      ...common,
      station: { ...file.station, firmwareVersion: surroundings.firmwareVersion },
      stateDir,
      timeZone: file.timeZone,
      access,
      cableKind: file.cable.kind,
      resumeWithinMs: file.resumeWithin ?? readDuration(DEFAULTS.resumeWithin[access]) ?? 0,
      hasRtc: file.hasRtc ?? DEFAULTS.hasRtc,
      freeVend: file.freeVend ?? null,
      tokens: file.rfid?.tokens ?? [],
      csms: file.csms ?? null,
      mqtt: file.mqtt
        ? {
            url: file.mqtt.url,
            username: file.mqtt.username ?? null,
            password: file.mqtt.password ?? null,
          }
        : null,
      local: {
        host: file.local?.host ?? DEFAULTS.localHost,
        port: file.local?.port ?? DEFAULTS.localPort,
        pin: file.local?.pin ?? null,
      },
    },
  }
}

const deviceConfig = (
  name: string,
  device: { readonly driver: string; readonly bus: string; readonly unit: number },
): DeviceConfig => ({ name, driver: device.driver, bus: device.bus, unitId: device.unit })
