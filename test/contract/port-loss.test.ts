// A real serial port that vanishes and comes back at the same path, in use and idle: the bus says so, ends what waits,
// and opens it again; nothing is thrown on the way.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openBus } from '../../agent/control/drivers/bus/bus.ts'
import type { Bus, BusUnit } from '../../agent/control/ports/bus.ts'
import { frameLog, type Bus as SimBus, startBus } from '../../hw-sim/bus/start-bus.ts'
import { systemClock } from '../../shared/io/system-clock.ts'

const clock = systemClock()
let folder: string
let sim: SimBus
let bus: Bus
let unit: BusUnit
let states: string[]

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'voltkeep-port-'))
  sim = startBus({
    name: 'main',
    baud: 19_200,
    parity: 'none',
    stopBits: 1,
    pacing: 'line',
    turnaroundMs: { min: 2, max: 2 },
    clock,
    seed: 1,
    frames: frameLog(),
    linkPath: join(folder, 'main'),
    onTrouble: () => undefined,
    units: [
      {
        unitId: 1,
        silenceMs: 0,
        hearsBroadcast: false,
        answer: () => Uint8Array.of(3, 2, 0x12, 0x34),
      },
    ],
  })
  states = []
  bus = openBus({
    config: {
      kind: 'rtu',
      name: 'main',
      port: join(folder, 'main'),
      baud: 19_200,
      dataBits: 8,
      parity: 'none',
      stopBits: 1,
    },
    clock,
    log: { info: () => undefined, warn: () => undefined },
  })
  bus.onState((state) => states.push(state.kind))
  unit = bus.unit({
    name: 'unit',
    unitId: 1,
    line: { silenceMs: 0, busSilenceMs: 0, turnaroundWorstMs: 40, latenessWorstMs: 100 },
  })
  await until(() => states.includes('open'))
})
afterEach(async () => {
  await bus.close()
  sim.close()
  rmSync(folder, { recursive: true })
})

async function until(holds: () => boolean) {
  const endMs = clock.monotonic() + 5000
  while (!holds()) {
    if (clock.monotonic() > endMs) throw new Error(`not within 5 s; states ${states.join(', ')}`)
    await clock.sleep('look again', 5)
  }
}
const read = () => unit.readWords(3, 0, 1, 'board')

it('an idle port that vanishes is noticed within half a second, and found again', async () => {
  expect(await read()).toMatchObject({ ok: true, value: { value: [0x1234] } })
  const atMs = clock.monotonic()
  sim.loosePort()
  await until(() => states.at(-1) === 'lost')
  expect(clock.monotonic() - atMs).toBeLessThan(500)
  sim.restorePort()
  await until(() => states.at(-1) === 'open')
  expect(await read()).toMatchObject({ ok: true, value: { value: [0x1234] } })
  expect(bus.status().reopened).toBe(1)
})

it('a port that vanishes under a request ends it as portClosed or at its deadline, and the next at once', async () => {
  for (let round = 0; round < 5; round++) {
    const asked = Array.from({ length: 5 }, read)
    await clock.sleep('under way', 3 + 4 * round)
    sim.loosePort()
    const outcomes = await Promise.all(asked)
    const kinds = outcomes.map((outcome) => (outcome.ok ? 'ok' : outcome.error.kind))
    expect(kinds.at(-1)).toBe('portClosed')
    sim.restorePort()
    await until(() => states.at(-1) === 'open')
  }
  await until(() => bus.status().reopened === 5)
  expect(await read()).toMatchObject({ ok: true })
})

it('a lost port costs no processor time: serialport alone would read a hung-up terminal in a busy loop', async () => {
  sim.loosePort()
  await until(() => states.at(-1) === 'lost')
  const before = process.cpuUsage()
  await clock.sleep('lost', 500)
  const { user, system } = process.cpuUsage(before)
  expect((user + system) / 1000).toBeLessThan(250)
})
