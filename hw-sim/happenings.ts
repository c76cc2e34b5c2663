// What an onlooker sees change between two worlds, after a step or after a command. Pure.
import type { SimEvent } from './api.ts'
import type { BoardView } from './devices/board.ts'
import { currents, type World } from './world.ts'

/** An event without its place in the log. */
export interface Happening {
  readonly kind: SimEvent['kind']
  readonly detail: string
}

export function happened(before: World, after: World): readonly Happening[] {
  return [
    ...plugHappenings(before, after),
    ...boardHappenings(before, after),
    ...wiredHappenings(before, after),
    ...loadHappenings(before, after),
  ]
}

/** One entry where the two differ. */
function changed<T>(
  kind: Happening['kind'],
  before: T,
  after: T,
  detail: (now: T) => string,
): readonly Happening[] {
  return before === after ? [] : [{ kind, detail: detail(after) }]
}

/** `yes` or `no`, by what holds now. */
const either = (before: boolean, after: boolean, yes: Happening['kind'], no: Happening['kind']) =>
  changed(after ? yes : no, before, after, () => '')

function plugHappenings(before: World, after: World): readonly Happening[] {
  return [
    ...changed('plugHeld', before.plugsHeld, after.plugsHeld, () => ''),
    ...either(before.cable.inSocket, after.cable.inSocket, 'cableIn', 'cableOut'),
    ...either(before.car.plugged, after.car.plugged, 'plugged', 'unplugged'),
  ]
}

const powerText = ({ powered, state }: BoardView): string => {
  if (!powered) return 'off'
  return state === '--' ? 'booting' : 'on'
}

function boardHappenings(before: World, after: World): readonly Happening[] {
  const [was, is] = [before.board.view, after.board.view]
  const writes = Array.from(
    { length: Math.max(0, is.retentiveWrites - was.retentiveWrites) },
    (_, index): Happening => ({ kind: 'retentiveWrite', detail: `${was.retentiveWrites + index + 1}` }),
  )
  return [
    ...writes,
    ...relayHappenings(before, after),
    ...changed('boardPower', powerText(was), powerText(is), (text) => text),
    ...changed('pilot', was.state, is.state, (text) => text),
    ...changed('boardError', was.errors, is.errors, (errors) => errors.toString(2)),
    ...changed('boardWatchdog', was.watchdog, is.watchdog, (now) => now ?? ''),
    ...changed('offer', was.offeredMilliamps, is.offeredMilliamps, (milliamps) => `${milliamps}`),
  ]
}

const channelsText = (closed: readonly boolean[] | undefined) =>
  (closed ?? []).map((is) => (is ? '1' : '0')).join('')

/** The first module's channels; of others with their name before them. */
function relayHappenings(before: World, after: World): readonly Happening[] {
  if (before.relays === after.relays) return []
  return Object.entries(after.relays).flatMap(([name, { closed }], index) =>
    changed('relay', channelsText(before.relays[name]?.closed), channelsText(closed), (text) =>
      index === 0 ? text : `${name} ${text}`,
    ),
  )
}

function wiredHappenings(before: World, after: World): readonly Happening[] {
  const text = (is: boolean | undefined, yes: string, no: string) => (is === true ? yes : no)
  return [
    ...changed('lockMotor', before.lock?.moves, after.lock?.moves, () => after.lock?.moving?.to ?? ''),
    ...changed('lock', before.lock?.position, after.lock?.position, (position) => position ?? ''),
    ...changed('residualMonitor', before.residual?.tripped, after.residual?.tripped, (is) =>
      text(is, 'tripped', 'sound'),
    ),
    ...changed('gridLimit', before.gridLimited, after.gridLimited, (is) => text(is, 'limited', 'free')),
    ...changed(
      'stopButton',
      before.stopPressedUntilMicros !== null,
      after.stopPressedUntilMicros !== null,
      (is) => text(is, 'pressed', 'released'),
    ),
  ]
}

const flows = (world: World): boolean => currents(world).some((current) => current > 0)

function loadHappenings(before: World, after: World): readonly Happening[] {
  return [
    ...either(before.contactor.closed, after.contactor.closed, 'contactorClosed', 'contactorOpened'),
    ...either(
      before.release?.closed ?? false,
      after.release?.closed ?? false,
      'releaseClosed',
      'releaseOpened',
    ),
    ...either(flows(before), flows(after), 'currentStarted', 'currentStopped'),
  ]
}
