// OCPP 2.0.1 N07: what the station notices by itself. Faults wait in the outbox and are told once each; the binding
// limit is told as it is now.
import { faultRow } from '../../../../../shared/faults.ts'
import type { ComponentType, NotifyEventRequest } from '../../../../../shared/ocpp/generated/actions-201.ts'
import {
  LIMIT_COMPONENT,
  LIMIT_VARIABLE,
  type LimitReport,
} from '../../../../../shared/ocpp/voltkeep-data.ts'
import { isoOf } from '../../../../../shared/time/iso.ts'
import type { EpochMs } from '../../../../../shared/units.ts'
import type { LimitView, OutboxFact } from '../../../ports.ts'

type FaultFact = Extract<OutboxFact, { kind: 'fault' }>

const LENGTH_OF_INFO = 500

export function faultEvent(fact: FaultFact): NotifyEventRequest {
  const at = isoOf(fact.at)
  const { component, variable } = faultRow(fact.code).ocpp201
  return {
    generatedAt: at,
    seqNo: 0,
    eventData: [
      {
        eventId: fact.eventId,
        timestamp: at,
        trigger: 'Alerting',
        actualValue: String(fact.raised),
        cleared: !fact.raised,
        techCode: fact.code,
        techInfo: fact.detail.slice(0, LENGTH_OF_INFO),
        eventNotificationType: 'HardWiredNotification',
        component: faultComponent(component),
        variable: { name: variable },
      },
    ],
  }
}

/** Parts of the station itself have no EVSE; all others belong to the one that there is. */
function faultComponent(name: string): ComponentType {
  return name === 'Controller' || name === 'Installation' ? { name } : { name, evse: { id: 1 } }
}

export const limitReport = (limit: LimitView): LimitReport => ({
  currentMilliamps: limit.currentMilliamps,
  reason: limit.reason,
  until: limit.until === null ? null : isoOf(limit.until),
})

export function limitEvent(event: {
  readonly limit: LimitView
  readonly at: EpochMs
  readonly eventId: number
}): NotifyEventRequest {
  const at = isoOf(event.at)
  return {
    generatedAt: at,
    seqNo: 0,
    eventData: [
      {
        eventId: event.eventId,
        timestamp: at,
        trigger: 'Delta',
        actualValue: JSON.stringify(limitReport(event.limit)),
        eventNotificationType: 'HardWiredNotification',
        component: { name: LIMIT_COMPONENT },
        variable: { name: LIMIT_VARIABLE },
      },
    ],
  }
}
