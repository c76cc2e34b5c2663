// The two example files of docs/operate run together as real processes: a socket box with lock, release contactor, residual
// current monitor, grid contact, stop button and card reader, and the simulated hardware of that very box.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { SimEvent, SimState } from '../../hw-sim/api.ts'
import { call } from '../../hw-sim/demo/http.ts'
import { type LogLine, type Program, startProgram } from '../../hw-sim/demo/program.ts'
import { type SimClient, simClient } from '../../hw-sim/demo/sim-client.ts'
import { systemClock } from '../../shared/io/system-clock.ts'

const file = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url))
const clock = systemClock()
const CARD = '0123AB45CD'

let dir = ''
const programs: Program[] = []
let sim: SimClient
let page = ''

const start = (name: string, bundle: string, args: readonly string[]): Program => {
  const logFile = join(dir, `${name}.log`)
  const program = startProgram({ name, file: file(`dist/${bundle}`), args, logFile }, clock)
  programs.unshift(program)
  return program
}

async function until<T>(what: string, look: () => Promise<T | null>, withinMs = 15_000): Promise<T> {
  const endMs = clock.monotonic() + withinMs
  for (;;) {
    const seen = await look()
    if (seen !== null) return seen
    if (clock.monotonic() > endMs) {
      const standingNow = await faults()
      throw new Error(
        `not within ${withinMs} ms: ${what}; faults ${standingNow.join()}; ${await happened(0)}`,
      )
    }
    await clock.sleep(what, 50)
  }
}

const logged = (fits: (line: LogLine) => boolean) =>
  until('a line of the log', async () => {
    const text = await readFile(join(dir, 'agent.log'), 'utf8').catch(() => '')
    const lines = text.split('\n').filter((line) => line.startsWith('{') && line.endsWith('}'))
    return lines.map((line): LogLine => JSON.parse(line)).find(fits) ?? null
  })

const state = (what: string, holds: (now: SimState) => boolean) =>
  until(what, async () => {
    const now = await sim.state()
    return holds(now) ? now : null
  })

interface BoxSight {
  readonly control: { readonly chargingState: string; readonly faults: readonly string[] } | null
  readonly session: object | null
}
const box = () => call<BoxSight>('GET', `${page}/api/state`)
const faults = async (): Promise<readonly string[]> => (await box()).control?.faults ?? []
const standing = (code: string) =>
  until(code, async () => ((await faults()).includes(code) ? code : null), 40_000)
const sound = () => until('no fault', async () => ((await faults()).length === 0 ? true : null))

const newest = async () => (await sim.eventsAfter(Number.MAX_SAFE_INTEGER)).next
const happened = async (after: number) =>
  (await sim.eventsAfter(after)).events.map(({ kind, detail }) => `${kind} ${detail}`.trim())
const time = async (after: number, fits: (event: SimEvent) => boolean) => {
  const event = (await sim.eventsAfter(after)).events.find(fits)
  if (!event) throw new Error(`no such event in ${await happened(after)}`)
  return event.atMicros / 1000
}
const card = () => call('POST', `${sim.url}/rfid`, { token: CARD, times: 3 })
const flows = ({ currentsMilliamps: [a] }: SimState) => a >= 15_000

/** Plugs in, and holds the card to the box when it has seen the car, as somebody who looks at its light does. */
async function plugAndTouch() {
  await sim.plug({ followMs: 300 })
  await until('the car seen', async () => ((await box()).control?.chargingState === 'occupied' ? true : null))
  await card()
}

async function charge() {
  await plugAndTouch()
  return state('charging', flows)
}

