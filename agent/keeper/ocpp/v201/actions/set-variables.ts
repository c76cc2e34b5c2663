// OCPP 2.0.1 B05 SetVariables. One after the other, each answered after its commit.
import type { SetVariableResultType } from '../../../../../shared/ocpp/generated/actions-201.ts'
import { action, type Ports } from '../action.ts'

export const setVariables = action(
  'SetVariables',
  async (request, { variables }: Pick<Ports, 'variables'>) => {
    const setVariableResult: SetVariableResultType[] = []
    for (const order of request.setVariableData) setVariableResult.push(await variables.set(order))
    return { setVariableResult }
  },
)
