// The keeper process: `node keeper.mjs KEEPER.json`. It opens the memory, links to control and serves the adapters.
// Ends with 2 for a wrong command line, with 1 when something broke (its supervisor starts it again), with 0 on SIGTERM.
import { readFileSync } from 'node:fs'
import { pino } from 'pino'
import { systemClock } from '../../shared/io/system-clock.ts'
import { prng } from '../../shared/prng.ts'
import { connectControl } from '../control-link/client.ts'
import { startBox } from './box.ts'
import type { KeeperConfig } from './config.ts'
import { startOcpp } from './ocpp/client.ts'
import { startStore } from './store/client.ts'
import { ntpSynchronised } from './time/ntp.ts'
import { startTicker } from './time/ticker.ts'

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
const { box, outbox } = running
const adapter = { config, box, outbox, clock, log }
const random = prng(Number(process.hrtime.bigint() % 4_294_967_296n))
const ocpp = startOcpp({ ...adapter, random })

let isEnding = false
const end = async (signal: NodeJS.Signals) => {
  if (isEnding) return
  isEnding = true
  log.info({ signal, commits: running.commits() }, 'keeper ends')
  await ocpp.stop()
  await running.close()
  process.exit(0)
}
for (const signal of ['SIGTERM', 'SIGINT'] as const)
  process.on(signal, () => {
    end(signal).catch(fail)
  })

log.info({ bootId }, 'ready')
