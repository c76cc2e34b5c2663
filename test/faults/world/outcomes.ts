// What each fault that the trial can play must come to: a row of shared/faults.ts, and within which time control tells it.
// Times count only while control runs, its port is there, the board has its supply and the condition holds.
import type { SimFault } from '../../../hw-sim/api.ts'
import { boardKindOf } from '../../../hw-sim/devices/boards.ts'
import type { FaultCode } from '../../../shared/faults.ts'
import type { TrialBoard } from './boards.ts'
import { BOARD_UNIT, METER_UNIT, RELAY_UNIT, type Truth } from './site.ts'

export interface Outcome {
  readonly name: string
  readonly code: FaultCode
  readonly withinMs: number
  /** The cause, as it shows in the world. */
  readonly holds: (truth: Truth, known: Known) => boolean
}

/** What must be known for a cause to be one that control can see. */
export interface Known {
  /** The last fault began when control had read the meter for a while, in this boot. */
  readonly hadReadMeter: boolean
  readonly wasPluggedAtFault: boolean
}

const has = (truth: Truth, is: (fault: SimFault) => boolean) => truth.faults.some(is)
const dead = (unitId: number) => (fault: SimFault) => fault.kind === 'dead' && fault.unitId === unitId
const boardHeard = (truth: Truth) => !has(truth, (fault) => 'unitId' in fault && fault.unitId === BOARD_UNIT)
const meterHeard = (truth: Truth) => !has(truth, (fault) => 'unitId' in fault && fault.unitId === METER_UNIT)
const meter = (how: string) => (fault: SimFault) => fault.kind === 'meter' && fault.how === how
/** In F the board tells of its release, not of the car. */
const inService = (truth: Truth) => truth.boardState[0] !== 'F' && truth.boardState !== '--'

const bit = (number: number, code: FaultCode): Outcome => ({
  name: `error bit ${number}`,
  code,
  withinMs: 2000,
  holds: (truth) =>
    boardHeard(truth) &&
    inService(truth) &&
    has(truth, (fault) => fault.kind === 'boardError' && fault.bit === number),
})

/** The pulse that wakes a car is 3 s long, so F is a fault after 5 s; our own release of at most 10 s hides it. */
const PILOTS = {
  D: ['VENTILATION_NEEDED', 2000],
  E: ['PILOT_FAULT', 2000],
  F: ['BOARD_UNAVAILABLE', 20_000],
} as const

const pilot = (state: 'D' | 'E' | 'F', code: FaultCode, withinMs: number): Outcome => ({
  name: `pilot ${state}`,
  code,
  withinMs,
  holds: (truth) =>
    boardHeard(truth) &&
    (state === 'F' || inService(truth)) &&
    has(truth, (fault) => fault.kind === 'pilot' && fault.state === state),
})

const COMMON: readonly Outcome[] = [
  {
    name: 'board dead',
    code: 'BOARD_LOST',
    withinMs: 3000,
    holds: (truth) => has(truth, dead(BOARD_UNIT)),
  },
  {
    // A release under way (at most 10 s) is not refreshed, so nothing is missed before it ends.
    name: 'relay dead',
    code: 'DEADMAN_LOST',
    withinMs: 16_000,
    holds: (truth) => has(truth, dead(RELAY_UNIT)) && boardHeard(truth),
  },
  {
    name: 'meter dead',
    code: 'METER_LOST',
    withinMs: 14_000,
    holds: (truth) => has(truth, dead(METER_UNIT)),
  },
  {
    name: 'port gone',
    code: 'BUS_LOST',
    withinMs: 1000,
    holds: (truth) => has(truth, (fault) => fault.kind === 'portGone'),
  },
  {
    name: 'meter nan',
    code: 'METER_IMPLAUSIBLE',
    withinMs: 6000,
    holds: (truth) => meterHeard(truth) && has(truth, meter('nan')),
  },
  {
    name: 'meter jump',
    code: 'METER_IMPLAUSIBLE',
    withinMs: 5000,
    holds: (truth, known) =>
      meterHeard(truth) && known.hadReadMeter && known.wasPluggedAtFault && has(truth, meter('jump')),
  },
  {
    name: 'meter back',
    code: 'METER_WENT_BACK',
    withinMs: 9000,
    holds: (truth, known) =>
      meterHeard(truth) && known.hadReadMeter && truth.faults.length === 1 && has(truth, meter('back')),
  },
  {
    name: 'meter frozen',
    code: 'METER_FROZEN',
    withinMs: 18_000,
    holds: (truth) => meterHeard(truth) && truth.milliamps >= 6000 && has(truth, meter('frozen')),
  },
  {
    name: 'other meter',
    code: 'METER_REPLACED',
    withinMs: 66_000,
    holds: (truth, known) => meterHeard(truth) && known.hadReadMeter && has(truth, meter('otherSerial')),
  },
  {
    // More than 120 % for 10 s (registers: over-current by EV), and two readings; less is borne for 100 s and longer.
    name: 'car takes more',
    code: 'CAR_TAKES_MORE',
    withinMs: 14_000,
    holds: (truth) =>
      meterHeard(truth) &&
      truth.offeredMilliamps > 0 &&
      truth.milliamps > truth.offeredMilliamps * 1.2 + 600 &&
      !has(truth, (fault) => fault.kind === 'meter'),
  },
]

/** A board with a watchdog of its own has no relay that could be lost. */
const hasRelay = ({ id }: TrialBoard) => boardKindOf(id).deadman !== 'own'

export const outcomesOf = (board: TrialBoard): readonly Outcome[] => [
  ...COMMON.filter(({ name }) => name !== 'relay dead' || hasRelay(board)),
  ...board.errors.map(([number, code]) => bit(number, code)),
  ...board.pilots.map((state) => {
    const [code, withinMs] = PILOTS[state]
    return pilot(state, code, withinMs)
  }),
]
