// What hw-sim must know of a make of EVSE board to put it into a site: how it is wired and reached, what a site file says
// of it, and how it begins. One value of this a board, made by `boardKind` and named in boards.ts.
import { z } from 'zod'
import type { SimBoard } from './board.ts'
import type { Row } from './register-table.ts'

const NAME = /^[a-z0-9][a-z0-9-]{0,30}$/
export const deviceName = z.string().regex(NAME, 'a name of a-z, 0-9 and -, at most 31 characters')

/** A contact of a relay module that closes a circuit, or two in parallel that are flashed in turn, or a wire that always does. */
export const wireShape = z.union([
  z.strictObject({
    relay: deviceName,
    channel: z.int().min(1).max(8),
    parallelChannel: z.int().min(1).max(8).optional(),
  }),
  z.literal('bridged'),
])
export type SiteWire = z.infer<typeof wireShape>

/** What every board of a site file has; the keys of its own kind are beside these. */
export interface SiteBoard {
  readonly name: string
  readonly device: string
  readonly bus: string
  readonly unitId: number
  /** What holds its release input; boards with `deadman: 'release'`. */
  readonly xr?: SiteWire
  /** What holds its supply; boards with `deadman: 'supply'`. */
  readonly supply?: SiteWire
}

/** What a board is built into. */
export interface BoardPlace {
  readonly nowMicros: number
  /** A fixed cable instead of a socket. */
  readonly tethered: boolean
  /** Rating of that cable, A: 13, 20, 32 or 63. */
  readonly cableAmps: number
  /** 0 on a bus without one. */
  readonly baud: number
}

/** How a device is reached and what it asks of its line. */
export interface LineQuirks {
  /** Requests that begin sooner than this after the unit's own last reply are not heard. 0: no such rule. */
  readonly silenceMs: number
  /** Hears writes to unit 0. */
  readonly hearsBroadcast: boolean
  /** Modbus ASCII: its replies begin with this in place of a colon. */
  readonly replyStart?: '>'
  /** It sleeps after so long without a request, and does not hear the one that wakes it. */
  readonly sleepsAfterMs?: number
}

/** What can befall a board, and what a board may tell of it by an error number. */
export type BoardTrouble =
  | 'diodeMissing'
  | 'residualCurrent'
  | 'selfTestFailed'
  | 'overTemperature'
  | 'protectiveEarthMissing'
  | 'phaseFault'

export interface BoardKind {
  readonly transport: 'rtu' | 'ascii' | 'tcp'
  /** Rates that its own settings know; none with TCP. */
  readonly bauds: readonly number[]
  readonly quirks: LineQuirks
  /** What ends a charge when nobody talks to it: a contact at its release input, one in its supply, or its own watchdog. */
  readonly deadman: 'release' | 'supply' | 'own'
  /** The keys that a site file may give it, beside those of SiteBoard. */
  readonly siteShape: z.ZodRawShape
  /** The number (of BoardInputs.heldErrors) by which it tells a trouble; absent: it does not tell that one. */
  readonly tells: Partial<Record<BoardTrouble, number>>
  /** Its registers, for whoever lays them beside the facts. */
  readonly rows: readonly RowSight[]
  /** A board as delivered, supplied and past its start. */
  make(site: SiteBoard, place: BoardPlace): SimBoard
}

/** What a row is, whatever state it reads. */
export type RowSight = Pick<Row<never>, 'name' | 'address' | 'count' | 'reads' | 'rawCoil'>

/**
 * Gives `make` the keys of its own shape. A site's boards are parsed with the shape of their kind, so that each `make`
 * is called with what it expects.
 */
export const boardKind = <S extends z.ZodRawShape>(
  kind: Omit<BoardKind, 'siteShape' | 'make'> & {
    readonly siteShape: S
    make(site: SiteBoard & z.infer<z.ZodObject<S>>, place: BoardPlace): SimBoard
  },
): BoardKind => kind
