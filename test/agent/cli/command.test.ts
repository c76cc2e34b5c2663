// The built command as a process, over programs that say what happens to them.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { copyFile, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const BUILT = new URL('../../../dist/voltkeep.mjs', import.meta.url)

/** Stands in the place of control.mjs and keeper.mjs: tells its pid, its file and its flags, and ends when it is told to. */
const PROGRAM = `
const say = (fields) => console.log(JSON.stringify(fields))
const name = process.argv[1].endsWith('control.mjs') ? 'control' : 'keeper'
process.on('SIGTERM', () => { say({ name, msg: 'ending' }); process.exit(0) })
setInterval(() => {}, 1000)
say({ name, msg: 'ready', pid: process.pid, file: process.argv[2], flags: process.execArgv, tz: process.env.TZ })
`

const AGENT_YAML = (dir: string) => `station: { id: BOX-1, vendor: Example, model: One, serial: "1" }
timeZone: Europe/Copenhagen
stateDir: ${dir}/state
runDir: ${dir}/run
installation: { wireRating: 16 A, phases: 3 }
cable: { kind: tethered, rating: 32 A }
buses: [{ name: main, port: /dev/ttyAMA0 }]
board:
  driver: phoenix-ev-cc-ac1-m3-rtu
  bus: main
  unit: 1
  deadman: { driver: waveshare-modbus-rtu-relay-8ch, bus: main, unit: 3, channel: 1 }
meter: { driver: eastron-sdm630-v2, bus: main, unit: 2 }
freeVend: { idToken: FREE }
`

let dir = ''
let started: ChildProcess[] = []
const pids = new Set<number>()

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'voltkeep-cli-'))
  await copyFile(BUILT, join(dir, 'voltkeep.mjs'))
  for (const name of ['control', 'keeper', 'cloud']) await writeFile(join(dir, `${name}.mjs`), PROGRAM)
  await writeFile(join(dir, 'agent.yaml'), AGENT_YAML(dir))
})

afterEach(async () => {
  for (const child of started) child.kill('SIGKILL')
  started = []
  for (const pid of pids) if (await alive(pid)) process.kill(pid, 'SIGKILL')
  pids.clear()
  await rm(dir, { recursive: true, force: true })
})

interface Ended {
  readonly code: number
  readonly out: string
  readonly error: string
}

const run = (...args: string[]) => runFile(join(dir, 'voltkeep.mjs'), ...args)
const runFile = (file: string, ...args: string[]): Promise<Ended> =>
  new Promise((resolve) => {
    execFile(process.execPath, [file, ...args], { cwd: dir }, (error, out, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, out, error: stderr }),
    )
  })

type Line = Readonly<Record<string, unknown>>

/** The command as a process; `line` waits for the nth line (from 1) that fits. */
function launch(...args: string[]) {
  const child = spawn(process.execPath, [join(dir, 'voltkeep.mjs'), ...args], {
    cwd: dir,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  started.push(child)
  const lines: Line[] = []
  createInterface({ input: child.stdout }).on('line', (text) => {
    const line: Line = JSON.parse(text)
    lines.push(line)
    if (typeof line['pid'] === 'number') pids.add(line['pid'])
  })
  const exit = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)))
  const line = async (fits: (line: Line) => boolean, nth = 1): Promise<Line> => {
    const found = await until(() => lines.filter(fits)[nth - 1])
    return found
  }
  return { child, exit, line, lines }
}

async function until<T>(look: () => T | undefined | Promise<T | undefined>, withinMs = 8000): Promise<T> {
  const deadline = Date.now() + withinMs
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    if (Date.now() > deadline) throw new Error('waited too long')
    await sleep(10)
  }
}

/** A zombie counts as gone: whoever is to collect it in this container is not ours. */
async function alive(pid: number): Promise<boolean> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  return text !== '' && !/\) Z /.test(text)
}

const gone = (pid: number) => until(async () => ((await alive(pid)) ? undefined : true))
const readyOf = (name: string) => (line: Line) => line['msg'] === 'ready' && line['name'] === name

