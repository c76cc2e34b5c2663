// Boot and heartbeat (OCPP 2.0.1 B01-B03, G02): until the server has accepted us, nothing else is said. Its time is told
// to the box with each answer.
import type { CallOutcome, LinkLog } from '../../../shared/io/ocpp-link-types.ts'
import type { Prng } from '../../../shared/prng.ts'
import type { Clock, Timer } from '../../../shared/time/clock.ts'
import { epochOfIso } from '../../../shared/time/iso.ts'
import type { Box } from '../ports.ts'

/** Where the server names no interval, or a boot gets no answer. The latter doubles up to the maximum. */
const RETRY_FIRST_MS = 5000
const RETRY_MAX_MS = 60_000
/** An interval of the server beyond a day is a slip: the box would say nothing for so long. */
const INTERVAL_MAX_S = 86_400

export interface RegistrationOptions {
  readonly box: Pick<Box, 'csmsTime' | 'csmsState'>
  readonly clock: Clock
  readonly random: Pick<Prng, 'next'>
  readonly log: LinkLog
  readonly isOpen: () => boolean
  readonly boot: () => Promise<CallOutcome<'BootNotification'>>
  readonly heartbeat: () => Promise<CallOutcome<'Heartbeat'>>
  readonly heartbeatIntervalS: () => number
  readonly setHeartbeatIntervalS: (seconds: number) => void
  /** Accepted over an open socket: at first, and again after each reconnect. */
  readonly onReady: () => void
}

export interface Registration {
  /** Accepted by the server, whether or not it can be heard now. */
  accepted(): boolean
  opened(): void
  closed(): void
  /** The server asks for a boot: it does not know us any more. */
  bootAgain(): void
  heartbeatNow(): void
  /** The interval was set; the next heartbeat follows it. */
  intervalChanged(): void
  stop(): void
}

const withinADay = (seconds: number) => Math.min(Math.max(seconds, 1), INTERVAL_MAX_S)

export function registration(options: RegistrationOptions): Registration {
  const { box, clock, log } = options
  let accepted = false
  let stopped = false
  let failures = 0
  // A socket's number, so that an answer of an older one changes nothing.
  let socket = 0
  let timer: Timer | null = null

  const later = (name: string, ms: number, action: () => void) => {
    timer?.cancel()
    timer = stopped ? null : clock.after(name, ms, action)
  }
  const tell = (currentTime: string) => {
    const told = epochOfIso(currentTime)
    if (told === null) log.warn({ currentTime }, "the server's time cannot be read")
    else box.csmsTime(told, clock.monotonic())
  }
  const run = (job: Promise<void>) => {
    job.catch((error: unknown) => log.error({ why: String(error) }, 'boot or heartbeat failed'))
  }

  async function boot() {
    const mine = socket
    const outcome = await options.boot()
    if (stopped || mine !== socket || !options.isOpen()) return
    if (!outcome.ok) {
      const waitMs = Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** Math.min(failures++, 10))
      log.warn({ failure: outcome.error, waitMs }, 'the boot was not answered')
      later('ocpp boot', jittered(waitMs), () => run(boot()))
      return
    }
    failures = 0
    const { status, interval, currentTime } = outcome.value
    tell(currentTime)
    if (status === 'Accepted') {
      accepted = true
      if (interval > 0) options.setHeartbeatIntervalS(withinADay(interval))
      log.info({ heartbeatS: options.heartbeatIntervalS() }, 'the server accepted the box')
      ready()
      return
    }
    accepted = false
    box.csmsState(status === 'Pending' ? 'pending' : 'rejected')
    log.warn({ status, interval }, 'the server does not accept the box yet')
    // B02, B03: not before the interval that the server names; our own where it names none.
    later('ocpp boot', interval > 0 ? withinADay(interval) * 1000 : jittered(RETRY_MAX_MS), () => run(boot()))
  }

  function ready() {
    box.csmsState('accepted')
    nextHeartbeat()
    options.onReady()
  }

  const nextHeartbeat = () =>
    later('ocpp heartbeat', withinADay(options.heartbeatIntervalS()) * 1000, () => run(heartbeat()))

  async function heartbeat() {
    const mine = socket
    const outcome = await options.heartbeat()
    if (stopped || mine !== socket || !options.isOpen()) return
    if (outcome.ok) tell(outcome.value.currentTime)
    nextHeartbeat()
  }

  const jittered = (ms: number) => Math.round(ms * (0.5 + options.random.next() / 2))

  return {
    accepted: () => accepted,
    opened: () => {
      socket++
      // B04: after a reconnect within one run of keeper the boot is not said again.
      if (accepted) return ready()
      box.csmsState('connecting')
      run(boot())
    },
    closed: () => {
      timer?.cancel()
      box.csmsState('disconnected')
    },
    bootAgain: () => {
      accepted = false
      box.csmsState('connecting')
      run(boot())
    },
    heartbeatNow: () => run(heartbeat()),
    intervalChanged: () => {
      if (accepted && options.isOpen()) nextHeartbeat()
    },
    stop: () => {
      stopped = true
      timer?.cancel()
    },
  }
}
