import { createRequire } from 'node:module'
import { createValidator } from 'ocpp-rpc'
import { describe, expect, it } from 'vitest'
import { bootNotification } from '../../../../../../agent/keeper/ocpp/v201/builders/boot-notification.ts'
import { faultEvent, limitEvent } from '../../../../../../agent/keeper/ocpp/v201/builders/notify-event.ts'
import { notifyReports } from '../../../../../../agent/keeper/ocpp/v201/builders/notify-report.ts'
import {
  connectorStatus,
  statusNotification,
} from '../../../../../../agent/keeper/ocpp/v201/builders/status-notification.ts'
import { transactionEvent } from '../../../../../../agent/keeper/ocpp/v201/builders/transaction-event.ts'
import { FAULTS } from '../../../../../../shared/faults.ts'
import { limitReportFromJson, voltkeepData } from '../../../../../../shared/ocpp/voltkeep-data.ts'
import { CONFIG, CONTROL, NOON, SNAPSHOT, transactionFact, UUID } from '../../../port-doubles.ts'

const validator = createValidator(
  'ocpp2.0.1',
  createRequire(import.meta.url)('ocpp-rpc/lib/schemas/ocpp2_0_1.json'),
)
const fits = (action: string, request: object) => validator.validate(`urn:${action}.req`, request)

describe('a transaction event', () => {
  it('carries register, power and currents with unit, measurand and context', () => {
    const request = transactionEvent(transactionFact(0), 3)
    expect(fits('TransactionEvent', request)).toBe(true)
    expect(request).toEqual({
      eventType: 'Started',
      timestamp: '2026-11-22T12:00:00.000Z',
      triggerReason: 'CablePluggedIn',
      seqNo: 0,
      transactionInfo: { transactionId: UUID, chargingState: 'Charging' },
      evse: { id: 1, connectorId: 1 },
      idToken: { idToken: 'FREE-0001', type: 'Central' },
      meterValue: [
        {
          timestamp: '2026-11-22T12:00:00.000Z',
          sampledValue: [
            sampled('Energy.Active.Import.Register', 123_000, 'Wh'),
            sampled('Power.Active.Import', 11_040, 'W'),
            { ...sampled('Current.Import', 16.02, 'A'), phase: 'L1' },
            { ...sampled('Current.Import', 15.98, 'A'), phase: 'L2' },
            { ...sampled('Current.Import', 16, 'A'), phase: 'L3' },
            sampled('Current.Offered', 16, 'A'),
          ],
        },
      ],
      customData: { vendorId: 'voltkeep', meterSerial: 'SDM-1' },
    })
  })

  it('of a single-phase box tells one current', () => {
    const values = transactionEvent(transactionFact(1), 1).meterValue?.[0]?.sampledValue
    expect(
      values?.filter((value) => value.measurand === 'Current.Import').map((value) => value.phase),
    ).toEqual(['L1'])
  })

  it('says what happened while nobody listened, and that its time is an estimate', () => {
    const request = transactionEvent(
      transactionFact(2, {
        event: 'Ended',
        trigger: 'EVDeparted',
        offline: true,
        timeEstimated: true,
        stoppedReason: 'EVDisconnected',
        remoteStartId: 7,
        samples: [],
      }),
      3,
    )
    expect(fits('TransactionEvent', request)).toBe(true)
    expect(request).toMatchObject({
      eventType: 'Ended',
      offline: true,
      transactionInfo: { stoppedReason: 'EVDisconnected', remoteStartId: 7 },
    })
    expect(request).not.toHaveProperty('meterValue')
    expect(voltkeepData(request.customData)).toMatchObject({ timeEstimated: true })
  })

  it('keeps its bytes when it is read and written again', () => {
    const payload = JSON.stringify(transactionEvent(transactionFact(3), 3))
    expect(JSON.stringify(JSON.parse(payload))).toBe(payload)
  })

  it.each([
    ['idle', 'Idle'],
    ['occupied', 'EVConnected'],
    ['suspendedEvse', 'SuspendedEVSE'],
    ['suspendedEv', 'SuspendedEV'],
    ['charging', 'Charging'],
    ['faulted', 'SuspendedEVSE'],
  ] as const)('tells %s as %s', (chargingState, told) => {
    expect(transactionEvent(transactionFact(1, { chargingState }), 3).transactionInfo.chargingState).toBe(
      told,
    )
  })
})

const sampled = (measurand: string, value: number, unit: string) => ({
  value,
  context: 'Transaction.Begin',
  measurand,
  unitOfMeasure: { unit },
})

describe('an event', () => {
  it.each(FAULTS.map(({ code }) => [code] as const))(
    'of the fault %s fits the schema, raised and cleared',
    (code) => {
      for (const raised of [true, false]) {
        const fact = { kind: 'fault', code, raised, detail: 'x'.repeat(600), at: NOON, eventId: 9 } as const
        const request = faultEvent(fact)
        expect(fits('NotifyEvent', request)).toBe(true)
        expect(request.eventData[0]).toMatchObject({ techCode: code, cleared: !raised, eventId: 9 })
      }
    },
  )

  it('of the limit can be read by its reader', () => {
    const request = limitEvent({ limit: { ...SNAPSHOT.limit, until: NOON }, at: NOON, eventId: 1 })
    expect(fits('NotifyEvent', request)).toBe(true)
    expect(limitReportFromJson(request.eventData[0]?.actualValue ?? '')).toEqual({
      currentMilliamps: 16_000,
      reason: { key: 'limit.installation', values: { milliamps: 16_000 } },
      until: '2026-11-22T12:00:00.000Z',
    })
  })
})

describe('the connector', () => {
  it.each([
    ['no car', CONTROL, [], 'Available'],
    ['a car', { ...CONTROL, chargingState: 'suspendedEv' as const }, [], 'Occupied'],
    ['control not heard', null, [], 'Unavailable'],
    ['a fault that withdraws', CONTROL, ['METER_LOST' as const], 'Faulted'],
    ['a fault that does not', CONTROL, ['STORE_UNWRITABLE' as const], 'Available'],
    ['a fault, and control not heard', null, ['CONTACTOR_WELDED' as const], 'Faulted'],
  ] as const)('with %s', (_name, control, faults, status) => {
    expect(connectorStatus({ control, faults })).toBe(status)
    expect(fits('StatusNotification', statusNotification(status, NOON))).toBe(true)
  })
})

it('a boot with long names is cut to what the standard allows', () => {
  const station = { ...CONFIG.station, model: 'm'.repeat(99), vendor: 'v'.repeat(99), serial: 's'.repeat(99) }
  expect(fits('BootNotification', bootNotification(station, 'PowerUp'))).toBe(true)
})

it('a report comes in parts, and only the last says that nothing follows', () => {
  const variable = {
    component: { name: 'C' },
    variable: { name: 'V' },
    variableAttribute: [{ value: '1' }],
  }
  const parts = notifyReports({
    requestId: 5,
    at: NOON,
    variables: Array.from({ length: 41 }, () => variable),
  })
  expect(parts.map(({ seqNo, tbc, reportData }) => [seqNo, tbc, reportData?.length])).toEqual([
    [0, true, 20],
    [1, true, 20],
    [2, undefined, 1],
  ])
  for (const part of parts) expect(fits('NotifyReport', part)).toBe(true)
})
