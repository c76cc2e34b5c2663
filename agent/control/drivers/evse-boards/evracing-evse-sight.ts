// What the registers of an EVSE-WB/DIN say, taken together, and how its self-test ends. Pure; the driver beside it reads
// and writes. The bits of 1007 are told in two ways: esphome and others, see test/facts/registers.json.
import { amps, CURRENT_MIN, type MilliAmps, type MonotonicMs, milliAmps } from '../../../../shared/units.ts'
import type { Pilot } from '../../../control-link/messages.ts'
import type { BoardError, BoardReading } from '../../ports/board.ts'
import type { BusFailure } from '../../ports/bus.ts'
import { bits16, u16 } from '../table.ts'

/** Read together. */
export const state = {
  configuredCurrent: u16(1000, 'configuredCurrent', 'A'),
  actualCurrent: u16(1001, 'actualCurrent', 'A'),
  vehicleState: u16(1002, 'vehicleState'),
  ppLimit: u16(1003, 'ppLimit', 'A'),
  command: bits16(1004, 'command'),
  firmware: u16(1005, 'firmware'),
  evseState: u16(1006, 'evseState'),
  statusBits: bits16(1007, 'statusBits'),
  errorTimeout: u16(1008, 'errorTimeout', 's'),
  selftestTimeout: u16(1009, 'selftestTimeout', 's'),
}

/** 1002. State 5 is a failure whose pilot is not told: F, the board does not serve. */
const PILOTS: Readonly<Record<number, Pilot>> = { 1: 'A', 2: 'B', 3: 'C', 4: 'D', 5: 'F' }
/** 1006. */
const PWM_RUNNING = 2
const EVSE_STATE_MAX = 3

/** A self-test that was not seen to run by then has failed; one that runs takes about 30 s. */
const SELF_TEST_BEGINS_MS = 5000

export type SelfTest =
  | { readonly kind: 'idle' | 'running' | 'passed' | 'failed' }
  | { readonly kind: 'ordered'; readonly atMonotonicMs: MonotonicMs }

export interface Seen {
  readonly pilot: Pilot
  readonly oscillatorOn: boolean
  readonly offeredMilliamps: MilliAmps
  readonly proximity: BoardReading['proximity']
  /** 1007, raw. */
  readonly status: number
  readonly selfTestSeconds: number
}

type BadReply = Extract<BusFailure, { kind: 'badReply' }>

export function seenOf(word: (of: { readonly address: number }) => number): Seen | BadReply {
  const bad = (detail: string): BadReply => ({ kind: 'badReply', detail })
  const vehicle = word(state.vehicleState)
  const pilot = PILOTS[vehicle]
  if (pilot === undefined) return bad(`register 1002 holds no vehicle state: ${vehicle}`)
  const evseState = word(state.evseState)
  if (evseState < 1 || evseState > EVSE_STATE_MAX)
    return bad(`register 1006 holds no EVSE state: ${evseState}`)
  const offered = currentOf(word(state.actualCurrent))
  if (offered === null) return bad(`no pilot signal is ${word(state.actualCurrent)} in register 1001`)
  const oscillatorOn = evseState === PWM_RUNNING
  return {
    pilot,
    oscillatorOn,
    offeredMilliamps: oscillatorOn ? offered : milliAmps(0),
    proximity: proximityOf(word(state.ppLimit)),
    status: word(state.statusBits),
    selfTestSeconds: word(state.selftestTimeout),
  }
}

/**
 * Up to 80 it is amperes, from 500 on hundredths of one: nothing between can be on a pilot, so that a reading needs no
 * scale (and register 1003, whose scale nobody tells, is read the same way). null: neither.
 */
function currentOf(word: number): MilliAmps | null {
  if (word <= 80) return amps(word)
  return word >= 500 && word <= 8000 ? milliAmps(word * 10) : null
}

function proximityOf(word: number): BoardReading['proximity'] {
  if (word === 0) return { kind: 'open' }
  const currentMilliamps = currentOf(word)
  if (currentMilliamps === null || currentMilliamps < CURRENT_MIN) return { kind: 'fault' }
  return { kind: 'rating', currentMilliamps }
}

export const bit = (status: number, index: number) => ((status >> index) & 1) === 1

const isTesting = ({ selfTestSeconds }: Seen, { kind }: SelfTest): boolean =>
  selfTestSeconds > 0 || kind === 'ordered' || kind === 'running'

/** Bit 5 in one transcription, bit 4 in the other, where it means "test in progress" in the first. */
const residualCurrentError = (seen: Seen, selfTest: SelfTest): boolean =>
  bit(seen.status, 5) || (bit(seen.status, 4) && !isTesting(seen, selfTest))

export function nextSelfTest(selfTest: SelfTest, seen: Seen, now: MonotonicMs): SelfTest {
  switch (selfTest.kind) {
    case 'ordered':
      if (seen.selfTestSeconds > 0) return { kind: 'running' }
      return now - selfTest.atMonotonicMs > SELF_TEST_BEGINS_MS ? { kind: 'failed' } : selfTest
    case 'running':
      if (seen.selfTestSeconds > 0) return selfTest
      return { kind: residualCurrentError(seen, { kind: 'idle' }) ? 'failed' : 'passed' }
    default:
      return selfTest
  }
}

export function errorsOf(seen: Seen, selfTest: SelfTest): readonly BoardError[] {
  const errors: BoardError[] = []
  if (bit(seen.status, 1)) errors.push('diodeMissing')
  if (bit(seen.status, 2)) errors.push('ventilationRejected')
  if (selfTest.kind === 'failed') errors.push('residualCurrentTestFailed')
  else if (residualCurrentError(seen, selfTest)) errors.push('residualCurrentTripped')
  // Bit 3: what was wrong is over, and the board waits for the car to let go of the pilot.
  if (seen.pilot === 'F' && errors.length === 0)
    errors.push(bit(seen.status, 3) ? 'unavailable' : 'internalFault')
  return errors
}
