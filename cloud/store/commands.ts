// Commands to stations with their outcome, written before the command is sent and after it was answered.
import type { CommandRecord } from '../../shared/api/commands.ts'
import type { EpochMs } from '../../shared/units.ts'
import type { Store } from './database.ts'
import type { Tables } from './tables.ts'
import { fromJson, toJson } from './values.ts'

type Outcome = CommandRecord['outcome']

/**
 * Writes a command down before it is sent.
 * @param requestOf the OCPP request for the record's number, which is the remote start's too
 */
export async function recordCommand<R>(
  store: Store,
  command: { readonly stationId: string; readonly action: string; readonly at: EpochMs },
  requestOf: (id: number) => R,
): Promise<{ readonly id: number; readonly request: R }> {
  const outcome: Outcome = { kind: 'waiting' }
  return store.db.transaction().execute(async (trx) => {
    const { id } = await trx
      .insertInto('commands')
      .values({
        station_id: command.stationId,
        action: command.action,
        request: toJson(null),
        requested_at: command.at,
        finished_at: null,
        outcome: toJson(outcome),
      })
      .returning('id')
      .executeTakeFirstOrThrow()
    const request = requestOf(id)
    await trx
      .updateTable('commands')
      .set({ request: toJson(request) })
      .where('id', '=', id)
      .execute()
    return { id, request }
  })
}

export async function finishCommand(store: Store, id: number, outcome: Outcome, at: EpochMs): Promise<void> {
  await store.db
    .updateTable('commands')
    .set({ outcome: toJson(outcome), finished_at: at })
    .where('id', '=', id)
    .execute()
}

/** Commands that waited when the cloud ended: nobody will ever hear their answer. The number of them. */
export async function closeWaitingCommands(store: Store, at: EpochMs): Promise<number> {
  const outcome: Outcome = {
    kind: 'failed',
    why: 'cloudStopped',
    detail: 'The cloud ended before the answer; the station may have done it.',
  }
  const { numUpdatedRows } = await store.db
    .updateTable('commands')
    .set({ outcome: toJson(outcome), finished_at: at })
    .where('finished_at', 'is', null)
    .executeTakeFirst()
  return Number(numUpdatedRows)
}

/** A command that `recordCommand` wrote. */
export async function commandById(store: Store, id: number): Promise<CommandRecord> {
  const row = await store.db.selectFrom('commands').selectAll().where('id', '=', id).executeTakeFirstOrThrow()
  return recordOf(row)
}

/** The newest 100 of a station, newest first. */
export async function commandsOf(store: Store, stationId: string): Promise<CommandRecord[]> {
  const rows = await store.db
    .selectFrom('commands')
    .selectAll()
    .where('station_id', '=', stationId)
    .orderBy('id', 'desc')
    .limit(100)
    .execute()
  return rows.map(recordOf)
}

const recordOf = (
  row: { [K in keyof Tables['commands']]: K extends 'id' ? number : Tables['commands'][K] },
): CommandRecord => ({
  id: row.id,
  action: row.action,
  request: fromJson<unknown>(row.request),
  requestedAt: row.requested_at,
  finishedAt: row.finished_at,
  outcome: fromJson<Outcome>(row.outcome),
})
