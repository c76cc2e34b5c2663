// What the API needs of the rest of the cloud.
import type { Command, CommandRecord } from '../../shared/api/commands.ts'
import type {
  EnergyCheck,
  NewStation,
  PowerSeries,
  StationCreated,
  StationView,
} from '../../shared/api/stations.ts'
import type { ApiTariff } from '../../shared/api/tariffs.ts'
import type { TransactionView } from '../../shared/api/transactions.ts'
import type { TransactionKey } from '../store/transactions.ts'

export interface ApiPorts {
  readonly stations: {
    list(): Promise<StationView[]>
    /** null where it is not known. */
    one(id: string): Promise<StationView | null>
    /** null where the id is taken. */
    add(station: NewStation): Promise<StationCreated | null>
    series(query: { stationId: string; from: number; to: number; points: number }): Promise<PowerSeries>
    energy(stationId: string): Promise<EnergyCheck[]>
  }
  readonly transactions: {
    list(query: {
      stationId?: string | undefined
      before?: number | undefined
      limit: number
    }): Promise<TransactionView[]>
    one(key: TransactionKey): Promise<TransactionView | null>
  }
  readonly commands: {
    /** Resolves when the station answered or it is known that it will not. */
    send(stationId: string, command: Command): Promise<CommandRecord>
    list(stationId: string): Promise<CommandRecord[]>
  }
  readonly tariffs: { readonly billing: string | null; readonly all: readonly ApiTariff[] }
  /** Resolves when the database answers. */
  readonly ping: () => Promise<void>
}
