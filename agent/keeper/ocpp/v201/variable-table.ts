// The variables that this box honours, one row each. Standard names are those of OCPP 2.0.1 part 2, appendix 3; a
// standard variable that nothing would follow is not in the table.
import { LIMIT_COMPONENT, LIMIT_VARIABLE } from '../../../../shared/ocpp/voltkeep-data.ts'
import {
  INSTALLATION_COMPONENT,
  type INSTALLATION_VARIABLES,
  OVERRIDE_COMPONENT,
  OVERRIDE_VARIABLE,
  SCHEDULE_COMPONENT,
  SCHEDULE_VARIABLE,
  SCHEDULE_VERSION_VARIABLE,
} from '../../../../shared/ocpp/voltkeep-variables.ts'
import { err, ok, type Result } from '../../../../shared/result.ts'
import { mistakes, scheduleOrderSchema } from '../../../../shared/tariff/schedule-schema.ts'
import { isoOf } from '../../../../shared/time/iso.ts'
import type { KeeperConfig } from '../../config.ts'
import type { Box, BoxSnapshot, Refusal } from '../../ports.ts'
import { limitReport } from './builders/notify-event.ts'
import { ITEMS_PER_REPORT } from './builders/notify-report.ts'
import { connectorStatus } from './builders/status-notification.ts'
import type { VariableRow } from './variables.ts'

/** What a server may set of the conversation itself. In memory: the defaults are back after a restart. */
export interface CommSettings {
  heartbeatIntervalS: number
  /** Refusals (CALLERROR) of one TransactionEvent before it is parked for a person. */
  transactionAttempts: number
  /** Wait before the next try, times the tries so far. */
  transactionIntervalS: number
}

/** What the link was made with; for reading only. */
export interface LinkFacts {
  readonly messageTimeoutS: number
  readonly pingIntervalS: number
  readonly backoffMinS: number
  readonly backoffMaxS: number
}

/** Most of one GetVariables or SetVariables. */
const ITEMS_PER_MESSAGE = 50
const BYTES_PER_MESSAGE = 262_144

export function variableTable(of: {
  readonly config: KeeperConfig
  readonly box: Box
  readonly settings: CommSettings
  /** Called after a setting was changed. */
  readonly onSettings: () => void
  readonly link: LinkFacts
}): readonly VariableRow[] {
  const { config, box } = of
  const now = () => box.snapshot()
  return [
    ...conversation(of.settings, of.onSettings, of.link),
    ...behaviour(),
    ...identity(config, now),
    ...evse(now),
    ...ours(box),
  ]
}

type Reader = () => string

const row = (
  component: string,
  variable: string,
  dataType: VariableRow['dataType'],
  read: Reader,
): VariableRow => ({
  component: { name: component },
  variable: { name: variable },
  dataType,
  read,
})

const constant = (component: string, variable: string, value: string | number | boolean): VariableRow => {
  const dataType = typeof value === 'number' ? 'integer' : typeof value === 'boolean' ? 'boolean' : 'string'
  return row(component, variable, dataType, () => String(value))
}

const settingRow =
  (settings: CommSettings, changed: () => void) =>
  (
    key: keyof CommSettings,
    names: { readonly variable: VariableRow['variable']; readonly unit?: string; readonly max: number },
  ): VariableRow => ({
    ...row('OCPPCommCtrlr', names.variable.name, 'integer', () => String(settings[key])),
    variable: names.variable,
    ...(names.unit === undefined ? {} : { unit: names.unit }),
    minLimit: 1,
    maxLimit: names.max,
    write: async (value) => {
      settings[key] = Number(value)
      changed()
      return ok(null)
    },
  })

function conversation(settings: CommSettings, changed: () => void, link: LinkFacts): readonly VariableRow[] {
  const setting = settingRow(settings, changed)
  const ofTransactions = (name: string) => ({ name, instance: 'TransactionEvent' })
  return [
    setting('heartbeatIntervalS', {
      variable: { name: 'HeartbeatInterval' },
      unit: 's',
      max: 86_400,
    }),
    setting('transactionAttempts', { variable: ofTransactions('MessageAttempts'), max: 100 }),
    setting('transactionIntervalS', {
      variable: ofTransactions('MessageAttemptInterval'),
      unit: 's',
      max: 3600,
    }),
    {
      ...constant('OCPPCommCtrlr', 'MessageTimeout', link.messageTimeoutS),
      variable: { name: 'MessageTimeout', instance: 'Default' },
      unit: 's',
    },
    { ...constant('OCPPCommCtrlr', 'WebSocketPingInterval', link.pingIntervalS), unit: 's' },
    { ...constant('OCPPCommCtrlr', 'RetryBackOffWaitMinimum', link.backoffMinS), unit: 's' },
    { ...constant('OCPPCommCtrlr', 'RetryBackOffRandomRange', link.backoffMaxS), unit: 's' },
    { ...constant('OCPPCommCtrlr', 'OfflineThreshold', 0), unit: 's' },
    constant('OCPPCommCtrlr', 'QueueAllMessages', true),
    constant('OCPPCommCtrlr', 'UnlockOnEVSideDisconnect', false),
    ...['GetVariables', 'SetVariables'].map((message) =>
      limit('ItemsPerMessage', message, ITEMS_PER_MESSAGE),
    ),
    limit('ItemsPerMessage', 'GetReport', ITEMS_PER_REPORT),
    ...['GetVariables', 'SetVariables', 'GetReport'].map((message) =>
      limit('BytesPerMessage', message, BYTES_PER_MESSAGE),
    ),
  ]
}

