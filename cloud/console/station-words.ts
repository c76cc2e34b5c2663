// What a station does, in one word with a tone; never a colour alone. Pure: the page's pieces and the tests read it.
import type { StationView } from '../../shared/api/stations.ts'

export type Tone = 'good' | 'busy' | 'waiting' | 'bad' | 'off'
export type StateIcon = 'bolt' | 'plug' | 'pause' | 'free' | 'alarm' | 'offline'

export interface StateWords {
  readonly word: string
  readonly tone: Tone
  readonly icon: StateIcon
  /** One sentence more. */
  readonly detail: string
}

const words = (word: string, tone: Tone, icon: StateIcon, detail: string): StateWords => ({
  word,
  tone,
  icon,
  detail,
})

/** The worst first: what cannot be heard is not known, a fault goes before what the car does. */
export function stateOf(station: StationView): StateWords {
  if (!station.online) {
    return station.lastSeenAt === null
      ? words('Never seen', 'off', 'offline', 'This station has not called yet.')
      : words(
          'Offline',
          'off',
          'offline',
          'Not heard from now; what it does is kept on the box and told when it is back.',
        )
  }
  if (station.faults.length > 0 || station.connectors.some(({ status }) => status === 'Faulted')) {
    return words('Faulted', 'bad', 'alarm', 'A fault holds this station; see its alarms.')
  }
  if (station.running) return runningState(station)
  const status = station.connectors[0]?.status
  switch (status) {
    case 'Occupied':
      return words('Occupied', 'waiting', 'plug', 'A car is plugged in; no transaction runs.')
    case 'Unavailable':
      return words('Out of service', 'off', 'pause', 'The station has been taken out of service.')
    case 'Reserved':
      return words('Reserved', 'waiting', 'pause', 'Kept free for somebody.')
    case 'Available':
      return words('Available', 'good', 'free', 'Free to charge.')
    case 'Faulted':
    case undefined:
      return words('Online', 'good', 'free', 'The station has not told yet what it does.')
  }
}

function runningState({ running }: StationView): StateWords {
  switch (running?.chargingState) {
    case 'Charging':
      return words('Charging', 'busy', 'bolt', 'Energy flows into the car.')
    case 'SuspendedEVSE':
      return words('Waiting', 'waiting', 'pause', 'The station holds the charge back; the reason is below.')
    case 'SuspendedEV':
      return words(
        'Car pauses',
        'waiting',
        'pause',
        'Current is offered; the car takes none. It may be full.',
      )
    case 'EVConnected':
      return words('Connected', 'waiting', 'plug', 'A car is plugged in and charging has not begun.')
    default:
      return words('Occupied', 'waiting', 'plug', 'A transaction runs.')
  }
}

/** Age in words: "just now", "4 min ago", "3 h ago", "2 d ago". */
export function ageInWords(ageMs: number): string {
  if (ageMs < 5000) return 'just now'
  return `${spanInWords(ageMs)} ago`
}

/** A span in words with its largest whole unit, and minutes beside hours. */
export function spanInWords(spanMs: number): string {
  const seconds = Math.floor(spanMs / 1000)
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  if (hours < 24) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`
  return `${Math.floor(hours / 24)} d`
}
