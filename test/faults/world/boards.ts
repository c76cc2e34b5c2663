// The boards that the trial plays, with what must be known of each from outside: how it is wired, how long it goes on when
// nobody talks to it, and which of its error numbers mean what. Times from test/facts/registers.json; a board that has a
// driver and a simulated device and no row here is told by the trial's test.
import { registry } from '../../../agent/control/registry.ts'
import { BOARDS, type BoardId } from '../../../hw-sim/devices/boards.ts'
import type { FaultCode } from '../../../shared/faults.ts'

export interface TrialBoard {
  readonly id: BoardId
  /** From the last talk to no current, ms: T_deadman, what the board takes, and the contactor. */
  readonly deadmanMs: number
  /** More where the car does not obey: a watchdog that only takes the PWM away leaves the contactor closed for up to 6 s. */
  readonly carDefiesMs: number
  /** Its own error numbers and the fault that each must come to. */
  readonly errors: readonly (readonly [number: number, code: FaultCode])[]
  /** Which of the held pilot states it tells as such. */
  readonly pilots: readonly ('D' | 'E' | 'F')[]
  readonly bus:
    | { readonly kind: 'main' }
    | { readonly kind: 'ascii'; readonly baud: 38_400 }
    | { readonly kind: 'tcp' }
  readonly maxMilliamps: number
}

export const TRIAL_BOARDS: readonly TrialBoard[] = [
  {
    id: 'phoenix-ev-cc-ac1-m3-rtu',
    // The relay's 2 s, a frame that was on its way, the contactor.
    deadmanMs: 2200,
    carDefiesMs: 0,
    errors: [
      [2, 'CABLE_INVALID'],
      [3, 'CABLE_INVALID'],
      [4, 'PILOT_FAULT'],
      [11, 'VENTILATION_NEEDED'],
      [12, 'CONTACTOR_WELDED'],
      [13, 'DIODE_MISSING'],
      [15, 'RESIDUAL_CURRENT'],
      [16, 'RESIDUAL_CURRENT'],
    ],
    pilots: ['D', 'E', 'F'],
    bus: { kind: 'main' },
    maxMilliamps: 63_000,
  },
  {
    id: 'viridian-epc2-plus',
    // Its 2 s, and the 3 s that a car has to stop.
    deadmanMs: 5600,
    carDefiesMs: 6000,
    errors: [],
    pilots: [],
    bus: { kind: 'main' },
    maxMilliamps: 32_000,
  },
  {
    id: 'heidelberg-energy-control',
    deadmanMs: 17_000,
    carDefiesMs: 6000,
    errors: [],
    pilots: [],
    bus: { kind: 'main' },
    maxMilliamps: 16_000,
  },
  {
    id: 'keba-p30',
    deadmanMs: 12_500,
    carDefiesMs: 6000,
    errors: [],
    pilots: [],
    bus: { kind: 'tcp' },
    maxMilliamps: 63_000,
  },
  {
    id: 'mennekes-amtron-compact-2s',
    deadmanMs: 12_500,
    carDefiesMs: 6000,
    errors: [],
    pilots: [],
    bus: { kind: 'main' },
    maxMilliamps: 32_000,
  },
  {
    id: 'abl-emh1',
    deadmanMs: 17_000,
    carDefiesMs: 6000,
    errors: [],
    pilots: [],
    bus: { kind: 'ascii', baud: 38_400 },
    maxMilliamps: 32_000,
  },
  {
    id: 'evracing-evse-din',
    deadmanMs: 2600,
    carDefiesMs: 0,
    errors: [],
    pilots: [],
    bus: { kind: 'main' },
    maxMilliamps: 80_000,
  },
]

/** Boards that have a driver and a simulated device, and no row above: the trial says so. */
export const boardsNotPlayed = (): readonly string[] =>
  Object.keys(BOARDS).filter(
    (id) => registry.boards[id] !== undefined && !TRIAL_BOARDS.some((board) => board.id === id),
  )
