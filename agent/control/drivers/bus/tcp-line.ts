// One TCP connection to a Modbus device or gateway.
import { connect } from 'node:net'
import { invariant } from '../../../../shared/invariant.ts'
import type { OpenLine } from './line.ts'

/** A host that is not there answers nothing at all; the kernel alone would go on asking for two minutes. */
const CONNECT_WITHIN_MS = 3000
/**
 * The kernel asks after this much silence whether the other end is still there. It gives up only after minutes: a device
 * that vanished while it was being asked is noticed by the wire (tcp-wire.ts).
 */
const KEEP_ALIVE_AFTER_MS = 5000

export const openTcpLine: OpenLine = (config, clock, events) => {
  invariant(config.kind === 'tcp', `bus ${config.name} is of kind ${config.kind}`)
  const socket = connect({
    host: config.host,
    port: config.port,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE_AFTER_MS,
  })
  let over = false
  const lose = (detail: string) => {
    if (over) return
    over = true
    patience.cancel()
    socket.destroy()
    events.lost(detail)
  }
  const patience = clock.after(`${config.name} connect`, CONNECT_WITHIN_MS, () =>
    lose(`no connection to ${config.host}:${config.port} within ${CONNECT_WITHIN_MS} ms`),
  )
  socket.on('error', (failure: Error) => lose(failure.message))
  socket.on('close', () => lose('the other end closed the connection'))
  socket.on('data', (bytes: Buffer) => {
    if (!over) events.received(bytes)
  })
  socket.on('connect', () => {
    patience.cancel()
    if (!over) events.opened()
  })
  return {
    // Nothing is dropped: each reply tells by its transaction id which request it belongs to.
    flush: (done) => done(),
    write: (frame) => void socket.write(frame),
    giveUp: lose,
    async close() {
      over = true
      patience.cancel()
      socket.destroy()
    },
  }
}
