// One whole site of real processes on this machine: hw-sim, the agent's control and keeper, and the cloud. Demo, story,
// kill trial and benchmarks start it, hurt it and look at it through the same few calls.
import { randomBytes, randomUUID } from 'node:crypto'
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { NODE_FLAGS } from '../../shared/io/node-flags.ts'
import { tiedToUs } from '../../shared/io/tied-child.ts'
import type { Clock } from '../../shared/time/clock.ts'
import { call } from './http.ts'
import { type LogLine, type Program, type ProgramOptions, startProgram } from './program.ts'
import { type SimClient, simClient } from './sim-client.ts'

export const STATION_ID = 'VK-0001'

export interface SiteOptions {
  /** Empty folder for everything that this site writes. */
  readonly dir: string
  /** Folder for socket and mirror; in memory, as on the box, so that the mirror costs no disk. */
  readonly runDir: string
  /** Added to every process's wall clock. */
  readonly wallOffsetMs: number
  readonly ports: { readonly cloud: number; readonly local: number }
  /** Told when a process ended that nobody here ended. */
  readonly onUnexpectedEnd?: (name: string, why: string) => void
  /** PostgreSQL instead of the cloud's SQLite file. */
  readonly databaseUrl?: string
}

export type AgentProcess = 'control' | 'keeper'

export interface Site {
  readonly cloudUrl: string
  readonly localUrl: string
  readonly sim: SimClient
  readonly dir: string
  /** The process now, or null while it is held down. */
  program(name: AgentProcess | 'cloud' | 'hw-sim'): Program | null
  /** SIGKILL; it stays down until it is started again. */
  kill(name: AgentProcess | 'cloud'): Promise<void>
  start(name: AgentProcess | 'cloud'): Promise<LogLine>
  /** SIGKILL of both agent processes, run directory emptied, board and relay and meter without supply. */
  cutPower(): Promise<void>
  /** Supply back, a new kernel boot id, both agent processes started. */
  restorePower(): Promise<void>
  /** Ends everything, newest first. */
  stop(): Promise<void>
}

const dist = distFolder()

/** The bundles' folder: beside this bundle, or `dist/` of the checkout when it runs from source. */
function distFolder(): string {
  const here = dirname(fileURLToPath(import.meta.url))
  return here.endsWith('dist') ? here : join(here, '../../dist')
}

