// voltkeep agent: checks the configuration, writes both processes' files, and keeps both processes running.
import pino from 'pino'
import type { Clock } from '../../shared/time/clock.ts'
import { isoOf } from '../../shared/time/iso.ts'
import { type PrepareOptions, readConfig, writePrepared } from './prepare.ts'
import { agentPrograms } from './programs.ts'
import { supervise } from './supervisor.ts'

/** What a command prints, and its exit code: 0 done, 1 failed, 2 the configuration or the command line is wrong. */
export interface Outcome {
  readonly exitCode: 0 | 1 | 2
  readonly out?: string
  readonly error?: string
}

/** Prints the paths of both files as JSON: `{"control": ..., "keeper": ...}`. */
export async function prepareAgent(options: PrepareOptions): Promise<Outcome> {
  const config = await readConfig(options)
  if (!config.ok) return { exitCode: 2, error: config.error }
  const files = await writePrepared(config.value)
  return files.ok ? { exitCode: 0, out: JSON.stringify(files.value) } : { exitCode: 1, error: files.error }
}

export async function checkConfig(options: PrepareOptions, json: boolean): Promise<Outcome> {
  const config = await readConfig(options, 'write its path after config check')
  if (!config.ok) return { exitCode: 2, error: config.error }
  if (json) return { exitCode: 0, out: JSON.stringify(withoutSecrets(config.value), null, 2) }
  const { control, keeper } = config.value
  const amps = (milliamps: number) => `${milliamps / 1000} A`
  return {
    exitCode: 0,
    out:
      `${options.configFile} is right: station ${keeper.station.id}, ` +
      `${amps(control.wireRatingMilliamps)} on ${control.phasesWired} phase${control.phasesWired === 1 ? '' : 's'}, ` +
      `${control.board.driver}, ${control.meter.driver}, ${control.buses.length} bus${control.buses.length === 1 ? '' : 'es'}`,
  }
}

/** Runs until a signal ends it. */
export async function runAgent(options: PrepareOptions, bundles: string, clock: Clock): Promise<Outcome> {
  const config = await readConfig(options)
  if (!config.ok) return { exitCode: 2, error: config.error }
  const files = await writePrepared(config.value)
  if (!files.ok) return { exitCode: 1, error: files.error }
  const log = pino(
    {
      base: { process: 'agent', station: config.value.keeper.station.id },
      timestamp: () => `,"time":"${isoOf(clock.wall())}"`,
    },
    pino.destination({ dest: 1, sync: true }),
  )
  const signal = nextSignal()
  const supervisor = supervise(agentPrograms(bundles, files.value), clock, log)
  const received = await signal
  log.info({ signal: received }, 'ending')
  await supervisor.end(received)
  return { exitCode: 0 }
}

const nextSignal = (): Promise<NodeJS.Signals> =>
  new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => resolve(signal))
  })

function withoutSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSecrets)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      ['password', 'pin'].includes(key) && inner !== null ? '(not shown)' : withoutSecrets(inner),
    ]),
  )
}
