// Stations and what they said of themselves.
import type { ApiSample } from '../../shared/api/stations.ts'
import type { EpochMs } from '../../shared/units.ts'
import { type StationState, UNKNOWN_STATION } from '../fleet/station-state.ts'
import type { Store } from './database.ts'
import type { Tables } from './tables.ts'
import { fromJson, toJson } from './values.ts'

export interface StationRecord {
  readonly id: string
  readonly createdAt: EpochMs
  readonly keyHmac: string
  readonly state: StationState
}

/** False where the station exists already; it is left as it is. */
export async function addStation(
  store: Store,
  station: { readonly id: string; readonly keyHmac: string; readonly createdAt: EpochMs },
): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await store.db
    .insertInto('stations')
    .values({
      id: station.id,
      key_hmac: station.keyHmac,
      created_at: station.createdAt,
      state: toJson(UNKNOWN_STATION),
    })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst()
  return numInsertedOrUpdatedRows === 1n
}

export async function stationById(store: Store, id: string): Promise<StationRecord | null> {
  const row = await store.db.selectFrom('stations').selectAll().where('id', '=', id).executeTakeFirst()
  return row ? recordOf(row) : null
}

/** All stations by their id. */
export async function allStations(store: Store): Promise<StationRecord[]> {
  const rows = await store.db.selectFrom('stations').selectAll().orderBy('id').execute()
  return rows.map(recordOf)
}

const recordOf = (row: Tables['stations']): StationRecord => ({
  id: row.id,
  // Made from an EpochMs by addStation.
  createdAt: row.created_at as EpochMs,
  keyHmac: row.key_hmac,
  state: fromJson<StationState>(row.state),
})

/** A value that the server keeps for itself; null where it was never set. */
export async function setting(store: Store, name: string): Promise<string | null> {
  const row = await store.db
    .selectFrom('settings')
    .select('value')
    .where('name', '=', name)
    .executeTakeFirst()
  return row?.value ?? null
}

export async function setSetting(store: Store, name: string, value: string): Promise<void> {
  await store.db
    .insertInto('settings')
    .values({ name, value })
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ value }))
    .execute()
}

/** A station's readings of a span of time, both ends included, in order. At most `max`, evenly thinned. */
export async function samplesOf(
  store: Store,
  query: { readonly stationId: string; readonly from: number; readonly to: number; readonly max: number },
): Promise<{ readonly points: ApiSample[]; readonly thinned: boolean }> {
  const rows = await store.db
    .selectFrom('samples')
    .selectAll()
    .where('station_id', '=', query.stationId)
    .where('at', '>=', query.from)
    .where('at', '<=', query.to)
    .orderBy('at')
    .limit(SAMPLES_MAX)
    .execute()
  const points = rows.map(sampleOf)
  return { points: thinnedTo(points, query.max), thinned: points.length > query.max }
}

/** A day of one reading a second. */
const SAMPLES_MAX = 86_400

/** First and last stay; between them every n-th. */
function thinnedTo<T>(items: readonly T[], max: number): T[] {
  if (items.length <= max) return [...items]
  const step = (items.length - 1) / (max - 1)
  return Array.from({ length: max }, (_, index) => items[Math.round(index * step)]).filter(
    (item): item is T => item !== undefined,
  )
}

const sampleOf = (row: Tables['samples']): ApiSample => ({
  at: row.at,
  powerWatts: row.power_watts,
  currentsMilliamps:
    row.current_l1_milliamps === null
      ? null
      : [row.current_l1_milliamps, row.current_l2_milliamps ?? 0, row.current_l3_milliamps ?? 0],
  offeredMilliamps: row.offered_milliamps,
  registerWh: row.register_wh,
})
