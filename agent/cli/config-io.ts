// What is wired to the IO modules: the rules of its keys, and what control is told of it.
import { watts } from '../../shared/units.ts'
import type { CableConfig, InputPoint, IoConfig, Point } from '../control/config.ts'
import type { IoFile } from './config-io-shape.ts'
import { channel, driverName, duration, moduleName, serialPort } from './config-leaves.ts'
import type { AgentFile } from './config-shape.ts'
import { type ConfigPath, type Finding, pathInWords, valueAt, valueInWords } from './config-text.ts'
import { type DriverRole, driverById } from './drivers.ts'

/** The dead-man's relay module, by whose name its other channels are named. */
const DEADMAN = 'deadman'
const DEFAULTS = {
  /** Of many 12 V lock actuators. */
  lockPulseMs: 600,
  /** §14a EnWG. */
  gridLimitWatts: 4200,
  atPowerLoss: 'unlocks',
  permanentLock: false,
} as const
/** A pulse is told in steps of 100 ms; a motor that runs for longer against its end burns. */
const PULSE = { minMs: 100, maxMs: 2000, stepMs: 100 } as const

const RELAYS = [
  ['io', 'lock', 'close'],
  ['io', 'lock', 'open'],
  ['io', 'release'],
] as const
const INPUTS = [
  ['io', 'lock', 'feedback'],
  ['io', 'release', 'mirror'],
  ['io', 'residualCurrent'],
  ['io', 'gridLimit'],
  ['io', 'stopButton'],
] as const

const isThere = (value: unknown) => value !== undefined && value !== null

/** Paths of the IO modules that are written. */
export function modulePaths(value: unknown): readonly ConfigPath[] {
  const modules = valueAt(value, ['io', 'modules'])
  return Array.isArray(modules) ? modules.map((_, index) => ['io', 'modules', index]) : []
}

export function checkIo(value: unknown): readonly Finding[] {
  return [
    ...checkModuleNames(value),
    ...RELAYS.flatMap((path) => checkPoint(value, path, 'relay')),
    ...INPUTS.flatMap((path) => checkPoint(value, path, 'inputs')),
    ...checkUsedOnce(value),
    ...checkRelease(value),
    ...checkPulse(value),
    ...checkCable(value),
    ...checkSilenceProved(value),
    ...checkReaderPort(value),
  ]
}

function checkModuleNames(value: unknown): readonly Finding[] {
  const names = modulePaths(value).map((path) => moduleName.read(valueAt(value, [...path, 'name'])))
  return names.flatMap((name, index): Finding[] => {
    const first = names.indexOf(name)
    const taken = name === DEADMAN ? 'board.deadman' : first < index ? `io.modules[${first}]` : null
    if (name === undefined || taken === null) return []
    return [
      {
        path: ['io', 'modules', index, 'name'],
        expected: 'a name that no other module has',
        got: `${name}, as ${taken}`,
        do: 'give this module another name',
      },
    ]
  })
}

interface KnownModule {
  readonly name: string
  readonly role: DriverRole
  readonly channels: number
}

function knownModules(value: unknown): readonly KnownModule[] {
  const named = modulePaths(value).map((path) => ({
    path,
    name: moduleName.read(valueAt(value, [...path, 'name'])),
  }))
  return [...named, { path: ['board', 'deadman'], name: DEADMAN }].flatMap(({ path, name }) => {
    const driver = driverById(driverName.read(valueAt(value, [...path, 'driver'])) ?? '')
    if (name === undefined || driver?.channels === undefined) return []
    return [{ name, role: driver.role, channels: driver.channels }]
  })
}

function checkPoint(value: unknown, path: ConfigPath, role: 'relay' | 'inputs'): readonly Finding[] {
  if (!isThere(valueAt(value, path))) return []
  const name = moduleName.read(valueAt(value, [...path, 'module']))
  const wanted = channel.read(valueAt(value, [...path, 'channel']))
  if (name === undefined) return []
  const fitting = knownModules(value).filter((one) => one.role === role)
  const module = fitting.find((one) => one.name === name)
  if (module === undefined) {
    const names = fitting.map((one) => one.name).join(', ')
    return [
      {
        path: [...path, 'module'],
        expected: `a module with ${role === 'relay' ? 'relays' : 'inputs'}${names === '' ? '' : `: ${names}`}`,
        got: name,
        do: names === '' ? 'list one under io.modules' : 'take one of them, or list another under io.modules',
      },
    ]
  }
  if (wanted === undefined || wanted <= module.channels) return []
  return [
    {
      path: [...path, 'channel'],
      expected: `a channel from 1 to ${module.channels}`,
      got: valueInWords(wanted),
      do: 'write the channel that it is wired to',
    },
  ]
}

function checkUsedOnce(value: unknown): readonly Finding[] {
  const seen = new Map<string, ConfigPath>()
  const deadman = channel.read(valueAt(value, ['board', 'deadman', 'channel']))
  if (deadman !== undefined) seen.set(`${DEADMAN} ${deadman}`, ['board', 'deadman'])
  const findings: Finding[] = []
  for (const path of [...RELAYS, ...INPUTS]) {
    const name = moduleName.read(valueAt(value, [...path, 'module']))
    const wanted = channel.read(valueAt(value, [...path, 'channel']))
    if (name === undefined || wanted === undefined) continue
    const other = seen.get(`${name} ${wanted}`)
    if (other) {
      findings.push({
        path: [...path, 'channel'],
        expected: `a channel of ${name} that nothing else is wired to`,
        got: `${wanted}, as ${pathInWords(other)}`,
        do: 'write the channel that each of the two is wired to',
      })
    } else seen.set(`${name} ${wanted}`, path)
  }
  return findings
}

