// The boards that a site file can name, by the ids of test/facts/registers.json.
import { ablKind } from './abl-emh1.ts'
import type { BoardKind } from './board-kind.ts'
import { evseDinKind } from './evracing-evse-din.ts'
import { heidelbergKind } from './heidelberg-energy-control.ts'
import { kebaKind } from './keba-p30.ts'
import { mennekesKind } from './mennekes-board.ts'
import { phoenixKind } from './phoenix-board.ts'
import { epc2Kind } from './viridian-epc2-plus.ts'

export const BOARDS = {
  'evracing-evse-din': evseDinKind,
  'heidelberg-energy-control': heidelbergKind,
  'abl-emh1': ablKind,
  'keba-p30': kebaKind,
  'mennekes-amtron-compact-2s': mennekesKind,
  'phoenix-ev-cc-ac1-m3-rtu': phoenixKind,
  'viridian-epc2-plus': epc2Kind,
} as const satisfies Record<string, BoardKind>

export type BoardId = keyof typeof BOARDS

/** Known ids only: those of a parsed site are. */
export const boardKindOf = (id: BoardId): BoardKind => BOARDS[id]
