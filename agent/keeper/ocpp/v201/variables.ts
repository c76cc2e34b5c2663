// The device model: what a server may read and set (OCPP 2.0.1 B05-B07). The rows are in variable-table.ts; here they
// are found, read and set by the rules of the standard.
import type {
  ComponentType,
  DataEnumType,
  GetVariableDataType,
  GetVariableResultType,
  ReportDataType,
  SetVariableDataType,
  SetVariableResultType,
  VariableType,
} from '../../../../shared/ocpp/generated/actions-201.ts'
import { err, type Result } from '../../../../shared/result.ts'
import type { Refusal } from '../../ports.ts'
import { statusInfo } from './action.ts'

/** One variable. It has its Actual attribute only. */
export interface VariableRow {
  readonly component: ComponentType
  readonly variable: VariableType
  readonly dataType: DataEnumType
  readonly unit?: string
  readonly minLimit?: number
  readonly maxLimit?: number
  readonly valuesList?: string
  /** At most 2,500 characters. */
  readonly read: () => string
  /** Absent: read only. A row without limits checks the text itself. Resolves after the commit, where there is one. */
  readonly write?: (value: string) => Promise<Result<null, Refusal>>
  /** A written value outlives a restart. */
  readonly persistent?: boolean
}

export interface VariableStore {
  get(asked: GetVariableDataType): GetVariableResultType
  set(order: SetVariableDataType): Promise<SetVariableResultType>
  report(): readonly ReportDataType[]
}

export function variableStore(rows: readonly VariableRow[]): VariableStore {
  function find(component: ComponentType, variable: VariableType) {
    const ofComponent = rows.filter((row) => isComponent(row.component, component))
    if (ofComponent.length === 0) return 'UnknownComponent'
    return ofComponent.find((row) => isVariable(row.variable, variable)) ?? 'UnknownVariable'
  }

  return {
    get: ({ component, variable, attributeType }) => {
      const asked = { component, variable, ...(attributeType ? { attributeType } : {}) }
      const row = find(component, variable)
      if (typeof row === 'string') return { ...asked, attributeStatus: row }
      if ((attributeType ?? 'Actual') !== 'Actual') {
        return { ...asked, attributeStatus: 'NotSupportedAttributeType' }
      }
      return { ...asked, attributeStatus: 'Accepted', attributeValue: row.read() }
    },
    set: async ({ component, variable, attributeType, attributeValue }) => {
      const asked = { component, variable, ...(attributeType ? { attributeType } : {}) }
      const row = find(component, variable)
      if (typeof row === 'string') return { ...asked, attributeStatus: row }
      if ((attributeType ?? 'Actual') !== 'Actual') {
        return { ...asked, attributeStatus: 'NotSupportedAttributeType' }
      }
      const written = await write(row, attributeValue)
      if (written.ok) return { ...asked, attributeStatus: 'Accepted' }
      return { ...asked, attributeStatus: 'Rejected', attributeStatusInfo: statusInfo(written.error) }
    },
    report: () => rows.map(reported),
  }
}

async function write(row: VariableRow, value: string): Promise<Result<null, Refusal>> {
  const name = `${row.component.name}.${row.variable.name}`
  if (!row.write) return err({ code: 'ReadOnly', message: `${name} can only be read.`, do: '' })
  const { minLimit, maxLimit } = row
  if (row.dataType === 'integer') {
    const number = /^-?\d{1,9}$/.test(value) ? Number(value) : null
    const fits = number !== null && number >= (minLimit ?? number) && number <= (maxLimit ?? number)
    if (!fits) {
      return err({
        code: 'PropertyConstraint',
        message: `${name} must be a whole number from ${minLimit} to ${maxLimit}, got ${value.slice(0, 40)}.`,
        do: '',
      })
    }
  }
  return row.write(value)
}

function reported(row: VariableRow): ReportDataType {
  const limits = {
    ...(row.unit === undefined ? {} : { unit: row.unit }),
    ...(row.minLimit === undefined ? {} : { minLimit: row.minLimit }),
    ...(row.maxLimit === undefined ? {} : { maxLimit: row.maxLimit }),
    ...(row.valuesList === undefined ? {} : { valuesList: row.valuesList }),
  }
  return {
    component: row.component,
    variable: row.variable,
    variableAttribute: [
      {
        value: row.read(),
        mutability: row.write ? 'ReadWrite' : 'ReadOnly',
        ...(row.persistent ? { persistent: true } : {}),
      },
    ],
    variableCharacteristics: { dataType: row.dataType, ...limits, supportsMonitoring: false },
  }
}

/** Names are compared without regard to case (part 2, appendix 3). */
const same = (one: string | undefined, other: string | undefined): boolean =>
  one?.toLowerCase() === other?.toLowerCase()

const isComponent = (row: ComponentType, asked: ComponentType): boolean =>
  same(row.name, asked.name) &&
  same(row.instance, asked.instance) &&
  row.evse?.id === asked.evse?.id &&
  row.evse?.connectorId === asked.evse?.connectorId

const isVariable = (row: VariableType, asked: VariableType): boolean =>
  same(row.name, asked.name) && same(row.instance, asked.instance)
