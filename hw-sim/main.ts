// The hw-sim program: one simulated site, its buses on pseudo terminals, its control on loopback HTTP.
// Ends cleanly on SIGTERM and SIGINT, and with --with-parent also when its standard input ends. Exit code 2: bad input,
// nothing was started.
import { mkdirSync, readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { pino } from 'pino'
import { systemClock } from '../shared/io/system-clock.ts'
import { err, ok, type Result } from '../shared/result.ts'
import { startHttp } from './http.ts'
import { startSite } from './running-site.ts'
import { defaultSite, parseSite, problemText } from './site.ts'
import type { Site } from './site-shape.ts'

const USAGE = `voltkeep sim [--site FILE.yaml] [--link-dir DIR] [--http-port N] [--clock-offset-ms N] [--seed N] [--with-parent]
  --site             the site; without it: the built-in one (Phoenix board 1, SDM630 2, Waveshare relay 3 on bus "main")
  --link-dir         makes DIR/<bus> links to the pseudo terminals, so that a path stays when a terminal is opened anew
  --http-port        port of the HTTP control on 127.0.0.1; without it: a free one
  --clock-offset-ms  told in the state as wallOffsetMs
  --seed             of turn-around times and line faults; replaces the site's
  --with-parent      ends when standard input ends`

interface Options {
  readonly sitePath: string | null
  readonly linkDir: string | null
  readonly httpPort: number
  readonly clockOffsetMs: number
  readonly seed: number | null
  readonly withParent: boolean
}

if (process.argv.slice(2).some((word) => word === '--help' || word === '-h')) {
  process.stdout.write(`${USAGE}\n`)
  process.exit(0)
}
const options = readOptions(process.argv.slice(2))
if (!options.ok) refuse(`${options.error}\n\n${USAGE}`)
const site = readSite(options.value)
if (!site.ok) refuse(`${site.error}\nnothing was started`)
await run(options.value, site.value)

function refuse(text: string): never {
  process.stderr.write(`${text}\n`)
  process.exit(2)
}

function readOptions(args: readonly string[]): Result<Options, string> {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        site: { type: 'string' },
        'link-dir': { type: 'string' },
        'http-port': { type: 'string', default: '0' },
        'clock-offset-ms': { type: 'string', default: '0' },
        seed: { type: 'string' },
        'with-parent': { type: 'boolean', default: false },
      },
    })
    return ok({
      sitePath: values.site ?? null,
      linkDir: values['link-dir'] ?? null,
      httpPort: wholeNumber('--http-port', values['http-port'], { min: 0, max: 65_535 }),
      clockOffsetMs: wholeNumber('--clock-offset-ms', values['clock-offset-ms'], {
        min: -Number.MAX_SAFE_INTEGER,
        max: Number.MAX_SAFE_INTEGER,
      }),
      seed:
        values.seed === undefined ? null : wholeNumber('--seed', values.seed, { min: 0, max: 0xffff_ffff }),
      withParent: values['with-parent'],
    })
  } catch (error) {
    return err(error instanceof Error ? error.message : String(error))
  }
}

function wholeNumber(option: string, text: string, range: { min: number; max: number }): number {
  const value = Number(text)
  if (/^-?\d+$/.test(text) && value >= range.min && value <= range.max) return value
  throw new RangeError(`${option}: expected a whole number from ${range.min} to ${range.max}, got ${text}`)
}

function readSite({ sitePath, seed }: Options): Result<Site, string> {
  const parsed = sitePath === null ? ok(defaultSite()) : parseFile(sitePath)
  return parsed.ok && seed !== null ? ok({ ...parsed.value, seed }) : parsed
}

function parseFile(path: string): Result<Site, string> {
  try {
    const parsed = parseSite(readFileSync(path, 'utf8'), path)
    return parsed.ok ? parsed : err(parsed.error.map(problemText).join('\n'))
  } catch (error) {
    const got = error instanceof Error ? error.message : String(error)
    return err(`${path}  (file)\n  expected  a readable site file\n  got       ${got}`)
  }
}

async function run({ linkDir, httpPort, clockOffsetMs, withParent }: Options, theSite: Site): Promise<void> {
  const log = pino({ base: { pid: process.pid, name: 'hw-sim' } }, pino.destination({ dest: 1, sync: true }))
  if (linkDir !== null) mkdirSync(linkDir, { recursive: true })
  const running = startSite({
    site: theSite,
    clock: systemClock(clockOffsetMs),
    wallOffsetMs: clockOffsetMs,
    linkDir,
    onTrouble: (detail) => log.warn({ detail }, 'trouble'),
  })
  await running.opened.catch((error: unknown) => {
    running.close()
    const got = error instanceof Error ? error.message : 'an error'
    refuse(`the site's TCP buses: expected free ports, got ${got}`)
  })
  const http = await startHttp(running, httpPort).catch((error: unknown) => {
    running.close()
    refuse(
      `--http-port ${httpPort}: expected a free port, got ${error instanceof Error ? error.message : 'an error'}`,
    )
  })
  let ending = false
  const end = (why: string) => {
    if (ending) return
    ending = true
    log.info({ why }, 'ending')
    http.close()
    running.close()
    process.exit(0)
  }
  process.once('SIGTERM', () => end('SIGTERM'))
  process.once('SIGINT', () => end('SIGINT'))
  if (withParent) process.stdin.on('end', () => end('standard input ended')).resume()
  log.info({ http: http.url, ports: running.ports() }, 'ready')
}
