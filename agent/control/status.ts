// What control tells of itself: built from its parts, compared without what only grows older.
import type { BindingLimit } from '../../shared/limits/plan.ts'
import type { MonotonicMs } from '../../shared/units.ts'
import type { ControlStatus, DeviceStatus, Permission } from '../control-link/messages.ts'
import type { ControlConfig, DeviceConfig } from './config.ts'
import type { BusStatus } from './ports/bus.ts'
import type { MeterView } from './safety/meter-judge.ts'
import { type SafetyInput, type SafetyState, toldNow } from './safety/state.ts'

/** A unit that has not answered for this long is shown as unreachable. */
const REACHABLE_MS = 3000

export interface StatusParts {
  readonly safety: SafetyState
  readonly input: Pick<SafetyInput, 'board' | 'written'>
  readonly binding: BindingLimit
  readonly permission: Permission | null
  readonly planVersion: number | null
  readonly meter: MeterView
  readonly devices: readonly DeviceStatus[]
}

export function statusOf(parts: StatusParts, now: MonotonicMs): ControlStatus {
  const { safety, input } = parts
  return {
    atMonotonicMs: now,
    pilot: safety.pilot,
    plugId: safety.plugId,
    chargingState: safety.chargingState,
    relay: safety.relay.view,
    offeredMilliamps: toldNow(input),
    binding: parts.binding,
    permissionUuid: parts.permission?.uuid ?? null,
    planVersion: parts.planVersion,
    meter: parts.meter.newest?.reading ?? null,
    faults: safety.faults.map((fault) => fault.code),
    devices: parts.devices,
  }
}

/** What a change is: parts with the same key say the same, but for ages and counters. Made 20 times a second. */
export function statusKey({
  safety,
  input,
  binding,
  permission,
  planVersion,
  meter,
}: Omit<StatusParts, 'devices'>) {
  return [
    safety.pilot,
    safety.plugId,
    safety.chargingState,
    safety.relay.view,
    toldNow(input),
    binding.source,
    binding.currentMilliamps,
    binding.reason.key,
    binding.untilMonotonicMs,
    permission?.uuid,
    planVersion,
    meter.newest?.reading.takenAtMonotonicMs,
    ...safety.faults.map((fault) => fault.code),
  ].join(' ')
}

export function deviceStatuses(
  config: ControlConfig,
  buses: readonly BusStatus[],
  now: MonotonicMs,
): DeviceStatus[] {
  const { board, deadman, meter, io } = config
  const devices = deadman === null ? [board, meter] : [board, deadman, meter]
  return [...devices, ...io.modules].map((device) => deviceStatus(device, buses, now))
}

function deviceStatus(device: DeviceConfig, buses: readonly BusStatus[], now: MonotonicMs): DeviceStatus {
  const bus = buses.find((one) => one.name === device.bus)
  const statistics = bus?.units.find((unit) => unit.unitId === device.unitId)?.statistics
  const last = statistics?.lastReplyAtMonotonicMs ?? null
  const lastReplyAgeMs = last === null ? null : Math.max(0, now - last)
  return {
    name: device.name,
    driver: device.driver,
    bus: device.bus,
    unitId: device.unitId,
    reachable: bus?.state.kind === 'open' && lastReplyAgeMs !== null && lastReplyAgeMs < REACHABLE_MS,
    lastReplyAgeMs,
    requests: statistics?.requests ?? 0,
    errors: statistics === undefined ? 0 : statistics.timeOuts + statistics.badCrc + statistics.exceptions,
    roundTripMs: statistics?.roundTripMs ?? null,
  }
}
