// OCPP 2.0.1 E14 GetTransactionStatus. The outbox is one queue: while anything waits in it, something of the asked
// transaction may.
import { action, type Ports } from '../action.ts'

export const getTransactionStatus = action(
  'GetTransactionStatus',
  async ({ transactionId }, { box }: Pick<Ports, 'box'>) => {
    const { session, outbox } = box.snapshot()
    const messagesInQueue = outbox.pending > 0
    if (transactionId === undefined) return { messagesInQueue }
    return { messagesInQueue, ongoingIndicator: session?.uuid === transactionId }
  },
)
