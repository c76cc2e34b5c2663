// A Modbus RTU line with several units on one pseudo terminal: our own slave. It checks the CRC of requests, ends frames by
// silence, and spends real line time: a request counts as arrived when its last byte would have crossed the line, and
// no byte of a reply is early. Two talkers never garble each other here: the later one waits (faults play the garbling).

import { invariant } from '../../shared/invariant.ts'
import { crcHolds, withCrc } from '../../shared/modbus/crc.ts'
import { type Prng, prng } from '../../shared/prng.ts'
import type { Clock } from '../../shared/time/clock.ts'
import type { SimFault, SimFrame } from '../api.ts'
import { isDead, spoil } from './line-faults.ts'
import { type LineFormat, lineTime } from './line-time.ts'
import { type NumberedLog, numberedLog } from './numbered-log.ts'
import { type FrameOnLine, type Receiver, receiver } from './receiver.ts'
import { openTerminal, pointLink, removeOwnLink, type Terminal } from './terminal.ts'
import { type Transmitter, transmitter } from './transmitter.ts'

/** A device on the line. */
export interface BusUnit {
  /** 1-247; unique on its bus. */
  readonly unitId: number
  /** Requests that begin sooner than this after the unit's own last reply are not heard. 0: no such rule. */
  readonly silenceMs: number
  /** Hears writes to unit 0. */
  readonly hearsBroadcast: boolean
  /** Answers a PDU (function code and data); null: no answer. Called when the frame has ended on the line. */
  answer(pdu: Uint8Array): Uint8Array | null
}

export interface BusOptions extends LineFormat {
  readonly name: string
  readonly clock: Clock
  readonly units: readonly BusUnit[]
  /** `line`: real line times. `none`: frames end by their length and replies go out at once, for soak tests. */
  readonly pacing: 'line' | 'none'
  /** From the end of a request to the first byte of its reply, ms, drawn evenly; not below the line's end gap. */
  readonly turnaroundMs: { readonly min: number; readonly max: number }
  readonly seed: number
  /** A symbolic link that always leads to the terminal, or null. */
  readonly linkPath: string | null
  /** Where frames are noted; buses of one site share it. */
  readonly frames: NumberedLog<SimFrame>
  /** Told once for each time the terminal breaks. */
  onTrouble(detail: string): void
}

export interface Bus {
  readonly name: string
  /** What a master opens: the link where there is one, else the terminal of now. Null while the port is gone. */
  path(): string | null
  setFaults(faults: readonly SimFault[]): void
  /** The port vanishes: masters get a hang-up, the link is removed. Idempotent. */
  loosePort(): void
  /** A new terminal at the same link. Idempotent. */
  restorePort(): void
  close(): void
}

export const frameLog = (): NumberedLog<SimFrame> =>
  numberedLog<SimFrame>(20_000, (number, entry) => ({ number, ...entry }))

/** The vendors' 100 ms are a round figure, and a master's timer may be a millisecond early. */
const SILENCE_SLACK_MICROS = 2000

export function startBus(options: BusOptions): Bus {
  const { clock, units } = options
  invariant(
    new Set(units.map((unit) => unit.unitId)).size === units.length,
    'two units share an id on one bus',
  )
  const random = prng(options.seed)
  let faults: readonly SimFault[] = []
  let port: { terminal: Terminal; receive: Receiver; send: Transmitter } | null = null
  const repliedAtMicros = new Map<number, number>()

  const log = (direction: SimFrame['direction'], bytes: Uint8Array, endMicros: number, unanswered?: string) =>
    options.frames.add({
      bus: options.name,
      endMicros,
      direction,
      unitId: bytes[0] ?? 0,
      hex: Buffer.from(bytes).toString('hex'),
      crcHolds: crcHolds(bytes),
      ...(unanswered === undefined ? {} : { unanswered }),
    })

  /** Why a well-delimited frame goes unanswered, or the unit that it is for. */
  const heardBy = (frame: Uint8Array, startMicros: number): BusUnit | string => {
    if (!crcHolds(frame)) return 'its CRC does not hold'
    const unit = units.find((candidate) => candidate.unitId === frame[0])
    if (!unit) return frame[0] === 0 ? 'broadcast' : 'no unit has this id'
    if (isDead(faults, unit.unitId)) return 'the unit is dead'
    const since = startMicros - (repliedAtMicros.get(unit.unitId) ?? Number.NEGATIVE_INFINITY)
    const silent = unit.silenceMs * 1000 - SILENCE_SLACK_MICROS
    if (options.pacing === 'line' && unit.silenceMs > 0 && since < silent) {
      return `the unit wants ${unit.silenceMs} ms of silence after its reply, it had ${(since / 1000).toFixed(1)} ms`
    }
    return unit
  }

  const onRequest = (frame: Uint8Array, at: FrameOnLine) => {
    const unit = at.spoilt ?? heardBy(frame, at.startMicros)
    const pdu = frame.subarray(1, Math.max(1, frame.length - 2))
    if (typeof unit === 'string') {
      log('request', frame, at.endMicros, unit)
      if (unit === 'broadcast') for (const hearer of units) if (hearer.hearsBroadcast) hearer.answer(pdu)
      return
    }
    const answer = unit.answer(pdu)
    const why = answer ? undefined : 'the unit has no supply or is starting'
    log('request', frame, at.endMicros, at.givenUp ? 'another request followed at once' : why)
    if (answer && port && !at.givenUp) reply(unit.unitId, answer, at.endMicros, port.send)
  }

  const reply = (unitId: number, answer: Uint8Array, endMicros: number, send: Transmitter) => {
    const sound = withCrc(Uint8Array.of(unitId, ...answer))
    const { frames: out, lateMs } = spoil(sound, faults, unitId, random)
    const dueMicros = endMicros + turnaroundMicros(options, random) + lateMs * 1000
    for (const bytes of out) {
      send.queue(bytes, dueMicros, (sentMicros) => {
        repliedAtMicros.set(unitId, sentMicros)
        log('reply', bytes, sentMicros)
      })
    }
  }

  const restorePort = () => {
    if (port) return
    const terminal = openTerminal({
      onBytes: (bytes) => port?.receive.bytes(bytes),
      onError: (error) => {
        options.onTrouble(`${options.name}: the pseudo terminal broke: ${error.message}`)
        loosePort()
      },
    })
    const time = lineTime(options)
    const line = { freeAtMicros: Number.NEGATIVE_INFINITY }
    const receive = receiver({ clock, time, line, pacing: options.pacing, onFrame: onRequest })
    const send = transmitter({ clock, time, line, pacing: options.pacing, write: terminal.write })
    port = { terminal, receive, send }
    if (options.linkPath !== null) pointLink(options.linkPath, terminal.path)
  }

  const loosePort = () => {
    if (!port) return
    port.receive.stop()
    port.send.stop()
    if (options.linkPath !== null) removeOwnLink(options.linkPath, port.terminal.path)
    port.terminal.close()
    port = null
  }

  restorePort()
  return {
    name: options.name,
    path: () => (port ? (options.linkPath ?? port.terminal.path) : null),
    setFaults: (next) => {
      faults = next
    },
    loosePort,
    restorePort,
    close: loosePort,
  }
}

/** Whole microseconds; a device cannot know that the frame has ended before the line's end gap is over. */
function turnaroundMicros(options: BusOptions, random: Prng): number {
  if (options.pacing === 'none') return 0
  const { min, max } = options.turnaroundMs
  const drawn = random.integer(Math.round(min * 1000), Math.round(max * 1000))
  return Math.max(drawn, lineTime(options).endGapMicros)
}
