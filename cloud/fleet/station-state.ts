// What is known of a station, folded from its facts. Facts may come late (from a box that was offline): an older one
// never replaces a newer one, so the order of arrival does not matter.
import type { ApiLimit, ApiSample } from '../../shared/api/stations.ts'
import type { EpochMs } from '../../shared/units.ts'
import type { ConnectorStatus, SampleFact, StationFact } from './facts.ts'

export interface StationState {
  readonly lastSeenAt: EpochMs | null
  readonly boot: Omit<Extract<StationFact, { kind: 'booted' }>, 'kind'> | null
  readonly connectors: readonly {
    readonly evseId: number
    readonly connectorId: number
    readonly status: ConnectorStatus
    readonly since: EpochMs
  }[]
  readonly live: ApiSample | null
  /** Whose the live reading is; null where there is none, and in records from before it was kept. */
  readonly liveSource?: { readonly evseId: number; readonly meterSerial: string | null } | null
  readonly limit: ApiLimit | null
  /** Newest word on each component and variable that ever had a problem. */
  readonly problems: readonly {
    readonly component: string
    readonly variable: string
    readonly detail: string
    readonly since: EpochMs
    readonly standing: boolean
  }[]
}

export const UNKNOWN_STATION: StationState = {
  lastSeenAt: null,
  boot: null,
  connectors: [],
  live: null,
  limit: null,
  problems: [],
}

/** Problems that have ended are remembered, so that a late alert does not bring one back; so many at most. */
const PROBLEMS_MAX = 100

export function foldStation(state: StationState, fact: StationFact): StationState {
  switch (fact.kind) {
    case 'booted': {
      const { kind: _, ...boot } = fact
      return isNewer(boot.at, state.boot?.at) ? { ...state, boot } : state
    }
    case 'connector':
      return withConnector(state, fact)
    case 'sample':
      return isNewer(fact.sample.at, state.live?.at) ? withLive(state, fact) : state
    case 'limit':
      return isNewer(fact.limit.at, state.limit?.at) ? { ...state, limit: fact.limit } : state
    case 'notification':
      return fact.meaning === 'change' ? state : withProblem(state, fact)
    case 'variable':
      return state
  }
}

const withLive = (state: StationState, { sample, evseId, meterSerial }: SampleFact): StationState => ({
  ...state,
  live: sample,
  liveSource: { evseId, meterSerial },
})

const isNewer = (at: number, than: number | undefined) => than === undefined || at >= than

function withConnector(state: StationState, fact: Extract<StationFact, { kind: 'connector' }>): StationState {
  const { evseId, connectorId, status, at } = fact
  const known = state.connectors.find((row) => row.evseId === evseId && row.connectorId === connectorId)
  if (known && (known.since > at || known.status === status)) return state
  const others = state.connectors.filter((row) => row !== known)
  return {
    ...state,
    connectors: [...others, { evseId, connectorId, status, since: at }].sort(
      (a, b) => a.evseId - b.evseId || a.connectorId - b.connectorId,
    ),
  }
}

function withProblem(
  state: StationState,
  fact: Extract<StationFact, { kind: 'notification' }>,
): StationState {
  const { component, variable, at } = fact
  const known = state.problems.find((row) => row.component === component && row.variable === variable)
  if (known && known.since > at) return state
  const others = state.problems.filter((row) => row !== known)
  const problem = { component, variable, detail: fact.value, since: at, standing: fact.meaning === 'alert' }
  return { ...state, problems: [...others, problem].slice(-PROBLEMS_MAX) }
}
