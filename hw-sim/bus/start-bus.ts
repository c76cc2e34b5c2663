// A Modbus line (RTU or ASCII) with several units on one pseudo terminal: our own slave. It checks the CRC or LRC of
// requests, and spends real line time: a request counts as arrived when its last byte would have crossed the line, and
// no byte of a reply is early. Two talkers never garble each other here: the later one waits (faults play the garbling).

import { type Prng, prng } from '../../shared/prng.ts'
import type { Clock } from '../../shared/time/clock.ts'
import type { SimFault, SimFrame } from '../api.ts'
import { asciiReceiver } from './ascii-receiver.ts'
import { ASCII, type Message, RTU } from './framing.ts'
import { BROADCAST, type BusUnit, hearing, isShorted } from './hearing.ts'
import { garbled, replyUnitId, spoil } from './line-faults.ts'
import { type LineFormat, lineTime } from './line-time.ts'
import { type NumberedLog, numberedLog } from './numbered-log.ts'
import { type FrameOnLine, type Receiver, receiver } from './receiver.ts'
import { openTerminal, pointLink, removeOwnLink, type Terminal } from './terminal.ts'
import { type Transmitter, transmitter } from './transmitter.ts'

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
  /** Masters can come in; rejects where a TCP port is taken. */
  readonly opened: Promise<void>
  /** What a master opens: the link where there is one, else the terminal of now; `host:port` with TCP. Null while it is gone. */
  path(): string | null
  setFaults(faults: readonly SimFault[]): void
  /** The port vanishes: masters get a hang-up, the link is removed. Idempotent. */
  loosePort(): void
  /** A new terminal at the same link. Idempotent. */
  restorePort(): void
  /** From now on the port has another name (link NAME-renamed, another TCP port), or its own again; it opens anew. */
  renamePort(renamed: boolean): void
  close(): void
}

export const frameLog = (): NumberedLog<SimFrame> =>
  numberedLog<SimFrame>(20_000, (number, entry) => ({ number, ...entry }))

export function startBus(options: BusOptions): Bus {
  const { clock, units } = options
  const framing = options.kind === 'ascii' ? ASCII : RTU
  const ears = hearing(units, options.pacing)
  const random = prng(options.seed)
  let port: { terminal: Terminal; receive: Receiver; send: Transmitter } | null = null

  const log = (
    direction: SimFrame['direction'],
    bytes: Uint8Array,
    endMicros: number,
    unanswered?: string,
  ) => {
    const message = framing.read(bytes)
    options.frames.add({
      bus: options.name,
      endMicros,
      direction,
      unitId: framing.unitId(bytes),
      hex: Buffer.from(bytes).toString('hex'),
      crcHolds: typeof message !== 'string',
      pdu: typeof message === 'string' ? '' : Buffer.from(message.pdu).toString('hex'),
      ...(unanswered === undefined ? {} : { unanswered }),
    })
  }

  const onRequest = (frame: Uint8Array, at: FrameOnLine) => {
    const message = at.spoilt ?? framing.read(frame)
    if (typeof message === 'string') return log('request', frame, at.endMicros, message)
    const heard = ears.heardBy(message.unitId, at.startMicros)
    if (typeof heard === 'string') {
      log('request', frame, at.endMicros, heard)
      if (heard !== BROADCAST) return
      for (const hearer of units) if (hearer.hearsBroadcast) hearer.answer(message.pdu)
      return
    }
    const replies = heard.flatMap((unit) => replyOf(unit, message))
    const why = replies.length > 0 ? undefined : 'the unit has no supply or is starting'
    log('request', frame, at.endMicros, at.givenUp ? 'another request followed at once' : why)
    const [first, second] = replies
    if (!first || !port || at.givenUp) return
    // Units of one id talk at once.
    const sound = second ? garbled(first.frame, second.frame, random) : first.frame
    reply(first.unitId, sound, at.endMicros, port.send)
  }

  const replyOf = (unit: BusUnit, { unitId, pdu }: Message) => {
    const answer = unit.answer(pdu)
    if (!answer) return []
    const said = replyUnitId(ears.faults(), unit.unitId, unitId)
    return [{ unitId: unit.unitId, frame: framing.frame({ unitId: said, pdu: answer }, unit.replyStart) }]
  }

  const reply = (unitId: number, sound: Uint8Array, endMicros: number, send: Transmitter) => {
    const { frames: out, lateMs } = spoil(sound, ears.faults(), unitId, random)
    const dueMicros = endMicros + turnaroundMicros(options, random) + lateMs * 1000
    for (const bytes of out) {
      send.queue(bytes, dueMicros, (sentMicros) => {
        ears.replied(unitId, sentMicros)
        log('reply', bytes, sentMicros)
      })
    }
  }

  let renamed = false
  const linkPath = () =>
    options.linkPath === null ? null : `${options.linkPath}${renamed ? '-renamed' : ''}`

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
    const cut = options.kind === 'ascii' ? asciiReceiver : receiver
    const receive = cut({ clock, time, line, pacing: options.pacing, onFrame: onRequest })
    const write = (bytes: Uint8Array) => !isShorted(ears.faults()) && terminal.write(bytes)
    const send = transmitter({ clock, time, line, pacing: options.pacing, write })
    port = { terminal, receive, send }
    const link = linkPath()
    if (link !== null) pointLink(link, terminal.path)
  }

  const loosePort = () => {
    if (!port) return
    port.receive.stop()
    port.send.stop()
    const link = linkPath()
    if (link !== null) removeOwnLink(link, port.terminal.path)
    port.terminal.close()
    port = null
  }

  restorePort()
  return {
    name: options.name,
    opened: Promise.resolve(),
    path: () => (port ? (linkPath() ?? port.terminal.path) : null),
    setFaults: ears.setFaults,
    loosePort,
    restorePort,
    renamePort: (is) => {
      if (is === renamed) return
      loosePort()
      renamed = is
      restorePort()
    },
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
