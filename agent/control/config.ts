// What control is told at its start: plain JSON that `voltkeep agent` has validated. No defaults and no units to parse
// here, so that control needs no validation library.
import type { MilliAmps, PhasesWired } from '../../shared/units.ts'

/** A serial line that carries Modbus RTU (binary frames) or Modbus ASCII (frames of text). */
export interface SerialBusConfig {
  readonly kind: 'rtu' | 'ascii'
  readonly name: string
  /** Path of the serial port. */
  readonly port: string
  readonly baud: number
  /** RTU: always 8. */
  readonly dataBits: 7 | 8
  readonly parity: 'none' | 'even' | 'odd'
  readonly stopBits: 1 | 2
}

/** Modbus TCP: one connection to a device, or to a gateway with several behind it. */
export interface TcpBusConfig {
  readonly kind: 'tcp'
  readonly name: string
  readonly host: string
  readonly port: number
}

export type BusConfig = SerialBusConfig | TcpBusConfig

export interface DeviceConfig {
  /** Name in words of the site, unique in the configuration. */
  readonly name: string
  /** Driver id in the registry. */
  readonly driver: string
  readonly bus: string
  /** 1-247; on a bus of kind tcp 1-255. */
  readonly unitId: number
}

export interface DeadmanConfig extends DeviceConfig {
  /** Relay channel, 1-8, that holds the board's release input or its supply. */
  readonly channel: number
}

export interface ControlConfig {
  readonly stationId: string
  readonly buses: readonly BusConfig[]
  readonly board: DeviceConfig
  /** null: the board has a watchdog of its own. */
  readonly deadman: DeadmanConfig | null
  readonly meter: DeviceConfig
  /** Tethered boxes need no lock. The rating of the fixed cable. */
  readonly cable: { readonly kind: 'tethered'; readonly ratingMilliamps: MilliAmps }
  readonly phasesWired: PhasesWired
  /** What the maker's wiring allows at most; commissioning can only lower it. */
  readonly wireRatingMilliamps: MilliAmps
  /** Unix socket that keeper connects to. */
  readonly socketPath: string
  /** Folder in memory (tmpfs) for the mirror. */
  readonly runDir: string
  /** Second copy of the installation record, read once at start. */
  readonly installationCopyPath: string
  /** Replaces the kernel's boot id in tests and in the demo's power cut. */
  readonly bootId: string | null
  /** Added to the wall clock of log lines. */
  readonly wallOffsetMs: number
}
