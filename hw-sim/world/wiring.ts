// What hangs on relay and input modules beside the board: which circuit a relay channel closes, and which contact an input
// channel sees. Pure.
import type { SimFault } from '../api.ts'
import { INPUT_CHANNELS } from '../devices/waveshare-inputs.ts'
import type { RelayState } from '../devices/waveshare-relay.ts'
import type { Contactor, ContactorFacts } from './contactor.ts'
import type { LockFacts, LockOrder, PlugLock } from './plug-lock.ts'
import type { ResidualMonitor } from './residual.ts'

/** A circuit closed by any of these channels of a relay module (from 0), or always. */
export type Wire =
  | { readonly kind: 'relay'; readonly relay: string; readonly channels: readonly number[] }
  | { readonly kind: 'bridged' }

/** What a contact tells when it is active: locked, open (mirror of the release contactor), tripped, limited, pressed. */
export type ContactName = 'lock' | 'mirror' | 'residual' | 'gridLimit' | 'stopButton'

export interface Contact {
  readonly name: ContactName
  /** The input module and its channel, from 0. */
  readonly inputs: string
  readonly channel: number
  readonly closedWhenActive: boolean
}

export interface WiringFacts {
  readonly lock:
    | (LockFacts & {
        readonly drive: 'board' | { readonly lock: Wire; readonly unlock: Wire }
        /** The board sees the feedback contact. */
        readonly boardSees: boolean
      })
    | null
  readonly release: { readonly coil: Wire; readonly contactor: ContactorFacts } | null
  readonly residual: { readonly test: Wire | null } | null
  readonly contacts: readonly Contact[]
}

/** The parts of a world that hang on modules. */
export interface Wired {
  readonly supplied: boolean
  readonly relays: Readonly<Record<string, RelayState>>
  readonly lock: PlugLock | null
  /** A contactor of the agent's in series with the board's. */
  readonly release: Contactor | null
  readonly residual: ResidualMonitor | null
  /** The grid operator's relay. */
  readonly gridLimited: boolean
  /** Until when somebody holds the stop button; null: nobody. */
  readonly stopPressedUntilMicros: number | null
  readonly faults: readonly SimFault[]
}

/** Whether the wire's circuit is closed. */
export const holds = (world: Switched, wire: Wire): boolean =>
  wire.kind === 'bridged' || wire.channels.some((channel) => isClosed(world, wire.relay, channel))

type Switched = Pick<Wired, 'relays' | 'faults'>

/** The contact itself; a stuck one is not what its module tells. */
function isClosed({ relays, faults }: Switched, relay: string, channel: number): boolean {
  const stuck = faults.find(
    (it) => it.kind === 'relayStuck' && it.relay === relay && it.channel === channel + 1,
  )
  return stuck?.kind === 'relayStuck' ? stuck.closed : relays[relay]?.closed[channel] === true
}

/** Which way the lock's motor is driven: with both relays closed its two ends are at one potential, and it stands. */
export function lockOrder(world: Switched, { lock }: WiringFacts, boardWants: LockOrder): LockOrder {
  if (!lock) return null
  if (lock.drive === 'board') return boardWants
  const [locks, unlocks] = [holds(world, lock.drive.lock), holds(world, lock.drive.unlock)]
  if (locks === unlocks) return null
  return locks ? 'locked' : 'unlocked'
}

/** Contacts of one input module, channel 1 first; true: closed. */
export function inputsOf(world: Wired, facts: WiringFacts, module: string): readonly boolean[] {
  return Array.from({ length: INPUT_CHANNELS }, (_, channel) => {
    const stuck = world.faults.find(
      (fault) => fault.kind === 'inputStuck' && fault.inputs === module && fault.channel === channel + 1,
    )
    if (stuck?.kind === 'inputStuck') return stuck.closed
    const contact = facts.contacts.find((it) => it.inputs === module && it.channel === channel)
    return contact !== undefined && isActive(world, contact.name) === contact.closedWhenActive
  })
}

function isActive(world: Wired, name: ContactName): boolean {
  switch (name) {
    case 'lock':
      return world.lock?.feedback === 'locked'
    case 'mirror':
      return world.release?.closed === false
    case 'residual':
      return world.residual?.tripped === true
    case 'gridLimit':
      return world.gridLimited
    case 'stopButton':
      return world.stopPressedUntilMicros !== null
  }
}
