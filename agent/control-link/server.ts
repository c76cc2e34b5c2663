// Control's end of the link. One keeper at a time: a newer connection is the living one and replaces the older.
import { chmodSync, unlinkSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { err, ok, type Result } from '../../shared/result.ts'
import { parseKeeperToControl } from './guards.ts'
import type { ControlToKeeper, KeeperToControl } from './messages.ts'
import { type LinkLog, type Peer, peerOn } from './peer.ts'

/** A status is left out while this much waits: the next one says the same and more. */
const STATUS_WAITS_MAX_BYTES = 64 * 1024

export interface KeeperLink {
  /** False when keeper is not connected (before its hello too); the message is dropped. */
  send(message: ControlToKeeper): boolean
  /** Stops listening, ends the link and removes the socket file; idempotent. */
  close(): void
}

export interface ListenOptions {
  readonly socketPath: string
  readonly log: LinkLog
  /** Checked messages, in order; the first of a connection is keeper's hello, to be answered with control's. */
  readonly onMessage: (message: KeeperToControl) => void
  readonly onDisconnected: () => void
}

/** Listens on the socket path; a file left by a killed control is replaced, one with a living owner is an error. */
export async function listenForKeeper(options: ListenOptions): Promise<Result<KeeperLink, string>> {
  const { log } = options
  let current: Peer<ControlToKeeper> | null = null
  let greeted = false
  let saidBad: string | null = null

  const server = createServer((socket) => accept(socket))
  const listening = await listen(server, options.socketPath)
  if (!listening.ok) return listening

  function accept(socket: Socket) {
    current?.end('a newer connection took its place')
    greeted = false
    const peer: Peer<ControlToKeeper> = peerOn<KeeperToControl, ControlToKeeper>(socket, {
      parse: parseKeeperToControl,
      onMessage: (message) => {
        if (!greeted) log.info({}, 'keeper is linked')
        greeted = true
        options.onMessage(message)
      },
      onEnd: (why) => {
        // A peer that is bad in the same way each time is told once.
        if (why !== saidBad || why === null)
          log.warn({ why: why ?? 'keeper ended it' }, 'keeper is not linked')
        saidBad = why
        if (current !== peer) return
        current = null
        greeted = false
        options.onDisconnected()
      },
    })
    current = peer
  }

  return ok({
    send(message) {
      if (current === null || !greeted) return false
      if (message.kind === 'status' && current.unsentBytes() > STATUS_WAITS_MAX_BYTES) return false
      return current.send(message)
    },
    close() {
      server.close()
      current?.end('closed')
    },
  })
}

async function listen(server: Server, socketPath: string): Promise<Result<null, string>> {
  const first = await tryListen(server, socketPath)
  if (first === null) return ok(null)
  if (first.code !== 'EADDRINUSE') return err(`${socketPath}: ${first.message}`)
  if (await answers(socketPath))
    return err(`${socketPath}: another control answers there; end it, or choose another runDir`)
  unlinkSync(socketPath)
  const second = await tryListen(server, socketPath)
  return second === null ? ok(null) : err(`${socketPath}: ${second.message}`)
}

const tryListen = (server: Server, socketPath: string) =>
  new Promise<NodeJS.ErrnoException | null>((resolve) => {
    server.once('error', resolve)
    server.listen(socketPath, () => {
      server.off('error', resolve)
      server.on('error', () => server.close())
      // Whoever may connect may start a charge: the socket is for this user alone.
      chmodSync(socketPath, 0o600)
      resolve(null)
    })
  })

const answers = (socketPath: string) =>
  new Promise<boolean>((resolve) => {
    const probe = connect(socketPath)
    probe.once('connect', () => {
      probe.destroy()
      resolve(true)
    })
    probe.once('error', () => resolve(false))
  })
