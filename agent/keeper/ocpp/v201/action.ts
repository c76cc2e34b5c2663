// The shape of an incoming action: its name and what answers it. A handler names the ports that it uses, no more.
import type { ActionName, RequestOf, ResponseOf } from '../../../../shared/io/ocpp-link-types.ts'
import type { StatusInfoType } from '../../../../shared/ocpp/generated/actions-201.ts'
import type { Box, Refusal } from '../../ports.ts'
import type { VariableStore } from './variables.ts'

/** Messages of our own that a server may ask for. */
export type Triggerable = 'BootNotification' | 'Heartbeat' | 'StatusNotification'

export interface Ports {
  readonly box: Box
  readonly variables: VariableStore
  /** The server has accepted our boot; before that it may look and set, but not start (B02.FR.05). */
  readonly accepted: () => boolean
  /** Sends one of our messages once more, after the answer. */
  readonly trigger: (message: Triggerable) => void
  /** Sends the device model, after the answer. */
  readonly report: (requestId: number) => void
  /** Restarts the agent after the answer, at once or when no transaction runs; null where nobody can restart it. */
  readonly reset: ((when: 'now' | 'whenIdle') => void) | null
}

export interface Route {
  readonly name: ActionName
  readonly run: (request: never, ports: Ports) => Promise<object>
}

/** One incoming action. `run` gets the ports that its own parameter type names. */
export function action<A extends ActionName>(
  name: A,
  run: (request: RequestOf<A>, ports: Ports) => Promise<ResponseOf<A>>,
): Route & { readonly run: typeof run } {
  return { name, run }
}

const REASON_LENGTH = 20
const INFO_LENGTH = 512

/** Why something was not done, for the people at the server. */
export const statusInfo = (refusal: Refusal): StatusInfoType => ({
  reasonCode: refusal.code.slice(0, REASON_LENGTH),
  additionalInfo: `${refusal.message} ${refusal.do}`.trim().slice(0, INFO_LENGTH),
})
