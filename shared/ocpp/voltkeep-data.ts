// What OCPP 2.0.1 cannot say and our box says anyway, in the places that the standard leaves open, so that a server
// that does not know it loses nothing:
//   - `customData` of TransactionEvent and MeterValues requests: VoltkeepData (part 2, CustomDataType: vendorId and
//     anything beside it);
//   - NotifyEvent of component LIMIT_COMPONENT, variable LIMIT_VARIABLE, trigger Delta, type HardWiredNotification:
//     `actualValue` is the JSON of a LimitReport (at most 2,500 characters). Sent when the binding limit changes while
//     no transaction event carries it.
// No zod here: the box reads this file too.
import type { Message } from '../message.ts'
import { epochOfIso } from '../time/iso.ts'

export const VENDOR_ID = 'voltkeep'
export const LIMIT_COMPONENT = 'LimitControl'
export const LIMIT_VARIABLE = 'BindingLimit'

/** The binding limit in words for people. */
export interface LimitReport {
  /** Per phase; 0 is pause. */
  readonly currentMilliamps: number
  readonly reason: { readonly key: Message['key'] | (string & {}); readonly values: Message['values'] }
  /** RFC 3339; null where the limit does not change by itself. */
  readonly until: string | null
}

export interface VoltkeepData {
  readonly vendorId: typeof VENDOR_ID
  readonly limit?: LimitReport
  /** Serial number of the meter whose registers the message carries: the register's epoch. */
  readonly meterSerial?: string
  /** The message was dated afterwards: its time is an upper estimate. Left out when exact. */
  readonly timeEstimated?: true
}

/** Our data in a peer's `customData`; null where it is absent or another vendor's. Malformed parts are left out. */
export function voltkeepData(customData: unknown): VoltkeepData | null {
  if (!isRecord(customData) || customData['vendorId'] !== VENDOR_ID) return null
  const limit = limitReport(customData['limit'])
  const serial = customData['meterSerial']
  return {
    vendorId: VENDOR_ID,
    ...(limit === null ? {} : { limit }),
    ...(typeof serial === 'string' && serial.length > 0 && serial.length <= 64
      ? { meterSerial: serial }
      : {}),
    ...(customData['timeEstimated'] === true ? { timeEstimated: true } : {}),
  }
}

/** A limit report from a peer, checked; null where it is none. */
function limitReport(value: unknown): LimitReport | null {
  if (!isRecord(value)) return null
  const { currentMilliamps, reason, until } = value
  if (
    typeof currentMilliamps !== 'number' ||
    !Number.isSafeInteger(currentMilliamps) ||
    currentMilliamps < 0
  ) {
    return null
  }
  if (!isRecord(reason) || typeof reason['key'] !== 'string' || reason['key'].length > 80) return null
  if (until !== null && (typeof until !== 'string' || epochOfIso(until) === null)) return null
  return { currentMilliamps, reason: { key: reason['key'], values: plainValues(reason['values']) }, until }
}

/** The report in a NotifyEvent's `actualValue`; null where it is none. */
export function limitReportFromJson(text: string): LimitReport | null {
  try {
    return limitReport(JSON.parse(text))
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

function plainValues(values: unknown): Message['values'] {
  if (!isRecord(values)) return {}
  const plain: Record<string, string | number> = {}
  for (const [name, value] of Object.entries(values)) {
    if (typeof value === 'number' && Number.isFinite(value)) plain[name] = value
    if (typeof value === 'string' && value.length <= 200) plain[name] = value
  }
  return plain
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
