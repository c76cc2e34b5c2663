// What the world sees of a simulated EVSE board, whichever make it is. A board is a value: `step` and `answer` give the
// next one and leave this one as it is. Its registers, quirks and firmware are in its own file, written from the facts.

/** What a board sees on the pilot's high side. E: short circuit or no pilot. */
export type Vehicle = 'A' | 'B' | 'C' | 'D' | 'E'

/** What the pilot tells the car. */
export type PilotSignal =
  | { readonly kind: 'off' }
  | { readonly kind: 'steady' }
  | { readonly kind: 'minus12' }
  | { readonly kind: 'pwm'; readonly offeredMilliamps: number }

/** What the board's terminals carry now. */
export interface BoardInputs {
  readonly supplied: boolean
  /** What the car makes of the pilot: A to E. */
  readonly vehicle: Vehicle
  /** The contact that releases the board (Phoenix: XR); boards without such an input do not look at it. */
  readonly released: boolean
  /** Rating that the plug's resistor tells, A; 0: open. Tethered boards do not look at it. */
  readonly proximityAmps: number | 'shorted'
  /** The board's own contactor, by its mirror contact. */
  readonly contactorClosed: boolean
  /** The plug's lock, by its feedback contact; null: no lock. */
  readonly locked: boolean | null
  /** Line currents and voltages, for boards that tell them. */
  readonly currentsMilliamps: readonly [number, number, number]
  readonly voltagesMillivolts: readonly [number, number, number]
  /** Energy through the contactor since hw-sim's start, for boards that count it. */
  readonly energyMilliwattHours: number
  readonly temperatureMilliCelsius: number
  /** Faults that a trial holds: error numbers of the board's own numbering, and state F. */
  readonly heldErrors: readonly number[]
  readonly heldUnavailable: boolean
}

/** What the world and an onlooker see of it. */
export interface BoardView {
  readonly powered: boolean
  /** Letter and digit, `B2`; `--` without supply or while it starts. */
  readonly state: string
  readonly signal: PilotSignal
  /** It wants its contactor closed. */
  readonly coil: boolean
  readonly enabled: boolean
  readonly available: boolean
  readonly offeredMilliamps: number
  /** Its error word or number; 0: none. */
  readonly errors: number
  readonly retentiveWrites: number
  /** Where it drives the lock's motor to; null: it has none. */
  readonly lockWanted: 'locked' | 'unlocked' | null
  /** Its own clock for a master that is silent; absent where it has none. */
  readonly watchdog?: 'off' | 'running' | 'tripped'
}

export interface SimBoard {
  readonly view: BoardView
  /** The board after a moment; `nowMicros` is not before its last step. */
  step(inputs: BoardInputs, nowMicros: number): SimBoard
  /** Answers a PDU (function code and data); null: it says nothing. */
  answer(
    pdu: Uint8Array,
    inputs: BoardInputs,
    nowMicros: number,
  ): { readonly board: SimBoard; readonly pdu: Uint8Array } | null
}
