// One board of hw-sim in this process, with what it needs around it, over a real port with real line times, and its driver.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openBus } from '../../agent/control/drivers/bus/bus.ts'
import type { Board, Deadman } from '../../agent/control/ports/board.ts'
import type { Bus, BusUnit } from '../../agent/control/ports/bus.ts'
import { registry } from '../../agent/control/registry.ts'
import { type BoardId, boardKindOf } from '../../hw-sim/devices/boards.ts'
import { type RunningSite, startSite } from '../../hw-sim/running-site.ts'
import { unfit } from '../../hw-sim/site-fit.ts'
import { type Site, siteFile } from '../../hw-sim/site-shape.ts'
import { systemClock } from '../../shared/io/system-clock.ts'
import type { Timer } from '../../shared/time/clock.ts'
import { factsOf } from '../facts/facts.ts'
import type { BoardBench } from './board-port.ts'

export interface BoardOnBus extends BoardBench {
  readonly site: RunningSite
  readonly bus: Bus
  readonly unitId: number
  /** The relay that holds it; null where it has a watchdog of its own. */
  readonly relay: Deadman | null
}

export interface BoardOptions {
  /** Keys of its own kind in the site file. */
  readonly keys?: object
  readonly cable?: 'tethered' | 'socket'
  /** The plug's lock of a socket, driven and felt by the board. */
  readonly boardLock?: boolean
  /** What the fitter writes to the board before the driver meets it, with its dead-man held. */
  readonly fitter?: (unit: BusUnit) => Promise<void>
  /** T_deadman of a board that neither tells it nor hangs on a relay, ms. */
  readonly deadmanMs?: number
  /** For one that is to be refused. */
  readonly unprepared?: true
}

const UNTIL_MS = 15_000
const clock = systemClock()

/** The board as its vendor delivers it, on a bus of its own with its relay; a meter on another. */
function siteOf(id: BoardId, { keys = {}, cable = 'tethered', boardLock = false }: BoardOptions): Site {
  const { deadman, transport } = boardKindOf(id)
  const { baud, parity, stopBits, dataBits, unitId } = factsOf(id).serialDefaults
  const serial = { baud, parity, stopBits }
  const wire = { relay: 'relay', channel: 1 }
  const site = siteFile.parse({
    cable: { kind: cable, ratingMilliamps: 32_000 },
    ...(boardLock ? { lock: { drive: 'board', feedback: 'board' } } : {}),
    buses: [
      transport === 'tcp'
        ? { kind: 'tcp', name: 'main' }
        : { kind: transport, name: 'main', ...serial, ...(transport === 'ascii' ? { dataBits } : {}) },
      { kind: 'rtu', name: 'meters', baud: 9600 },
    ],
    devices: [
      {
        name: 'board',
        device: id,
        bus: 'main',
        unitId,
        ...(deadman === 'release' ? { xr: wire } : {}),
        ...(deadman === 'supply' ? { supply: wire } : {}),
        ...keys,
      },
      { name: 'meter', device: 'eastron-sdm630-v2', bus: 'meters', unitId: METER_UNIT },
      ...(deadman === 'own' ? [] : [{ name: 'relay', device: RELAY, bus: 'main', unitId: RELAY_UNIT }]),
    ],
  })
  const [problem] = unfit(site)
  if (problem) throw new Error(`${problem.path.join('.')}: expected ${problem.expected}`)
  return site
}
const RELAY = 'waveshare-modbus-rtu-relay-8ch'
const METER_UNIT = 2
const RELAY_UNIT = 3

function busConfigOf(site: Site, name: string, port: string) {
  const config = site.buses.find((candidate) => candidate.name === name)
  if (config === undefined) throw new Error(`no bus ${name}`)
  if (config.kind === 'tcp') {
    const [host = '', tcpPort = ''] = port.split(':')
    return { kind: 'tcp', name, host, port: Number(tcpPort) } as const
  }
  const { kind, baud, parity, stopBits } = config
  return {
    kind,
    name,
    port,
    baud,
    parity,
    stopBits,
    dataBits: kind === 'ascii' ? config.dataBits : 8,
  } as const
}

async function openSite(site: Site, trouble: string[]) {
  // A port that comes back is another terminal: the link leads to it.
  const linkDir = mkdtempSync(join(tmpdir(), 'voltkeep-board-'))
  const running = startSite({
    site,
    clock,
    wallOffsetMs: 0,
    linkDir,
    onTrouble: (detail) => trouble.push(detail),
  })
  const endMs = clock.monotonic() + UNTIL_MS
  const open = async (name: string): Promise<Bus> => {
    let port = running.ports()[name] ?? null
    while (port === null) {
      if (clock.monotonic() > endMs) throw new Error(`bus ${name} has no port`)
      await clock.sleep('port', 5)
      port = running.ports()[name] ?? null
    }
    const bus = openBus({
      config: busConfigOf(site, name, port),
      clock,
      log: { info: () => undefined, warn: () => undefined },
    })
    while (bus.status().state.kind !== 'open') {
      if (clock.monotonic() > endMs) throw new Error(`bus ${name} is ${bus.status().state.kind}`)
      await clock.sleep('open', 5)
    }
    return bus
  }
  return { running, linkDir, open }
}