/** Starts hw-sim and the cloud, makes the station known to the cloud, and starts the agent. */
export async function startSite(options: SiteOptions, clock: Clock): Promise<Site> {
  const { dir } = options
  const runDir = options.runDir
  for (const folder of [runDir, join(dir, 'state'), join(dir, 'cloud'), join(dir, 'log'), join(dir, 'bus')]) {
    await mkdir(folder, { recursive: true })
  }
  const password = randomBytes(20).toString('hex')
  const cloudUrl = `http://127.0.0.1:${options.ports.cloud}`
  const localUrl = `http://127.0.0.1:${options.ports.local}`
  const configFile = join(dir, 'agent.yaml')
  await writeFile(configFile, agentYaml({ dir, cloudUrl, localPort: options.ports.local, password }), {
    mode: 0o600,
  })

  const programs = new Map<string, Program>()
  // In one word: a negative offset would be taken for an option.
  const clockArgs = [`--clock-offset-ms=${options.wallOffsetMs}`]
  let bootId = randomUUID()
  let files = { control: '', keeper: '' }

  const run = async (name: string, rest: Omit<ProgramOptions, 'name' | 'logFile' | 'file'>) => {
    const before = programs.get(name)
    // Two controls on one bus would be worse than none.
    if (before?.running()) return before.ready
    const program = startProgram(
      {
        name,
        file: join(dist, `${name}.mjs`),
        logFile: join(dir, 'log', `${name}.log`),
        onUnexpectedEnd: (why) => options.onUnexpectedEnd?.(name, why),
        ...rest,
      },
      clock,
    )
    programs.set(name, program)
    return program.ready
  }
  /** Validates agent.yaml and makes the two processes' own configurations, as `voltkeep agent` does. */
  const prepare = async () => {
    const args = [
      'agent',
      '--prepare',
      '--config',
      configFile,
      '--run-dir',
      runDir,
      '--boot-id',
      bootId,
      ...clockArgs,
    ]
    files = await preparedFiles(join(dist, 'voltkeep.mjs'), args)
  }
  const startAgent = (name: AgentProcess) => run(name, { args: [files[name]], nodeFlags: NODE_FLAGS[name] })
  const startCloud = () => {
    const place = options.databaseUrl ? ['--database-url', options.databaseUrl] : []
    const args = ['--data', join(dir, 'cloud'), ...place, '--port', String(options.ports.cloud), ...clockArgs]
    return run('cloud', { args })
  }
  const kill = async (name: AgentProcess | 'cloud') => programs.get(name)?.kill()

  const simReady = await run('hw-sim', { args: ['--link-dir', join(dir, 'bus'), ...clockArgs] })
  const sim = simClient(String(simReady['http']))
  await startCloud()
  await call('POST', `${cloudUrl}/api/stations`, { id: STATION_ID, key: password })
  await prepare()
  await Promise.all([startAgent('control'), startAgent('keeper')])

  return {
    cloudUrl,
    localUrl,
    sim,
    dir,
    program: (name) => {
      const program = programs.get(name)
      return program?.running() ? program : null
    },
    kill,
    start: (name) => (name === 'cloud' ? startCloud() : startAgent(name)),
    cutPower: async () => {
      await Promise.all([kill('control'), kill('keeper'), sim.cutPower()])
      for (const entry of await readdir(runDir))
        await rm(join(runDir, entry), { recursive: true, force: true })
      bootId = randomUUID()
    },
    restorePower: async () => {
      await sim.restorePower()
      await prepare()
      await Promise.all([startAgent('control'), startAgent('keeper')])
    },
    stop: async () => {
      for (const name of ['keeper', 'control', 'cloud', 'hw-sim']) await programs.get(name)?.stop()
    },
  }
}

/** Runs `voltkeep agent --prepare`; its words are the error when the configuration is refused. */
async function preparedFiles(
  cli: string,
  args: readonly string[],
): Promise<{ control: string; keeper: string }> {
  const { execFile } = await import('node:child_process')
  const output = await new Promise<string>((resolve, reject) => {
    const tied = tiedToUs([cli, ...args])
    execFile(tied.command, [...tied.args], (error, stdout, stderr) => {
      if (error) reject(new Error(`the agent's configuration was refused:\n${stderr || stdout}`))
      else resolve(stdout)
    })
  })
  const value: unknown = JSON.parse(output)
  if (typeof value !== 'object' || value === null || !('control' in value) || !('keeper' in value)) {
    throw new Error(`voltkeep agent --prepare said ${output}, expected the paths of control and keeper`)
  }
  return { control: String(value.control), keeper: String(value.keeper) }
}

function agentYaml(site: { dir: string; cloudUrl: string; localPort: number; password: string }): string {
  return `# The demo's box: what an installer writes once, at commissioning.
station:
  id: ${STATION_ID}
  vendor: Voltkeep
  model: Demo box
  serial: "0001"
timeZone: Europe/Copenhagen
access: private
stateDir: ${join(site.dir, 'state')}
installation:
  wireRating: 32 A
  phases: 3
cable:
  kind: tethered
  rating: 32 A
buses:
  - name: main
    port: ${join(site.dir, 'bus', 'main')}
    baud: 19200
board:
  driver: phoenix-ev-cc-ac1-m3-rtu
  bus: main
  unit: 1
  deadman:
    driver: waveshare-modbus-rtu-relay-8ch
    bus: main
    unit: 3
    channel: 1
meter:
  driver: eastron-sdm630-v2
  bus: main
  unit: 2
csms:
  url: ${site.cloudUrl.replace('http', 'ws')}/ocpp
  password: ${site.password}
local:
  host: 127.0.0.1
  port: ${site.localPort}
freeVend:
  idToken: FREE-0001
resumeWithin: 24 h
hasRtc: true
`
}
