// The reaction bound as an installer meets it: printed by `voltkeep modbus plan`, refused by the configuration's check.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { showPlan } from '../../../agent/cli/modbus-plan.ts'
import { type PrepareOptions, readConfig } from '../../../agent/cli/prepare.ts'
import type { SerialBusConfig } from '../../../agent/control/config.ts'
import type { Wired } from '../../../agent/control/reaction-plan.ts'
import { reactionPlan } from '../../../agent/control/reaction-plan.ts'
import { registry } from '../../../agent/control/registry.ts'

let folder: string
let configFile: string
const options = (): PrepareOptions => ({
  configFile,
  firmwareVersion: '0.1.0',
  runDir: null,
  bootId: null,
  wallOffsetMs: 0,
})
/** The documented example with one line changed. */
async function write(line = '', replacement = '') {
  const text = await readFile(new URL('../../../docs/operate/agent.example.yaml', import.meta.url), 'utf8')
  expect(text).toContain(line)
  await writeFile(configFile, text.replace(line, replacement))
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'plan-'))
  configFile = join(folder, 'agent.yaml')
})
afterEach(() => rm(folder, { recursive: true }))

it('prints each device, its exchanges, and the arithmetic that adds up', async () => {
  await write()
  const { exitCode, out = '' } = await showPlan(options(), false)
  expect(exitCode).toBe(0)
  expect(out).toContain('bus main: rtu, /dev/ttyAMA0, 19200 baud 8N1')
  expect(out).toContain('  unit   1  board, phoenix-ev-cc-ac1-m3-rtu')
  const terms = [...out.matchAll(/^ +(\d+\.\d) ms {2}/gm)].map(([, ms]) => Number(ms))
  const total = Number(/(\d+) ms {2}at worst, from an error bit/.exec(out)?.[1])
  expect(terms.length).toBeGreaterThan(8)
  expect(Math.abs(terms.reduce((sum, ms) => sum + ms, 0) - total)).toBeLessThanOrEqual(1.5)
})

it('gives the same figures as JSON', async () => {
  await write()
  const { out = '' } = await showPlan(options(), true)
  expect(JSON.parse(out)).toMatchObject({
    bus: 'main',
    shares: ['deadman', 'meter'],
    pilotMs: 396,
    errorMs: 716,
  })
})

it('a bus on which a pause would come later than 1 s is refused, with the arithmetic and what to do', async () => {
  await write('    # baud: 19200', '    baud: 2400')
  const refused = await readConfig(options())
  const { exitCode, error = '' } = await showPlan(options(), false)
  expect(refused).toEqual({ ok: false, error })
  expect(exitCode).toBe(2)
  expect(error).toMatch(/agent\.yaml:\d+ {2}board\.bus\n {2}expected {2}a pause within 1000 ms of any change/)
  expect(error).toMatch(
    /got {7}\d{4} ms at worst on bus main:\n( +\d+\.\d ms .*\n)+ +\d+ ms {2}at worst, from the pilot/,
  )
  expect(error).toMatch(
    / {2}do {8}give the board a bus of its own, without deadman and meter: \d+ ms; or set bus main and all its devices to 19200 baud: \d+ ms\n/,
  )
})

const at = (driver: string, unitId: number) => ({ name: driver, driver, bus: 'main', unitId })
const serial = (name: string): SerialBusConfig => ({
  ...{ kind: 'rtu', name, port: `/dev/${name}`, baud: 19_200, dataBits: 8, parity: 'none', stopBits: 1 },
})
const wired = (board: string): Wired => ({
  buses: [
    board === 'keba-p30' ? { kind: 'tcp', name: 'main', host: 'keba', port: 502 } : serial('main'),
    serial('second'),
  ],
  board: at(board, 1),
  deadman: null,
  io: { modules: [] },
  // A KEBA has its connection to itself.
  meter: { ...at('eastron-sdm630-v2', 2), bus: board === 'keba-p30' ? 'second' : 'main' },
})

it.each(Object.keys(registry.boards))('%s is answered within 1 s, with a meter on its bus', (board) => {
  const plan = reactionPlan(wired(board))
  expect(plan?.errorMs).toBeGreaterThan(50)
  expect(plan?.errorMs).toBeLessThanOrEqual(1000)
})

it('a module that shares the bus is part of the sum', () => {
  const config = wired('phoenix-ev-cc-ac1-m3-rtu')
  const inputs = { ...at('waveshare-modbus-rtu-io-8ch', 4), name: 'inputs' }
  expect(reactionPlan({ ...config, io: { modules: [inputs] } })?.shares).toContain('inputs')
})

it('a device on another bus costs nothing', () => {
  const config = wired('phoenix-ev-cc-ac1-m3-rtu')
  const apart = { ...config, meter: { ...config.meter, bus: 'second' } }
  expect(reactionPlan(apart)?.shares).toEqual([])
  expect(reactionPlan(apart)?.pilotMs).toBeLessThan(reactionPlan(config)?.pilotMs ?? 0)
})
