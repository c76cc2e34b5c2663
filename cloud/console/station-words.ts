// What a station does, in one word with a tone; never a colour alone. Pure: the page's pieces and the tests read it.
// What a message calls things gets a sentence here; a word that is not known is shown as it is.
import type { ApiSample, StationView } from '../../shared/api/stations.ts'
import { FAULTS } from '../../shared/faults.ts'

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
  const status = station.connectors[0]?.status
  if (station.running && status === 'Unavailable') {
    return words(
      'Not known',
      'off',
      'pause',
      'The station says that it is out of service; what the car does now is not known.',
    )
  }
  if (station.running) return runningState(station)
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
      return words('Charging', 'busy', 'bolt', 'The station told that the car charges.')
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

/** A station tells more often while current flows; an older reading may be of another time. */
export const FRESH_MS = 30_000

export const isFresh = (station: Pick<StationView, 'online' | 'live'>, now: number): boolean =>
  station.online && station.live !== null && now - station.live.at <= FRESH_MS

/** The sentence of the state. That energy flows is said only of a fresh reading that says so. */
export function nowInWords(station: StationView, now: number): string {
  const state = stateOf(station)
  if (state.tone !== 'busy') return state.detail
  if (!isFresh(station, now)) return `${state.detail} What flows now is not known.`
  return flows(station.live) && station.limit?.currentMilliamps !== 0
    ? 'Energy flows into the car.'
    : `${state.detail} The meter reads no power now.`
}

const flows = (live: ApiSample | null): boolean => (live?.powerWatts ?? 0) > 0

/** An alarm's sentence where it is one of our own faults, else the station's names for it. */
export function faultInWords({ component, variable }: { component: string; variable: string }): string {
  const row = FAULTS.find(({ ocpp201 }) => ocpp201.component === component && ocpp201.variable === variable)
  return row?.means ?? `The station reports a problem: ${component}, ${variable}.`
}

const BOOT_WORDS: Readonly<Record<string, string>> = {
  ApplicationReset: 'its program started anew',
  FirmwareUpdate: 'after a firmware update',
  LocalReset: 'restarted at the box',
  PowerUp: 'it was switched on',
  RemoteReset: 'restarted from here',
  ScheduledReset: 'restarted as planned',
  Triggered: 'it was asked to report',
  Unknown: 'it does not know why',
  Watchdog: 'its watchdog restarted it',
}
/** OCPP 2.0.1 BootReasonEnumType. */
export const bootInWords = (reason: string): string => BOOT_WORDS[reason] ?? reason

const STOP_WORDS: Readonly<Record<string, string>> = {
  DeAuthorized: 'The token is not valid any more.',
  EmergencyStop: 'Somebody pressed the emergency stop.',
  EnergyLimitReached: 'The agreed energy was reached.',
  EVDisconnected: 'The car was unplugged.',
  GroundFault: 'The residual current device tripped.',
  ImmediateReset: 'The station was restarted at once.',
  Local: 'It was stopped at the box.',
  LocalOutOfCredit: 'The credit was used up.',
  MasterPass: 'It was stopped with a master token.',
  Other: 'Another reason, which the station does not name.',
  OvercurrentFault: 'The car took more current than allowed.',
  PowerLoss: 'The power was lost.',
  PowerQuality: 'The quality of the power was too low.',
  Reboot: 'The station was restarted.',
  Remote: 'It was stopped by the operator.',
  SOCLimitReached: 'The battery reached the wanted charge.',
  StoppedByEV: 'The car stopped it.',
  TimeLimitReached: 'The agreed time was over.',
  Timeout: 'The car did not begin in time.',
}
/** OCPP 2.0.1 ReasonEnumType. */
export const stopInWords = (reason: string): string => STOP_WORDS[reason] ?? reason

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
