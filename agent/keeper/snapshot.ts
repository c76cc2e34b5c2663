// One look at the whole box, made from what its parts know. Pure.
import type { FaultCode } from '../../shared/faults.ts'
import { message } from '../../shared/message.ts'
import type { Schedule } from '../../shared/tariff/schedule.ts'
import { type EpochMs, epochMs, milliAmps, wattHours } from '../../shared/units.ts'
import type { ControlStatus } from '../control-link/messages.ts'
import type { KeeperConfig } from './config.ts'
import type { Session } from './memory.ts'
import type { BoxSnapshot, InstallationRecord, LimitView, SessionView } from './ports.ts'
import { openEnergyWh } from './sessions/account.ts'
import type { SessionsState } from './sessions/state.ts'
import type { OutboxCounts } from './store/core.ts'
import { BUILD_DATE, type TimeState } from './time/quality.ts'

export interface SnapshotParts {
  readonly config: Pick<KeeperConfig, 'station' | 'timeZone'>
  readonly sessions: SessionsState
  readonly time: TimeState
  /** Wall time of now; null while it is unknown. */
  readonly wall: EpochMs | null
  readonly installation: InstallationRecord | null
  readonly schedule: Schedule | null
  readonly ownFaults: readonly FaultCode[]
  readonly csms: BoxSnapshot['csms']
  readonly outbox: OutboxCounts
}

export function snapshotOf(parts: SnapshotParts): BoxSnapshot {
  const { sessions, time, wall, outbox } = parts
  const { running, override } = sessions.docs
  const account = running.account
  const openWh = openEnergyWh(account, sessions.session)
  return {
    stationId: parts.config.station.id,
    // While the time is unknown: the last moment that is known, never 1970.
    at: wall ?? epochMs(Math.max(time.notBefore ?? 0, BUILD_DATE)),
    timeQuality: time.quality,
    timeZone: parts.config.timeZone,
    control: sessions.status,
    installation: parts.installation,
    schedule: parts.schedule,
    session: sessions.session && sessionView(sessions.session, openWh),
    override: override && { id: override.id, by: override.by, since: override.since, until: override.until },
    limit: limitView(sessions.status, time),
    faults: [...new Set([...(sessions.status?.faults ?? []), ...parts.ownFaults])],
    csms: parts.csms,
    outbox: {
      pending: outbox.pending,
      parked: outbox.parked,
      oldestAgeMs: outbox.oldestAt === null || wall === null ? null : Math.max(0, wall - outbox.oldestAt),
    },
    energyAccount: {
      meterSerial: account?.meterSerial ?? null,
      unattributedWh: account?.unattributedWh ?? wattHours(0),
      sessionsWh: wattHours((account?.closedSessionsWh ?? 0) + openWh),
      registerAtEpochStartWh: account?.startRegisterWh ?? null,
    },
  }
}

const sessionView = (session: Session, energyWh: SessionView['energyWh']): SessionView => ({
  uuid: session.uuid,
  idToken: session.idToken,
  startedAt: session.at,
  startRegisterWh: session.startRegisterWh,
  energyWh,
  chargingState: session.chargingState,
})

function limitView(status: ControlStatus | null, time: TimeState): LimitView {
  if (!status) return { currentMilliamps: milliAmps(0), reason: message('wait.starting'), until: null }
  const { currentMilliamps, reason, untilMonotonicMs } = status.binding
  const until =
    untilMonotonicMs === null || time.offsetMs === null ? null : epochMs(untilMonotonicMs + time.offsetMs)
  return { currentMilliamps, reason, until }
}