describe('voltkeep agent', () => {
  it('starts both processes with their files, their memory flags and UTC', async () => {
    const agent = launch('agent', '--config', 'agent.yaml')
    const control = await agent.line(readyOf('control'))
    const keeper = await agent.line(readyOf('keeper'))
    expect(control).toMatchObject({ file: `${dir}/state/control.json`, tz: 'UTC' })
    expect(keeper).toMatchObject({ file: `${dir}/state/keeper.json`, tz: 'UTC' })
    const small = ['--max-semi-space-size=1', '--optimize-for-size', '--v8-pool-size=0']
    expect(control['flags']).toEqual([...small, '--max-old-space-size=20', '--no-opt', '--single-threaded'])
    expect(keeper['flags']).toEqual([...small, '--max-old-space-size=48'])
  })

  it('starts one that dies again, at once the first time, and leaves the other alone', async () => {
    const agent = launch('agent', '--config', 'agent.yaml')
    const keeper = await agent.line(readyOf('keeper'))
    for (const [round, pauseMs] of [0, 250, 500].entries()) {
      const control = await agent.line(readyOf('control'), round + 1)
      process.kill(Number(control['pid']), 'SIGKILL')
      const died = await agent.line((line) => line['msg'] === 'died, is started again', round + 1)
      expect(died).toMatchObject({ program: 'control', why: 'SIGKILL', pauseMs })
    }
    await agent.line(readyOf('control'), 4)
    expect(await alive(Number(keeper['pid']))).toBe(true)
    expect(agent.lines.filter(readyOf('keeper'))).toHaveLength(1)
  })

  it.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)(
    'passes %s on, waits for both, and ends with 0',
    async (signal) => {
      const agent = launch('agent', '--config', 'agent.yaml')
      const running = [await agent.line(readyOf('control')), await agent.line(readyOf('keeper'))]
      agent.child.kill(signal)
      expect(await agent.exit).toBe(0)
      for (const line of running) expect(await alive(Number(line['pid']))).toBe(false)
      const told = agent.lines.filter((line) => line['msg'] === 'ending' && line['process'] !== 'agent')
      expect(told).toHaveLength(signal === 'SIGTERM' ? 2 : 0)
    },
  )

  it('leaves no process behind when it is killed itself', async (context) => {
    context.skip(
      !existsSync('/usr/bin/setpriv'),
      'no setpriv (util-linux) to tie the processes to their parent',
    )
    const agent = launch('agent', '--config', 'agent.yaml')
    const running = [await agent.line(readyOf('control')), await agent.line(readyOf('keeper'))]
    agent.child.kill('SIGKILL')
    await agent.exit
    for (const line of running) await gone(Number(line['pid']))
  })

  it('starts nothing and writes nothing when the configuration is wrong', async () => {
    await writeFile(join(dir, 'agent.yaml'), AGENT_YAML(dir).replace('16 A', '16'))
    const ended = await run('agent', '--config', 'agent.yaml')
    expect(ended).toEqual({
      code: 2,
      out: '',
      error:
        'agent.yaml:5  installation.wireRating\n' +
        '  expected  a current with its unit, such as 16 A\n' +
        '  got       the number 16\n' +
        '  do        write a number and A or mA\n' +
        'nothing was started\n',
    })
    expect(await readdir(dir)).not.toContain('state')
  })

  it('says which file is not there', async () => {
    const ended = await run('agent', '--config', 'other.yaml')
    expect(ended.code).toBe(2)
    expect(ended.error).toBe(
      'other.yaml\n' +
        '  expected  a configuration file that can be read\n' +
        '  got       no such file\n' +
        '  do        name it with --config; docs/operate/agent.example.yaml is one to begin with\n' +
        'nothing was started\n',
    )
  })
})

describe('voltkeep agent --prepare', () => {
  it('writes both files for their owner alone and prints where', async () => {
    const args = ['--boot-id', 'b-1', '--run-dir', join(dir, 'r'), '--clock-offset-ms', '-60000']
    const ended = await run('agent', '--prepare', '--config', 'agent.yaml', ...args)
    expect(ended).toMatchObject({ code: 0, error: '' })
    const files: { control: string; keeper: string } = JSON.parse(ended.out)
    expect(files).toEqual({ control: `${dir}/state/control.json`, keeper: `${dir}/state/keeper.json` })
    for (const path of [files.control, files.keeper]) {
      expect((await stat(path)).mode & 0o777).toBe(0o600)
      expect(JSON.parse(await readFile(path, 'utf8'))).toMatchObject({
        bootId: 'b-1',
        runDir: join(dir, 'r'),
        wallOffsetMs: -60_000,
      })
    }
    expect((await stat(join(dir, 'r'))).mode & 0o777).toBe(0o700)
  })

  it('leaves a file alone that already says the same, and replaces one that does not', async () => {
    const prepare = (...args: string[]) => run('agent', '--prepare', '--config', 'agent.yaml', ...args)
    await prepare('--boot-id', 'b-1')
    const inode = async () => (await stat(join(dir, 'state/keeper.json'))).ino
    const first = await inode()
    await prepare('--boot-id', 'b-1')
    expect(await inode()).toBe(first)
    await prepare('--boot-id', 'b-2')
    expect(JSON.parse(await readFile(join(dir, 'state/keeper.json'), 'utf8'))).toMatchObject({
      bootId: 'b-2',
    })
    expect(await readdir(join(dir, 'state'))).toEqual(['control.json', 'keeper.json'])
  })

  it('says what is wrong with a folder that cannot be made', async () => {
    await writeFile(join(dir, 'state'), 'a file in the way')
    const ended = await run('agent', '--prepare', '--config', 'agent.yaml')
    expect(ended.code).toBe(1)
    expect(ended.error).toContain('expected  two folders that this user owns and may write')
    expect(ended.error).toContain('EEXIST')
  })
})

