// The demo that runs until Ctrl-C: one box, one car, one cloud. Tells each change in plain words; on a terminal it keeps
// a live line and takes keys to hurt the site.

import type { Clock, Timer } from '../../shared/time/clock.ts'
import { sentence } from '../../shared/words.ts'
import type { EndOfRun } from './end-of-run.ts'
import * as people from './people.ts'
import { type Site, type SiteOptions, startSite } from './site.ts'

const LOOK_EVERY_MS = 1_000
const RESTART_AFTER_MS = 1_000
const DARK_MS = 8_000

const KEYS = `Keys: p plug or unplug · o override · s cheap hours on or off · 1 kill cloud · 2 kill keeper · 3 kill control · w power cut · q end`

type Say = (line: string) => void

/** Runs until the end; the caller ends what still runs then. Returns the exit code. */
export async function runLive(options: SiteOptions, clock: Clock, say: Say, end: EndOfRun): Promise<number> {
  const screen = liveLine(say)
  let site: Site | null = null
  let keys: Keys | null = null
  const onUnexpectedEnd = (name: string, why: string) => {
    if (end.happened()) return
    if (name !== 'cloud' && name !== 'keeper' && name !== 'control') {
      screen.tell(`${name} ended (${why}): the simulated site is gone. Start the demo again.`)
      return
    }
    screen.tell(`${name} ended (${why}); it is started again.`)
    clock.after(`restart ${name}`, RESTART_AFTER_MS, () => {
      // A key that is at work starts what it killed by itself.
      if (!end.happened() && !keys?.busy())
        site?.start(name).catch((error: unknown) => screen.tell(words(error)))
    })
  }
  screen.tell('Starting: simulated board, relay and meter on one RS-485 bus at 19200 baud, agent, cloud …')
  const starting = startSite({ ...options, onUnexpectedEnd }, clock)
  site = await Promise.race([starting, end.promise.then(() => null)])
  try {
    if (!site) {
      starting.catch(() => undefined)
      return 0
    }
    screen.tell(`Console  ${site.cloudUrl}`)
    screen.tell(`Box page ${site.localUrl}`)
    await people.commission(site, { limitAmps: 16, schedule: null })
    screen.tell('Commissioned: 16 A, three phases. The car is plugged in.')
    await site.sim.plug()
    screen.tell(process.stdin.isTTY ? KEYS : 'Ctrl-C ends it.')
    const watch = startWatching(site, clock, screen)
    keys = takeKeys(site, clock, screen, end.finish)
    await end.promise
    watch.cancel()
    return 0
  } finally {
    screen.tell('Ending …')
    keys?.close()
    screen.close()
  }
}

interface Screen {
  /** A line that stays. */
  tell(line: string): void
  /** The line at the bottom that is replaced; nothing without a terminal. */
  live(line: string): void
  close(): void
}

function liveLine(say: Say): Screen {
  const tty = process.stdout.isTTY === true
  let shown = ''
  const wipe = () => {
    if (tty && shown !== '') process.stdout.write('\r\x1b[2K')
  }
  const show = () => {
    if (tty && shown !== '') process.stdout.write(shown.slice(0, (process.stdout.columns ?? 100) - 1))
  }
  return {
    tell: (line) => {
      wipe()
      say(line)
      show()
    },
    live: (line) => {
      wipe()
      shown = line
      show()
    },
    close: () => {
      wipe()
      shown = ''
    },
  }
}

