// The boards that a site file can name, by the ids of test/facts/registers.json.
import { ablKind } from './abl-emh1.ts'
import type { BoardKind } from './board-kind.ts'
import { heidelbergKind } from './heidelberg-energy-control.ts'
import { kebaKind } from './keba-p30.ts'
import { mennekesKind } from './mennekes-board.ts'
import { phoenixKind } from './phoenix-board.ts'

export const BOARDS = {
  'heidelberg-energy-control': heidelbergKind,
  'abl-emh1': ablKind,
  'keba-p30': kebaKind,
  'mennekes-amtron-compact-2s': mennekesKind,
  'phoenix-ev-cc-ac1-m3-rtu': phoenixKind,
} as const satisfies Record<string, BoardKind>

export type BoardId = keyof typeof BOARDS

/** Known ids only: those of a parsed site are. */
export const boardKindOf = (id: BoardId): BoardKind => BOARDS[id]
