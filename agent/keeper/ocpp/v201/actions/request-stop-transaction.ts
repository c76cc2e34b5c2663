// OCPP 2.0.1 F03 RequestStopTransaction. Only the transaction that runs can be stopped.
import { action, type Ports, statusInfo } from '../action.ts'

export const requestStopTransaction = action(
  'RequestStopTransaction',
  async ({ transactionId }, { box }: Pick<Ports, 'box'>) => {
    if (box.snapshot().session?.uuid !== transactionId) {
      return { status: 'Rejected', statusInfo: { reasonCode: 'UnknownTransaction' } }
    }
    const stopped = await box.stop({ uuid: transactionId, by: 'remote' })
    return stopped.ok ? { status: 'Accepted' } : { status: 'Rejected', statusInfo: statusInfo(stopped.error) }
  },
)
