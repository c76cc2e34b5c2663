// Gives stored facts and sessions the wall times that they could not have when they happened.
import { ok } from '../../../shared/result.ts'
import type { BootRecord, Session, Stamp } from '../memory.ts'
import { dateMoments } from '../time/dating.ts'
import type { TimeState } from '../time/quality.ts'
import type { Store } from './client.ts'
import type { Stored } from './core.ts'

/** Dates what can be dated now. Returns the sessions that got a time; null when nothing waited for one. */
export async function dateStored(
  store: Store,
  boots: readonly BootRecord[],
  time: TimeState,
): Promise<Stored<readonly Session[] | null>> {
  const rows = await store.undatedRows()
  const sessions = await store.undatedSessions()
  if (rows.length === 0 && sessions.length === 0) return ok(null)
  const moments = [...rows, ...sessions, ...sessions.flatMap(({ end }) => (end ? [end] : []))].map(
    ({ bootId, atMonotonicMs }): Stamp => ({ bootId, atMonotonicMs }),
  )
  const dateOf = dateMoments(moments, boots, time)
  const datedRows = rows.flatMap((row) => {
    const date = dateOf(row)
    return date ? [{ id: row.id, at: date.at, timeEstimated: date.isEstimated }] : []
  })
  const datedSessions = sessions.map((session): Session => {
    const start = session.at === null ? dateOf(session) : null
    const end = session.end?.at === null ? dateOf(session.end) : null
    return {
      ...session,
      at: start?.at ?? session.at,
      timeEstimated: session.timeEstimated || (start?.isEstimated ?? false),
      end: session.end && { ...session.end, at: end?.at ?? session.end.at },
    }
  })
  const stored = await store.dateRows(datedRows, datedSessions)
  return stored.ok ? ok(datedSessions) : stored
}
