// An adapter that was unplugged and comes back under another number, over real pseudo terminals and links as udev makes them.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, unlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openBus } from '../../../../../agent/control/drivers/bus/bus.ts'
import { serialOpener } from '../../../../../agent/control/drivers/bus/serial-line.ts'
import { serialName } from '../../../../../agent/control/drivers/bus/serial-name.ts'
import type { Bus } from '../../../../../agent/control/ports/bus.ts'
import { openTerminal, type Terminal } from '../../../../../hw-sim/bus/terminal.ts'
import { systemClock } from '../../../../../shared/io/system-clock.ts'
import { withCrc } from '../../../../../shared/modbus/crc.ts'
import { BUS_19200 } from '../virtual-line.ts'

const clock = systemClock()
let folder: string
let terminals: Terminal[]
let bus: Bus

/** An adapter whose only register holds a number, plugged in as ttyUSB and known to udev by its name. */
function plug(tty: string, name: string, value: number): Terminal {
  const terminal: Terminal = openTerminal({
    onBytes: () => void terminal.write(withCrc(Uint8Array.of(1, 3, 2, 0, value))),
    onError: () => undefined,
  })
  terminals.push(terminal)
  symlinkSync(terminal.path, join(folder, tty))
  symlinkSync(join(folder, tty), join(folder, 'by-id', name))
  return terminal
}
function unplug(terminal: Terminal, tty: string, name: string) {
  terminal.close()
  unlinkSync(join(folder, tty))
  unlinkSync(join(folder, 'by-id', name))
}
async function until(kind: string) {
  const endMs = clock.monotonic() + 8000
  while (bus.status().state.kind !== kind) {
    if (clock.monotonic() > endMs)
      throw new Error(`not ${kind} within 8 s: ${JSON.stringify(bus.status().state)}`)
    await clock.sleep('look again', 10)
  }
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'adapter-'))
  mkdirSync(join(folder, 'by-id'))
  terminals = []
})
afterEach(async () => {
  await bus.close()
  for (const terminal of terminals) terminal.close()
  rmSync(folder, { recursive: true })
})

it('is found again by its name, and another adapter in its place is not taken for it', async () => {
  const first = plug('ttyUSB0', 'usb-A', 11)
  bus = openBus({
    config: { ...BUS_19200, port: join(folder, 'ttyUSB0') },
    clock,
    log: { info: () => undefined, warn: () => undefined },
    openLine: serialOpener(serialName(join(folder, 'by-id'))),
  })
  const line = { silenceMs: 0, busSilenceMs: 0, turnaroundWorstMs: 40, latenessWorstMs: 100 }
  const unit = bus.unit({ name: 'unit', unitId: 1, line })
  const read = () => unit.readWords(3, 0, 1, 'board')
  await until('open')
  expect(await read()).toMatchObject({ ok: true, value: { value: [11] } })

  unplug(first, 'ttyUSB0', 'usb-A')
  await until('lost')
  plug('ttyUSB0', 'usb-B', 99)
  await clock.sleep('it is tried again', 500)
  expect(await read()).toMatchObject({
    ok: false,
    error: {
      kind: 'portClosed',
      detail: expect.stringMatching(/another adapter now \(usb-B\), expected usb-A/),
    },
  })

  plug('ttyUSB1', 'usb-A', 22)
  await until('open')
  expect(await read()).toMatchObject({ ok: true, value: { value: [22] } })
})

it('is asked for by its path alone where udev has no name for it', () => {
  const name = serialName(join(folder, 'no-such-folder'))
  name.opened('/dev/null')
  expect(name.find('/dev/null')).toEqual({ ok: true, value: '/dev/null' })
  bus = openBus({ config: BUS_19200, clock, log: { info: () => undefined, warn: () => undefined } })
})
