// Keeper's end of the link to control. It connects, and connects again for ever: control may be killed at any time.
import { connect, type Socket } from 'node:net'
import type { Clock, Timer } from '../../shared/time/clock.ts'
import { parseControlToKeeper } from './guards.ts'
import type { ControlToKeeper, KeeperToControl } from './messages.ts'
import { type LinkLog, type Peer, peerOn } from './peer.ts'

const RETRY_FIRST_MS = 50
const RETRY_MAX_MS = 500

export interface ControlLink {
  /** False when control is not connected; the message is dropped. Control's next hello tells what it holds. */
  send(message: KeeperToControl): boolean
  /** Ends the link for good; idempotent. */
  close(): void
}

export interface ConnectOptions {
  readonly socketPath: string
  readonly clock: Clock
  readonly log: LinkLog
  /** Checked messages, in order. The first one of each connection is control's hello, which answers ours. */
  readonly onMessage: (message: ControlToKeeper) => void
  /** The socket is open: the first message to send, at once, is keeper's hello. */
  readonly onConnected: () => void
  /** The link is down. Called once for each `onConnected`. */
  readonly onDisconnected: () => void
}

/** Starts connecting; never throws and never gives up. A broken link is logged once, and once when it is up again. */
export function connectControl(options: ConnectOptions): ControlLink {
  const { clock, log } = options
  let peer: Peer<KeeperToControl> | null = null
  let connecting: Socket | null = null
  let retry: Timer | null = null
  let waitMs = RETRY_FIRST_MS
  let closed = false
  let saidDown: string | null = null

  const again = () => {
    if (closed) return
    retry = clock.after('control-link: connect again', waitMs, open)
    waitMs = Math.min(waitMs * 2, RETRY_MAX_MS)
  }

  const sayDown = (why: string) => {
    if (closed || saidDown === why) return
    saidDown = why
    log.warn({ socketPath: options.socketPath, why }, 'no link to control')
  }

  function open() {
    retry = null
    const socket = connect(options.socketPath)
    connecting = socket
    const failed = (error: Error) => {
      connecting = null
      sayDown(error.message)
      again()
    }
    socket.once('error', failed)
    socket.once('connect', () => {
      socket.off('error', failed)
      connecting = null
      up(socket)
    })
  }

  function up(socket: Socket) {
    let heard = false
    peer = peerOn<ControlToKeeper, KeeperToControl>(socket, {
      parse: parseControlToKeeper,
      onMessage: (message) => {
        if (!heard) {
          heard = true
          waitMs = RETRY_FIRST_MS
          saidDown = null
          log.info({ socketPath: options.socketPath }, 'linked to control')
        }
        options.onMessage(message)
      },
      onEnd: (why) => {
        peer = null
        sayDown(why ?? 'control ended the link')
        options.onDisconnected()
        again()
      },
    })
    options.onConnected()
  }

  open()
  return {
    send: (message) => peer?.send(message) ?? false,
    close() {
      if (closed) return
      closed = true
      retry?.cancel()
      connecting?.destroy()
      peer?.end('closed')
    },
  }
}
