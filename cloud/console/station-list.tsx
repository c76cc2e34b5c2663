// All stations, those that need somebody first.
import type { StationView } from '../../shared/api/stations.ts'
import type { Formats } from './format.ts'
import { Icon } from './icons.tsx'
import { hashOf } from './route.ts'
import { StatePill } from './state-pill.tsx'
import { ageInWords, isFresh, stateOf } from './station-words.ts'

interface Props {
  readonly stations: readonly StationView[]
  readonly selected: string | null
  readonly now: number
  readonly formats: Formats
}

const URGENCY = { bad: 0, busy: 1, waiting: 2, good: 3, off: 4 } as const

export function StationList({ stations, selected, now, formats }: Props) {
  const sorted = stations.toSorted(
    (a, b) => URGENCY[stateOf(a).tone] - URGENCY[stateOf(b).tone] || a.id.localeCompare(b.id),
  )
  return (
    <ul className="stations">
      {sorted.map((station) => (
        <li key={station.id}>
          <a
            href={hashOf({ kind: 'station', stationId: station.id, transactionId: null })}
            className="station"
            data-tone={stateOf(station).tone}
            aria-current={station.id === selected ? 'page' : undefined}
          >
            <span className="station-name">{station.id}</span>
            <StatePill station={station} />
            <span className="station-facts">
              {isFresh(station, now) && station.live?.powerWatts != null && (
                <span className="figure">{formats.power(station.live.powerWatts)}</span>
              )}
              <span>
                {station.lastSeenAt === null ? 'never seen' : `seen ${ageInWords(now - station.lastSeenAt)}`}
              </span>
              {station.faults.length > 0 && (
                <span className="alarm-count">
                  <Icon name="alarm" size={14} />
                  {station.faults.length === 1 ? '1 alarm' : `${station.faults.length} alarms`}
                </span>
              )}
            </span>
          </a>
        </li>
      ))}
    </ul>
  )
}

/** What to do when there is no station yet. */
export function NoStation({ origin }: { readonly origin: string }) {
  const socket = `${origin.replace(/^http/, 'ws')}/ocpp`
  return (
    <div className="empty">
      <h2>No station yet</h2>
      <p>
        A station must be known here before it may call. Make one known; the answer shows its key this once:
      </p>
      <pre>
        <code>{`curl -X POST ${origin}/api/stations \\
  -H 'content-type: application/json' \\
  -d '{"id":"BOX-1"}'`}</code>
      </pre>
      <p>Then tell the box where to call, in its agent.yaml, and start it:</p>
      <pre>
        <code>{`csms:
  url: ${socket}
  password: the key`}</code>
      </pre>
    </div>
  )
}