const limit = (name: string, instance: string, value: number): VariableRow => ({
  ...constant('DeviceDataCtrlr', name, value),
  variable: { name, instance },
})

/** How this box decides. Free-vend: a car that is plugged in may charge, and no server's word ends that. */
function behaviour(): readonly VariableRow[] {
  return [
    constant('AuthCtrlr', 'AuthorizeRemoteStart', false),
    constant('AuthCtrlr', 'LocalAuthorizeOffline', true),
    constant('TxCtrlr', 'TxStartPoint', 'EVConnected'),
    constant('TxCtrlr', 'TxStopPoint', 'EVConnected'),
    constant('TxCtrlr', 'StopTxOnEVSideDisconnect', true),
    constant('TxCtrlr', 'StopTxOnInvalidId', false),
    ...['TxStartedMeasurands', 'TxUpdatedMeasurands', 'TxEndedMeasurands'].map(
      (name): VariableRow => ({ ...row('SampledDataCtrlr', name, 'MemberList', () => MEASURANDS) }),
    ),
    row('AlignedDataCtrlr', 'Measurands', 'MemberList', () => MEASURANDS),
  ]
}

const MEASURANDS = 'Energy.Active.Import.Register,Power.Active.Import,Current.Import,Current.Offered'

function identity(config: KeeperConfig, now: () => BoxSnapshot): readonly VariableRow[] {
  const { station } = config
  const secure = config.csms?.url.startsWith('wss:') ?? false
  return [
    constant('SecurityCtrlr', 'Identity', station.id),
    constant('SecurityCtrlr', 'SecurityProfile', secure ? 2 : 1),
    constant('ChargingStation', 'VendorName', station.vendor),
    constant('ChargingStation', 'Model', station.model),
    constant('ChargingStation', 'SerialNumber', station.serial),
    constant('ChargingStation', 'FirmwareVersion', station.firmwareVersion),
    constant('ChargingStation', 'SupplyPhases', config.phasesWired),
    row('ChargingStation', 'AvailabilityState', 'string', () => connectorStatus(now())),
    row('ClockCtrlr', 'DateTime', 'dateTime', () => isoOf(now().at)),
    row('ClockCtrlr', 'TimeZone', 'string', () => now().timeZone),
    row('ClockCtrlr', 'TimeSource', 'SequenceList', () => 'Heartbeat'),
  ]
}

function evse(now: () => BoxSnapshot): readonly VariableRow[] {
  const ofEvse = { name: 'EVSE', evse: { id: 1 } }
  const ofConnector = { name: 'Connector', evse: { id: 1, connectorId: 1 } }
  const state = (component: VariableRow['component']): VariableRow => ({
    ...row('', 'AvailabilityState', 'string', () => connectorStatus(now())),
    component,
  })
  return [
    state(ofEvse),
    { ...constant('', 'Available', true), component: ofEvse },
    state(ofConnector),
    { ...constant('', 'Available', true), component: ofConnector },
    { ...constant('', 'ConnectorType', 'cType2'), component: ofConnector },
  ]
}

function ours(box: Box): readonly VariableRow[] {
  const now = () => box.snapshot()
  const installation = (
    variable: (typeof INSTALLATION_VARIABLES)[number],
    dataType: VariableRow['dataType'],
    read: (record: NonNullable<BoxSnapshot['installation']>) => string | number,
  ) =>
    row(INSTALLATION_COMPONENT, variable, dataType, () => {
      const record = now().installation
      return record ? String(read(record)) : ''
    })
  return [
    row(LIMIT_COMPONENT, LIMIT_VARIABLE, 'string', () => JSON.stringify(limitReport(now().limit))),
    installation('LimitMilliamps', 'integer', (record) => record.limitMilliamps),
    installation('PhasesWired', 'integer', (record) => record.phasesWired),
    installation('Version', 'integer', (record) => record.version),
    installation('CommissionedBy', 'string', (record) => record.commissionedBy),
    row(OVERRIDE_COMPONENT, OVERRIDE_VARIABLE, 'boolean', () => String(now().override !== null)),
    row(SCHEDULE_COMPONENT, SCHEDULE_VERSION_VARIABLE, 'integer', () => String(now().schedule?.version ?? 0)),
    {
      ...row(SCHEDULE_COMPONENT, SCHEDULE_VARIABLE, 'string', () => scheduleText(now().schedule)),
      persistent: true,
      write: (text) => setSchedule(box, text),
    },
  ]
}

function scheduleText(schedule: BoxSnapshot['schedule']): string {
  if (!schedule) return 'null'
  const { timeZone, windows, outsideMilliamps } = schedule
  return JSON.stringify({ timeZone, windows, outsideMilliamps })
}

async function setSchedule(box: Box, text: string): Promise<Result<null, Refusal>> {
  const order = scheduleOrder(text)
  if (!order.ok) return order
  const set = await box.setSchedule(order.value)
  return set.ok ? ok(null) : set
}

function scheduleOrder(text: string): Result<Parameters<Box['setSchedule']>[0], Refusal> {
  const refused = (message: string) =>
    err({ code: 'BadSchedule', message, do: 'Send the JSON of a schedule, or null for none.' })
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return refused('The value is no JSON.')
    throw error
  }
  if (value === null) return ok(null)
  const order = scheduleOrderSchema.safeParse(value)
  return order.success ? ok(order.data) : refused(mistakes(order.error))
}
