// npm run demo [-- --story] [-- --clock INSTANT] [-- --keep]
// Starts a whole site on this machine and tells what happens; --story plays the outage story and exits 0 or 1.
import { parseArgs } from 'node:util'
import { systemClock } from '../../shared/io/system-clock.ts'
import type { Clock } from '../../shared/time/clock.ts'
import { epochOfIso, isoOf } from '../../shared/time/iso.ts'
import { type EndOfRun, endOfRun } from './end-of-run.ts'
import { siteFolders } from './folders.ts'
import { freePort } from './http.ts'
import { runLive } from './live.ts'
import { endAllPrograms } from './program.ts'
import { type SiteOptions, startSite } from './site.ts'
import { tellStory } from './story.ts'
import { storyTable } from './table.ts'

const CLOUD_PORT = 8080
const LOCAL_PORT = 8081
/** A Friday evening before the cheap hours; the price band changes at 21:00, within the story. */
const STORY_CLOCK = '2026-11-20T20:58:40+01:00'

const USAGE = `usage: npm run demo [-- OPTIONS]
  --story          play the outage story (at most 3 minutes) and exit 0 or 1
  --clock INSTANT  wall clock at the start, such as ${STORY_CLOCK} (one offset for all processes)
  --keep           keep the folder with configuration, databases and logs`

const options = readOptions()
const wall = systemClock().wall()
const startAt = options.startAt ?? (options.story ? epochOfIso(STORY_CLOCK) : null)
const wallOffsetMs = startAt === null ? 0 : startAt - wall
const clock = systemClock(wallOffsetMs)
const say = (line: string) => console.log(line)
process.exit(await run(clock))

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        story: { type: 'boolean', default: false },
        clock: { type: 'string' },
        keep: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    })
    if (values.help) {
      console.log(USAGE)
      process.exit(0)
    }
    const startAt = values.clock === undefined ? null : epochOfIso(values.clock)
    if (values.clock !== undefined && startAt === null) {
      throw new Error(`--clock ${values.clock}: expected an instant such as ${STORY_CLOCK}`)
    }
    return { ...values, startAt }
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n${USAGE}`)
    process.exit(2)
  }
}

async function run(clock: Clock): Promise<number> {
  const end = endOfRun()
  const folders = await siteFolders()
  const ports = { cloud: await portOr(CLOUD_PORT, 'cloud'), local: await portOr(LOCAL_PORT, 'box') }
  const siteOptions: SiteOptions = { ...folders, wallOffsetMs, ports }
  try {
    return options.story ? await story(siteOptions, clock, end) : await runLive(siteOptions, clock, say, end)
  } catch (error) {
    if (end.happened()) return 0
    console.error(error instanceof Error ? error.message : error)
    return 1
  } finally {
    await endAllPrograms(clock)
    if (options.keep) say(`kept: ${folders.dir}`)
    else await folders.remove()
  }
}

async function portOr(wanted: number, what: string): Promise<number> {
  const port = await freePort(wanted)
  if (port !== wanted) say(`Port ${wanted} is busy; the ${what} uses ${port} instead.`)
  return port
}

async function story(siteOptions: SiteOptions, clock: Clock, end: EndOfRun): Promise<number> {
  say(`The outage story, in real time. Wall clock: ${isoOf(clock.wall())}`)
  const from = clock.monotonic()
  const onUnexpectedEnd = (name: string, why: string) => say(`  ! ${name} ended by itself: ${why}`)
  const played = startSite({ ...siteOptions, onUnexpectedEnd }, clock).then((site) => {
    say(`Started. Console ${site.cloudUrl}  box ${site.localUrl}`)
    return tellStory(site, clock, say)
  })
  const rows = await Promise.race([played, end.promise.then(() => null)])
  if (rows === null) {
    // What the story was doing fails now, because its processes end.
    played.catch(() => undefined)
    say('Ending …')
    return 130
  }
  say('')
  say(storyTable(rows))
  const missed = rows.filter((row) => !row.held).length
  const seconds = Math.round((clock.monotonic() - from) / 1000)
  say(`\n${rows.length - missed} of ${rows.length} expectations held, in ${seconds} s.`)
  return missed === 0 ? 0 : 1
}
