// One board of hw-sim with its relay, a meter and a dead module beside it, in this process, over ports with real line times;
// and control's own hands on it (agent/control/hardware.ts), which read, decide by a rule of one line, and pause.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BusConfig } from '../../agent/control/config.ts'
import { openBus } from '../../agent/control/drivers/bus/bus.ts'
import { type Hardware, openHardware } from '../../agent/control/hardware.ts'
import { openMeterReader } from '../../agent/control/meter-reader.ts'
import type { Bus, BusUnit } from '../../agent/control/ports/bus.ts'
import { type ReactionPlan, reactionPlan } from '../../agent/control/reaction-plan.ts'
import { registry } from '../../agent/control/registry.ts'
import { type BoardId, boardKindOf } from '../../hw-sim/devices/boards.ts'
import { type RunningSite, startSite } from '../../hw-sim/running-site.ts'
import { unfit } from '../../hw-sim/site-fit.ts'
import { type Site, siteFile } from '../../hw-sim/site-shape.ts'
import { systemClock } from '../../shared/io/system-clock.ts'
import { milliAmps } from '../../shared/units.ts'
import { factsOf } from '../facts/facts.ts'

/** `shared`: the meter is on the board's bus, where that is an RTU one; else on a bus of its own. */
export type Beside = 'alone' | 'meter' | 'meter and a dead unit'

export interface BusSite {
  readonly plan: ReactionPlan
  readonly site: RunningSite
  readonly hardware: Hardware
  readonly unitId: number
  /** The first request of a pause, as PDU; null before the first one. */
  pausePdu(): string | null
  /** From now on a car gets a current, or is paused. */
  setWants(wants: boolean): void
  close(): Promise<void>
}

const clock = systemClock()
const METER = 'eastron-sdm630-v2'
const RELAY = 'waveshare-modbus-rtu-relay-8ch'
const INPUTS = 'waveshare-modbus-rtu-io-8ch'
const UNITS = { meter: 2, relay: 3, dead: 9 }
/** Long before any watchdog ends; the loop's own period decides. */
const INPUT_PERIOD_MS = 100

/** The meter speaks RTU, at 38400 baud at most. */
const sharesBus = (id: BoardId, beside: Beside): boolean =>
  beside !== 'alone' &&
  boardKindOf(id).transport === 'rtu' &&
  (factsOf(id).serialDefaults.baud ?? 0) <= 38_400

function siteOf(id: BoardId, beside: Beside, seed: number): Site {
  const { deadman, transport } = boardKindOf(id)
  const { baud, parity, stopBits, dataBits, unitId } = factsOf(id).serialDefaults
  const wire = { relay: 'relay', channel: 1 }
  const site = siteFile.parse({
    seed,
    cable: { kind: 'tethered', ratingMilliamps: 32_000 },
    buses: [
      transport === 'tcp'
        ? { kind: 'tcp', name: 'main' }
        : {
            kind: transport,
            name: 'main',
            baud,
            parity,
            stopBits,
            ...(transport === 'ascii' ? { dataBits } : {}),
          },
      { kind: 'rtu', name: 'second', baud: 9600 },
    ],
    devices: [
      {
        name: 'board',
        device: id,
        bus: 'main',
        unitId,
        ...(deadman === 'release' ? { xr: wire } : {}),
        ...(deadman === 'supply' ? { supply: wire } : {}),
        ...(id === 'abl-emh1' ? { upstreamTimeoutMs: 3000, derateMs: 2000 } : {}),
      },
      { name: 'meter', device: METER, bus: sharesBus(id, beside) ? 'main' : 'second', unitId: UNITS.meter },
      ...(deadman === 'own' ? [] : [{ name: 'relay', device: RELAY, bus: 'main', unitId: UNITS.relay }]),
    ],
  })
  const [problem] = unfit(site)
  if (problem) throw new Error(`${problem.path.join('.')}: expected ${problem.expected}`)
  return site
}

function busConfigs(site: Site, running: RunningSite): readonly BusConfig[] {
  return site.buses.map((bus): BusConfig => {
    const port = running.ports()[bus.name]
    if (!port) throw new Error(`bus ${bus.name} has no port`)
    if (bus.kind === 'tcp') {
      const [host = '', tcpPort = ''] = port.split(':')
      return { kind: 'tcp', name: bus.name, host, port: Number(tcpPort) }
    }
    const { kind, name, baud, parity, stopBits } = bus
    return { kind, name, port, baud, parity, stopBits, dataBits: bus.kind === 'ascii' ? bus.dataBits : 8 }
  })
}

const hex = (...words: readonly number[]) => words.map((word) => word.toString(16).padStart(4, '0')).join('')

