import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../shared/io/system-clock.ts'
import { frame, openMaster } from './bus/master.ts'

// The built program, as demo and trials start it.

const PROGRAM = join(import.meta.dirname, '../../dist/hw-sim.mjs')
const clock = systemClock()
const started: ChildProcess[] = []
const folders: string[] = []

afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL')
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'voltkeep-hw-sim-'))
  folders.push(made)
  return made
}

function start(args: readonly string[]) {
  const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ['pipe', 'pipe', 'pipe'] })
  started.push(child)
  let out = ''
  let problems = ''
  child.stdout.on('data', (chunk) => {
    out += String(chunk)
  })
  child.stderr.on('data', (chunk) => {
    problems += String(chunk)
  })
  const ended = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)))
  const ready = async () => {
    const deadline = clock.monotonic() + 10_000
    while (!out.includes('"msg":"ready"')) {
      if (clock.monotonic() > deadline) throw new Error(`not ready in 10 s: ${out}${problems}`)
      await clock.sleep('ready', 20)
    }
    const line: { http: string; ports: Record<string, string> } = JSON.parse(out.split('\n')[0] ?? '')
    return line
  }
  return { child, ended, ready, problems: () => problems }
}

describe('the hw-sim program', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)(
    'says where it is, answers there, and ends cleanly on %s',
    async (signal) => {
      const links = join(folder(), 'bus')
      const sim = start(['--link-dir', links, '--clock-offset-ms', '7000'])
      const { http, ports } = await sim.ready()
      expect(ports).toEqual({ main: join(links, 'main') })
      expect(await (await fetch(`${http}/state`)).json()).toMatchObject({ wallOffsetMs: 7000 })
      const master = await openMaster(join(links, 'main'), clock)
      const { bytes } = await master.exchange(frame(1, '03 0fa0 0001'))
      expect(bytes).toEqual(frame(1, '03 02 0001'))
      await master.close()
      sim.child.kill(signal)
      expect(await sim.ended).toBe(0)
      expect(readdirSync(links)).toEqual([])
      expect(sim.problems()).toBe('')
    },
  )

  test('with --with-parent it ends when its standard input ends', async () => {
    const sim = start(['--with-parent'])
    const { ports } = await sim.ready()
    expect(existsSync(ports['main'] ?? '')).toBe(true)
    sim.child.stdin?.end()
    expect(await sim.ended).toBe(0)
  })

  test('starts nothing for a bad site file: exit code 2, file, line, path, expected, got', async () => {
    const file = join(folder(), 'site.yaml')
    writeFileSync(file, 'buses:\n  - name: main\n    baud: 1234\ndevices: []\n')
    const sim = start(['--site', file])
    expect(await sim.ended).toBe(2)
    expect(sim.problems()).toContain(`${file}:3  buses[0].baud`)
    expect(sim.problems()).toContain('got       1234')
    expect(sim.problems()).toContain('nothing was started')
  })

  test.each([
    [['--site', '/nowhere/site.yaml'], '/nowhere/site.yaml'],
    [['--http-port', 'seven'], '--http-port: expected a whole number'],
    [['--speed', '9'], '--speed'],
  ])('refuses %j with exit code 2', async (args, says) => {
    const sim = start(args)
    expect(await sim.ended).toBe(2)
    expect(sim.problems()).toContain(says)
  })
})
