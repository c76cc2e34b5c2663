// The control process. The order matters: the port is opened before anything that can wait, because a charge that runs
// under the dead-man ends 2 s after the last control's last refresh.
import { readFileSync } from 'node:fs'
import pino from 'pino'
import { systemClock } from '../../shared/io/system-clock.ts'
import { isoOf } from '../../shared/time/iso.ts'
import type { ControlToKeeper } from '../control-link/messages.ts'
import { listenForKeeper } from '../control-link/server.ts'
import type { ControlConfig } from './config.ts'
import { openBus } from './drivers/bus/bus.ts'
import { openRdm6300 } from './drivers/io/rdm6300.ts'
import { readInstallationCopy } from './installation-copy.ts'
import { createLoop } from './loop.ts'
import { kernelBootId, suspendedMs } from './machine.ts'
import { openMirror, readMirror } from './mirror.ts'
import type { Bus } from './ports/bus.ts'
import type { InputModule, RelayModule } from './ports/io.ts'
import { reactionInLog, reactionPlan } from './reaction-plan.ts'
import { registry } from './registry.ts'

// Files are for their owner only, also those that libraries make in a folder that was there before.
process.umask(0o077)

const EXIT_CONFIGURATION = 2

async function main(configPath: string | undefined) {
  if (configPath === undefined)
    return refuse('control', 'the path of a control.json', 'none', 'voltkeep agent makes it')
  // Checked by `voltkeep agent`, which wrote it; control loads no validator.
  const config = JSON.parse(readFileSync(configPath, 'utf8')) as ControlConfig
  const clock = systemClock(config.wallOffsetMs)
  const log = pino(
    {
      base: { process: 'control', station: config.stationId },
      timestamp: () => `,"time":"${isoOf(clock.wall())}"`,
    },
    pino.destination({ dest: 1, sync: true }),
  )
  const bootId = config.bootId ?? kernelBootId()
  const buses = config.buses.map((bus) => openBus({ config: bus, clock, log }))
  const busOf = (name: string) => {
    const bus = buses.find((one) => one.name === name)
    if (bus === undefined) throw new Error(`${configPath}: no bus is named ${name}`)
    return bus
  }
  const boardDriver = registry.boards[config.board.driver]
  const meterDriver = registry.meters[config.meter.driver]
  const modules = createModules(config, busOf)
  if (!boardDriver || !meterDriver || modules === null)
    return refuse(
      configPath,
      'drivers of the registry',
      JSON.stringify(config),
      'voltkeep drivers lists them',
    )

  const reaction = reactionPlan(config)
  if (reaction) log.info(reactionInLog(reaction), 'reaction bound')

  const found = readMirror(config.runDir, bootId, clock.monotonic())
  const mirror = openMirror(config.runDir)
  if (!mirror.ok)
    return refuse(configPath, `runDir ${config.runDir}, writable`, mirror.error, 'name another runDir')
  const installation = readInstallationCopy(config.installationCopyPath)
  if (!installation.ok) log.warn({ why: installation.error }, 'no second copy of the installation record')

  let send: (message: ControlToKeeper) => boolean = () => false
  const board = boardDriver.create({ ...config.board, bus: busOf(config.board.bus) })
  if ((board.facts.deadman.kind === 'external') !== (config.deadman !== null))
    return refuse(
      configPath,
      board.facts.deadman.kind === 'own' ? 'no dead-man relay' : 'a dead-man relay',
      `deadman ${JSON.stringify(config.deadman)} for ${config.board.driver}`,
      'voltkeep config check tells where',
    )
  const loop = createLoop({
    config,
    bootId,
    clock,
    log,
    board,
    boardSilenceMs: boardDriver.line.silenceMs,
    deadman: modules.deadman,
    modules,
    meter: meterDriver.create({
      ...config.meter,
      bus: busOf(config.meter.bus),
      sharesBusWithBoard: config.meter.bus === config.board.bus,
    }),
    buses,
    found,
    mirror: mirror.value,
    installation: installation.ok ? installation.value : null,
    suspendedMs: () => suspendedMs(clock),
    send: (message) => send(message),
  })
  loop.start()

  const listening = await listenForKeeper({
    socketPath: config.socketPath,
    log,
    onMessage: (message) => loop.onKeeper(message),
    onDisconnected: () => undefined,
  })
  if (!listening.ok) {
    loop.stop()
    return refuse(configPath, 'a socket to listen on', listening.error, 'end the other control')
  }
  send = (message) => listening.value.send(message)
  const reader =
    config.rfid === null ? null : openRdm6300({ name: 'rfid', port: config.rfid.port, clock, log })
  reader?.onTouch((touch) => send({ kind: 'touch', ...touch }))
  log.info({ pid: process.pid, socketPath: config.socketPath, bootId }, 'ready')

  const end = (signal: string) => {
    log.info({ signal }, 'end: the running charge is left to the next control')
    loop.stop()
    listening.value.close()
    process.exit(0)
  }
  process.once('SIGTERM', end)
  process.once('SIGINT', end)
}

/** Relays and inputs by their names, each unit declared once; null where one has no driver of ours. */
function createModules(config: ControlConfig, busOf: (name: string) => Bus) {
  const relays = new Map<string, RelayModule>()
  const inputs = new Map<string, InputModule>()
  for (const device of config.io.modules) {
    const place = { ...device, bus: busOf(device.bus) }
    const [relay, input] = [registry.io[device.driver], registry.inputs[device.driver]]
    if (relay !== undefined) relays.set(device.name, relay.createModule(place))
    else if (input !== undefined) inputs.set(device.name, input.create(place))
    else return null
  }
  const { deadman } = config
  if (deadman === null) return { relays, inputs, deadman: null }
  const driver = registry.io[deadman.driver]
  if (driver === undefined) return null
  const module = driver.createModule({ ...deadman, bus: busOf(deadman.bus) })
  relays.set(deadman.name, module)
  return { relays, inputs, deadman: module.deadman(deadman.channel) }
}

function refuse(where: string, expected: string, got: string, todo: string): never {
  process.stderr.write(
    `${where}\n  expected  ${expected}\n  got       ${got}\n  do        ${todo}\nnothing was started\n`,
  )
  process.exit(EXIT_CONFIGURATION)
}

await main(process.argv[2])
