// OCPP 2.0.1 N07 Alert Event. Two things are understood beyond the log: alerts that begin and end, and our own box's
// limit with its reason.
import type { RequestOf } from '../../../shared/io/ocpp-link-types.ts'
import { LIMIT_COMPONENT, LIMIT_VARIABLE, limitReportFromJson } from '../../../shared/ocpp/voltkeep-data.ts'
import type { EpochMs } from '../../../shared/units.ts'
import type { StationFact } from '../../fleet/facts.ts'
import { action } from '../action.ts'
import { limitFrom } from '../limit.ts'
import { plausibleOr, timeOf } from '../times.ts'

type EventData = RequestOf<'NotifyEvent'>['eventData'][number]

export const notifyEvent = action('NotifyEvent', async (request, { now, tell }) => {
  await tell(request.eventData.flatMap((event) => factsOf(event, now())))
  return {}
})

function factsOf(event: EventData, now: EpochMs): StationFact[] {
  const at = plausibleOr(timeOf(event.timestamp, 'eventData.timestamp'), now)
  const component = nameOf(event.component.name, event.component.instance)
  const variable = nameOf(event.variable.name, event.variable.instance)
  const facts: StationFact[] = [
    {
      kind: 'notification',
      at,
      eventId: event.eventId,
      component,
      variable,
      // An empty text says nothing.
      value: event.techInfo || event.techCode || event.actualValue,
      meaning: event.cleared ? 'cleared' : event.trigger === 'Alerting' ? 'alert' : 'change',
    },
  ]
  if (component === LIMIT_COMPONENT && variable === LIMIT_VARIABLE) {
    const report = limitReportFromJson(event.actualValue)
    if (report) facts.push({ kind: 'limit', limit: limitFrom(report, at) })
  }
  return facts
}

const nameOf = (name: string, instance: string | undefined) => (instance ? `${name}/${instance}` : name)
