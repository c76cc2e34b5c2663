// OCPP 2.0.1 F06 TriggerMessage. Messages that only a fact can make (TransactionEvent, MeterValues) are not made up.
import { action, type Ports, type Triggerable } from '../action.ts'

export const triggerMessage = action(
  'TriggerMessage',
  async ({ requestedMessage, evse }, { accepted, trigger }: Pick<Ports, 'accepted' | 'trigger'>) => {
    if (evse && (evse.id !== 1 || (evse.connectorId !== undefined && evse.connectorId !== 1))) {
      return { status: 'Rejected', statusInfo: { reasonCode: 'UnknownEvse' } }
    }
    if (!isTriggerable(requestedMessage)) return { status: 'NotImplemented' }
    // F06.FR.17: a station that is accepted does not boot again.
    if (requestedMessage === 'BootNotification' && accepted()) return { status: 'Rejected' }
    trigger(requestedMessage)
    return { status: 'Accepted' }
  },
)

const TRIGGERABLE: readonly string[] = ['BootNotification', 'Heartbeat', 'StatusNotification']
const isTriggerable = (message: string): message is Triggerable => TRIGGERABLE.includes(message)
