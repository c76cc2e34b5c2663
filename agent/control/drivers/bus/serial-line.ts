// One opened serial port, as bytes in and out. A new object is made for each opening: serialport's own object does not
// survive the loss of its device.
import { SerialPort } from 'serialport'
import { invariant } from '../../../../shared/invariant.ts'
import type { Line, OpenLine } from './line.ts'
import { type SerialName, serialName } from './serial-name.ts'

/**
 * serialport reads a hung-up terminal for ever without an error (its read of 0 bytes starts again at once), so the
 * device is asked for its speed this often; a hung-up one answers with an error.
 */
const PROBE_MS = 250

interface Opening {
  readonly config: Parameters<OpenLine>[0]
  readonly clock: Parameters<OpenLine>[1]
  readonly events: Parameters<OpenLine>[2]
  readonly name: SerialName
}

/** Opens one bus's port, again and again: it remembers which adapter it was. */
export const serialOpener = (name = serialName()): OpenLine => {
  return (config, clock, events) => openSerial({ config, clock, events, name })
}

function openSerial({ config, clock, events, name }: Opening): Line {
  invariant(config.kind !== 'tcp', `bus ${config.name} is of kind ${config.kind}`)
  const found = name.find(config.port)
  const path = found.ok ? found.value : config.port
  const port = new SerialPort({
    path,
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
  const open = () =>
    port.open((failure) => {
      if (failure) return lose(failure.message)
      if (over) return void closePort(port)
      name.opened(path)
      events.opened()
    })
  if (found.ok) open()
  else clock.after(`${config.name} not its own`, 0, () => lose(found.error))
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