/** By a bus of its own, closed before the driver's is opened. */
async function fitOut(bus: Bus, unitId: number, fitter: (unit: BusUnit) => Promise<void>) {
  const line = { silenceMs: 150, busSilenceMs: 0, turnaroundWorstMs: 40, latenessWorstMs: 250 }
  const relay = registry.io[RELAY]?.create({ name: 'relay', bus, unitId: RELAY_UNIT, channel: 1 })
  await relay?.hold()
  await clock.sleep('its start', 1500)
  await relay?.hold()
  await fitter(bus.unit({ name: 'board', unitId, line }))
  await bus.close()
}

/** In service: prepared, and its relay held, where it has one. */
export async function boardOnBus(id: BoardId, options: BoardOptions = {}): Promise<BoardOnBus> {
  const trouble: string[] = []
  const site = siteOf(id, options)
  const { running, linkDir, open } = await openSite(site, trouble)
  const driver = registry.boards[id]
  const relayDriver = registry.io[RELAY]
  const unitId = site.devices[0]?.unitId
  if (!driver || !relayDriver || unitId === undefined) throw new Error(`no driver for ${id}`)
  if (options.fitter) await fitOut(await open('main'), unitId, options.fitter)
  const bus = await open('main')
  const meters = await open('meters')
  const board = driver.create({ name: 'board', bus, unitId })
  const ownDeadman = board.facts.deadman.kind === 'own'
  const relay = ownDeadman ? null : relayDriver.create({ name: 'relay', bus, unitId: RELAY_UNIT, channel: 1 })
  let stranger: Board | null = null
  let pulse: Timer | null = null
  let ordersAfter = 0

  const until: BoardBench['until'] = async (what, look, holds) => {
    const endMs = clock.monotonic() + UNTIL_MS
    for (;;) {
      const seen = await look()
      if (holds(seen)) return seen
      if (clock.monotonic() > endMs) {
        const state = JSON.stringify(running.state().board)
        throw new Error(
          `${what}: not within ${UNTIL_MS} ms, last ${JSON.stringify(seen)}, board ${state} ${trouble.join('; ')}`,
        )
      }
      await clock.sleep('look again', 20)
    }
  }
  /** As control does: the relay each 0.5 s, or the board's own feeding. A board that any request feeds is fed by the test. */
  const talk = () => {
    const { deadman } = board.facts
    const once = () => void (relay ? relay.hold() : board.feed?.())
    pulse?.cancel()
    once()
    pulse = clock.every('hold', deadman.kind === 'own' ? deadman.feedMs : 500, once)
  }
  talk()
  const prepared = await until(
    'prepared',
    () => board.prepare(),
    (result) => result.ok || options.unprepared === true,
  )
  const fallback = prepared.ok ? prepared.value.fallback : null
  return {
    site: running,
    bus,
    unitId,
    relay,
    board,
    deadmanMs: relay?.holdMs ?? fallback?.timeoutMs ?? options.deadmanMs ?? 0,
    openingMs: relay ? RELAY_OPENING_MS : C1_OPENING_MS,
    onAnotherModel: () => {
      stranger ??= driver.create({ name: 'stranger', bus: meters, unitId: METER_UNIT })
      return stranger
    },
    plug: () => running.setCar({ plugged: true }),
    unplug: () => running.setCar({ plugged: false }),
    currentMilliamps: () => Math.max(...running.state().currentsMilliamps),
    async restart() {
      running.setSupply(false)
      await clock.sleep('without supply', 300)
      running.setSupply(true)
    },
    silence: () => pulse?.cancel(),
    talk,
    setBadLine(probability) {
      if (probability === 0) return running.clearFaults()
      for (const kind of ['twice', 'truncated', 'noise', 'badCrc'] as const)
        running.addFault({ kind, unitId, probability })
      running.addFault({ kind: 'late', unitId, probability, maxMs: 150 })
    },
    setDead: (dead) => (dead ? running.addFault({ kind: 'dead', unitId }) : running.clearFaults()),
    setError: (bit) => (bit === null ? running.clearFaults() : running.addFault({ kind: 'boardError', bit })),
    setPort: (there) => (there ? running.clearFaults() : running.addFault({ kind: 'portGone', bus: 'main' })),
    orders() {
      const { entries, next } = running.frames.after(ordersAfter)
      ordersAfter = next
      const mine = entries.filter((it) => it.direction === 'request' && it.unitId === unitId)
      return mine.map(({ pdu }) => pdu).filter((pdu) => ORDERS.test(pdu))
    },
    until,
    async close() {
      pulse?.cancel()
      await bus.close()
      await meters.close()
      running.close()
      rmSync(linkDir, { recursive: true, force: true })
    },
  }
}

/** Function codes that write. */
const ORDERS = /^(05|06|0f|10)/

/** The relay's contact, the board's filter, the contactor. */
const RELAY_OPENING_MS = 600
/** IEC 61851-1 Table A.6 seq. 10.2: a car that is told to stop has 6 s, then it is opened under load. */
const C1_OPENING_MS = 6500
