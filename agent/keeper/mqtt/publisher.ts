// The box on the MQTT broker of the house. Nothing is kept in memory while the broker is away: on each connect the newest
// state, meter and reason are told, and what was between is not.
import { connect, type IClientPublishOptions, type IPublishPacket } from 'mqtt'
import type { LinkLog } from '../../../shared/io/ocpp-link-types.ts'
import { type CommandAck, type Topics, topicsOf } from '../../../shared/mqtt/topics.ts'
import type { Prng } from '../../../shared/prng.ts'
import type { Clock, Timer } from '../../../shared/time/clock.ts'
import type { KeeperConfig } from '../config.ts'
import { pinCheck } from '../pin.ts'
import type { Box, BoxSnapshot } from '../ports.ts'
import { COMMAND_BYTES_MAX, takeOverride } from './commands.ts'
import { meterPayload, reasonPayload, statePayload } from './payloads.ts'

const REFRESH_MS = 10_000
/** Changes are told at most this often. */
const SPACING_MS = 500
const METER_SPACING_MS = 1000
/** A broker that does not take the goodbye is left without it: it tells the last will. */
const GOODBYE_MS = 1000
/** Ids of commands that were answered: a repeated one gets the same answer and is not carried out again. */
const ANSWERS_KEPT = 32

export interface MqttOptions {
  readonly config: KeeperConfig
  readonly box: Box
  readonly clock: Clock
  readonly random: Pick<Prng, 'next'>
  readonly log: LinkLog
  /** Wait between two tries to connect; default 5,000, and up to half more at random. */
  readonly reconnectMs?: number
}

export interface MqttHandle {
  stop(): Promise<void>
}

/** Publishes until it is stopped. Without a broker in the configuration nothing is done. */
export function startMqtt(options: MqttOptions): MqttHandle {
  const { config, box, clock, log } = options
  if (!config.mqtt) return { stop: async () => {} }
  const { url, username, password } = config.mqtt
  const topics = topicsOf(config.station.id)
  const client = connect(url, {
    clientId: `voltkeep-${config.station.id}`,
    // No session at the broker, no queue here: a command or a state of before is worth nothing.
    clean: true,
    queueQoSZero: false,
    resubscribe: false,
    reconnectPeriod: Math.round((options.reconnectMs ?? 5000) * (1 + options.random.next() / 2)),
    connectTimeout: 10_000,
    keepalive: 30,
    ...(username === null ? {} : { username }),
    ...(password === null ? {} : { password }),
    will: { topic: topics.status, payload: Buffer.from('offline'), qos: 1, retain: true },
  })

  const publish = (topic: string, payload: string, publishing: IClientPublishOptions) => {
    if (!client.connected) return
    client.publish(topic, payload, publishing, (error) => {
      if (error && client.connected)
        log.warn({ topic, why: error.message }, 'the broker did not take a message')
    })
  }
  const newest = tellNewest(topics, box, clock, (topic, payload) =>
    publish(topic, payload, { qos: 0, retain: true }),
  )
  const checkPin = pinCheck(config.local, clock)
  const answers = new Map<string, Promise<CommandAck>>()

  async function answer(payload: Buffer): Promise<CommandAck> {
    if (payload.length > COMMAND_BYTES_MAX) {
      const message = `The payload is longer than ${COMMAND_BYTES_MAX} bytes.`
      return { id: null, ok: false, error: { code: 'MALFORMED', message, do: 'Send {"id","ts","on"}.' } }
    }
    const text = payload.toString('utf8')
    const known = answers.get(text)
    if (known !== undefined) return known
    const taken = takeOverride(text, { box, config, checkPin })
    answers.set(text, taken)
    for (const oldest of answers.keys()) {
      if (answers.size <= ANSWERS_KEPT) break
      answers.delete(oldest)
    }
    return taken
  }

  let down = false
  client.on('connect', () => {
    down = false
    log.info({ url }, 'the broker is connected')
    publish(topics.status, 'online', { qos: 1, retain: true })
    // On the clock's turn, not in the socket's: what fails there is this adapter's own failure.
    clock.after('mqtt newest', 0, newest.all)
    client.subscribe(topics.command('override'), { qos: 1 }, (error) => {
      if (error && client.connected) log.warn({ why: error.message }, 'the broker gives no commands')
    })
  })
  const sayDown = (why: string) => {
    // Once an outage, not once a try.
    if (!down) log.warn({ url, why }, 'the broker is not reached')
    down = true
  }
  client.on('close', () => sayDown('closed'))
  client.on('error', (error) => sayDown(error.message))
  client.on('message', (_topic: string, payload: Buffer, packet: IPublishPacket) => {
    if (packet.retain) {
      log.warn({ topic: topics.command('override') }, 'a retained command was not taken')
      return
    }
    answer(payload).then(
      (ack) => publish(topics.ack('override'), JSON.stringify(ack), { qos: 1, retain: false }),
      (error: unknown) => log.error({ why: String(error) }, 'a command failed'),
    )
  })

  return {
    stop: async () => {
      newest.stop()
      // The broker tells the last will only when a client goes without a word.
      if (client.connected) {
        const told = client.publishAsync(topics.status, 'offline', { qos: 1, retain: true }).then(
          () => true,
          () => false,
        )
        await Promise.race([told, clock.sleep('mqtt goodbye', GOODBYE_MS)])
      }
      await client.endAsync(true)
    },
  }
}

/** Tells what changed, spaced, and everything every ten seconds. */
function tellNewest(topics: Topics, box: Box, clock: Clock, tell: (topic: string, payload: string) => void) {
  const state = spaced(clock, SPACING_MS, () =>
    tell(topics.state, JSON.stringify(statePayload(box.snapshot()))),
  )
  const reason = spaced(clock, SPACING_MS, () =>
    tell(topics.reason, JSON.stringify(reasonPayload(box.snapshot()))),
  )
  const meter = spaced(clock, METER_SPACING_MS, () => {
    const payload = meterPayload(box.snapshot())
    if (payload) tell(topics.meter, JSON.stringify(payload))
  })
  const all = () => {
    state.now()
    reason.now()
    meter.now()
  }
  let seen = ''
  let seenReason = ''
  let seenMeter: unknown = null
  const end = box.onChange((snapshot: BoxSnapshot) => {
    const states = JSON.stringify({ ...statePayload(snapshot), ts: null })
    const reasons = JSON.stringify(snapshot.limit)
    if (states !== seen) state.soon()
    if (reasons !== seenReason) reason.soon()
    if (snapshot.control?.meter?.takenAtMonotonicMs !== seenMeter) meter.soon()
    seen = states
    seenReason = reasons
    seenMeter = snapshot.control?.meter?.takenAtMonotonicMs
  })
  const refresh = clock.every('mqtt refresh', REFRESH_MS, all)
  return {
    all,
    stop: () => {
      end()
      refresh.cancel()
      for (const teller of [state, reason, meter]) teller.stop()
    },
  }
}

/** Runs `tell` at once, or when the spacing since the last time is over; many wishes meanwhile are one. */
function spaced(clock: Clock, spacingMs: number, tell: () => void) {
  let hold: Timer | null = null
  let wanted = false
  const now = () => {
    hold?.cancel()
    wanted = false
    hold = clock.after('mqtt', spacingMs, () => {
      hold = null
      if (wanted) now()
    })
    tell()
  }
  return {
    now,
    soon: () => {
      if (hold) wanted = true
      else now()
    },
    stop: () => hold?.cancel(),
  }
}
