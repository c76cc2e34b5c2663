// What a driver is: a table, what it needs of its bus, and a function that makes the port. The registry lists them.
import type { Board, Deadman } from '../ports/board.ts'
import type { Bus, UnitLine } from '../ports/bus.ts'
import type { InputModule, RelayModule } from '../ports/io.ts'
import type { Meter } from '../ports/meter.ts'
import type { Row } from './table.ts'

/** One exchange that a driver makes in operation; the reaction bound is computed from these. */
export interface Turn {
  readonly name: string
  readonly requestBytes: number
  readonly replyBytes: number
  /** So many such exchanges one after the other; 1 where not given. */
  readonly exchanges?: number
  /** `feed`: at most once in this time, ms; the loop's own period where not given. */
  readonly everyMs?: number
}

interface Driver {
  /** The id in configurations, and of the device in test/facts/registers.json. */
  readonly id: string
  readonly line: UnitLine
  readonly rows: readonly Row[]
}

/** Where a device is: a name in words of the site, its bus, its unit id. Creating declares the unit on the bus. */
export interface Place {
  readonly name: string
  readonly bus: Bus
  readonly unitId: number
}

export interface BoardDriver extends Driver {
  readonly turns: {
    readonly read: Turn
    /** The error bits, where they are read in an exchange of their own; null: each reading of the state has them. */
    readonly readErrors: Turn | null
    /** What else may come behind the state in one reading, and tells no error. A reading with a new pilot puts it off. */
    readonly readMore?: Turn
    readonly pause: Turn
    readonly offer: Turn
    /** There where the board is kept by `feed`. */
    readonly feed?: Turn
  }
  /** How many calls of `read` it takes until each error bit was read once. */
  readonly readsPerErrorReading: number
  create(place: Place): Board
}

export interface MeterDriver extends Driver {
  /** Exchanges on a bus that a board shares. */
  readonly turns: readonly Turn[]
  create(place: Place & { readonly sharesBusWithBoard: boolean }): Meter
}

export interface DeadmanDriver extends Driver {
  readonly turns: { readonly hold: Turn }
  /** @param place `channel`: the relay that holds the board in service, 1-8. */
  create(place: Place & { readonly channel: number }): Deadman
  /** The same device with all of its channels: the dead-man's, and those of whatever else is wired to it. */
  createModule(place: Place): RelayModule & { deadman(channel: number): Deadman }
}

export interface InputDriver extends Driver {
  readonly turns: { readonly read: Turn }
  create(place: Place): InputModule
}
