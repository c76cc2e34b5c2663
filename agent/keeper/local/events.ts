// Server-sent events of the page: the box as it is, on connect and after each change, at most twice a second. A reader
// that does not keep up is cut off; its browser comes back by itself.
import type { ServerResponse } from 'node:http'
import type { Clock, Timer } from '../../../shared/time/clock.ts'

const SPACING_MS = 500
const KEEP_ALIVE_MS = 15_000
const READERS_MAX = 20
/** What may wait for one reader, bytes. */
const WAITING_MAX = 262_144

export interface EventStream {
  /** False when there are too many readers already; then nothing was sent. */
  join(response: ServerResponse): boolean
  changed(): void
  stop(): void
}

export function eventStream(clock: Clock, data: () => unknown): EventStream {
  const readers = new Set<ServerResponse>()
  let hold: Timer | null = null
  let wanted = false

  const write = (response: ServerResponse, text: string) => {
    if (response.writableLength > WAITING_MAX) response.destroy()
    else response.write(text)
  }
  const event = () => `event: state\ndata: ${JSON.stringify(data())}\n\n`
  const tell = () => {
    wanted = false
    hold = clock.after('page events', SPACING_MS, () => {
      hold = null
      if (wanted) tell()
    })
    const text = event()
    for (const reader of readers) write(reader, text)
  }
  const alive = clock.every('page events alive', KEEP_ALIVE_MS, () => {
    for (const reader of readers) write(reader, ':\n\n')
  })

  return {
    join: (response) => {
      if (readers.size >= READERS_MAX) return false
      response.writeHead(200, {
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
      })
      readers.add(response)
      response.on('close', () => readers.delete(response))
      response.on('error', () => response.destroy())
      response.write(`retry: 2000\n${event()}`)
      return true
    },
    changed: () => {
      if (readers.size === 0) return
      if (hold) wanted = true
      else tell()
    },
    stop: () => {
      alive.cancel()
      hold?.cancel()
      for (const reader of readers) reader.end()
    },
  }
}
