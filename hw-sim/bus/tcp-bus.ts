// Modbus TCP: several units behind one loopback port, several clients at once. A stream that is no Modbus is closed.
// Source: Modbus Messaging on TCP/IP V1.0b.
import { createServer, type Server, type Socket } from 'node:net'
import { type Prng, prng } from '../../shared/prng.ts'
import type { Clock } from '../../shared/time/clock.ts'
import type { SimFrame } from '../api.ts'
import { type Mbap, mbapFrame, readMbap } from './framing.ts'
import { type BusUnit, hearing, isShorted } from './hearing.ts'
import { replyUnitId, spoil } from './line-faults.ts'
import type { NumberedLog } from './numbered-log.ts'
import type { Bus } from './start-bus.ts'

export interface TcpBusOptions {
  readonly name: string
  readonly clock: Clock
  readonly units: readonly BusUnit[]
  /** 0: a free one; after a loss the same one again. */
  readonly port: number
  /** `none`: no turn-around. */
  readonly pacing: 'line' | 'none'
  /** From a whole request to its reply, ms, drawn evenly. */
  readonly turnaroundMs: { readonly min: number; readonly max: number }
  readonly seed: number
  readonly frames: NumberedLog<SimFrame>
  onTrouble(detail: string): void
}

const HOST = '127.0.0.1'

export function startTcpBus(options: TcpBusOptions): Bus {
  const { clock } = options
  const ears = hearing(options.units, options.pacing)
  const random = prng(options.seed)
  const sockets = new Set<Socket>()
  const busyUntilMs = new Map<number, number>()
  let server: Server | null = null
  let port = options.port
  let ownPort = options.port
  let renamed = false

  const log = (direction: SimFrame['direction'], bytes: Uint8Array, unanswered?: string) => {
    const read = readMbap(bytes)
    const frame = typeof read === 'string' ? null : read
    options.frames.add({
      bus: options.name,
      endMicros: clock.monotonicMicros(),
      direction,
      unitId: frame?.message.unitId ?? 0,
      hex: Buffer.from(bytes).toString('hex'),
      crcHolds: frame !== null && frame.bytes.length === bytes.length,
      pdu: frame ? Buffer.from(frame.message.pdu).toString('hex') : '',
      ...(unanswered === undefined ? {} : { unanswered }),
    })
  }

  const onRequest = (socket: Socket, { transaction, message, bytes }: Mbap) => {
    const heard = ears.heardBy(message.unitId, clock.monotonicMicros())
    if (typeof heard === 'string') return log('request', bytes, heard)
    // Nobody garbles anybody here: the one that has the id, else who answers for it.
    const unit = heard.find(({ unitId }) => unitId === message.unitId) ?? heard[0]
    if (!unit) return
    const pdu = unit.answer(message.pdu)
    log('request', bytes, pdu ? undefined : 'the unit has no supply or is starting')
    if (!pdu) return
    const unitId = replyUnitId(ears.faults(), unit.unitId, message.unitId)
    const sound = mbapFrame(transaction, { unitId, pdu })
    // A bit that the line turned over is TCP's own business.
    const faults = ears.faults().filter((fault) => fault.kind !== 'badCrc')
    const { frames, lateMs } = spoil(sound, faults, unit.unitId, random)
    clock.after('reply', doneInMs(unit.unitId) + lateMs, () => {
      if (socket.destroyed || isShorted(ears.faults())) return
      for (const out of frames) {
        socket.write(out)
        log('reply', out)
      }
      ears.replied(unit.unitId, clock.monotonicMicros())
    })
  }

  /** A unit does one thing after the other, whoever asks. */
  const doneInMs = (unitId: number): number => {
    const nowMs = clock.monotonicMicros() / 1000
    const doneMs = Math.max(nowMs, busyUntilMs.get(unitId) ?? nowMs) + turnaround(options, random)
    busyUntilMs.set(unitId, doneMs)
    return doneMs - nowMs
  }

  const onClient = (socket: Socket) => {
    sockets.add(socket)
    socket.setNoDelay(true)
    let stream: Uint8Array = new Uint8Array(0)
    socket.on('data', (chunk: Uint8Array) => {
      stream = Uint8Array.from([...stream, ...chunk])
      for (;;) {
        const request = readMbap(stream)
        if (request === null) return
        if (typeof request === 'string') {
          log('request', stream, `${request}: the connection is closed`)
          socket.destroy()
          return
        }
        stream = stream.slice(request.bytes.length)
        onRequest(socket, request)
      }
    })
    // A client that hangs up hard is no trouble of ours; `close` follows.
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
  }

  const open = () => {
    const listening = createServer(onClient)
    server = listening
    return new Promise<void>((resolve, reject) => {
      listening.once('error', reject)
      listening.listen({ host: HOST, port }, () => {
        listening.off('error', reject)
        const address = listening.address()
        if (typeof address === 'object' && address) port = address.port
        if (!renamed) ownPort = port
        resolve()
      })
    })
  }

  const loosePort = () => {
    server?.close()
    server = null
    for (const socket of sockets) socket.destroy()
  }

  const restorePort = () => {
    if (server) return
    open().catch((error: unknown) => {
      const why = error instanceof Error ? error.message : 'an error'
      options.onTrouble(`${options.name}: port ${port} could not be opened again: ${why}`)
      server = null
    })
  }

  const opened = open()
  return {
    name: options.name,
    opened,
    path: () => (server?.listening ? `${HOST}:${port}` : null),
    setFaults: ears.setFaults,
    loosePort,
    restorePort,
    renamePort: (is) => {
      if (is === renamed) return
      loosePort()
      renamed = is
      port = is ? 0 : ownPort
      restorePort()
    },
    close: loosePort,
  }
}

const turnaround = ({ pacing, turnaroundMs }: TcpBusOptions, random: Prng): number =>
  pacing === 'none' ? 0 : random.integer(Math.round(turnaroundMs.min), Math.round(turnaroundMs.max))
