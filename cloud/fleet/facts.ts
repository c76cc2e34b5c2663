// What stations told, independent of the OCPP version: csms makes these from messages, store keeps them, the states of
// stations and transactions are folded from them.
import type { ApiLimit, ApiSample, CHARGING_STATES, CONNECTOR_STATUSES } from '../../shared/api/stations.ts'
import type { EpochMs } from '../../shared/units.ts'

export type ChargingState = (typeof CHARGING_STATES)[number]
export type ConnectorStatus = (typeof CONNECTOR_STATUSES)[number]

/** One moment of one meter. */
export interface SampleFact {
  readonly kind: 'sample'
  readonly evseId: number
  readonly meterSerial: string | null
  readonly sample: ApiSample
  readonly context: 'begin' | 'end' | 'other'
}

/** Something that a station said of itself. `at` is the station's own time. */
export type StationFact =
  | {
      readonly kind: 'booted'
      readonly at: EpochMs
      readonly reason: string
      readonly vendor: string
      readonly model: string
      readonly serial: string | null
      readonly firmwareVersion: string | null
    }
  | {
      readonly kind: 'connector'
      readonly at: EpochMs
      readonly evseId: number
      readonly connectorId: number
      readonly status: ConnectorStatus
    }
  | SampleFact
  | { readonly kind: 'limit'; readonly limit: ApiLimit }
  | {
      readonly kind: 'notification'
      readonly at: EpochMs
      readonly eventId: number
      readonly component: string
      readonly variable: string
      readonly value: string
      /** `alert`: a problem began; `cleared`: it ended; `change`: a value moved. */
      readonly meaning: 'alert' | 'cleared' | 'change'
    }
  | {
      readonly kind: 'variable'
      readonly at: EpochMs
      readonly component: string
      readonly variable: string
      readonly attribute: string
      readonly value: string | null
    }

/** One event of a transaction. Identity: station, transactionId, seqNo. */
export interface TransactionFact {
  readonly transactionId: string
  readonly seqNo: number
  readonly event: 'Started' | 'Updated' | 'Ended'
  readonly at: EpochMs
  readonly evseId: number | null
  readonly idToken: string | null
  readonly chargingState: ChargingState | null
  readonly stoppedReason: string | null
  readonly timeEstimated: boolean
  /** The station told a time that cannot be; `at` and the samples' times are then when it was heard. Never billed. */
  readonly timeImplausible: boolean
  readonly meterSerial: string | null
  /** In the order of the message. */
  readonly samples: readonly SampleFact[]
}
