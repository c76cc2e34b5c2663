// What control is told at its start: plain JSON that `voltkeep agent` has validated. No defaults and no units to parse
// here, so that control needs no validation library.
import type { MilliAmps, PhasesWired, Watts } from '../../shared/units.ts'

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

/** A relay or a contact: a channel, from 1, of a module by its name. */
export interface Point {
  readonly module: string
  readonly channel: number
}

/** A contact with its polarity: in which state it says what its purpose says (locked, tripped, pressed ...). */
export interface InputPoint extends Point {
  readonly activeWhen: 'closed' | 'open'
}

/** What is wired beside board, dead-man and meter. The dead-man's relay module is named `deadman`. */
export interface IoConfig {
  readonly modules: readonly DeviceConfig[]
  /** Motor of the plug's lock: `close` locks. Active feedback: locked. */
  readonly lock: {
    readonly close: Point
    readonly open: Point
    /** A multiple of 100. */
    readonly pulseMs: number
    readonly feedback: InputPoint | null
  } | null
  /** Only in series with hardware that opens by itself: the installer has said so. Active mirror: contactor closed. */
  readonly release: { readonly relay: Point; readonly mirror: InputPoint | null } | null
  readonly residualCurrent: InputPoint | null
  readonly stopButton: InputPoint | null
  readonly gridLimit: (InputPoint & { readonly limitWatts: Watts }) | null
}

export const NO_IO: IoConfig = {
  modules: [],
  lock: null,
  release: null,
  residualCurrent: null,
  stopButton: null,
  gridLimit: null,
}

export type CableConfig =
  /** The rating of the fixed cable. */
  | { readonly kind: 'tethered'; readonly ratingMilliamps: MilliAmps }
  /** The rating of the socket; that of the plugged cable comes from its proximity contact. */
  | {
      readonly kind: 'socket'
      readonly ratingMilliamps: MilliAmps
      readonly permanentLock: boolean
      readonly atPowerLoss: 'stays' | 'unlocks'
    }

export interface ControlConfig {
  readonly stationId: string
  readonly buses: readonly BusConfig[]
  readonly board: DeviceConfig
  /** null: the board has a watchdog of its own. */
  readonly deadman: DeadmanConfig | null
  readonly meter: DeviceConfig
  /** The meter's voltage terminals are behind the contactor. */
  readonly metersOutlet: boolean
  readonly io: IoConfig
  readonly rfid: { readonly port: string } | null
  readonly cable: CableConfig
  /** Energy is billed, or access is restricted: without the agent no current at all may flow. */
  readonly billedOrRestricted: boolean
  /** How long the board goes on when nobody talks to it, as a silence test at commissioning has found; null: none was made. */
  readonly silenceProvedMs: number | null
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
