// What both ends of the link share: a socket that gives checked messages, sends within its bounds, and ends once.
import type { Socket } from 'node:net'
import type { Result } from '../../shared/result.ts'
import { helloVersion } from './guards.ts'
import { lineReader, toLine, UNSENT_MAX_BYTES } from './lines.ts'
import { LINK_VERSION } from './messages.ts'

/** The part of a pino logger that the link uses. */
export interface LinkLog {
  info(fields: object, text: string): void
  warn(fields: object, text: string): void
}

export interface Peer<Out> {
  /** False when the link is down or the peer reads no more; the message is dropped then. */
  send(message: Out): boolean
  /** Bytes that wait in this process. */
  unsentBytes(): number
  end(why: string): void
}

interface PeerEvents<In extends { readonly kind: string }> {
  readonly parse: (value: unknown) => Result<In, string>
  readonly onMessage: (message: In) => void
  /** Once, with the reason; null for an ordinary end by the peer. */
  readonly onEnd: (why: string | null) => void
}

/** Wraps a connected socket. The first message of a peer must be a hello of our version. */
export function peerOn<In extends { readonly kind: string }, Out>(
  socket: Socket,
  events: PeerEvents<In>,
): Peer<Out> {
  const reader = lineReader()
  let ended = false
  let greeted = false

  const end = (why: string | null) => {
    if (ended) return
    ended = true
    socket.destroy()
    events.onEnd(why)
  }

  const take = (value: unknown) => {
    if (ended) return
    const version = helloVersion(value)
    if (!greeted && version === null) return end('its first message was no hello')
    if (version !== null && version !== LINK_VERSION)
      return end(`it speaks version ${version}, expected ${LINK_VERSION}`)
    const parsed = events.parse(value)
    if (!parsed.ok) return end(`a malformed message: ${parsed.error}`)
    greeted = true
    events.onMessage(parsed.value)
  }

  socket.on('data', (chunk: Buffer) => {
    if (ended) return
    const lines = reader.feed(chunk)
    for (const value of lines.ok ? lines.value : lines.error.before) take(value)
    if (!lines.ok) end(`a malformed line: ${lines.error.detail}`)
  })
  socket.on('error', (error) => end(error.message))
  socket.on('close', () => end(null))

  return {
    send(message) {
      if (ended || !socket.writable) return false
      socket.write(toLine(message))
      if (socket.writableLength <= UNSENT_MAX_BYTES) return true
      end(`it reads no more: ${socket.writableLength} bytes wait`)
      return false
    },
    unsentBytes: () => socket.writableLength,
    end,
  }
}
