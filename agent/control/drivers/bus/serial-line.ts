// One opened serial port, as bytes in and out. A new object is made for each opening: serialport's own object does not
// survive the loss of its device.
import { SerialPort } from 'serialport'
import { invariant } from '../../../../shared/invariant.ts'
import type { OpenLine } from './line.ts'

/**
 * serialport reads a hung-up terminal for ever without an error (its read of 0 bytes starts again at once), so the
 * device is asked for its speed this often; a hung-up one answers with an error.
 */
const PROBE_MS = 250

export const openSerialLine: OpenLine = (config, clock, events) => {
  invariant(config.kind !== 'tcp', `bus ${config.name} is of kind ${config.kind}`)
  const port = new SerialPort({
    path: config.port,
    baudRate: config.baud,
    dataBits: config.dataBits,
    parity: config.parity,
    stopBits: config.stopBits,
    autoOpen: false,
  })
  let over = false
  const lose = (detail: string) => {
    if (over) return
    over = true
    probe.cancel()
    // A port that hangs in its closing does not hold up those who wait for an answer.
    void closePort(port)
    events.lost(detail)
  }
  const probe = clock.every(`${config.name} port probe`, PROBE_MS, () => {
    if (port.port?.isOpen) port.port.getBaudRate().then(undefined, (failure: Error) => lose(failure.message))
  })
  port.on('error', (failure: Error) => lose(failure.message))
  port.on('close', (failure: Error | null) => lose(failure?.message ?? 'closed'))
  port.on('data', (bytes: Buffer) => {
    if (!over) events.received(bytes)
  })
  port.open((failure) => {
    if (failure) lose(failure.message)
    else if (over) void closePort(port)
    else events.opened()
  })
  return {
    flush(done) {
      port.flush((failure) => {
        if (failure) lose(failure.message)
        else if (!over) done()
      })
    },
    write(frame) {
      port.write(frame, (failure) => {
        if (failure) lose(failure.message)
      })
    },
    giveUp: lose,
    close() {
      over = true
      probe.cancel()
      return closePort(port)
    },
  }
}

/** Closes what is open; a failure to close is the end of it too. */
function closePort(port: SerialPort): Promise<void> {
  return new Promise((resolve) => {
    if (port.isOpen) port.close(() => resolve())
    else resolve()
  })
}
