// A station's state: icon, word and colour together.
import type { StationView } from '../../shared/api/stations.ts'
import { Icon } from './icons.tsx'
import { stateOf } from './station-words.ts'

export function StatePill({ station, large }: { readonly station: StationView; readonly large?: true }) {
  const { word, tone, icon } = stateOf(station)
  return (
    <span className="pill" data-tone={tone} data-large={large}>
      <Icon name={icon} size={large ? 24 : 16} />
      {word}
    </span>
  )
}
