// voltkeep agent over the real control and keeper, and hw-sim's board, relay and meter behind a pseudo terminal.
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type LogLine, type Program, startProgram } from '../../../hw-sim/demo/program.ts'
import { systemClock } from '../../../shared/io/system-clock.ts'

const DIST = fileURLToPath(new URL('../../../dist/', import.meta.url))
const clock = systemClock()
let dir = ''
let programs: Program[] = []

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'voltkeep-box-'))
  await mkdir(join(dir, 'bus'))
  for (const name of ['state', 'run']) await mkdir(join(dir, name), { mode: 0o755 })
})

afterEach(async () => {
  for (const program of programs) await program.stop()
  programs = []
  await rm(dir, { recursive: true, force: true })
})

const start = (name: string, file: string, args: readonly string[]): Program => {
  const program = startProgram(
    { name, file: join(DIST, file), args, logFile: join(dir, `${name}.log`) },
    clock,
  )
  programs.unshift(program)
  return program
}

const logOf = async (name: string): Promise<readonly LogLine[]> =>
  (await readFile(join(dir, `${name}.log`), 'utf8').catch(() => ''))
    .split('\n')
    .filter((line) => line.startsWith('{') && line.endsWith('}'))
    .map((line): LogLine => JSON.parse(line))

async function logged(fits: (line: LogLine) => boolean, nth = 1): Promise<LogLine> {
  const deadline = clock.monotonic() + 15_000
  for (;;) {
    const found = (await logOf('agent')).filter(fits)[nth - 1]
    if (found) return found
    if (clock.monotonic() > deadline) throw new Error('waited too long for a line of the log')
    await clock.sleep('log', 20)
  }
}

const isGone = async (pid: number) =>
  /^$|\) Z /.test(await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ''))

/** The command to its end; the words of its error are the failure. */
const command = (...args: string[]) =>
  new Promise<string>((resolve, reject) => {
    execFile(process.execPath, [join(DIST, 'voltkeep.mjs'), ...args], (error, out, words) =>
      error ? reject(new Error(words)) : resolve(out),
    )
  })

it('a box starts, is commissioned and overridden, gets its control back when it is killed, and ends whole', {
  timeout: 60_000,
}, async () => {
  const sim = start('hw-sim', 'hw-sim.mjs', ['--link-dir', join(dir, 'bus')])
  await sim.ready
  await writeFile(
    join(dir, 'agent.yaml'),
    `station: { id: BOX-1, vendor: Example, model: One, serial: "1" }
timeZone: Europe/Copenhagen
stateDir: ${dir}/state
runDir: ${dir}/run
installation: { wireRating: 16 A, phases: 3 }
cable: { kind: tethered, rating: 32 A }
buses: [{ name: main, port: ${dir}/bus/main }]
board:
  driver: phoenix-ev-cc-ac1-m3-rtu
  bus: main
  unit: 1
  deadman: { driver: waveshare-modbus-rtu-relay-8ch, bus: main, unit: 3, channel: 1 }
meter: { driver: eastron-sdm630-v2, bus: main, unit: 2 }
local: { port: 0 }
freeVend: { idToken: FREE }
`,
  )
  const agent = start('agent', 'voltkeep.mjs', ['agent', '--config', join(dir, 'agent.yaml')])
  const startedAs = (name: string) => (line: LogLine) => line['msg'] === 'started' && line['program'] === name
  const prepared = (line: LogLine) => line['msg'] === 'board prepared'
  const linked = (line: LogLine) => line['msg'] === 'keeper is linked'
  const control = await logged(startedAs('control'))
  const keeper = await logged(startedAs('keeper'))
  await logged(prepared)
  await logged(linked)

  const page = await logged((line) => line['msg'] === 'the page is served')
  const url = ['--url', String(page['url'])]
  expect(await command('status', ...url)).toMatch(
    /^installed not commissioned; voltkeep commission does it$/m,
  )
  const schedule = fileURLToPath(new URL('../../../docs/operate/schedule.example.yaml', import.meta.url))
  const order = ['--limit', '10 A', '--phases', '3', '--by', 'Karen Holm', '--schedule', schedule]
  expect(await command('commission', ...url, ...order)).toBe(
    `commissioned: 10 A on 3 phases, by Karen Holm\nschedule set from ${schedule}\n`,
  )
  const status = await command('status', ...url)
  expect(status).toMatch(/^installed 10\.0 A on 3 phases, by Karen Holm, version 1$/m)
  expect(status.match(/^device .*: answers, /gm)).toHaveLength(3)
  await expect(command('override', ...url)).rejects.toThrow(/POST .*\/api\/override: .*\n.* {2}do {8}/s)

  // The folders were there before, and others may read them.
  for (const name of ['state', 'run']) {
    const files = await readdir(join(dir, name), { recursive: true })
    expect(files.length).toBeGreaterThan(0)
    for (const file of files) expect((await stat(join(dir, name, file))).mode & 0o077, file).toBe(0)
  }

  process.kill(Number(control['pid']), 'SIGKILL')
  const next = await logged(startedAs('control'), 2)
  await logged(prepared, 2)
  await logged(linked, 2)
  expect(await isGone(Number(keeper['pid']))).toBe(false)

  await agent.stop(15_000)
  expect(await agent.ended).toBe('exit code 0')
  for (const line of [next, keeper]) expect(await isGone(Number(line['pid']))).toBe(true)
})
