// OCPP 2.0.1 B07 Get Base Report: the newest word on each attribute of each variable is kept.
import { action } from '../action.ts'
import { timeOf } from '../times.ts'

export const notifyReport = action('NotifyReport', async (request, { tell }) => {
  const at = timeOf(request.generatedAt, 'generatedAt')
  await tell(
    (request.reportData ?? []).flatMap(({ component, variable, variableAttribute }) =>
      variableAttribute.map((attribute) => ({
        kind: 'variable' as const,
        at,
        component: [component.name, component.instance ?? '', component.evse?.id ?? ''].join('/'),
        variable: [variable.name, variable.instance ?? ''].join('/'),
        attribute: attribute.type ?? 'Actual',
        value: attribute.value ?? null,
      })),
    ),
  )
  return {}
})
