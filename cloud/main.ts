// The cloud's process: one port for stations, API, live events and console; a SQLite file or PostgreSQL behind it.
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pino from 'pino'
import packageJson from '../package.json' with { type: 'json' }
import { type ApiTariff, tariffSchema } from '../shared/api/tariffs.ts'
import { systemClock } from '../shared/io/system-clock.ts'
import type { Tariff } from '../shared/tariff/price.ts'
import { SHIPPED_TARIFFS, tariffFrom } from './catalogue/tariffs.ts'
import { composeCloud } from './compose.ts'
import { type CloudOptions, cloudOptions, USAGE } from './options.ts'
import { serverKey, serverKeyFits } from './server-key.ts'
import { openStore } from './store/database.ts'

process.env['TZ'] = 'UTC'
// Files are for their owner only, also those that libraries make in a folder that was there before.
process.umask(0o077)
const log = pino({ base: null }, pino.destination({ dest: 1, sync: true }))
const dist = dirname(fileURLToPath(import.meta.url))

const asksHelp = process.argv.slice(2).some((word) => word === '--help' || word === '-h')
const told = cloudOptions(process.argv.slice(2), process.env)
if (asksHelp) {
  process.stdout.write(USAGE)
} else if (told.ok) {
  await run(told.value)
} else {
  const { message, expected, got, do: todo } = told.error
  process.stderr.write(
    `${message}\n  expected  ${expected}\n  got       ${got}\n  do        ${todo}\n\n${USAGE}`,
  )
  process.exitCode = 2
}

async function run(options: CloudOptions) {
  const clock = systemClock(options.clockOffsetMs)
  const key = await serverKey(options.dataDir)
  if (!key.ok) return giveUp('the server key cannot be used', { why: key.error })
  const store = await openStore(
    options.databaseUrl === null
      ? {
          kind: 'sqlite',
          file: join(options.dataDir, 'cloud.sqlite'),
          workerFile: new URL('./cloud-store-worker.mjs', import.meta.url),
        }
      : { kind: 'postgres', url: options.databaseUrl },
    (error, fatal) => {
      if (fatal) {
        log.fatal({ why: error.message }, 'the database worker died')
        process.exit(1)
      }
      log.warn({ why: error.message }, 'a database connection broke')
    },
  )
  if (!(await serverKeyFits(store, key.value))) {
    await store.close()
    return giveUp('the server key is not the one that the stations of this database were made with', {
      dataDir: options.dataDir,
      do: 'Restore server.key, or start with the folder that belongs to this database.',
    })
  }
  const cloud = await composeCloud({
    store,
    clock,
    log,
    serverKey: key.value,
    tariffs: shippedTariffs(),
    access: { host: options.host, token: options.apiToken },
    consoleDir: join(dist, 'console'),
    version: packageJson.version,
  })
  let ending = false
  const end = (signal: string) => {
    if (ending) return
    ending = true
    log.info({ signal }, 'ending')
    cloud
      .close()
      .then(() => store.close())
      .then(() => log.info({}, 'ended'))
      .catch((error: unknown) => {
        log.error({ why: String(error) }, 'the end was not clean')
        process.exit(1)
      })
  }
  process.on('SIGTERM', () => end('SIGTERM'))
  process.on('SIGINT', () => end('SIGINT'))
  const url = await cloud.listen(options.host, options.port)
  log.info({ url, pid: process.pid, database: store.dialect }, 'ready')
}

/** A tariff of ours that is not sound is a mistake of the build: nothing is billed with it. */
function shippedTariffs(): { tariff: Tariff; shown: ApiTariff }[] {
  return SHIPPED_TARIFFS.map((data) => {
    const tariff = tariffFrom(data)
    if (!tariff.ok) throw new Error(`a shipped tariff is not sound: ${tariff.error.join('; ')}`)
    return { tariff: tariff.value, shown: tariffSchema.parse(data) }
  })
}

function giveUp(message: string, fields: object) {
  log.fatal(fields, message)
  process.exitCode = 1
}
