// A charging station's end of a real OCPP 2.0.1 socket, told by a test what happened to its car. Every call must be
// answered without an error.
import { ocppClient } from '../../shared/io/ocpp-link.ts'
import type { ActionName, OcppClient, RequestOf } from '../../shared/io/ocpp-link-types.ts'
import { type LimitReport, VENDOR_ID } from '../../shared/ocpp/voltkeep-data.ts'
import { prng } from '../../shared/prng.ts'
import type { Clock } from '../../shared/time/clock.ts'
import { isoOf } from '../../shared/time/iso.ts'
import { type EpochMs, epochMs } from '../../shared/units.ts'

export interface Reading {
  readonly at: EpochMs
  readonly registerWh: number
  /** Of each of three phases. */
  readonly milliamps: number
  readonly offeredMilliamps: number
}

type MeterValue = RequestOf<'MeterValues'>['meterValue'][number]

/** 230 V between each phase and neutral. */
function meterValue(
  reading: Reading,
  context: 'Transaction.Begin' | 'Transaction.End' | 'Sample.Periodic',
): MeterValue {
  const phases = ['L1', 'L2', 'L3'] as const
  return {
    timestamp: isoOf(reading.at),
    sampledValue: [
      { value: reading.registerWh, measurand: 'Energy.Active.Import.Register', context },
      { value: (reading.milliamps * 230 * 3) / 1000, measurand: 'Power.Active.Import', context },
      { value: reading.offeredMilliamps / 1000, measurand: 'Current.Offered', context },
      ...phases.map((phase) => ({
        value: reading.milliamps / 1000,
        measurand: 'Current.Import' as const,
        phase,
        context,
      })),
    ],
  }
}

export const METER_SERIAL = '21334455'
type ChargingState = NonNullable<RequestOf<'TransactionEvent'>['transactionInfo']['chargingState']>

export interface TestStation {
  boot(): Promise<void>
  status(connectorStatus: RequestOf<'StatusNotification'>['connectorStatus']): Promise<void>
  alarm(component: string, variable: string, detail: string, cleared: boolean): Promise<void>
  event(
    event: 'Started' | 'Updated' | 'Ended',
    transactionId: string,
    what: { readonly state: ChargingState; readonly reading: Reading; readonly limit?: LimitReport },
  ): Promise<void>
  close(): Promise<void>
}

/** Connects and waits until the socket is open. */
export async function connectStation(
  url: string,
  stationId: string,
  password: string,
  clock: Clock,
): Promise<TestStation> {
  const quiet = { info: () => {}, warn: () => {}, error: () => {} }
  const client: OcppClient = ocppClient({ url, stationId, password, clock, random: prng(1), log: quiet })
  const opened = new Promise<void>((resolve) => client.onOpen(resolve))
  client.start()
  await opened
  const call = async <A extends ActionName>(action: A, request: RequestOf<A>) => {
    const outcome = await client.call(action, request)
    if (!outcome.ok) throw new Error(`${action}: ${JSON.stringify(outcome.error)}`)
    return outcome.value
  }
  const seqNos = new Map<string, number>()
  let eventId = 0
  const now = () => isoOf(epochMs(clock.wall()))
  return {
    boot: async () => {
      const answer = await call('BootNotification', {
        reason: 'PowerUp',
        chargingStation: {
          vendorName: 'Example Wallboxes',
          model: 'One',
          serialNumber: '000123',
          firmwareVersion: '0.1.0',
        },
      })
      if (answer.status !== 'Accepted') throw new Error(`boot was ${answer.status}`)
    },
    status: async (connectorStatus) => {
      await call('StatusNotification', { timestamp: now(), connectorStatus, evseId: 1, connectorId: 1 })
    },
    alarm: async (component, variable, detail, cleared) => {
      await call('NotifyEvent', {
        generatedAt: now(),
        seqNo: 0,
        eventData: [
          {
            eventId: ++eventId,
            timestamp: now(),
            trigger: 'Alerting',
            actualValue: String(!cleared),
            techInfo: detail,
            cleared,
            eventNotificationType: 'HardWiredNotification',
            component: { name: component },
            variable: { name: variable },
          },
        ],
      })
    },
    event: async (event, transactionId, { state, reading, limit }) => {
      const seqNo = seqNos.get(transactionId) ?? 0
      seqNos.set(transactionId, seqNo + 1)
      const ended = event === 'Ended'
      const context = {
        Started: 'Transaction.Begin',
        Updated: 'Sample.Periodic',
        Ended: 'Transaction.End',
      } as const
      await call('TransactionEvent', {
        eventType: event,
        timestamp: isoOf(reading.at),
        triggerReason: event === 'Started' ? 'CablePluggedIn' : ended ? 'EVDeparted' : 'MeterValuePeriodic',
        seqNo,
        evse: { id: 1, connectorId: 1 },
        ...(event === 'Started' ? { idToken: { idToken: 'FREE', type: 'Central' as const } } : {}),
        transactionInfo: {
          transactionId,
          chargingState: state,
          ...(ended ? { stoppedReason: 'EVDisconnected' as const } : {}),
        },
        meterValue: [meterValue(reading, context[event])],
        customData: { vendorId: VENDOR_ID, meterSerial: METER_SERIAL, ...(limit ? { limit } : {}) },
      })
    },
    close: () => client.stop(),
  }
}
