// A box's own words on its limit, as the API shows them.
import type { ApiLimit } from '../../shared/api/stations.ts'
import type { LimitReport } from '../../shared/ocpp/voltkeep-data.ts'
import { epochOfIso } from '../../shared/time/iso.ts'
import type { EpochMs } from '../../shared/units.ts'

export const limitFrom = (report: LimitReport, at: EpochMs): ApiLimit => ({
  at,
  currentMilliamps: report.currentMilliamps,
  reason: { key: report.reason.key, values: { ...report.reason.values } },
  until: report.until === null ? null : epochOfIso(report.until),
})
