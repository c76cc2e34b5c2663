// Control as it is shipped, with any board of hw-sim on a bus of its own and the meter on another; the test speaks
// keeper's part over the real link.
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BusConfig, ControlConfig, SerialBusConfig } from '../../agent/control/config.ts'
import { NO_IO } from '../../agent/control/config.ts'
import type { Fallback } from '../../agent/control/ports/board.ts'
import { type Program, startProgram } from '../../hw-sim/demo/program.ts'
import { type SimClient, simClient } from '../../hw-sim/demo/sim-client.ts'
import { type BoardId, boardKindOf } from '../../hw-sim/devices/boards.ts'
import { systemClock } from '../../shared/io/system-clock.ts'
import { amps } from '../../shared/units.ts'
import { factsOf } from '../facts/facts.ts'
import { startKeeper, type TestKeeper, until } from './test-keeper.ts'

const clock = systemClock()
/** As the command starts it. */
const NODE_FLAGS = [
  '--max-semi-space-size=1',
  '--max-old-space-size=48',
  '--optimize-for-size',
  '--single-threaded',
  '--v8-pool-size=0',
]
const BOOT = 'boot-of-this-test'
const RELAY = 'waveshare-modbus-rtu-relay-8ch'

export interface BoardSiteOptions {
  /** Keys of the board's own kind in the site file. */
  readonly keys?: object
  /** What a silence test at commissioning found, where only that can tell. */
  readonly silenceProvedMs?: number
  /** More of the site file: what hangs on the modules, readers. */
  readonly site?: object
  /** More devices on the board's bus. */
  readonly devices?: readonly object[]
  /** More of control's configuration; ports by the names of buses and readers. */
  readonly config?: (ports: Readonly<Record<string, string>>) => Partial<ControlConfig>
}

export interface BoardSite {
  readonly sim: SimClient
  readonly keeper: TestKeeper
  readonly control: () => Program
  startControl(): Promise<Program>
  /** What the board told of its fallback when it was last prepared. */
  fallback(): Fallback | null
  /** T_deadman: the relay's time or the board's own, ms. */
  deadmanMs(): number
  log(): string
  close(): Promise<void>
}

const relayWire = { relay: 'relay', channel: 1 }

/** The board as its vendor delivers it. */
function siteText(id: BoardId, { keys = {}, site = {}, devices = [] }: BoardSiteOptions): string {
  const { deadman, transport } = boardKindOf(id)
  const { baud, parity, stopBits, dataBits, unitId } = factsOf(id).serialDefaults
  const line =
    transport === 'tcp' ? {} : { baud, parity, stopBits, ...(transport === 'ascii' ? { dataBits } : {}) }
  return JSON.stringify({
    buses: [
      { kind: transport, name: 'main', ...line },
      { kind: 'rtu', name: 'meters', baud: 19_200 },
    ],
    devices: [
      {
        name: 'board',
        device: id,
        bus: 'main',
        unitId,
        ...(deadman === 'release' ? { xr: relayWire } : {}),
        ...(deadman === 'supply' ? { supply: relayWire } : {}),
        ...keys,
      },
      { name: 'meter', device: 'eastron-sdm630-v2', bus: 'meters', unitId: 2 },
      ...(deadman === 'own' ? [] : [{ name: 'relay', device: RELAY, bus: 'main', unitId: 3 }]),
      ...devices,
    ],
    ...site,
  })
}

