// OCPP 2.0.1 F01, F02 RequestStartTransaction. A charging profile that comes with it is ignored: smart charging is not
// among our features (F01.FR.26).
import { action, type Ports, statusInfo } from '../action.ts'

export const requestStartTransaction = action(
  'RequestStartTransaction',
  async (request, { box, accepted }: Pick<Ports, 'box' | 'accepted'>) => {
    if (!accepted()) return { status: 'Rejected', statusInfo: { reasonCode: 'NotAccepted' } }
    if (request.evseId !== undefined && request.evseId !== 1) {
      return { status: 'Rejected', statusInfo: { reasonCode: 'UnknownEvse' } }
    }
    const started = await box.remoteStart({
      idToken: request.idToken.idToken,
      remoteStartId: request.remoteStartId,
    })
    if (!started.ok) return { status: 'Rejected', statusInfo: statusInfo(started.error) }
    const { uuid } = started.value
    return { status: 'Accepted', ...(uuid === null ? {} : { transactionId: uuid }) }
  },
)
