// OCPP 2.0.1 B07 GetBaseReport. A summary (what is wrong now) is told by NotifyEvent, not by a report.
import { action, type Ports } from '../action.ts'

export const getBaseReport = action(
  'GetBaseReport',
  async ({ requestId, reportBase }, { report }: Pick<Ports, 'report'>) => {
    if (reportBase === 'SummaryInventory') return { status: 'NotSupported' }
    report(requestId)
    return { status: 'Accepted' }
  },
)