describe('voltkeep', () => {
  it('checks a configuration, and shows the effective one without secrets', async () => {
    await writeFile(
      join(dir, 'agent.yaml'),
      `${AGENT_YAML(dir)}csms: { url: "ws://127.0.0.1/ocpp", password: very-secret }\n`,
    )
    const plain = await run('config', 'check', 'agent.yaml')
    expect(plain).toEqual({
      code: 0,
      out: 'agent.yaml is right: station BOX-1, 16 A on 3 phases, phoenix-ev-cc-ac1-m3-rtu, eastron-sdm630-v2, 1 bus\n',
      error: '',
    })
    const json = await run('config', 'check', '--json', 'agent.yaml')
    expect(json.out).not.toContain('very-secret')
    expect(JSON.parse(json.out)).toMatchObject({ keeper: { csms: { password: '(not shown)' } } })
  })

  it('lists the drivers', async () => {
    const plain = await run('drivers')
    expect(plain.out).toContain(
      'eastron-sdm630-v2  meter  Eastron SDM630 Modbus v2\n  grade      bronze; register map: high',
    )
    const json: readonly { id: string }[] = JSON.parse((await run('drivers', '--json')).out)
    expect(
      plain.out
        .trimEnd()
        .split('\n')
        .filter((line) => /^\S/.test(line))
        .map((line) => line.split(' ')[0]),
    ).toEqual(json.map(({ id }) => id))
  })

  it('runs another program in its place, with its arguments, signals and exit code', async () => {
    const cloud = launch('cloud', '--port', '0')
    expect(await cloud.line(readyOf('keeper'))).toMatchObject({ file: '--port' })
    cloud.child.kill('SIGTERM')
    expect(await cloud.exit).toBe(0)
  })

  it.each([
    ['an unknown command', ['bogus']],
    ['a missing option', ['agent']],
    ['an option that is no number', ['agent', '--config', 'agent.yaml', '--clock-offset-ms', '1.5']],
  ])('answers %s with words and exit code 2', async (_what, args) => {
    const ended = await run(...args)
    expect(ended.code).toBe(2)
    expect(ended.error).toMatch(/^error: /)
    expect(ended.out).toBe('')
  })

  it('says how to name the file to check', async () => {
    const ended = await run('config', 'check', 'other.yaml')
    expect(ended.code).toBe(2)
    expect(ended.error).toContain('do        write its path after config check; docs/')
  })

  it.each([
    ['cloud', '--database-url'],
    ['sim', '--link-dir'],
  ])('%s --help is the help of the program, and nothing is started', async (command, option) => {
    for (const word of ['--help', '-h']) {
      const ended = await runFile(fileURLToPath(BUILT), command, word)
      expect(ended).toMatchObject({ code: 0, error: '' })
      expect(ended.out).toMatch(new RegExp(`^voltkeep ${command} `))
      expect(ended.out).toContain(option)
    }
  })

  it.each([
    [[]],
    [['agent']],
    [['config']],
    [['config', 'check']],
    [['drivers']],
    [['modbus']],
    ...['plan', 'scan', 'read', 'write', 'monitor'].map((word) => [['modbus', word]]),
  ])('helps with examples: %s --help', async (words: string[]) => {
    const ended = await run(...words, '--help')
    expect(ended.code).toBe(0)
    expect(ended.out).toContain('Examples:\n  voltkeep ')
  })
})
