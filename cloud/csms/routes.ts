// The actions that stations may call. Any other is answered with NotImplemented by the link.
import type { Action } from './action.ts'
import { authorize } from './actions/authorize.ts'
import { bootNotification } from './actions/boot-notification.ts'
import { heartbeat } from './actions/heartbeat.ts'
import { meterValues } from './actions/meter-values.ts'
import { notifyEvent } from './actions/notify-event.ts'
import { notifyReport } from './actions/notify-report.ts'
import { statusNotification } from './actions/status-notification.ts'
import { transactionEvent } from './actions/transaction-event.ts'

export const ROUTES: readonly Action[] = [
  authorize,
  bootNotification,
  heartbeat,
  meterValues,
  notifyEvent,
  notifyReport,
  statusNotification,
  transactionEvent,
]
