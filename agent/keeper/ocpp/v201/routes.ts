// The actions that a server may ask of the box. docs/ocpp/coverage.md is this list for people; a test compares them.
import type { ActionName } from '../../../../shared/io/ocpp-link-types.ts'
import type { Route } from './action.ts'
import { dataTransfer } from './actions/data-transfer.ts'
import { getBaseReport } from './actions/get-base-report.ts'
import { getTransactionStatus } from './actions/get-transaction-status.ts'
import { getVariables } from './actions/get-variables.ts'
import { requestStartTransaction } from './actions/request-start-transaction.ts'
import { requestStopTransaction } from './actions/request-stop-transaction.ts'
import { reset } from './actions/reset.ts'
import { setVariables } from './actions/set-variables.ts'
import { triggerMessage } from './actions/trigger-message.ts'

export const ROUTES: readonly Route[] = [
  dataTransfer,
  getBaseReport,
  getTransactionStatus,
  getVariables,
  requestStartTransaction,
  requestStopTransaction,
  reset,
  setVariables,
  triggerMessage,
]

/** The actions that the box asks of a server. */
export const SENT: readonly ActionName[] = [
  'BootNotification',
  'Heartbeat',
  'MeterValues',
  'NotifyEvent',
  'NotifyReport',
  'StatusNotification',
  'TransactionEvent',
]
