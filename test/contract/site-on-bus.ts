// hw-sim's built-in site in this process, over a real pseudo terminal with real line times, and the drivers on it.
import { openBus } from '../../agent/control/drivers/bus/bus.ts'
import type { Board, Deadman } from '../../agent/control/ports/board.ts'
import type { Bus } from '../../agent/control/ports/bus.ts'
import type { Meter } from '../../agent/control/ports/meter.ts'
import { registry } from '../../agent/control/registry.ts'
import { type RunningSite, startSite } from '../../hw-sim/running-site.ts'
import { defaultSite } from '../../hw-sim/site.ts'
import { systemClock } from '../../shared/io/system-clock.ts'

export interface SiteOnBus {
  readonly site: RunningSite
  readonly bus: Bus
  readonly board: Board
  readonly meter: Meter
  readonly deadman: Deadman
  /** Tries again until it holds; after 8 s the newest value is the failure. */
  until<T>(what: string, look: () => Promise<T>, holds: (seen: T) => boolean): Promise<T>
  close(): Promise<void>
}

const UNTIL_MS = 8000

export async function siteOnBus(): Promise<SiteOnBus> {
  const clock = systemClock()
  const trouble: string[] = []
  const site = startSite({
    site: defaultSite(),
    clock,
    wallOffsetMs: 0,
    linkDir: null,
    onTrouble: (detail) => trouble.push(detail),
  })
  const port = site.ports()['main']
  const board = registry.boards['phoenix-ev-cc-ac1-m3-rtu']
  const meter = registry.meters['eastron-sdm630-v2']
  const deadman = registry.io['waveshare-modbus-rtu-relay-8ch']
  if (!port || !board || !meter || !deadman) throw new Error('the built-in site and the registry do not fit')
  const bus = openBus({
    config: { kind: 'rtu', name: 'main', port, baud: 19_200, dataBits: 8, parity: 'none', stopBits: 1 },
    clock,
    log: { info: () => undefined, warn: () => undefined },
  })
  const until: SiteOnBus['until'] = async (what, look, holds) => {
    const endMs = clock.monotonic() + UNTIL_MS
    for (;;) {
      const seen = await look()
      if (holds(seen)) return seen
      if (clock.monotonic() > endMs) {
        throw new Error(
          `${what}: not within ${UNTIL_MS} ms, last ${JSON.stringify(seen)} ${trouble.join('; ')}`,
        )
      }
      await clock.sleep('look again', 20)
    }
  }
  const opened = { kind: 'none' }
  const stop = bus.onState((state) => {
    opened.kind = state.kind
  })
  await until(
    'the port',
    async () => opened.kind,
    (kind) => kind === 'open',
  )
  stop()
  return {
    site,
    bus,
    board: board.create({ name: 'board', bus, unitId: 1 }),
    meter: meter.create({ name: 'meter', bus, unitId: 2, sharesBusWithBoard: true }),
    deadman: deadman.create({ name: 'relay', bus, unitId: 3, channel: 1 }),
    until,
    async close() {
      await bus.close()
      site.close()
    },
  }
}
