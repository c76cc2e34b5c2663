// The agent's buses and hw-sim's are written apart: here they talk to each other, RTU and ASCII over a pseudo terminal and
// TCP over a socket, on a sound line and on each confused one. A value is right or it is a failure, and what was lost is
// found again by itself.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { BusConfig } from '../../agent/control/config.ts'
import { openBus } from '../../agent/control/drivers/bus/bus.ts'
import type { Bus, BusUnit, Outcome } from '../../agent/control/ports/bus.ts'
import type { SimFault } from '../../hw-sim/api.ts'
import type { BusUnit as SimUnit } from '../../hw-sim/bus/hearing.ts'
import { frameLog, type Bus as SimBus, startBus } from '../../hw-sim/bus/start-bus.ts'
import { startTcpBus } from '../../hw-sim/bus/tcp-bus.ts'
import { systemClock } from '../../shared/io/system-clock.ts'

const clock = systemClock()
const KINDS = ['rtu', 'ascii', 'tcp'] as const
type Kind = (typeof KINDS)[number]

/** What a register holds: its unit in the high byte, its address in the low one. */
const truth = (unitId: number, address: number) => (unitId << 8) | address

let folder: string
let sim: SimBus
let bus: Bus
let units: Readonly<Record<1 | 2, BusUnit>>
let states: string[]

/** Answers FC03 truly, and echoes FC05. */
const simUnit = (unitId: number, ascii: Partial<SimUnit> = {}): SimUnit => ({
  unitId,
  silenceMs: 0,
  hearsBroadcast: false,
  ...ascii,
  answer: (pdu) => {
    if (pdu[0] !== 3) return Uint8Array.from(pdu)
    const [, , address = 0, , count = 0] = pdu
    const words = Array.from({ length: count }, (_, index) => truth(unitId, address + index))
    return Uint8Array.from([3, 2 * count, ...words.flatMap((word) => [word >> 8, word & 0xff])])
  },
})

const serial = { baud: 38_400, parity: 'even', stopBits: 1 } as const

async function openSim(kind: Kind): Promise<BusConfig> {
  const common = {
    name: 'main',
    clock,
    seed: 11,
    frames: frameLog(),
    pacing: 'line',
    turnaroundMs: { min: 2, max: 5 },
    onTrouble: (detail: string) => {
      throw new Error(detail)
    },
  } as const
  if (kind === 'tcp') {
    sim = startTcpBus({ ...common, port: 0, units: [simUnit(1), simUnit(2)] })
    await sim.opened
    const [host = '', port = ''] = (sim.path() ?? '').split(':')
    return { kind, name: 'main', host, port: Number(port) }
  }
  const dataBits = kind === 'ascii' ? 7 : 8
  const second = kind === 'ascii' ? simUnit(2, { replyStart: '>' }) : simUnit(2)
  const linkPath = join(folder, 'main')
  sim = startBus({ ...common, ...serial, kind, dataBits, linkPath, units: [simUnit(1), second] })
  return { kind, name: 'main', port: linkPath, dataBits, ...serial }
}

async function until(what: string, holds: () => boolean | Promise<boolean>) {
  const endMs = clock.monotonic() + 8000
  while (!(await holds())) {
    if (clock.monotonic() > endMs) throw new Error(`not within 8 s: ${what}; states ${states.join(', ')}`)
    await clock.sleep('look again', 5)
  }
}

const read = (unitId: 1 | 2, address = 7): Promise<Outcome<readonly number[]>> =>
  units[unitId].readWords(3, address, 2, 'board')
const right = (unitId: 1 | 2, outcome: Outcome<readonly number[]>, address = 7): boolean =>
  outcome.ok &&
  outcome.value.value[0] === truth(unitId, address) &&
  outcome.value.value[1] === truth(unitId, address + 1)

describe.each(KINDS)('%s', (kind) => {
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'voltkeep-buses-'))
    const config = await openSim(kind)
    bus = openBus({ config, clock, log: { info: () => undefined, warn: () => undefined } })
    states = []
    bus.onState((state) => states.push(state.kind))
    const line = { silenceMs: 0, busSilenceMs: 0, turnaroundWorstMs: 40, latenessWorstMs: 100 }
    const second = kind === 'ascii' ? ({ ...line, asciiReplyStart: '>' } as const) : line
    units = {
      1: bus.unit({ name: 'one', unitId: 1, line }),
      2: bus.unit({ name: 'two', unitId: 2, line: second }),
    }
    await until('open', () => states.at(-1) === 'open')
  })
  afterEach(async () => {
    await bus.close()
    sim.close()
    rmSync(folder, { recursive: true })
  })

  it('reads and writes what is there', async () => {
    for (let address = 0; address < 20; address++) {
      for (const unitId of [1, 2] as const)
        expect(right(unitId, await read(unitId, address), address)).toBe(true)
    }
    expect(await units[1].writeCoil(3, true, 'withdraw')).toMatchObject({ ok: true })
  })

  const faults: readonly (readonly [string, SimFault])[] = [
    ['is dead', { kind: 'dead', unitId: 1 }],
    ['is late', { kind: 'late', unitId: 1, maxMs: 90, probability: 0.7 }],
    ['answers half', { kind: 'truncated', unitId: 1, probability: 0.7 }],
    ['answers twice', { kind: 'twice', unitId: 1, probability: 0.7 }],
    ['has a bad line', { kind: 'badCrc', unitId: 1, probability: 0.7 }],
    ['says that it is the other', { kind: 'saysUnit', unitId: 1, saysUnitId: 2 }],
    ['shares its id with the other', { kind: 'answersFor', unitId: 2, asUnitId: 1 }],
    ['is on a shorted line', { kind: 'busShorted' }],
  ]
  it.each(faults)('never gives a wrong value while unit 1 %s, and right ones after', async (_what, fault) => {
    sim.setFaults([fault])
    for (let round = 0; round < 12; round++) {
      for (const unitId of [1, 2] as const) {
        const outcome = await read(unitId, round)
        if (outcome.ok) expect(right(unitId, outcome, round), JSON.stringify(outcome)).toBe(true)
      }
    }
    // A unit in trouble is not the end of the other one.
    if ('unitId' in fault) await until('unit 2 served', async () => right(2, await read(2)))
    else expect((await read(2)).ok).toBe(false)
    sim.setFaults([])
    await until('right again', async () => right(1, await read(1)))
    await until('right again', async () => right(2, await read(2)))
  })

  it('finds its port again when it comes back under its own name', async () => {
    sim.renamePort(true)
    await until('lost', () => states.at(-1) === 'lost')
    expect((await read(1)).ok).toBe(false)
    sim.renamePort(false)
    await until('open', () => states.at(-1) === 'open')
    await until('right again', async () => right(1, await read(1)))
  })
})