/** A bus whose units tell the first write of each pause. */
function watched(bus: Bus, onPause: (pdu: string) => void): Bus {
  const watch = (unit: BusUnit): BusUnit => ({
    ...unit,
    writeCoil(address, value, priority) {
      const word = typeof value === 'number' ? value : value ? 0xff00 : 0
      if (priority === 'withdraw') onPause(`05${hex(address, word)}`)
      return unit.writeCoil(address, value, priority)
    },
    writeWord(address, value, priority) {
      if (priority === 'withdraw') onPause(`06${hex(address, value)}`)
      return unit.writeWord(address, value, priority)
    },
    writeWords(address, values, priority) {
      const bytes = (2 * values.length).toString(16).padStart(2, '0')
      if (priority === 'withdraw') onPause(`10${hex(address, values.length)}${bytes}${hex(...values)}`)
      return unit.writeWords(address, values, priority)
    },
  })
  return { ...bus, unit: (declaration) => watch(bus.unit(declaration)) }
}

export async function openBusSite(id: BoardId, beside: Beside, seed: number): Promise<BusSite> {
  const file = siteOf(id, beside, seed)
  const linkDir = mkdtempSync(join(tmpdir(), 'voltkeep-bench-'))
  const running = startSite({
    site: file,
    clock,
    wallOffsetMs: 0,
    linkDir,
    onTrouble: (detail) => console.error(detail),
  })
  await running.opened
  const configs = busConfigs(file, running)
  const buses = configs.map((config) =>
    openBus({ config, clock, log: { info: () => undefined, warn: () => undefined } }),
  )
  const busOf = (name: string): Bus => {
    const bus = buses.find((one) => one.name === name)
    if (!bus) throw new Error(`no bus ${name}`)
    return bus
  }
  const driver = registry.boards[id]
  const unitId = file.devices[0]?.unitId
  const meterDriver = registry.meters[METER]
  const relayDriver = registry.io[RELAY]
  const inputDriver = registry.inputs[INPUTS]
  if (!driver || unitId === undefined || !meterDriver || !relayDriver || !inputDriver)
    throw new Error(`no driver for ${id}`)
  const meterBus = sharesBus(id, beside) ? 'main' : 'second'
  const isOwn = boardKindOf(id).deadman === 'own'
  const device = (name: string, of: string, bus: string, unit: number) => ({
    name,
    driver: of,
    bus,
    unitId: unit,
  })
  const plan = reactionPlan({
    buses: configs,
    board: device('board', id, 'main', unitId),
    deadman: isOwn ? null : { ...device('relay', RELAY, 'main', UNITS.relay), channel: 1 },
    meter: device('meter', METER, meterBus, UNITS.meter),
    io: { modules: beside === 'meter and a dead unit' ? [device('dead', INPUTS, 'main', UNITS.dead)] : [] },
  })
  if (!plan) throw new Error('no plan')

  let pausePdu: string | null = null
  let wants = false
  const main = watched(busOf('main'), (pdu) => {
    pausePdu = pdu
  })
  const board = driver.create({ name: 'board', bus: main, unitId })
  const relay = isOwn
    ? null
    : relayDriver.create({ name: 'relay', bus: busOf('main'), unitId: UNITS.relay, channel: 1 })
  const offer = milliAmps(Math.floor(16_000 / board.facts.stepMilliamps) * board.facts.stepMilliamps)
  const hardware = openHardware({
    clock,
    log: { info: () => undefined, warn: () => undefined },
    board,
    boardSilenceMs: driver.line.silenceMs,
    boardBus: busOf('main'),
    deadman: relay && { relay, bus: busOf('main') },
    mayHold: () => true,
    onTurn: () => {
      const { board: reading, written } = hardware.sight()
      if (reading === null || !hardware.prepared()) return
      const isThere = reading.pilot === 'B' || reading.pilot === 'C'
      if (wants && isThere) {
        if (written.kind !== 'offered') hardware.offer(offer)
      } else if (written.kind !== 'paused') hardware.pause()
    },
  })
  const meter = meterDriver.create({
    name: 'meter',
    bus: busOf(meterBus),
    unitId: UNITS.meter,
    sharesBusWithBoard: meterBus === 'main',
  })
  const reader = openMeterReader({ clock, meter, onInput: () => undefined, asksForSerial: () => false })
  const dead =
    beside === 'meter and a dead unit'
      ? inputDriver.create({ name: 'dead', bus: busOf('main'), unitId: UNITS.dead })
      : null
  const asks = clock.every('dead unit', INPUT_PERIOD_MS, () => void dead?.read())
  hardware.start()
  return {
    plan,
    site: running,
    hardware,
    unitId,
    pausePdu: () => pausePdu,
    setWants: (next) => {
      wants = next
    },
    async close() {
      asks.cancel()
      reader.stop()
      hardware.stop()
      await Promise.all(buses.map((bus) => bus.close()))
      running.close()
      rmSync(linkDir, { recursive: true, force: true })
    },
  }
}
