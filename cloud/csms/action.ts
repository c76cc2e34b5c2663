// The form of one OCPP action: a name and a handler that gets only what it uses. `routes.ts` is the list of them.
import type { ActionName, Handler, RequestOf, ResponseOf } from '../../shared/io/ocpp-link-types.ts'
import type { EpochMs } from '../../shared/units.ts'
import type { StationFact, TransactionFact } from '../fleet/facts.ts'
import type { Stored } from '../store/ingest.ts'

/** What handlers may use; each names its own few. */
export interface ActionPorts {
  readonly stationId: string
  readonly now: () => EpochMs
  /** Resolves after the commit; throws where it is not stored, which the station hears as InternalError. */
  readonly tell: (facts: readonly StationFact[]) => Promise<void>
  /** The same for an event of a transaction, with the message's bytes and the answer that it gets when it is new. */
  readonly tellEvent: (
    event: { readonly fact: TransactionFact; readonly payload: string; readonly answer: string },
    beside: readonly StationFact[],
  ) => Promise<Stored>
  readonly log: { warn(fields: object, message: string): void }
}

export interface Action {
  readonly name: ActionName
  /** The handler for one station's socket. */
  readonly bind: (
    ports: ActionPorts,
    handle: <A extends ActionName>(name: A, handler: Handler<A>) => void,
  ) => void
}

export function action<A extends ActionName, P extends keyof ActionPorts>(
  name: A,
  handler: (request: RequestOf<A>, ports: Pick<ActionPorts, P>) => Promise<ResponseOf<A>>,
): Action {
  return { name, bind: (ports, handle) => handle(name, (request) => handler(request, ports)) }
}
