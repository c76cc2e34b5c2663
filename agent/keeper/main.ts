// The keeper process: `node keeper.mjs KEEPER.json`. It opens the memory, links to control and serves the adapters.
// Ends with 2 for a wrong command line, with 1 when something broke (its supervisor starts it again), with 0 on SIGTERM.
import { readFileSync } from 'node:fs'
import { pino } from 'pino'
import { systemClock } from '../../shared/io/system-clock.ts'
import { prng } from '../../shared/prng.ts'
import { connectControl } from '../control-link/client.ts'
import { startBox } from './box.ts'
import type { KeeperConfig } from './config.ts'
import { startLocal } from './local/server.ts'
import { shielded } from './shield.ts'
import { startStore } from './store/client.ts'
import { ntpSynchronised } from './time/ntp.ts'
import { startTicker } from './time/ticker.ts'

// Files are for their owner only, also those that libraries make in a folder that was there before.
process.umask(0o077)

const log = pino({ base: { pid: process.pid, name: 'keeper' } }, pino.destination({ dest: 1, sync: true }))

const fail = (cause: unknown): never => {
  log.fatal({ err: cause }, 'keeper ends, for its supervisor to start it again')
  process.exit(1)
}
process.on('uncaughtException', fail)
process.on('unhandledRejection', fail)

const configFile = process.argv[2]
if (configFile === undefined) {
  process.stderr.write(
    'expected  the file of keeper: node keeper.mjs KEEPER.json\ndo        start it with voltkeep agent\n',
  )
  process.exit(2)
}
// Validated and written by `voltkeep agent`.
const config = JSON.parse(readFileSync(configFile, 'utf8')) as KeeperConfig
const clock = systemClock(config.wallOffsetMs)
const bootId = config.bootId ?? readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()

const store = await startStore(
  { dir: config.stateDir, installationCopyPath: config.installationCopyPath },
  fail,
)
log.info(store.remembered.opening, 'memory opened')
const running = await startBox({
  config,
  bootId,
  store,
  clock,
  log,
  connect: connectControl,
  startTicker,
  isNtpSynchronised: () => ntpSynchronised(),
  onFailure: fail,
})
let isEnding = false
const { box, outbox } = running
const forAdapter = (name: string) => {
  const { start, ...ports } = shielded(name, { box, outbox, clock, log })
  return { start, adapter: { ...ports, config, log } }
}
const random = prng(Number(process.hrtime.bigint() % 4_294_967_296n))
const knewThisBoot = store.remembered.docs.boots.some((boot) => boot.bootId === bootId)
// An adapter that is not configured is not loaded: each costs 10 MB and more.
const ocpp = forAdapter('ocpp')
const mqtt = forAdapter('mqtt')
const local = forAdapter('local')
const server = config.csms
  ? await ocpp.start(async () =>
      (await import('./ocpp/client.ts')).startOcpp({
        ...ocpp.adapter,
        random,
        bootReason: knewThisBoot ? 'ApplicationReset' : 'PowerUp',
        restart: () => end('OCPP Reset', 1).catch(fail),
      }),
    )
  : null
const broker = config.mqtt
  ? await mqtt.start(async () => (await import('./mqtt/publisher.ts')).startMqtt({ ...mqtt.adapter, random }))
  : null
const page = await local.start(() => startLocal(local.adapter))

async function end(why: string, exitCode: number): Promise<void> {
  if (isEnding) return
  isEnding = true
  log.info({ why, commits: running.commits() }, 'keeper ends')
  for (const adapter of [server, broker, page]) await adapter?.stop()
  await running.close()
  process.exit(exitCode)
}
for (const signal of ['SIGTERM', 'SIGINT'] as const)
  process.on(signal, () => {
    end(signal, 0).catch(fail)
  })

log.info({ bootId, url: page?.url() ?? null }, 'ready')
