// A simulated board by itself in virtual time: its terminals are set by the test, its contactor follows its coil at once.
import { z } from 'zod'
import type { BoardInputs, SimBoard } from '../../../hw-sim/devices/board.ts'
import type { BoardKind, SiteBoard } from '../../../hw-sim/devices/board-kind.ts'

export interface BoardAlone {
  board(): SimBoard
  readonly inputs: { -readonly [K in keyof BoardInputs]: BoardInputs[K] }
  /** Steps each 5 ms (or as told), so that what is set now is seen. */
  run(ms: number, stepMs?: number): void
  /** A PDU in hex; the reply in hex, null for silence. */
  ask(pduHex: string): string | null
}

const STEP_MS = 5

export function boardAlone(
  kind: BoardKind,
  options: { readonly tethered?: boolean; readonly cableAmps?: number; readonly keys?: object } = {},
): BoardAlone {
  const { tethered = true, cableAmps = 32, keys = {} } = options
  const site: SiteBoard = { name: 'board', device: 'any', bus: 'main', unitId: 1 }
  let nowMicros = 1_000_000
  const given = z.strictObject(kind.siteShape).parse(keys)
  let board = kind.make({ ...site, ...given }, { nowMicros, tethered, cableAmps, baud: 19_200 })
  const inputs: BoardAlone['inputs'] = {
    supplied: true,
    vehicle: 'A',
    released: true,
    proximityAmps: 0,
    contactorClosed: false,
    locked: null,
    currentsMilliamps: [0, 0, 0],
    voltagesMillivolts: [230_400, 229_800, 231_100],
    energyMilliwattHours: 0,
    temperatureMilliCelsius: 25_000,
    heldErrors: [],
    heldUnavailable: false,
  }
  const step = (ms: number) => {
    nowMicros += ms * 1000
    board = board.step({ ...inputs }, nowMicros)
    inputs.contactorClosed = board.view.coil
  }
  step(STEP_MS)
  return {
    board: () => board,
    inputs,
    run: (ms, stepMs = STEP_MS) => {
      for (let left = ms; left > 0; left -= stepMs) step(stepMs)
    },
    ask: (pduHex) => {
      const answer = board.answer(Buffer.from(pduHex.replaceAll(' ', ''), 'hex'), { ...inputs }, nowMicros)
      if (answer) board = answer.board
      return answer && Buffer.from(answer.pdu).toString('hex')
    },
  }
}
