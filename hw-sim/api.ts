// What hw-sim's HTTP control says and takes. Demo, trials, benchmarks and tests speak this and nothing else to it.
// All times are microseconds of CLOCK_MONOTONIC, so that they compare with those of the agent's processes.

/** The simulated car. */
export interface CarState {
  readonly plugged: boolean
  /** Phases its charger uses. */
  readonly phases: 1 | 3
  /** The most it takes per phase. */
  readonly maxMilliamps: number
  /** It wants energy (closes S2 when offered); false makes C → B. */
  readonly wantsEnergy: boolean
  /** Time it takes to follow a new offer; at most 5,000. */
  readonly followMs: number
  /** It has no switch S2: C from the plug on, and in C still when the PWM is gone. */
  readonly simplified: boolean
  /** It stays in B when it is offered current, until the offer has been taken away for 3 s and comes again. */
  readonly sleeps: boolean
  /** It charges in D: it asks for ventilation. */
  readonly ventilation: boolean
}

export interface RelaySight {
  readonly powered: boolean
  /** Contact closed, channel 1 first. */
  readonly channels: readonly boolean[]
}

export interface SimState {
  readonly atMicros: number
  readonly wallOffsetMs: number
  readonly car: CarState
  /** Line currents at the car now, mA. */
  readonly currentsMilliamps: readonly [number, number, number]
  /** The true energy through the contactor since hw-sim's start, mWh; the meter's register is this, rounded its own way. */
  readonly energyMilliwattHours: number
  readonly board: {
    /** Its id in the site file. */
    readonly kind: string
    readonly powered: boolean
    /** Letter and digit, `B2`; `--` without supply or while the board starts. */
    readonly state: string
    readonly enabled: boolean
    readonly available: boolean
    readonly offeredMilliamps: number
    readonly contactorClosed: boolean
    readonly retentiveWrites: number
    /** Its error word or number; 0: none. */
    readonly errors: number
    /** Its own clock for a silent master; null where it has none. */
    readonly watchdog: 'off' | 'running' | 'tripped' | null
  }
  /** The first relay module of the site; without any: no supply, no channels. */
  readonly relay: RelaySight
  /** All relay modules by their names. */
  readonly relays: Readonly<Record<string, RelaySight>>
  readonly meter: { readonly serial: string; readonly registerWh: number }
  readonly cable: {
    readonly kind: 'tethered' | 'socket'
    /** Always with a fixed cable. */
    readonly inSocket: boolean
    /** What its resistor tells, A. */
    readonly amps: number | 'shorted'
  }
  /** The plug's lock; null: the site has none. */
  readonly lock: {
    /** Where the pin is. */
    readonly position: 'locked' | 'unlocked'
    readonly moving: 'locked' | 'unlocked' | null
    /** What its contact says. */
    readonly feedback: 'locked' | 'unlocked'
    /** How often the motor was started. */
    readonly moves: number
  } | null
  /** The release contactor is closed; null: the site has none. */
  readonly releaseClosed: boolean | null
  /** The residual current monitor has tripped; null: the site has none. */
  readonly residualTripped: boolean | null
  readonly gridLimited: boolean
  readonly stopPressed: boolean
  /** Contacts of the input modules by their names, channel 1 first; true: closed. */
  readonly inputs: Readonly<Record<string, readonly boolean[]>>
  readonly faults: readonly SimFault[]
}

/** Which bus a fault is on; absent: each bus that has such a unit, or every bus. */
interface OnBus {
  readonly bus?: string
}

/** Faults that a device or its line can have; set with POST /faults, all cleared with DELETE /faults. */
export type SimFault = LineFault | PortFault | BoardFault | WiredFault | CarFault | MeterFault