/** The car drives off, and the socket gives its cable free. */
async function leave() {
  await sim.unplug()
  await until('the session ended', async () => {
    const { control, session } = await box()
    return control?.chargingState === 'idle' && session === null ? true : null
  })
  await state('unlocked', ({ lock }) => lock?.position === 'unlocked' && lock.moving === null)
  await call('POST', `${sim.url}/cable`, { inSocket: false })
  await sound()
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'voltkeep-socket-'))
  for (const name of ['bus', 'state', 'run']) await mkdir(join(dir, name))
  const site = file('docs/operate/sim-site.example.yaml')
  const hardware = start('hw-sim', 'hw-sim.mjs', ['--site', site, '--link-dir', join(dir, 'bus')])
  sim = simClient(String((await hardware.ready)['http']))
  const text = await readFile(file('docs/operate/agent-socket.example.yaml'), 'utf8')
  const config = text
    .replace('/dev/serial/by-id/usb-adapter-port0', `${dir}/bus/main`)
    .replace('/dev/serial/by-id/usb-reader-port0', `${dir}/bus/reader`)
    .concat(`\nstateDir: ${dir}/state\nrunDir: ${dir}/run\nlocal: { port: 0 }\n`)
  await writeFile(join(dir, 'agent.yaml'), config)
  start('agent', 'voltkeep.mjs', ['agent', '--config', join(dir, 'agent.yaml')])
  page = String((await logged((line) => line['msg'] === 'the page is served'))['url'])
  await logged((line) => line['msg'] === 'keeper is linked')
  const installation = { limitMilliamps: 16_000, phasesWired: 3, by: 'Karen Holm' }
  await call('POST', `${page}/api/commission`, installation)
  await sound()
}, 60_000)

afterAll(async () => {
  for (const program of programs) await program.stop()
  await rm(dir, { recursive: true, force: true })
})

it('a card locks the cable, closes the release contactor and then offers; the car leaves and the cable is free', {
  timeout: 60_000,
}, async () => {
  const before = await newest()
  await charge()
  const order = (await happened(before)).filter((it) => /^(lock locked|releaseClosed|offer|current)/.test(it))
  expect(order).toEqual(['lock locked', 'releaseClosed', 'offer 16000', 'currentStarted'])
  const gone = await newest()
  await leave()
  const end = (await happened(gone)).filter((it) =>
    /^(current|contactorOpened|lock unlocked|cableOut)/.test(it),
  )
  expect(end).toEqual(['currentStopped', 'contactorOpened', 'lock unlocked', 'cableOut'])
})

it('a leak opens the release contactor at once, and the fault stays until the plug is out', {
  timeout: 60_000,
}, async () => {
  await charge()
  const before = await newest()
  await sim.setFault({ kind: 'residualCurrent' })
  await standing('RESIDUAL_CURRENT')
  await state('dark', (now) => now.releaseClosed === false && !flows(now))
  const tripped = await time(before, ({ detail }) => detail === 'tripped')
  const opened = await time(before, ({ kind }) => kind === 'releaseOpened')
  // The bus with four devices at 19200, and the contactor's own 30 ms.
  expect(opened - tripped).toBeLessThan(1000)
  await sim.clearFaults()
  await leave()
})

it('the stop button ends the charge and frees the cable, with the car still there', {
  timeout: 60_000,
}, async () => {
  await charge()
  const before = await newest()
  await call('POST', `${sim.url}/button/stop`, { ms: 500 })
  await state('unlocked', ({ lock }) => lock?.position === 'unlocked')
  const list = (await happened(before)).filter((it) =>
    /^(stopButton p|currentStopped|lock unlocked)/.test(it),
  )
  expect(list).toEqual(['stopButton pressed', 'currentStopped', 'lock unlocked'])
  await leave()
})

// The last one: the motor's protection counts its moves, and would let the next test wait.
it('without a confirmed lock no current flows: a jammed motor is tried again and then given up', {
  timeout: 90_000,
}, async () => {
  await sim.setFault({ kind: 'lock', how: 'jammed' })
  const before = await newest()
  await plugAndTouch()
  await standing('LOCK_FAILED')
  const list = await happened(before)
  expect(list.filter((it) => it === 'lockMotor locked').length).toBeGreaterThan(1)
  expect(list.filter((it) => /^(offer|releaseClosed|current)/.test(it))).toEqual([])
})