/** The pilot's 100 ms are hardware's: a contactor that only software opens is no release. */
function checkRelease(value: unknown): readonly Finding[] {
  if (valueAt(value, ['io', 'release', 'inSeriesWithHardware']) !== false) return []
  return [
    {
      path: ['io', 'release', 'inSeriesWithHardware'],
      expected:
        'true: the contactor is in series with hardware that opens by itself when the pilot leaves C or D, the ' +
        'protective conductor is lost, or residual current flows',
      got: 'false',
      do: 'wire it so and prove it at commissioning, or remove io.release: this box may not charge as it is',
    },
  ]
}

function checkPulse(value: unknown): readonly Finding[] {
  const pulseMs = duration.read(valueAt(value, ['io', 'lock', 'pulse']))
  if (pulseMs === undefined) return []
  if (pulseMs >= PULSE.minMs && pulseMs <= PULSE.maxMs && pulseMs % PULSE.stepMs === 0) return []
  return [
    {
      path: ['io', 'lock', 'pulse'],
      expected: `${PULSE.minMs} ms to ${PULSE.maxMs} ms in steps of ${PULSE.stepMs} ms`,
      got: `${pulseMs} ms`,
      do: "write what the actuator's data sheet tells",
    },
  ]
}

function checkCable(value: unknown): readonly Finding[] {
  const kind = valueAt(value, ['cable', 'kind'])
  const lock = valueAt(value, ['io', 'lock'])
  if (kind === 'tethered') {
    const useless = [
      ['cable', 'permanentLock'],
      ['cable', 'atPowerLoss'],
      ['io', 'lock'],
    ].filter((path) => isThere(valueAt(value, path)))
    return useless.map((path) => ({
      path,
      atKey: true,
      expected: 'no lock: a tethered cable is never unplugged from the box',
      got: valueInWords(valueAt(value, path)),
      do: 'remove it, or write cable.kind: socket',
    }))
  }
  const board = driverById(driverName.read(valueAt(value, ['board', 'driver'])) ?? '')
  if (kind !== 'socket' || board === undefined) return []
  if (board.lock === 'confirmed' || isThere(valueAt(value, ['io', 'lock', 'feedback']))) return []
  return [
    {
      path: ['cable', 'kind'],
      expected:
        'a socket whose lock is confirmed: by the board or by io.lock.feedback, for no current may flow through a ' +
        'plug that can be pulled',
      got: `socket, where ${board.id} does not tell and ${isThere(lock) ? 'io.lock has no feedback' : 'io.lock is not there'}`,
      do: "wire the lock's feedback to an IO module and add io.lock.feedback, or write tethered if the cable is fixed",
    },
  ]
}

function checkSilenceProved(value: unknown): readonly Finding[] {
  const path = ['board', 'silenceProved']
  const board = driverById(driverName.read(valueAt(value, ['board', 'driver'])) ?? '')
  if (!isThere(valueAt(value, path)) || board?.deadman === undefined || board.deadman === 'own') return []
  return [
    {
      path,
      atKey: true,
      expected: `nothing: ${board.id} has no watchdog that a silence test could prove`,
      got: valueInWords(valueAt(value, path)),
      do: 'remove it',
    },
  ]
}

function checkReaderPort(value: unknown): readonly Finding[] {
  const port = serialPort.read(valueAt(value, ['rfid', 'port']))
  const buses = valueAt(value, ['buses'])
  if (port === undefined || !Array.isArray(buses)) return []
  const bus = buses.findIndex((one) => valueAt(one, ['port']) === port)
  if (bus < 0) return []
  return [
    {
      path: ['rfid', 'port'],
      expected: 'a serial port of its own',
      got: `${port}, as buses[${bus}]`,
      do: 'name the port that the reader is wired to',
    },
  ]
}

// What control is told.

const pointOf = ({ module, channel }: Point): Point => ({ module, channel })
const inputOf = ({ module, channel, activeWhen }: InputPoint): InputPoint => ({ module, channel, activeWhen })

export function ioConfig(io: IoFile = {}): IoConfig {
  return {
    modules: (io.modules ?? []).map(({ name, driver, bus, unit }) => ({ name, driver, bus, unitId: unit })),
    lock: io.lock
      ? {
          close: pointOf(io.lock.close),
          open: pointOf(io.lock.open),
          pulseMs: io.lock.pulse ?? DEFAULTS.lockPulseMs,
          feedback: io.lock.feedback ? inputOf(io.lock.feedback) : null,
        }
      : null,
    release: io.release
      ? { relay: pointOf(io.release), mirror: io.release.mirror ? inputOf(io.release.mirror) : null }
      : null,
    residualCurrent: io.residualCurrent ? inputOf(io.residualCurrent) : null,
    stopButton: io.stopButton ? inputOf(io.stopButton) : null,
    gridLimit: io.gridLimit
      ? { ...inputOf(io.gridLimit), limitWatts: io.gridLimit.power ?? watts(DEFAULTS.gridLimitWatts) }
      : null,
  }
}

export function cableConfig({ cable }: AgentFile): CableConfig {
  const { kind, rating: ratingMilliamps } = cable
  if (kind === 'tethered') return { kind, ratingMilliamps }
  return {
    kind,
    ratingMilliamps,
    permanentLock: cable.permanentLock ?? DEFAULTS.permanentLock,
    atPowerLoss: cable.atPowerLoss ?? DEFAULTS.atPowerLoss,
  }
}