/** Of one unit on its line. With TCP a turned bit (badCrc) is nothing. */
export type LineFault = OnBus & { readonly unitId: number } & (
    | /** The unit does not answer. */ { readonly kind: 'dead' }
    /** Answers later than it should, by up to `maxMs`, with a probability. */
    | { readonly kind: 'late'; readonly maxMs: number; readonly probability: number }
    | { readonly kind: 'twice' | 'truncated' | 'noise' | 'badCrc'; readonly probability: number }
    /** Its replies carry another unit's id. */
    | { readonly kind: 'saysUnit'; readonly saysUnitId: number }
    /**
     * It answers requests for another id too. Where a unit has that id, both answer at once and garble each other: so two
     * units of one id are played. With TCP the unit that has the id answers alone.
     */
    | { readonly kind: 'answersFor'; readonly asUnitId: number }
    /**
     * A device of another make answers in its place, as delivered, and forgets what is written to it; what the line asks
     * for (silence, first character) stays as it is. Ids as in a site file.
     */
    | { readonly kind: 'otherModel'; readonly device: string }
  )

export type PortFault =
  /** The port vanishes, of one bus or reader or of all; DELETE /faults opens a new one at the same link path. */
  | (OnBus & { readonly kind: 'portGone' })
  /**
   * The port vanishes and comes back under another name, as a USB adapter does: link NAME-renamed, with TCP another port.
   * DELETE /faults brings the old name back.
   */
  | (OnBus & { readonly kind: 'portRenamed' })
  /** Nothing crosses the line, either way; its port stays. */
  | (OnBus & { readonly kind: 'busShorted' })

export type BoardFault =
  /** The board reports an error of its own numbering (Phoenix: the bit of register 24025, from 1), or holds a pilot state. */
  | { readonly kind: 'boardError'; readonly bit: number }
  | { readonly kind: 'pilot'; readonly state: 'E' | 'F' | 'D' }
  | { readonly kind: 'contactorWelded' }
  /** What a board tells by an error of its own numbering; refused where this make tells none. */
  | { readonly kind: 'overTemperature' | 'protectiveEarthMissing' | 'diodeMissing' }
  /** The temperature around it, for boards that tell it; 25 degrees without this. */
  | { readonly kind: 'temperature'; readonly milliCelsius: number }
  /** A phase of the grid has no voltage: at the meter, at the car, and at a board that tells it. */
  | { readonly kind: 'phaseLost'; readonly phase: 1 | 2 | 3 }

/** Of what hangs on the modules. */
export type WiredFault =
  /** The release contactor of the relay module: contacts that are closed, or that close, part no more. */
  | { readonly kind: 'releaseWelded' }
  /** The plug's lock: never arrives, takes ten times as long, or its feedback stays as it was. */
  | { readonly kind: 'lock'; readonly how: 'jammed' | 'slow' | 'feedbackStuck' }
  /** A contact of a relay module (channel from 1) that does not move any more, whatever the module tells. */
  | {
      readonly kind: 'relayStuck'
      readonly relay: string
      readonly channel: number
      readonly closed: boolean
    }
  /** A contact that an input channel (from 1) does not see any more: a broken or a shorted wire. */
  | {
      readonly kind: 'inputStuck'
      readonly inputs: string
      readonly channel: number
      readonly closed: boolean
    }
  /** Direct current leaks in the car: the site's monitor trips while it is energised; without one, a board that tells it says so. */
  | { readonly kind: 'residualCurrent' }
  /** The monitor's test trips nothing; without one, a board that tells it says that its own test failed. */
  | { readonly kind: 'selfTestFailed' }

export type CarFault =
  /** Draws this instead of the offer, also when the PWM is taken away. */
  | { readonly kind: 'greedy'; readonly milliamps: number }
  /** Draws so much of what it is offered. */
  | { readonly kind: 'overdraw'; readonly percent: number }
  /** Takes so long to follow a new offer, and to stop. */
  | { readonly kind: 'slow'; readonly followMs: number }
  /** S2 stays closed for so long after the PWM is gone: C1 overrun. It draws nothing then. */
  | { readonly kind: 'clings'; readonly ms: number }

export type MeterFault = {
  readonly kind: 'meter'
  /** `swapped`: it is wired to another box, which takes nothing: another serial number, another register. */
  readonly how: 'nan' | 'frozen' | 'back' | 'otherSerial' | 'jump' | 'swapped'
}