/** Looks at the box once a second, tells what changed, and keeps the live line. */
function startWatching(site: Site, clock: Clock, screen: Screen): Timer {
  let before = ''
  let lines = 0
  let looking = false
  const look = async () => {
    const box = await people.lookAtBox(site)
    const state = box.control?.chargingState ?? 'control is not heard'
    const reason = sentence(box.limit.reason, 'en')
    const now = `${STATES[state] ?? state}; ${amps(box.limit.currentMilliamps)}: ${reason}`
    if (now !== before) screen.tell(`${time(clock)}  ${now}`)
    before = now
    const figures = `${time(clock)}  ${kilo(box.control?.meter?.powerWatts)} kW  ${kilo(box.session?.energyWh)} kWh  register ${kilo(box.control?.meter?.registerWh)} kWh  cloud ${box.csms}  outbox ${box.outbox.pending}`
    screen.live(figures)
    // Without a terminal there is no live line: the figures come as plain lines now and then.
    if (!process.stdout.isTTY && lines++ % 10 === 0) screen.tell(figures)
  }
  return clock.every('look at the box', LOOK_EVERY_MS, () => {
    if (looking) return
    looking = true
    look()
      .catch((error: unknown) => screen.live(`the box's page does not answer: ${words(error)}`))
      .finally(() => {
        looking = false
      })
  })
}

const STATES: Readonly<Record<string, string>> = {
  idle: 'No car',
  occupied: 'Car plugged in',
  suspendedEvse: 'Waiting',
  suspendedEv: 'The car does not charge now',
  charging: 'Charging',
  faulted: 'Fault',
}

interface Keys {
  /** An action of a key is under way; others are refused meanwhile. */
  busy(): boolean
  close(): void
}

function takeKeys(site: Site, clock: Clock, screen: Screen, finish: () => void): Keys {
  const stdin = process.stdin
  if (!stdin.isTTY) return { busy: () => false, close: () => undefined }
  let underWay: string | null = null
  const press = (key: string) => {
    if (key === 'q' || key === '\x03') return finish()
    if (underWay !== null) return screen.tell(`"${underWay}" is still under way; "${key}" is not taken.`)
    underWay = key
    act(key, site, clock, screen)
      .catch((error: unknown) => screen.tell(words(error)))
      .then(
        () => {
          underWay = null
        },
        () => undefined,
      )
  }
  const onData = (bytes: Buffer) => {
    for (const key of bytes.toString('utf8')) press(key)
  }
  stdin.setRawMode(true)
  stdin.resume()
  stdin.on('data', onData)
  return {
    busy: () => underWay !== null,
    close: () => {
      stdin.off('data', onData)
      stdin.setRawMode(false)
      stdin.pause()
    },
  }
}

async function act(key: string, site: Site, clock: Clock, screen: Screen): Promise<void> {
  const kill = async (name: 'cloud' | 'keeper' | 'control') => {
    screen.tell(`${name} is killed for ${DARK_MS / 1000} s.`)
    await site.kill(name)
    await clock.sleep(`without ${name}`, DARK_MS)
    await site.start(name)
    screen.tell(`${name} is back.`)
  }
  switch (key) {
    case 'p':
      return (await site.sim.state()).car.plugged ? site.sim.unplug() : site.sim.plug()
    case 'o':
      return people.override(site)
    case 's': {
      const box = await people.lookAtBox(site)
      return people.setSchedule(site, box.schedule ? null : people.CHEAP_NIGHT)
    }
    case '1':
      return kill('cloud')
    case '2':
      return kill('keeper')
    case '3':
      return kill('control')
    case 'w':
      screen.tell(`Power cut for ${DARK_MS / 1000} s.`)
      await site.cutPower()
      await clock.sleep('dark', DARK_MS)
      await site.restorePower()
      return screen.tell('Power is back.')
    default:
      return screen.tell(KEYS)
  }
}

const words = (error: unknown) => (error instanceof Error ? error.message : String(error))
const kilo = (value: number | undefined) => (value === undefined ? '–' : (value / 1000).toFixed(2))
const amps = (milliamps: number) => `${milliamps / 1000} A`
const time = (clock: Clock) =>
  new Intl.DateTimeFormat('en-GB', { timeZone: 'Europe/Copenhagen', timeStyle: 'medium' }).format(
    clock.wall(),
  )
