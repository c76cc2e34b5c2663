// OCPP 2.0.1 B07: the device model in parts, as answer to GetBaseReport.
import type { NotifyReportRequest, ReportDataType } from '../../../../../shared/ocpp/generated/actions-201.ts'
import { isoOf } from '../../../../../shared/time/iso.ts'
import type { EpochMs } from '../../../../../shared/units.ts'

/** At most so many variables in one NotifyReport. */
export const ITEMS_PER_REPORT = 20

/** The parts in their order; the last one says that nothing follows. */
export function notifyReports(report: {
  readonly requestId: number
  readonly at: EpochMs
  readonly variables: readonly ReportDataType[]
}): readonly NotifyReportRequest[] {
  const parts = Math.ceil(report.variables.length / ITEMS_PER_REPORT)
  return Array.from({ length: parts }, (_, seqNo) => ({
    requestId: report.requestId,
    generatedAt: isoOf(report.at),
    seqNo,
    ...(seqNo < parts - 1 ? { tbc: true } : {}),
    reportData: report.variables.slice(seqNo * ITEMS_PER_REPORT, (seqNo + 1) * ITEMS_PER_REPORT),
  }))
}