/** Something that happened in the world; GET /events?after=N gives those with a higher number. */
export interface SimEvent {
  readonly number: number
  readonly atMicros: number
  readonly kind:
    | 'plugged'
    | 'unplugged'
    | 'pilot'
    | 'offer'
    | 'contactorClosed'
    | 'contactorOpened'
    | 'currentStopped'
    | 'currentStarted'
    | 'boardPower'
    /** Channels of the first module, 1 closed; of others with their name before them. */
    | 'relay'
    /** Register 24025 changed; the detail is its bits. */
    | 'boardError'
    | 'retentiveWrite'
    /** The board's own clock for a silent master: off, running, tripped. */
    | 'boardWatchdog'
    /** A socket's cable; with a fixed one they never come. */
    | 'cableIn'
    | 'cableOut'
    /** Somebody pulled or pushed a plug that the lock held. */
    | 'plugHeld'
    /** The lock's motor was started; the detail is where to. */
    | 'lockMotor'
    /** The lock's pin has arrived: locked or unlocked. */
    | 'lock'
    /** The release contactor. */
    | 'releaseClosed'
    | 'releaseOpened'
    /** tripped or sound */
    | 'residualMonitor'
    /** limited or free */
    | 'gridLimit'
    /** pressed or released */
    | 'stopButton'
    /** A token was held to the reader; the detail is the token. */
    | 'token'
  readonly detail: string
}

/** One frame on a bus; GET /frames?after=N. Kept: the newest 20,000. */
export interface SimFrame {
  readonly number: number
  readonly bus: string
  /** End of the frame's last byte on the line, line time included. */
  readonly endMicros: number
  readonly direction: 'request' | 'reply'
  /** 0 where the bytes claim none. */
  readonly unitId: number
  /** The bytes on the line: with ASCII its characters, with TCP the MBAP too. */
  readonly hex: string
  /** The CRC, with ASCII the LRC, with TCP the MBAP. */
  readonly crcHolds: boolean
  /** Function code and data; empty where the frame is unsound. */
  readonly pdu: string
  /** A request that no unit answers: why. */
  readonly unanswered?: string
}

/**
 * Routes:
 *   GET    /state                     SimState
 *   GET    /events?after=N            { events: SimEvent[], next: number }; next is the newest number, whatever N was
 *   GET    /frames?after=N            { frames: SimFrame[], next: number }; next as above, so after=9007199254740991 asks for it
 *   POST   /car/plug  /car/unplug     body {} (plug may carry a partial CarState). A socket's cable goes in and out with the
 *                                     car; a locked one stays, and the car goes without it
 *   POST   /car/set                   partial CarState
 *   POST   /power/cut                 board, relay and meter lose their supply: volatile registers are lost
 *   POST   /power/restore
 *   POST   /faults   DELETE /faults   SimFault; one of the same kind at the same unit, bit or meter fault is replaced
 *   POST   /cable                     { inSocket, amps? } a socket's cable alone, goes in or out or is another one (amps 13, 20, 32,
 *                                     63 or "shorted"); a locked one stays as it is
 *   POST   /rfid                      { token, reader?, times? } ten hex digits held to the reader, which sends them so many times
 *   POST   /button/stop               { ms } pressed for so long
 *   POST   /grid-limit                { limited } the grid operator's relay
 *   POST   /meter/advance             { milliwattHours } counted by another load; it is nobody's session
 * Ready line on standard output: {"msg":"ready","http":"http://127.0.0.1:PORT","ports":{"BUS":"/dev/pts/N"}}; with --link-dir the ports
 * are the links; a TCP bus is told as "127.0.0.1:PORT"
 */
export const SIM_ROUTES = [
  'GET /state',
  'GET /events',
  'GET /frames',
  'POST /car/plug',
  'POST /car/unplug',
  'POST /car/set',
  'POST /power/cut',
  'POST /power/restore',
  'POST /faults',
  'DELETE /faults',
  'POST /cable',
  'POST /rfid',
  'POST /button/stop',
  'POST /grid-limit',
  'POST /meter/advance',
] as const