function configOf(id: BoardId, dir: string, ports: Readonly<Record<string, string>>): ControlConfig {
  const { deadman, transport } = boardKindOf(id)
  const { baud = 9600, parity = 'none', stopBits = 1, dataBits = 8, unitId = 1 } = factsOf(id).serialDefaults
  const [host = '', port = ''] = (ports['main'] ?? '').split(':')
  const serial = {
    kind: transport,
    name: 'main',
    port: ports['main'] ?? '',
    baud,
    dataBits,
    parity,
    stopBits,
  }
  const main: BusConfig =
    transport === 'tcp'
      ? { kind: 'tcp', name: 'main', host, port: Number(port) }
      : (serial as SerialBusConfig) // the facts tell a serial line
  const meters: BusConfig = {
    kind: 'rtu',
    name: 'meters',
    port: ports['meters'] ?? '',
    baud: 19_200,
    dataBits: 8,
    parity: 'none',
    stopBits: 1,
  }
  const device = (name: string, driver: string, bus: string, unit: number) => ({
    name,
    driver,
    bus,
    unitId: unit,
  })
  return {
    stationId: 'TEST',
    buses: [main, meters],
    board: device('board', id, 'main', unitId),
    deadman: deadman === 'own' ? null : { ...device('deadman', RELAY, 'main', 3), channel: 1 },
    meter: device('meter', 'eastron-sdm630-v2', 'meters', 2),
    metersOutlet: false,
    io: NO_IO,
    rfid: null,
    billedOrRestricted: false,
    silenceProvedMs: null,
    cable: { kind: 'tethered', ratingMilliamps: amps(32) },
    phasesWired: 3,
    wireRatingMilliamps: amps(32),
    socketPath: join(dir, 'control.sock'),
    runDir: join(dir, 'run'),
    installationCopyPath: join(dir, 'installation.json'),
    bootId: BOOT,
    wallOffsetMs: 0,
  }
}

function writeInstallation(dir: string) {
  const record = { limitMilliamps: 16_000, phasesWired: 3, version: 1 }
  const canonical = `{"limitMilliamps":16000,"phasesWired":3,"version":1}`
  const checksum = createHash('sha256').update(canonical).digest('hex')
  writeFileSync(join(dir, 'installation.json'), JSON.stringify({ record, checksum }))
}

/** Simulated site, control and a keeper that is heard; nothing plugged in. */
export async function boardSite(id: BoardId, options: BoardSiteOptions = {}): Promise<BoardSite> {
  const dir = mkdtempSync(join(tmpdir(), 'vk-board-'))
  writeFileSync(join(dir, 'site.yaml'), siteText(id, options))
  const args = ['--site', join(dir, 'site.yaml'), '--link-dir', dir]
  const simProgram = startProgram(
    { name: 'hw-sim', file: 'dist/hw-sim.mjs', args, logFile: join(dir, 'sim.log') },
    clock,
  )
  const ready = await simProgram.ready
  const sim = simClient(String(ready['http']))
  // The ready line of hw-sim: its ports by the names of the buses.
  const ports = ready['ports'] as Readonly<Record<string, string>>
  writeInstallation(dir)
  const config: ControlConfig = {
    ...configOf(id, dir, ports),
    silenceProvedMs: options.silenceProvedMs ?? null,
    ...options.config?.(ports),
  }
  writeFileSync(join(dir, 'control.json'), JSON.stringify(config))
  let control: Program
  const logFile = join(dir, 'control.log')
  const log = () => readFileSync(logFile, 'utf8')
  const startControl = async () => {
    control = startProgram(
      {
        name: 'control',
        file: 'dist/control.mjs',
        nodeFlags: NODE_FLAGS,
        args: [join(dir, 'control.json')],
        logFile,
      },
      clock,
    )
    await control.ready
    return control
  }
  await startControl()
  const keeper = startKeeper(join(dir, 'control.sock'), BOOT)
  const fallback = () => {
    const told = log()
      .split('\n')
      .findLast((line) => line.includes('"board prepared"'))
    // A log line of control's own.
    return told === undefined ? null : (JSON.parse(told) as { fallback: Fallback }).fallback
  }
  const site: BoardSite = {
    sim,
    keeper,
    control: () => control,
    startControl,
    fallback,
    deadmanMs() {
      if (config.deadman !== null) return 2000
      return fallback()?.timeoutMs ?? config.silenceProvedMs ?? Number.NaN
    },
    log,
    async close() {
      keeper.link.close()
      await control.kill()
      await simProgram.stop()
      rmSync(dir, { recursive: true, force: true })
    },
  }
  try {
    await until('the board is heard', () => keeper.status()?.pilot === 'A' && fallback() !== null)
    return site
  } catch (error) {
    process.stderr.write(`${log()}\n${JSON.stringify(await sim.state())}\n`)
    await site.close()
    throw error
  }
}
