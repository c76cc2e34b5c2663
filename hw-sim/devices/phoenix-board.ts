// The Phoenix EV-CC-AC1-M3 as a board of the world: its firmware and its registers behind SimBoard.
import { z } from 'zod'
import type { BoardInputs, BoardView, SimBoard } from './board.ts'
import { boardKind } from './board-kind.ts'
import { answerPhoenix, PHOENIX_TABLE, type PhoenixIdentity } from './phoenix-ev-cc.ts'
import {
  isAvailable,
  isEnabled,
  lockWanted,
  type PhoenixInputs,
  pilotSignal,
  stateText,
  stepPhoenix,
} from './phoenix-firmware.ts'
import { newPhoenix, type PhoenixFacts, type PhoenixState } from './phoenix-state.ts'

/** What does not change while it runs. */
interface Fixed {
  readonly facts: PhoenixFacts
  readonly identity: PhoenixIdentity
}

/** `inputs`: those of its last step; what it tells of enable and availability is of that moment. */
function phoenixBoard(state: PhoenixState, fixed: Fixed, inputs: PhoenixInputs): SimBoard {
  return {
    view: viewOf(state, inputs),
    step: (now, nowMicros) => {
      const terminals = terminalsOf(now)
      return phoenixBoard(stepPhoenix(state, fixed.facts, terminals, nowMicros), fixed, terminals)
    },
    answer: (pdu, now, nowMicros) => {
      const terminals = terminalsOf(now)
      const answer = answerPhoenix({ board: state, ...fixed, inputs: terminals, nowMicros }, pdu)
      return answer && { board: phoenixBoard(answer.state, fixed, terminals), pdu: answer.pdu }
    },
  }
}

const terminalsOf = (inputs: BoardInputs): PhoenixInputs => ({
  supplied: inputs.supplied,
  vehicle: inputs.vehicle,
  xr: inputs.released,
  en: false,
  proximityAmps: inputs.proximityAmps,
  contactorClosed: inputs.contactorClosed,
  locked: inputs.locked,
  heldErrors: inputs.heldErrors,
  heldUnavailable: inputs.heldUnavailable,
})

/** Supplied, past its start, and nothing at its terminals. */
const FIRST_INPUTS: PhoenixInputs = {
  supplied: true,
  vehicle: 'A',
  xr: false,
  en: false,
  proximityAmps: 0,
  contactorClosed: false,
  locked: null,
  heldErrors: [],
  heldUnavailable: false,
}

const viewOf = (state: PhoenixState, inputs: PhoenixInputs): BoardView => ({
  powered: state.power.kind !== 'off',
  state: state.power.kind === 'on' ? stateText(state) : '--',
  signal: pilotSignal(state),
  coil: state.coil,
  enabled: isEnabled(state, inputs),
  available: isAvailable(state, inputs) && !inputs.heldUnavailable,
  offeredMilliamps: state.offeredAmps * 1000,
  errors: state.errors,
  retentiveWrites: state.retentiveWrites,
  lockWanted: lockWanted(state),
})

export const phoenixKind = boardKind({
  transport: 'rtu',
  bauds: [9600, 19_200],
  quirks: { silenceMs: 0, hearsBroadcast: false },
  deadman: 'release',
  tells: { diodeMissing: 13, residualCurrent: 15, selfTestFailed: 16 },
  rows: PHOENIX_TABLE.rows,
  siteShape: {
    serial: z
      .string()
      .regex(/^[ -~]{12}$/, '12 printable ASCII characters')
      .default('SIM000000001'),
    bootMs: z.int().min(0).max(60_000).default(800),
    /** IEC 61851-1 Table A.6 seq. 4: within 3 s. */
    closeDelayMs: z.int().min(0).max(2900).default(200),
  },
  make: ({ serial, bootMs, closeDelayMs }, { tethered, cableAmps, nowMicros }) => {
    // S1/DIP 5 and 6 are set to the tethered cable; a socket is limited by the plug's resistor.
    const facts = { dipMaxAmps: tethered ? cableAmps : 32, tethered, bootMs, closeDelayMs }
    // Registers 1000-1026.
    const identity = { designation: 'EV-CC-AC1-M3-CBC-SER-HS', orderNumber: '1622460', serial }
    return phoenixBoard(newPhoenix(facts, nowMicros), { facts, identity }, FIRST_INPUTS)
  },
})
