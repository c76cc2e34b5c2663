// What people do in the demo, the story and the trials, through the same doors as real ones: the box's local page for
// the driver and the installer, the cloud's API for the operator.
import type { EnergyCheck } from '../../shared/api/stations.ts'
import type { TransactionView } from '../../shared/api/transactions.ts'
import type { Message } from '../../shared/message.ts'
import type { Schedule } from '../../shared/tariff/schedule.ts'
import type { Clock } from '../../shared/time/clock.ts'
import { call } from './http.ts'
import { STATION_ID } from './site.ts'

/** What the demo reads of the box's `GET /api/state`. */
export interface BoxLook {
  readonly timeQuality: string
  readonly control: {
    readonly pilot: string | null
    readonly chargingState: string
    readonly offeredMilliamps: number
    readonly permissionUuid: string | null
    readonly meter: {
      readonly registerWh: number
      readonly powerWatts: number
      readonly serial: string
    } | null
  } | null
  readonly installation: {
    readonly version: number
    readonly limitMilliamps: number
    readonly phasesWired: number
  } | null
  readonly schedule: Schedule | null
  readonly session: { readonly uuid: string; readonly energyWh: number } | null
  readonly override: { readonly id: string } | null
  readonly limit: {
    readonly currentMilliamps: number
    readonly reason: Message
    readonly until: number | null
  }
  readonly faults: readonly string[]
  readonly csms: string
  readonly outbox: { readonly pending: number; readonly parked: number }
  readonly energyAccount: {
    readonly unattributedWh: number
    readonly sessionsWh: number
    readonly registerAtEpochStartWh: number | null
  }
}

interface Doors {
  readonly localUrl: string
  readonly cloudUrl: string
}

/** Cheap hours of the demo: 23:00 to 06:00 each day; nothing outside. */
export const CHEAP_NIGHT = {
  timeZone: 'Europe/Copenhagen',
  windows: [{ days: [1, 2, 3, 4, 5, 6, 7], from: '23:00', to: '06:00' }],
  outsideMilliamps: 0,
} as const

export interface CommissionOrder {
  readonly limitAmps: number
  readonly schedule: typeof CHEAP_NIGHT | null
}

/** The installer: wire rating, phases and the owner's schedule. */
export async function commission(site: Doors, order: CommissionOrder): Promise<void> {
  await call('POST', `${site.localUrl}/api/commission`, {
    limitMilliamps: order.limitAmps * 1000,
    phasesWired: 3,
    by: 'Demo Installer',
  })
  if (order.schedule) await setSchedule(site, order.schedule)
}

/** The owner, on the local page; null lifts it. */
export async function setSchedule(site: Doors, schedule: typeof CHEAP_NIGHT | null): Promise<void> {
  await call('POST', `${site.localUrl}/api/schedule`, { schedule })
}

/** The driver at the box. */
export const override = (site: Doors): Promise<void> => call('POST', `${site.localUrl}/api/override`, {})
export const lookAtBox = (site: Doors): Promise<BoxLook> => call('GET', `${site.localUrl}/api/state`)

/** The operator in the cloud. */
export const energyChecks = async (site: Doors): Promise<readonly EnergyCheck[]> =>
  (await call<{ meters: EnergyCheck[] }>('GET', `${site.cloudUrl}/api/stations/${STATION_ID}/energy`)).meters
export const transactions = async (site: Doors): Promise<readonly TransactionView[]> =>
  (await call<{ transactions: TransactionView[] }>('GET', `${site.cloudUrl}/api/transactions?limit=500`))
    .transactions

const LOOK_EVERY_MS = 50

/**
 * Waits until the condition holds; a look that fails (a process is down) counts as not yet.
 * @returns how long it took, ms.
 * @throws Error with what was waited for and the last reason.
 */
export async function waitUntil(
  what: string,
  withinMs: number,
  clock: Clock,
  condition: () => Promise<boolean>,
): Promise<number> {
  const from = clock.monotonic()
  let lastTrouble = 'it was not so'
  for (;;) {
    try {
      if (await condition()) return clock.monotonic() - from
      lastTrouble = 'it was not so'
    } catch (error) {
      lastTrouble = error instanceof Error ? error.message : String(error)
    }
    if (clock.monotonic() - from > withinMs) {
      throw new Error(`waited ${withinMs / 1000} s until ${what}: ${lastTrouble}`)
    }
    await clock.sleep(what, LOOK_EVERY_MS)
  }
}
