// Where a `voltkeep modbus` command works: a serial port or a host, opened as control opens it, by this command alone.
import { err, ok, type Result } from '../../shared/result.ts'
import type { Clock } from '../../shared/time/clock.ts'
import type { BusConfig, SerialBusConfig } from '../control/config.ts'
import { openBus } from '../control/drivers/bus/bus.ts'
import { placeOf } from '../control/drivers/bus/line-time.ts'
import type { FrameSeen } from '../control/drivers/bus/wire.ts'
import type { Bus } from '../control/ports/bus.ts'
import { unitIdMaxOf } from './config-buses.ts'

/** As written on the command line; what is not written is as most devices are delivered. */
export interface PlaceOptions {
  readonly ascii?: true
  readonly baud?: number
  readonly dataBits?: 7 | 8
  readonly parity?: SerialBusConfig['parity']
  readonly stopBits?: 1 | 2
}

const TCP_PORT = 502

/** A path is a serial port; anything else is host or host:port. The error is the whole text for a person. */
export function busAt(place: string, options: PlaceOptions): Result<BusConfig, string> {
  if (place.startsWith('/')) {
    const kind = options.ascii ? 'ascii' : 'rtu'
    const dataBits = options.dataBits ?? (kind === 'ascii' ? 7 : 8)
    if (kind === 'rtu' && dataBits === 7) {
      return err(
        '--data-bits 7\n  expected  8: RTU frames are bytes of 8 bits\n  got       7\n  do        leave it out, or add --ascii',
      )
    }
    return ok({
      kind,
      name: 'line',
      port: place,
      baud: options.baud ?? 19_200,
      dataBits,
      parity: options.parity ?? (kind === 'ascii' ? 'even' : 'none'),
      stopBits: options.stopBits ?? 1,
    })
  }
  const [, host = '', port] = /^(\[[^\]]+\]|[^:]+)(?::(\d{1,5}))?$/.exec(place) ?? []
  if (host === '' || Number(port ?? TCP_PORT) > 65_535) {
    return err(
      `${place}\n  expected  the path of a serial port, such as /dev/ttyUSB0, or a host, such as 192.168.1.30:502\n` +
        `  got       ${place === '' ? 'nothing' : place}\n  do        write the one that the device is connected to`,
    )
  }
  return ok({ kind: 'tcp', name: 'line', host: host.replace(/^\[|\]$/g, ''), port: Number(port ?? TCP_PORT) })
}

export const unitIdMax = (config: BusConfig): number => unitIdMaxOf(config.kind)

/** serialport's words when another program holds the port (flock), and the kernel's. */
const IN_USE = /lock|busy|temporarily unavailable/i

/** Opens it once; the error is the whole text for a person. */
export function openAt(
  config: BusConfig,
  clock: Clock,
  onFrame: (seen: FrameSeen) => void,
): Promise<Result<Bus, string>> {
  const log = { info: () => undefined, warn: () => undefined }
  const bus = openBus({ config, clock, log, onFrame })
  return new Promise((resolve) => {
    bus.onState((state) => {
      if (state.kind === 'open') resolve(ok(bus))
      if (state.kind !== 'lost') return
      resolve(err(notOpenInWords(config, state.detail)))
      void bus.close()
    })
  })
}

export function notOpenInWords(config: BusConfig, detail: string): string {
  const place = placeOf(config)
  if (config.kind !== 'tcp' && IN_USE.test(detail)) {
    return (
      `${place}\n  expected  a port that no other program has open\n  got       it is in use: ${detail}\n` +
      '  do        end the program that has it (a running agent keeps its ports: voltkeep status shows its devices),\n' +
      '            or ask a running agent with voltkeep modbus monitor --agent'
    )
  }
  const advice =
    config.kind === 'tcp'
      ? 'check the address and that the device has Modbus TCP switched on; some serve one connection only'
      : 'check the path (ls -l /dev/serial/by-id) and that this user may open it (group dialout)'
  return `${place}\n  expected  ${config.kind === 'tcp' ? 'a device that takes a connection' : 'a serial port that can be opened'}\n  got       ${detail}\n  do        ${advice}`
}
