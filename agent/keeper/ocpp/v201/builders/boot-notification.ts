// OCPP 2.0.1 B01: who we are, told once after each start of keeper.
import type {
  BootNotificationRequest,
  BootReasonEnumType,
} from '../../../../../shared/ocpp/generated/actions-201.ts'
import type { KeeperConfig } from '../../../config.ts'

export function bootNotification(
  station: KeeperConfig['station'],
  reason: BootReasonEnumType,
): BootNotificationRequest {
  return {
    reason,
    chargingStation: {
      model: station.model.slice(0, 20),
      vendorName: station.vendor.slice(0, 50),
      serialNumber: station.serial.slice(0, 25),
      firmwareVersion: station.firmwareVersion.slice(0, 50),
    },
  }
}
