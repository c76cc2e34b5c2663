// The schema check's errors, in the words of OCPP 2.0.1: ocpp-rpc uses one version's spelling for all.
import { refuseCall } from './ocpp-link-types.ts'

/** The face of ocpp-rpc's validator. Throws where the payload does not fit. */
export interface MessageValidator {
  validate(schemaId: string, payload: unknown): boolean | Promise<unknown>
}

/** ocpp-rpc's validator with the error codes of 2.0.1, and without the peer's whole message in the error's details. */
export function respelled<V extends MessageValidator>(validator: V): V {
  const check = validator.validate.bind(validator)
  validator.validate = (schemaId, params) => {
    try {
      return check(schemaId, params)
    } catch (error) {
      throw spelledFor201(error, schemaId)
    }
  }
  return validator
}

/** OCPP 2.0.1 part 4, table 7. Keywords are those of the schemas' first failing rule. */
const CODE_OF_KEYWORD: Readonly<Record<string, string>> = {
  type: 'TypeConstraintViolation',
  required: 'OccurrenceConstraintViolation',
  minItems: 'OccurrenceConstraintViolation',
  maxItems: 'OccurrenceConstraintViolation',
}

interface SchemaError {
  readonly keyword: string
  readonly instancePath: string
}

function spelledFor201(error: unknown, schemaId: string): unknown {
  if (!(error instanceof Error) || !('details' in error)) return error
  const details = error.details as { readonly errors?: readonly SchemaError[] }
  const first = details.errors?.[0]
  if (!first) return error
  // A payload that is no object has no structure at all.
  const wholePayload = first.keyword === 'type' && first.instancePath === ''
  const code = wholePayload
    ? 'FormatViolation'
    : (CODE_OF_KEYWORD[first.keyword] ?? 'PropertyConstraintViolation')
  const [, action, part] = /^urn:(\w+)\.(req|conf)$/.exec(schemaId) ?? []
  return refuseCall(
    code,
    `${action} ${part === 'req' ? 'request' : 'response'}: ${error.message}`.slice(0, 255),
  )
}
