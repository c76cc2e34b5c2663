// From a command of the API to an OCPP call, and from its outcome to words.
import type { Command, CommandRecord } from '../../shared/api/commands.ts'
import type {
  ActionName,
  CallFailure,
  CallOutcome,
  RequestOf,
  StationSocket,
} from '../../shared/io/ocpp-link-types.ts'

/** A call that is ready to be made. */
export interface PreparedCommand {
  /** With the command's number as the number of a remote start, which the station tells back in its events. */
  readonly request: (commandId: number) => unknown
  readonly send: (commandId: number, socket: StationSocket) => Promise<CallOutcome<ActionName>>
}

export function prepareCommand(command: Command): PreparedCommand {
  switch (command.action) {
    case 'RequestStartTransaction':
      return prepared('RequestStartTransaction', (remoteStartId) => ({
        idToken: { idToken: command.idToken, type: 'Central' },
        remoteStartId,
        ...(command.evseId === undefined ? {} : { evseId: command.evseId }),
      }))
    case 'RequestStopTransaction':
      return prepared('RequestStopTransaction', () => ({ transactionId: command.transactionId }))
    case 'GetVariables':
      return prepared('GetVariables', () => ({ getVariableData: command.variables.map(componentVariable) }))
    case 'SetVariables':
      return prepared('SetVariables', () => ({
        setVariableData: command.variables.map((one) => ({
          ...componentVariable(one),
          attributeValue: one.value,
        })),
      }))
    case 'TriggerMessage':
      return prepared('TriggerMessage', () => ({
        requestedMessage: command.requestedMessage,
        ...(command.evseId === undefined ? {} : { evse: { id: command.evseId } }),
      }))
    case 'Reset':
      return prepared('Reset', () => ({ type: command.type }))
  }
}

function prepared<A extends ActionName>(
  action: A,
  request: (commandId: number) => RequestOf<A>,
): PreparedCommand {
  return { request, send: (commandId, socket) => socket.call(action, request(commandId)) }
}

const componentVariable = (one: { component: string; instance?: string | undefined; variable: string }) => ({
  component: { name: one.component, ...(one.instance === undefined ? {} : { instance: one.instance }) },
  variable: { name: one.variable },
})

export function outcomeOf(outcome: CallOutcome<ActionName>): CommandRecord['outcome'] {
  if (!outcome.ok) return { kind: 'failed', why: outcome.error.kind, detail: detailOf(outcome.error) }
  const response: unknown = outcome.value
  const status =
    typeof response === 'object' && response !== null && 'status' in response ? String(response.status) : null
  return { kind: 'answered', status, response }
}

function detailOf(failure: CallFailure): string {
  switch (failure.kind) {
    case 'notOpen':
      return 'The station is not connected; nothing was sent.'
    case 'timedOut':
      return 'The station did not answer in time; it may have done it.'
    case 'closed':
      return 'The connection closed before the answer; the station may have done it.'
    case 'callError':
      return `${failure.code}: ${failure.description}`
  }
}
