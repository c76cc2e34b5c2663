// A charging station for tests: the station's end of our own OCPP link, with messages from a few words.
import { ocppClient } from '../../../shared/io/ocpp-link.ts'
import type { ActionName, OcppClient, RequestOf } from '../../../shared/io/ocpp-link-types.ts'
import { systemClock } from '../../../shared/io/system-clock.ts'
import { prng } from '../../../shared/prng.ts'

export const KEY = 'a-key-for-tests-0123456789'

const ACTIONS: readonly ActionName[] = [
  'Authorize',
  'BootNotification',
  'GetVariables',
  'Heartbeat',
  'MeterValues',
  'NotifyEvent',
  'NotifyReport',
  'RequestStartTransaction',
  'RequestStopTransaction',
  'Reset',
  'SecurityEventNotification',
  'SetVariables',
  'StatusNotification',
  'TransactionEvent',
  'TriggerMessage',
]

export interface TestStation {
  readonly link: OcppClient
  readonly closures: string[]
  /** Host and port of the cloud that it was made for. */
  readonly host: string
  stop(): Promise<void>
}

/** Connects; resolves when the socket is open. */
export async function connectStation(
  url: string,
  stationId: string,
  password: string | null = KEY,
): Promise<TestStation> {
  const closures: string[] = []
  const silent = { info: () => {}, warn: () => {}, error: () => {} }
  const link = ocppClient({
    url: `${url.replace(/^http/, 'ws')}/ocpp`,
    stationId,
    password,
    clock: systemClock(),
    random: prng(1),
    log: silent,
    backoff: { firstMs: 50, maxMs: 200 },
    // The checks of all 64 actions take a tenth of a second to make, for each station anew.
    actions: ACTIONS,
  })
  link.onClose((why) => closures.push(why))
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${stationId} could not connect to ${url}`)), 10_000)
    link.onOpen(() => {
      clearTimeout(timer)
      resolve()
    })
    link.start()
  })
  return { link, closures, host: new URL(url).host, stop: () => link.stop() }
}

export const boot: RequestOf<'BootNotification'> = {
  reason: 'PowerUp',
  chargingStation: { vendorName: 'Voltkeep', model: 'Test', serialNumber: 'T1', firmwareVersion: '1.0' },
}

/** An event of a transaction with its register. `minute` counts from 2026-06-01T08:00Z. */
export function transactionEvent(
  transactionId: string,
  seqNo: number,
  eventType: 'Started' | 'Updated' | 'Ended',
  { minute, registerWh }: { readonly minute: number; readonly registerWh: number },
): RequestOf<'TransactionEvent'> {
  const timestamp = new Date(Date.parse('2026-06-01T08:00:00Z') + minute * 60_000).toISOString()
  const context = { Started: 'Transaction.Begin', Updated: 'Sample.Clock', Ended: 'Transaction.End' } as const
  const triggers = { Started: 'CablePluggedIn', Updated: 'MeterValueClock', Ended: 'EVDeparted' } as const
  return {
    eventType,
    seqNo,
    timestamp,
    triggerReason: triggers[eventType],
    transactionInfo: { transactionId, chargingState: 'Charging' },
    evse: { id: 1, connectorId: 1 },
    idToken: { idToken: 'free', type: 'Central' },
    meterValue: [
      {
        timestamp,
        sampledValue: [
          { value: registerWh, context: context[eventType] },
          { value: 11_000, measurand: 'Power.Active.Import' },
        ],
      },
    ],
  }
}
