// OCPP 2.0.1 G01: the state of the one connector.

import { faultRow } from '../../../../../shared/faults.ts'
import type {
  ConnectorStatusEnumType,
  StatusNotificationRequest,
} from '../../../../../shared/ocpp/generated/actions-201.ts'
import { isoOf } from '../../../../../shared/time/iso.ts'
import type { EpochMs } from '../../../../../shared/units.ts'
import type { BoxSnapshot } from '../../../ports.ts'

/** Faults that withdraw current make it Faulted; a box that does not hear its control cannot charge. */
export function connectorStatus(snapshot: Pick<BoxSnapshot, 'control' | 'faults'>): ConnectorStatusEnumType {
  const { control, faults } = snapshot
  if (control?.chargingState === 'faulted' || faults.some((code) => faultRow(code).withdraws))
    return 'Faulted'
  if (control === null) return 'Unavailable'
  return control.chargingState === 'idle' ? 'Available' : 'Occupied'
}

export const statusNotification = (
  connectorStatus: ConnectorStatusEnumType,
  at: EpochMs,
): StatusNotificationRequest => ({ timestamp: isoOf(at), connectorStatus, evseId: 1, connectorId: 1 })
