// OCPP 2.0.1 B06 GetVariables.
import { action, type Ports } from '../action.ts'

export const getVariables = action(
  'GetVariables',
  async (request, { variables }: Pick<Ports, 'variables'>) => ({
    getVariableResult: request.getVariableData.map((asked) => variables.get(asked)),
  }),
)
